//! A WebSocket's handshake with its backend (RFC 6455 §4): on a connection of its own, never pooled.
//!
//! The gateway asks with a key of its own and offers no extensions, so what it checks of the answer
//! does not depend on the client. KrakenD: the client's `Sec-WebSocket-Extensions`, `-Key` and
//! `-Version` never pass.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::io;

use bytes::{Buf as _, BytesMut};
use http::header::{
    ACCEPT_ENCODING, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use super::call::Caller;
use super::call_error::CallError;
use super::dial::Carries;
use super::failure::Failure;
use super::request::{Line, Own};
use super::send::failed;
use super::stream::Stream;
use super::target::choose;
use crate::base64;
use crate::connection::http1::response::put_field;
use crate::message::RequestBody;
use crate::plan::{BackendPlan, ThreadState};

/// The head of the answer, interim answers before it included.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Field lines of the answer.
const FIELDS_MAX: usize = 128;
/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A backend that speaks WebSocket now.
#[derive(Debug)]
pub(crate) struct Upgraded {
    pub(crate) stream: Stream,
    /// What it said behind its 101.
    pub(crate) said: BytesMut,
    /// The subprotocol that it chose, one of those that were offered.
    pub(crate) protocol: Option<HeaderValue>,
}

/// Why a backend's answer opens no WebSocket.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// It answered as if it were an ordinary request.
    #[error("the backend answered {0}")]
    Status(StatusCode),
    /// `Upgrade` or `Connection` is missing or says something else.
    #[error("the backend switches to another protocol")]
    OtherProtocol,
    /// `Sec-WebSocket-Accept` is not what the key asks for.
    #[error("the backend's Sec-WebSocket-Accept is wrong")]
    Accept,
    /// A subprotocol that was not offered, or several.
    #[error("the backend chose a subprotocol that was not offered")]
    Subprotocol,
    /// An extension, though none was offered.
    #[error("the backend chose an extension, and none was offered")]
    Extension,
    /// A 101 with a body.
    #[error("the backend's 101 has a body")]
    Body,
}

/// Opens a WebSocket to `backend`, at most until `deadline`; `protocols` are offered.
pub(crate) async fn upgrade(
    thread: &ThreadState,
    backend: &BackendPlan,
    caller: &Caller<'_>,
    protocols: &[&str],
    deadline: Instant,
) -> Result<Upgraded, Failure> {
    let (picked, uri) = choose(thread, backend, caller, Vec::new())?;
    let host = picked.host();
    let url = || format!("{host}{uri}");
    let told = |error: CallError| match error {
        CallError::Late => Failure::Late,
        error => failed(backend, url(), error),
    };
    let (dialer, via) = (&thread.client.dialer, thread.plan.via(host));
    let mut stream = dialer.open(host, via, Carries::Bytes, deadline).await.map_err(told)?;
    let value = HeaderValue::from_str(&host.authority).map_err(|_invalid| Failure::NoHosts)?;
    let client = thread.client_value(&caller.client);
    let own = Own { agent: &thread.plan.agent, client, host: &value };
    let line = Line { method: &Method::GET, uri: uri.clone() };
    let (request, _) = backend.headers.build(caller.head, RequestBody::Empty, line, own);
    let key = key();
    let asking = request_bytes(&uri, request.headers(), &key, protocols);
    let exchange = async {
        let broken = |error: io::Error| CallError::Broken(error.into());
        stream.write_all(&asking).await.map_err(broken)?;
        stream.flush().await.map_err(broken)?;
        read_head(&mut stream).await
    };
    let (status, headers, said) =
        timeout_at(deadline, exchange).await.map_err(|_late| Failure::Late)?.map_err(told)?;
    let protocol = check(status, &headers, &key, protocols)
        .map_err(|error| told(CallError::Handshake(error)))?;
    Ok(Upgraded { stream, said, protocol })
}

/// The value that proves that a key was read (RFC 6455 §4.2.2).
pub(crate) fn accept_value(key: &[u8]) -> HeaderValue {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    HeaderValue::from_str(&base64::encode(&digest)).unwrap_or(HeaderValue::from_static(""))
}

/// Sixteen bytes that nobody can foresee, as text. They protect nothing: they show that an answer is
/// no old one.
fn key() -> String {
    let random = || RandomState::new().hash_one(0_u8).to_be_bytes();
    base64::encode(&[random(), random()].concat())
}

fn request_bytes(uri: &http::Uri, headers: &HeaderMap, key: &str, protocols: &[&str]) -> BytesMut {
    let mut line = format!("GET {uri} HTTP/1.1\r\n");
    let mut out = BytesMut::new();
    out.extend_from_slice(line.as_bytes());
    for (name, value) in headers.iter().filter(|(name, _)| passes(name)) {
        put_field(&mut out, name, value.as_bytes());
    }
    line.clear();
    // Writing to a String cannot fail.
    let _infallible = write!(
        line,
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {key}\r\n"
    );
    if !protocols.is_empty() {
        let _infallible = write!(line, "Sec-WebSocket-Protocol: {}\r\n", protocols.join(", "));
    }
    line.push_str("\r\n");
    out.extend_from_slice(line.as_bytes());
    out
}

