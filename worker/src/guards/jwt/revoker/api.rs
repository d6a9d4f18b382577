//! How tokens are revoked: HTTP on the loopback.
//!
//! `POST /revocations` with `["jti-abc", "sub-u1"]`, as JSON, revokes; `POST /revocations/check` tells which are. Browsers
//! cannot: they would have to ask first. All workers listen on the same port and share what they are told.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use baton_shared::log;
use baton_shared::words::Monotonic;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::{Revoker, TAG};
use crate::guards::jwt::json::{self, Json};

/// The largest request.
const REQUEST_BYTES_MAX: usize = 1 << 20;
/// How long one may take.
const REQUEST_MAX: Duration = Duration::from_secs(5);
/// Connections that wait to be accepted.
const BACKLOG: u32 = 64;

pub(super) fn run(revoker: &Arc<Revoker>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return log::error(TAG, format!("nothing can be revoked: {error}")),
    };
    LocalSet::new().block_on(&runtime, async {
        drop(spawn_local(turn(Arc::clone(revoker))));
        if revoker.port == 0 {
            return std::future::pending().await;
        }
        let listener = match listen(revoker.port) {
            Ok(listener) => listener,
            Err(error) => {
                let text = format!("nothing can be revoked: 127.0.0.1:{}: {error}", revoker.port);
                log::error(TAG, text);
                return std::future::pending().await;
            },
        };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(spawn_local(converse(Arc::clone(revoker), stream))),
                // Out of descriptors: later there may be some.
                Err(_full) => sleep(Duration::from_millis(100)).await,
            }
        }
    });
}

async fn turn(revoker: Arc<Revoker>) -> ! {
    loop {
        let pause = revoker.filter().map_or(REQUEST_MAX, |filter| filter.turn(Monotonic::now()));
        sleep(pause).await;
    }
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    // The next worker listens while this one still does.
    socket.set_reuseport(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}

async fn converse(revoker: Arc<Revoker>, mut stream: TcpStream) {
    let answer = match timeout(REQUEST_MAX, read(&mut stream)).await {
        Ok(Some((line, body))) => answer(&revoker, &line, &body),
        Ok(None) => ("400 Bad Request", String::new()),
        Err(_elapsed) => ("408 Request Timeout", String::new()),
    };
    let (status, body) = answer;
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let _gone = timeout(REQUEST_MAX, stream.write_all(text.as_bytes())).await;
}

/// Method and target, and the body of a request that says how long it is and that it is JSON.
async fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 || bytes.len() > REQUEST_BYTES_MAX {
            return None;
        }
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Request::new(&mut fields);
        let httparse::Status::Complete(length) = head.parse(&bytes).ok()? else { continue };
        let line = format!("{} {}", head.method?, head.path?);
        let field = |name: &str| {
            let found = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
            found.and_then(|field| std::str::from_utf8(field.value).ok())
        };
        let is_json =
            field("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let body: usize = field("content-length")?.parse().ok()?;
        if !is_json || body > REQUEST_BYTES_MAX {
            return None;
        }
        while bytes.len() < length + body {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
        return Some((line, bytes.get(length..length + body)?.to_vec()));
    }
}

fn answer(revoker: &Revoker, line: &str, body: &[u8]) -> (&'static str, String) {
    const BAD: (&str, String) = ("400 Bad Request", String::new());
    let Ok(Json::List(items)) = json::read(body) else { return BAD };
    let Some(entries) = items.iter().map(Json::text).collect::<Option<Vec<&str>>>() else {
        return BAD;
    };
    let Some(filter) = revoker.filter() else {
        return ("503 Service Unavailable", String::new());
    };
    match line {
        "POST /revocations" => {
            entries.iter().for_each(|entry| filter.add(entry.as_bytes()));
            ("200 OK", format!("{{\"revoked\":{}}}", entries.len()))
        },
        "POST /revocations/check" => {
            let found = entries.iter().map(|entry| filter.has(entry.as_bytes()).to_string());
            ("200 OK", format!("[{}]", found.collect::<Vec<_>>().join(",")))
        },
        _ => ("404 Not Found", String::new()),
    }
}
