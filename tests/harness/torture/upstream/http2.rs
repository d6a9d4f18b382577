//! The backend in HTTP/2. It ends connections now and then, politely, as servers do.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, server};
use tokio::net::TcpStream;

use super::{Request, Seen, answer};

/// What one connection serves: then comes a GOAWAY.
const REQUESTS_MAX: u32 = 300;

pub(super) async fn serve(stream: TcpStream, seen: Arc<Mutex<Seen>>) {
    let Ok(mut connection) = server::handshake(stream).await else { return };
    let mut requests = 0;
    while let Some(Ok((request, respond))) = connection.accept().await {
        requests += 1;
        if requests == REQUESTS_MAX {
            connection.graceful_shutdown();
        }
        let seen = Arc::clone(&seen);
        tokio::spawn(async move { exchange(request, respond, &seen).await });
    }
}

/// A client that breaks off its body is not counted, as in HTTP/1.1.
async fn exchange(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    seen: &Mutex<Seen>,
) -> Option<()> {
    let mut asked = Request::of(request.uri().path())?;
    let mut body = request.into_body();
    while let Some(data) = body.data().await {
        let data = data.ok()?;
        body.flow_control().release_capacity(data.len()).ok()?;
        asked.body.extend_from_slice(&data);
    }
    let answer = answer(&asked, seen).await;
    let mut head = http::Response::builder();
    for (name, value) in &answer.fields {
        head = head.header(*name, *value);
    }
    if answer.has_length {
        head = head.header("content-length", answer.text.len());
    }
    let mut stream = respond.send_response(head.body(()).ok()?, false).ok()?;
    stream.send_data(answer.text.into(), true).ok()
}