/// What the handshake writes itself does not pass, whatever is listed.
fn passes(name: &HeaderName) -> bool {
    static OWN: [HeaderName; 6] = [
        SEC_WEBSOCKET_ACCEPT,
        SEC_WEBSOCKET_EXTENSIONS,
        SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL,
        SEC_WEBSOCKET_VERSION,
        ACCEPT_ENCODING,
    ];
    !OWN.contains(name)
}

/// The first head that is not interim, and what came behind it.
async fn read_head(stream: &mut Stream) -> Result<(StatusCode, HeaderMap, BytesMut), CallError> {
    let mut buffer = BytesMut::with_capacity(4096);
    let mut interim = 0;
    loop {
        if let Some((status, headers, length)) = parse(&buffer)? {
            buffer.advance(length);
            if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
                interim += length;
                continue;
            }
            return Ok((status, headers, buffer));
        }
        if buffer.len() + interim > HEAD_BYTES_MAX {
            return Err(CallError::HeadTooLarge);
        }
        match stream.read_buf(&mut buffer).await {
            Ok(0) if buffer.is_empty() => return Err(CallError::Closed),
            Ok(0) => return Err(CallError::Cut),
            Ok(_) => {},
            Err(error) => return Err(CallError::Broken(error.into())),
        }
    }
}

/// A complete head and its length.
fn parse(bytes: &[u8]) -> Result<Option<(StatusCode, HeaderMap, usize)>, CallError> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut head = httparse::Response::new(&mut fields);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(CallError::Malformed),
    };
    let status = head.code.and_then(|code| StatusCode::from_u16(code).ok());
    let mut headers = HeaderMap::new();
    for field in &*head.headers {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(field.value)) else {
            return Err(CallError::Malformed);
        };
        headers.append(name, value);
    }
    Ok(Some((status.ok_or(CallError::Malformed)?, headers, length)))
}

/// RFC 6455 §4.1, the client's side.
fn check(
    status: StatusCode,
    headers: &HeaderMap,
    key: &str,
    protocols: &[&str],
) -> Result<Option<HeaderValue>, HandshakeError> {
    use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
    if status != StatusCode::SWITCHING_PROTOCOLS {
        return Err(HandshakeError::Status(status));
    }
    if !lists(headers, &UPGRADE, "websocket") || !lists(headers, &CONNECTION, "upgrade") {
        return Err(HandshakeError::OtherProtocol);
    }
    let one = |name: &HeaderName| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none())
    };
    if one(&SEC_WEBSOCKET_ACCEPT) != Some(&accept_value(key.as_bytes())) {
        return Err(HandshakeError::Accept);
    }
    if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err(HandshakeError::Extension);
    }
    if headers.contains_key(TRANSFER_ENCODING) || headers.contains_key(CONTENT_LENGTH) {
        return Err(HandshakeError::Body);
    }
    if !headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return Ok(None);
    }
    let chosen = one(&SEC_WEBSOCKET_PROTOCOL);
    let is_offered = |value: &&HeaderValue| protocols.iter().any(|offered| *value == *offered);
    chosen.filter(is_offered).cloned().map(Some).ok_or(HandshakeError::Subprotocol)
}

/// Whether one of the comma-separated lists has `token`, in any case.
fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let mut items =
        headers.get_all(name).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    items.any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\
                        Connection: keep-alive, Upgrade\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

    fn checked(head: &str, protocols: &[&str]) -> String {
        let (status, headers, _) = parse(head.as_bytes()).unwrap().unwrap();
        match check(status, &headers, KEY, protocols) {
            Ok(protocol) => format!("{protocol:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_example_of_the_rfc_is_accepted_and_nothing_else() {
        assert_eq!(checked(&format!("{GOOD}\r\n"), &[]), "None");
        let with =
            |lines: &str, protocols: &[&str]| checked(&format!("{GOOD}{lines}\r\n\r\n"), protocols);
        assert_eq!(with("Sec-WebSocket-Protocol: b", &["a", "b"]), "Some(\"b\")");
        assert!(with("Sec-WebSocket-Protocol: c", &["a", "b"]).contains("not offered"));
        assert!(with("Sec-WebSocket-Protocol: a", &[]).contains("not offered"));
        assert!(with("Sec-WebSocket-Extensions: x", &[]).contains("extension"));
        assert!(with("Content-Length: 1", &[]).contains("body"));
        for (from, to, why) in [
            ("101 Switching Protocols", "200 OK", "answered 200"),
            ("WebSocket", "h2c", "another protocol"),
            ("keep-alive, Upgrade", "close", "another protocol"),
            ("xOo=", "xOp=", "Accept is wrong"),
        ] {
            let said = checked(&format!("{}\r\n", GOOD.replace(from, to)), &[]);
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn keys_are_sixteen_bytes_and_none_comes_twice() {
        assert_eq!(key().len(), 24);
        assert_ne!(key(), key());
    }
}
