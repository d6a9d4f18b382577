//! Where a request's body ends: the one decision that smuggling attacks (RFC 9112 §6).
//!
//! Pure. Both `Transfer-Encoding` and `Content-Length`, any coding but one final `chunked`, differing
//! or malformed lengths are refused; the gateway writes its own framing towards the backend.
//! KrakenD lets `chunked` win over a length; here both together are refused.

use super::refusal::Refusal;
use crate::message::{Head, Version};

/// How a request's body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body.
    None,
    /// So many bytes, at least one.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// What a head says of the connection and the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Intent {
    /// The body's end.
    pub(crate) framing: Framing,
    /// Whether the client wants the connection to stay (RFC 9112 §9.3).
    pub(crate) keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
}

/// Reads the fields that steer the connection.
///
/// # Errors
/// The answer to give before the connection is closed.
pub(crate) fn intent(head: &Head, body_bytes_max: Option<u64>) -> Result<Intent, Refusal> {
    let mut length: Option<u64> = None;
    let mut chunked = false;
    let mut close = false;
    let mut stay = false;
    let mut expects_continue = false;
    for (name, value) in head.fields() {
        match name.len() {
            6 if name.eq_ignore_ascii_case("expect") => expects_continue |= expectation(value)?,
            10 if name.eq_ignore_ascii_case("connection") => {
                close |= lists(value, b"close");
                stay |= lists(value, b"keep-alive");
            },
            14 if name.eq_ignore_ascii_case("content-length") => {
                length = Some(content_length(value, length)?);
            },
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                coding(value, chunked, head.version())?;
                chunked = true;
            },
            _ => {},
        }
    }
    let framing = match (chunked, length) {
        (true, Some(_)) => return Err(Refusal::BAD),
        (true, None) => Framing::Chunked,
        (false, None | Some(0)) => Framing::None,
        (false, Some(bytes)) if body_bytes_max.is_some_and(|most| bytes > most) => {
            return Err(Refusal::BodyTooLarge);
        },
        (false, Some(bytes)) => Framing::Length(bytes),
    };
    let keep_alive = !close && (stay || head.version() == Version::Http11);
    let expects_continue =
        expects_continue && framing != Framing::None && head.version() == Version::Http11;
    Ok(Intent { framing, keep_alive, expects_continue })
}

/// Only `100-continue` is an expectation (RFC 9110 §10.1.1).
fn expectation(value: &[u8]) -> Result<bool, Refusal> {
    if value.is_empty() {
        return Ok(false);
    }
    if value.eq_ignore_ascii_case(b"100-continue") { Ok(true) } else { Err(Refusal::Expectation) }
}

/// Whether a comma-separated list has `token`, in any case.
fn lists(value: &[u8], token: &[u8]) -> bool {
    value.split(|&byte| byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

/// Digits only, no sign, no list, no overflow; the same again is allowed (RFC 9112 §6.3).
fn content_length(value: &[u8], earlier: Option<u64>) -> Result<u64, Refusal> {
    let digits = std::str::from_utf8(value).map_err(|_bytes| Refusal::BAD)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::BAD);
    }
    let length: u64 = digits.parse().map_err(|_overflow| Refusal::BAD)?;
    match earlier {
        Some(other) if other != length => Err(Refusal::BAD),
        _ if length > i64::MAX.unsigned_abs() => Err(Refusal::BAD),
        _ => Ok(length),
    }
}

/// Exactly one line that is exactly `chunked`, in HTTP/1.1.
fn coding(value: &[u8], again: bool, version: Version) -> Result<(), Refusal> {
    if version == Version::Http10 || again {
        return Err(Refusal::BAD);
    }
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    // A list that has chunked in it is a trick; anything else is a coding that is not known.
    if value.is_empty() || lists(value, b"chunked") || value.contains(&b',') {
        return Err(Refusal::BAD);
    }
    Err(Refusal::Coding)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::connection::http1::head::{self, HeadBounds};

    fn of(version: &str, fields: &str) -> Result<Intent, Refusal> {
        let text = format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        let mut buffer = BytesMut::from(text.as_bytes());
        let bounds = HeadBounds { bytes: 8192, request_line_bytes: 4096, fields: 100 };
        let head = head::take(&mut buffer, text.len(), bounds)?;
        intent(&head, Some(1000))
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        let refused = [
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: identity, chunked\r\n",
            "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: ,chunked\r\n",
            "Transfer-Encoding: chunked,\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding:\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 5 5\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length:\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 9223372036854775808\r\n",
            "Content-Length: 2\r\nContent-Length: 3\r\n",
            "Content-Length: 5\x0b\r\n",
        ];
        for fields in refused {
            assert!(matches!(of("1.1", fields), Err(Refusal::Bad(_))), "{fields:?}");
        }
        assert_eq!(of("1.1", "Transfer-Encoding: gzip\r\n"), Err(Refusal::Coding));
        assert_eq!(of("1.1", "Transfer-Encoding: xchunked\r\n"), Err(Refusal::Coding));
        assert_eq!(of("1.0", "Transfer-Encoding: chunked\r\n"), Err(Refusal::BAD));
        assert_eq!(of("1.1", "Content-Length: 1001\r\n"), Err(Refusal::BodyTooLarge));
    }

    #[test]
    fn plain_framing_is_understood() {
        let framing = |fields| of("1.1", fields).unwrap().framing;
        assert_eq!(framing(""), Framing::None);
        assert_eq!(framing("Content-Length: 0\r\n"), Framing::None);
        assert_eq!(framing("Content-Length: 5\r\nContent-Length: 5\r\n"), Framing::Length(5));
        assert_eq!(framing("Content-Length: 005\r\n"), Framing::Length(5));
        assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Framing::Chunked);
    }

    #[test]
    fn the_connection_stays_as_the_version_and_the_client_say() {
        let stays = |version, fields| of(version, fields).unwrap().keep_alive;
        assert!(stays("1.1", ""));
        assert!(stays("1.1", "Connection: keep-alive, X-Foo\r\n"));
        assert!(!stays("1.1", "Connection: X-Foo, Close\r\n"));
        assert!(!stays("1.0", ""));
        assert!(stays("1.0", "Connection: Keep-Alive\r\n"));
    }

    #[test]
    fn only_100_continue_is_an_expectation_and_only_with_a_body() {
        let body = "Content-Length: 2\r\n";
        let waits = |fields: &str| of("1.1", fields).unwrap().expects_continue;
        assert!(waits(&format!("Expect: 100-Continue\r\n{body}")));
        assert!(!waits("Expect: 100-continue\r\n"));
        assert_eq!(of("1.1", "Expect: 200-ok\r\n"), Err(Refusal::Expectation));
    }
}
