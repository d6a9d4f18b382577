//! `websocket`: the handshake with the client, then with the backend; both must agree.
//!
//! On the way: after the guards. A client's 101 is written only when the backend's has been checked;
//! bytes that came behind the request wait for it. Anything else is an ordinary answer (RFC 6455 §4.2).

use bytes::Bytes;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Body as _;
use smallvec::SmallVec;
use tokio::time::Instant;

use crate::backend::upgrade::{Upgraded, accept_value, upgrade};
use crate::backend::{Decoding, Failure, limits};
use crate::connection::tunnel::Opening;
use crate::message::{Head, RequestBody, Response, ResponseBody, Version};
use crate::plan::{ThreadState, WebSocketPlan};

/// Subprotocols that a client may offer.
const OFFERED_MAX: usize = 32;

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");

/// Why a request opens no WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// It does not ask for one.
    NotAsked,
    /// It asks for another version than 13.
    Version,
    /// It is not as RFC 6455 §4.1 has it.
    Bad(&'static str),
}

/// Opens the tunnel, or says why not.
pub(super) async fn run(
    thread: &ThreadState,
    plan: &WebSocketPlan,
    asked: &super::Asked<'_>,
    body: &RequestBody,
    deadline: Instant,
) -> Result<Response, Failure> {
    let key = match check(asked.head, body.is_end_stream()) {
        Ok(key) => key,
        Err(refused) => return Ok(refused.answer()),
    };
    let offered = offered(asked.head, plan);
    let caller = asked.caller(Decoding::None);
    let pass = limits::enter(thread, &plan.backend)?;
    let upgraded = upgrade(thread, &plan.backend, &caller, &offered, deadline).await;
    pass.hear(&upgraded);
    let Upgraded { stream, said, protocol } = upgraded?;
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(UPGRADE, WEBSOCKET);
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept_value(key));
    if let Some(protocol) = protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    let opening =
        Opening { backend: stream.into(), said, endpoint: plan.key, settings: plan.settings };
    let body = ResponseBody::Tunnel(Box::new(opening));
    Ok(Response { status: StatusCode::SWITCHING_PROTOCOLS, lines: Bytes::new(), headers, body })
}

/// The key of a handshake that is as it has to be.
fn check(head: &Head, is_bodiless: bool) -> Result<&[u8], Refused> {
    if !lists(head, "upgrade", b"websocket") || !lists(head, "connection", b"upgrade") {
        return Err(Refused::NotAsked);
    }
    if head.version() != Version::Http11 {
        return Err(Refused::Bad("websocket: HTTP/1.1 is needed"));
    }
    if !is_bodiless {
        return Err(Refused::Bad("websocket: a handshake has no body"));
    }
    match only(head, "sec-websocket-version") {
        Some(b"13") => {},
        Some(_) | None => return Err(Refused::Version),
    }
    let key = only(head, "sec-websocket-key");
    key.filter(|key| is_key(key)).ok_or(Refused::Bad("websocket: bad Sec-WebSocket-Key"))
}

/// Sixteen bytes in base64.
fn is_key(key: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    matches!(key.strip_suffix(b"=="), Some(letters) if letters.len() == 22 && letters.iter().all(letter))
}

/// What the client offers and may use, in its order.
fn offered<'a>(head: &'a Head, plan: &WebSocketPlan) -> SmallVec<[&'a str; 4]> {
    let lines =
        head.fields().filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-protocol"));
    let items = lines.flat_map(|(_, value)| value.split(|byte| *byte == b','));
    let is_token = |text: &&str| {
        let letter = |byte: u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte);
        !text.is_empty() && text.bytes().all(letter)
    };
    items
        .filter_map(|item| std::str::from_utf8(item.trim_ascii()).ok())
        .filter(is_token)
        .filter(|protocol| plan.protocols.allow(protocol))
        .take(OFFERED_MAX)
        .collect()
}

/// The value of a field that stands exactly once.
fn only<'a>(head: &'a Head, name: &str) -> Option<&'a [u8]> {
    let mut values = head.fields().filter(|(one, _)| one.eq_ignore_ascii_case(name));
    let (_, value) = values.next()?;
    values.next().is_none().then_some(value)
}

/// Whether one of the comma-separated lists of this name has `token`, in any case.
fn lists(head: &Head, name: &str, token: &[u8]) -> bool {
    let lines = head.fields().filter(|(one, _)| one.eq_ignore_ascii_case(name));
    let mut items = lines.flat_map(|(_, value)| value.split(|byte| *byte == b','));
    items.any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

impl Refused {
    /// RFC 9110 §15.5.22, RFC 6455 §4.4.
    fn answer(self) -> Response {
        let (status, text) = match self {
            Self::NotAsked => {
                (StatusCode::UPGRADE_REQUIRED, "websocket: the client does not ask for one")
            },
            Self::Version => (StatusCode::UPGRADE_REQUIRED, "websocket: version 13 is needed"),
            Self::Bad(text) => (StatusCode::BAD_REQUEST, text),
        };
        let mut response = Response::new(status, Bytes::from_static(text.as_bytes()));
        if status == StatusCode::UPGRADE_REQUIRED {
            response.headers.insert(UPGRADE, WEBSOCKET);
            response.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            response.headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers.insert(http::header::CONTENT_TYPE, text);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn checked(change: &[(&'static str, Option<&'static str>)]) -> Result<(), Refused> {
        let mut fields = vec![
            ("Upgrade", "WebSocket"),
            ("Connection", "keep-alive, upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", KEY),
        ];
        for (name, value) in change {
            fields.retain(|(one, _)| one != name);
            fields.extend(value.map(|value| (*name, value)));
        }
        let head = harness::head("GET", "/ws", &fields);
        check(&head, true).map(|_key| ())
    }

    #[test]
    fn a_handshake_is_as_the_rfc_has_it() {
        assert_eq!(checked(&[]), Ok(()));
        for name in ["Upgrade", "Connection"] {
            assert_eq!(checked(&[(name, None)]), Err(Refused::NotAsked), "{name}");
            assert_eq!(checked(&[(name, Some("h2c"))]), Err(Refused::NotAsked), "{name}");
        }
        for version in [None, Some("8"), Some("13, 8")] {
            assert_eq!(checked(&[("Sec-WebSocket-Version", version)]), Err(Refused::Version));
        }
        for key in [
            None,
            Some(""),
            Some("short=="),
            Some("dGhlIHNhbXBsZSBub25jZQ="),
            Some("dGhl IHNhbXBsZSBub25jZQ=="),
        ] {
            let checked = checked(&[("Sec-WebSocket-Key", key)]);
            assert!(matches!(checked, Err(Refused::Bad(_))), "{key:?}");
        }
    }

    #[test]
    fn a_key_twice_and_a_body_are_refused() {
        let fields = [
            ("Upgrade", "websocket"),
            ("Connection", "upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", KEY),
            ("Sec-WebSocket-Key", KEY),
        ];
        let head = harness::head("GET", "/ws", &fields);
        assert!(matches!(check(&head, true), Err(Refused::Bad(_))));
        let head = harness::head("GET", "/ws", &fields[..4]);
        assert!(matches!(check(&head, false), Err(Refused::Bad(_))));
    }
}
