//! The handshake with a client, before anything else is said.
//!
//! KrakenD (Go): HTTP in clear text is told so; every other failure is one line of the log. The handshake has a
//! deadline of its own; what comes out is a transport and what is known of the client.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use baton_shared::control::relay::TlsFacts;
use baton_shared::log;
use baton_shared::os::socket;
use rustls::{HandshakeKind, ServerConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::thread::Thread;
use super::transport::within;
use crate::message::Peer;
use crate::tls::alert::TlsError;
use crate::tls::server::ServerTls;
use crate::tls::session::{End, Session};
use crate::tls::still_valid;

/// As KrakenD's log has it.
const TAG: &str = "SERVICE: HTTP Server";
/// A handshake may take no longer, whatever else is configured.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// How long a client may take to notice that it was refused, and how much it may say meanwhile.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: u64 = 64 * 1024;
/// How HTTP in clear text begins, by Go's reckoning.
const HTTP: [[u8; 5]; 5] = [*b"GET /", *b"HEAD ", *b"POST ", *b"PUT /", *b"OPTIO"];
const NO_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// A client that is met.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) session: Box<Session>,
    pub(crate) facts: TlsFacts,
}

/// Meets a client. `None`: that came to nothing, and it was told as far as possible.
pub(crate) async fn meet(
    thread: &Rc<Thread>,
    tls: &ServerTls,
    stream: TcpStream,
    peer: &Peer,
) -> Option<Met> {
    let connection = ServerConnection::new(Arc::clone(&tls.config)).ok()?;
    let mut session = Session::new(stream, connection, End::Usual);
    let limit = thread.limits.head_timeout.min(thread.limits.write_idle).min(HANDSHAKE_TIME_MAX);
    let handshake = poll_fn(|context| session.poll_handshake(context));
    let failed = match within(limit, handshake).await {
        Ok(Ok(())) => match facts(&session) {
            Some(facts) => return Some(Met { session: Box::new(session), facts }),
            None => "tls: the client's certificate has expired since its session began".to_owned(),
        },
        Ok(Err(_)) if HTTP.iter().any(|start| session.begins_with(*start)) => {
            let mut stream = session.into_stream();
            // Whoever takes nothing is gone.
            drop(within(LINGER, stream.write_all(NO_TLS)).await);
            tell(peer, "client sent an HTTP request to an HTTPS server");
            linger(stream).await;
            return None;
        },
        Ok(Err(error)) | Err(error) => TlsError::from(error).to_string(),
    };
    tell(peer, &failed);
    // It is told why, if it listens.
    drop(within(LINGER, poll_fn(|context| session.poll_flush(context))).await);
    linger(session.into_stream()).await;
    None
}

fn tell(peer: &Peer, why: &str) {
    log::warning(TAG, format!("http: TLS handshake error from {}: {why}", peer.socket));
}

/// So that a reset does not take away what the client was told (RFC 9112 §9.6).
async fn linger(stream: TcpStream) {
    // A peer that is gone already needs no goodbye.
    let _gone = socket::end_writing(&stream);
    let mut rest = stream.take(LINGER_BYTES);
    let read = async { tokio::io::copy(&mut rest, &mut tokio::io::sink()).await };
    drop(within(LINGER, read).await);
}

/// What is known of the client now; none: it may not come in after all.
fn facts(session: &Session) -> Option<TlsFacts> {
    let tls = session.tls();
    let certificate = tls.peer_certificates().and_then(|all| all.first());
    // A session that goes on is not verified anew.
    let goes_on = tls.handshake_kind() == Some(HandshakeKind::Resumed);
    if goes_on && certificate.is_some_and(|certificate| !still_valid(certificate)) {
        return None;
    }
    let server_name = match tls {
        rustls::Connection::Server(server) => server.server_name().unwrap_or_default(),
        rustls::Connection::Client(_) => "",
    };
    Some(TlsFacts {
        version: tls.protocol_version().map_or(0, Into::into),
        suite: tls.negotiated_cipher_suite().map_or(0, |suite| suite.suite().into()),
        server_name: server_name.to_owned(),
        certificate: certificate.map(|certificate| certificate.to_vec()).unwrap_or_default(),
    })
}
