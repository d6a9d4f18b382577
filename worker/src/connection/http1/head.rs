//! Bytes to a validated request head, or the reason to refuse them.
//!
//! Pure. First on the way: what passes here is unambiguous for everybody behind (RFC 9112 §2–§5).
//! KrakenD accepts folded lines; here they are refused, since two readers may read them differently.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::Method;
use smallvec::SmallVec;

use super::authority;
use super::refusal::Refusal;
use super::target::target;
use crate::message::{FieldSpan, Head, Span, Version};
use crate::route::percent::push_escaped;

/// Field lines parsed without an allocation; more take the slow way.
const FIELDS_FAST: usize = 48;

/// How much of a head is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadBounds {
    /// The whole head, request line included.
    pub(crate) bytes: usize,
    /// The request line alone.
    pub(crate) request_line_bytes: usize,
    /// Field lines.
    pub(crate) fields: usize,
}

/// Finds the blank line that ends a head: the head's length, or `None` if it has not come yet.
/// `searched` bytes were looked at by earlier calls; it is moved on.
pub(crate) fn end(bytes: &[u8], searched: &mut usize) -> Option<usize> {
    // The last three bytes may be the beginning of the end.
    let mut from = searched.saturating_sub(3);
    while let Some(offset) = memchr::memchr(b'\n', bytes.get(from..).unwrap_or_default()) {
        let next = from + offset + 1;
        match bytes.get(next..) {
            Some([b'\n', ..]) => return Some(next + 1),
            Some([b'\r', b'\n', ..]) => return Some(next + 2),
            _ => from = next,
        }
    }
    *searched = bytes.len();
    None
}

/// Takes a complete head of `length` bytes off the front of `buffer`.
///
/// # Errors
/// The answer to give before the connection is closed.
pub(crate) fn take(
    buffer: &mut BytesMut,
    length: usize,
    bounds: HeadBounds,
) -> Result<Head, Refusal> {
    if length > bounds.bytes {
        return Err(Refusal::HeadTooLarge);
    }
    let line = memchr::memchr(b'\n', buffer).unwrap_or(length);
    if line > bounds.request_line_bytes {
        return Err(Refusal::TargetTooLong);
    }
    accept_minor_version(buffer.get_mut(..line).unwrap_or_default());
    let bytes = buffer.split_to(length).freeze();
    if bytes.get(..line).unwrap_or_default().is_ascii() {
        return parse_with_room(&bytes, bounds);
    }
    let (escaped, query) = with_escaped_target(&bytes, line);
    let mut head = parse_with_room(&escaped, bounds)?;
    if head.query.is_some() {
        let start = escaped.len();
        head.buffer = [&escaped, query].concat().into();
        head.query = Some(span(&head.buffer, head.buffer.get(start..).unwrap_or_default()));
    }
    Ok(head)
}

fn parse_with_room(bytes: &Bytes, bounds: HeadBounds) -> Result<Head, Refusal> {
    let mut fast = [const { MaybeUninit::uninit() }; FIELDS_FAST];
    match parse(bytes, &mut fast) {
        Err(httparse::Error::TooManyHeaders) if bounds.fields > FIELDS_FAST => {
            let mut slow = vec![MaybeUninit::uninit(); bounds.fields];
            finish(bytes, parse(bytes, &mut slow), bounds)
        },
        parsed => finish(bytes, parsed, bounds),
    }
}

/// A minor version above 1 is answered as 1.1 (RFC 9110 §2.5); httparse knows only 0 and 1.
fn accept_minor_version(line: &mut [u8]) {
    let end = line.len() - usize::from(line.ends_with(b"\r"));
    let version = line.get_mut(..end).unwrap_or_default();
    if let [.., b' ', b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'2'..=b'9'] = version {
        *minor = b'1';
    }
}

/// Raw bytes beyond ASCII in a target mean what their escapes mean, and go on as those; but a query, which comes back in
/// redirects and is only decoded elsewhere, stays as it came. Elsewhere in the line they are refused later.
fn with_escaped_target(bytes: &[u8], line: usize) -> (Bytes, &[u8]) {
    let text = bytes.get(..line).unwrap_or_default();
    let start = memchr::memchr(b' ', text).unwrap_or(line);
    let end = memchr::memrchr(b' ', text).unwrap_or(line);
    let mut escaped = Vec::with_capacity(bytes.len() + 2 * line);
    for (at, &byte) in bytes.iter().enumerate() {
        if byte.is_ascii() || at < start || at >= end {
            escaped.push(byte);
        } else {
            push_escaped(byte, &mut escaped);
        }
    }
    let target = text.get(start..end).unwrap_or_default();
    let query = memchr::memchr(b'?', target).and_then(|mark| target.get(mark + 1..));
    (escaped.into(), query.unwrap_or_default())
}

struct Parsed<'a> {
    method: &'a str,
    target: &'a str,
    minor: u8,
    fields: &'a [httparse::Header<'a>],
}

fn parse<'a>(
    bytes: &'a [u8],
    fields: &'a mut [MaybeUninit<httparse::Header<'a>>],
) -> Result<Parsed<'a>, httparse::Error> {
    let mut request = httparse::Request::new(&mut []);
    let config = httparse::ParserConfig::default();
    let status = config.parse_request_with_uninit_headers(&mut request, bytes, fields)?;
    match (status, request.method, request.path, request.version) {
        (httparse::Status::Complete(_), Some(method), Some(target), Some(minor)) => {
            Ok(Parsed { method, target, minor, fields: request.headers })
        },
        _ => Err(httparse::Error::NewLine),
    }
}

fn finish(
    bytes: &Bytes,
    parsed: Result<Parsed<'_>, httparse::Error>,
    bounds: HeadBounds,
) -> Result<Head, Refusal> {
    let parsed = parsed.map_err(|error| explain(error, bytes))?;
    if parsed.fields.len() > bounds.fields {
        return Err(Refusal::TooManyFields);
    }
    let method = Method::from_bytes(parsed.method.as_bytes()).map_err(|_bad| Refusal::BAD)?;
    let version = if parsed.minor == 0 { Version::Http10 } else { Version::Http11 };
    let mut host = None;
    let mut fields = SmallVec::with_capacity(parsed.fields.len());
    for field in parsed.fields {
        let line =
            FieldSpan { name: span(bytes, field.name.as_bytes()), value: span(bytes, field.value) };
        if field.name.len() == 4 && field.name.eq_ignore_ascii_case("host") {
            check_host(field.value, host.is_some())?;
            host = Some(line.value.clone());
        }
        fields.push(line);
    }
    if host.is_none() && version == Version::Http11 {
        return Err(Refusal::Bad("missing required Host header"));
    }
    let target = target(bytes, &method, parsed.target)?;
    let host = target.authority.or(host).unwrap_or(0..0);
    let (path, query) = (target.path, target.query);
    Ok(Head { buffer: bytes.clone(), method, version, path, query, host, fields })
}

fn check_host(value: &[u8], again: bool) -> Result<(), Refusal> {
    if again {
        return Err(Refusal::BAD);
    }
    if value.is_empty() || authority::is_valid(value) {
        return Ok(());
    }
    Err(Refusal::Bad("malformed Host header"))
}

/// Go's reasons, as far as clients of KrakenD can see them.
fn explain(error: httparse::Error, bytes: &[u8]) -> Refusal {
    match error {
        httparse::Error::Version if names_other_version(bytes) => Refusal::Version,
        httparse::Error::HeaderName if has_blank_before_colon(bytes) => {
            Refusal::Bad("invalid header name")
        },
        httparse::Error::HeaderValue => Refusal::Bad("invalid header value"),
        httparse::Error::TooManyHeaders => Refusal::TooManyFields,
        httparse::Error::HeaderName
        | httparse::Error::NewLine
        | httparse::Error::Status
        | httparse::Error::Token
        | httparse::Error::Version => Refusal::BAD,
    }
}

fn names_other_version(bytes: &[u8]) -> bool {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let version = line.rsplit(|&byte| byte == b' ').next().unwrap_or_default().trim_ascii_end();
    matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if matches!(major, b'0' | b'2'..=b'9') && minor.is_ascii_digit())
}

fn has_blank_before_colon(bytes: &[u8]) -> bool {
    bytes.split(|&byte| byte == b'\n').skip(1).any(|line| {
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
        name.len() < line.len() && !name.iter().all(|&byte| is_token(byte))
    })
}

/// Whether a byte may stand in a field name or method (RFC 9110 §5.6.2).
pub(crate) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Where `part`, a slice of `bytes`, stands in it.
pub(super) fn span(bytes: &[u8], part: &[u8]) -> Span {
    let start = (part.as_ptr() as usize).saturating_sub(bytes.as_ptr() as usize);
    let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    narrow(start)..narrow(start + part.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: HeadBounds = HeadBounds { bytes: 8192, request_line_bytes: 4096, fields: 100 };

    fn parse_all(text: &str) -> Result<Head, Refusal> {
        let mut buffer = BytesMut::from(text);
        let length = end(&buffer, &mut 0).expect("a complete head");
        take(&mut buffer, length, BOUNDS)
    }

    fn with_target(target: &str) -> Result<Head, Refusal> {
        parse_all(&format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\n\r\n"))
    }

    #[test]
    fn a_head_gives_its_parts_and_leaves_what_follows() {
        let mut buffer =
            BytesMut::from("POST /a/b?x=1 HTTP/1.1\r\nHost: h:1\r\nX-a:  v \r\n\r\nrest");
        let length = end(&buffer, &mut 0).unwrap();
        let head = take(&mut buffer, length, BOUNDS).unwrap();
        assert_eq!(head.method(), Method::POST);
        assert_eq!((head.path(), head.query()), (&b"/a/b"[..], Some(&b"x=1"[..])));
        assert_eq!(head.host(), "h:1");
        assert_eq!(head.field("x-A"), Some(&b"v"[..]));
        assert_eq!(&buffer[..], b"rest");
    }

    #[test]
    fn the_end_is_found_wherever_the_bytes_are_cut() {
        let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nnext";
        let mut searched = 0;
        let found = (1..=text.len()).find_map(|cut| end(&text[..cut], &mut searched));
        assert_eq!(found, Some(text.len() - 4));
        assert_eq!(end(b"GET / HTTP/1.1\nHost: a\n\n", &mut 0), Some(24));
    }

    #[test]
    fn an_absolute_target_beats_the_host_field() {
        let head = with_target("http://other.test:81/a?b").unwrap();
        assert_eq!((head.host(), head.path()), ("other.test:81", &b"/a"[..]));
        let head = with_target("https://other.test").unwrap();
        assert_eq!((head.host(), head.path(), head.query()), ("other.test", &b""[..], None));
        let head = with_target("http://other.test?q").unwrap();
        assert_eq!((head.path(), head.query()), (&b""[..], Some(&b"q"[..])));
    }

    #[test]
    fn targets_that_two_readers_may_read_differently_are_refused() {
        let bad = [
            "a",
            "/a#f",
            "/a?x#f",
            "/a\\b",
            "/a%5Cb",
            "/a%5cb",
            "/%zz",
            "/%",
            "/%a",
            "ftp://h/a",
            "http://u@h/a",
            "http:///a",
            "@host/a",
            ":80",
            "http://h\\x/a",
            "host:80",
        ];
        for target in bad {
            assert!(with_target(target).is_err(), "{target}");
        }
        assert!(with_target("//evil.test/a").unwrap().path().starts_with(b"//"));
    }

    #[test]
    fn malformed_heads_get_the_reason_that_go_gives() {
        let cases = [
            ("GET /a HTTP/1.1\r\n\r\n", Refusal::Bad("missing required Host header")),
            ("GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Refusal::BAD),
            ("GET /a HTTP/1.1\r\nHost: a b\r\n\r\n", Refusal::Bad("malformed Host header")),
            ("GET /a HTTP/1.1\r\nHost: u@a\r\n\r\n", Refusal::Bad("malformed Host header")),
            ("GET /a HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", Refusal::Bad("invalid header name")),
            ("GET /a HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", Refusal::BAD),
            ("GET /a HTTP/2.0\r\nHost: a\r\n\r\n", Refusal::Version),
            ("GET /a HTTX/1.1\r\nHost: a\r\n\r\n", Refusal::BAD),
            ("G=T /a HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::BAD),
            ("GET  /a HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::BAD),
            ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::BAD),
            ("\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n", Refusal::BAD),
        ];
        for (text, expected) in cases {
            let mut buffer = BytesMut::from(text);
            let length = buffer.len();
            let found = if text.starts_with('\r') {
                super::super::wait::leading_line_break(&buffer).map_or(Ok(()), Err)
            } else {
                take(&mut buffer, length, BOUNDS).map(|_head| ())
            };
            assert_eq!(found.unwrap_err(), expected, "{text:?}");
        }
    }

    #[test]
    fn folded_lines_and_control_bytes_in_values_are_refused() {
        for value in ["a\r\n b", "a\r\n\tb", "a\0b", "a\rb", "a\x01b", "a\x7fb"] {
            let text = format!("GET /a HTTP/1.1\r\nHost: a\r\nX: {value}\r\n\r\n");
            assert!(parse_all(&text).is_err(), "{value:?}");
        }
        assert!(parse_all("GET /a HTTP/1.1\nHost: a\nX: bare line feeds end lines\n\n").is_ok());
    }

    #[test]
    fn an_old_client_needs_no_host_and_a_newer_minor_version_is_served() {
        assert_eq!(parse_all("GET /a HTTP/1.0\r\n\r\n").unwrap().host(), "");
        let newer = parse_all("GET /a HTTP/1.2\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!(newer.version(), Version::Http11);
    }

    #[test]
    fn the_bounds_hold() {
        let many: String = (0..101).map(|n| format!("X-{n}: 1\r\n")).collect();
        let text = format!("GET /a HTTP/1.1\r\nHost: a\r\n{many}\r\n");
        assert_eq!(parse_all(&text).unwrap_err(), Refusal::TooManyFields);
        let fits: String = (0..99).map(|n| format!("X-{n}: 1\r\n")).collect();
        let text = format!("GET /a HTTP/1.1\r\nHost: a\r\n{fits}\r\n");
        assert_eq!(parse_all(&text).unwrap().fields().count(), 100);
        let long = with_target(&format!("/{}", "a".repeat(4096)));
        assert_eq!(long.unwrap_err(), Refusal::TargetTooLong);
    }

    #[test]
    fn no_prefix_and_no_bit_flip_panics() {
        let text = b"GET http://h/a%41?x=1 HTTP/1.1\r\nHost: a\r\nX-Long-Name: value\r\n\r\n";
        for cut in 0..text.len() {
            let mut buffer = BytesMut::from(&text[..cut]);
            let _ = take(&mut buffer, cut, BOUNDS).is_ok();
        }
        for bit in 0..text.len() * 8 {
            let mut flipped = text.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let mut buffer = BytesMut::from(&flipped[..]);
            let _ = take(&mut buffer, flipped.len(), BOUNDS).is_ok();
        }
    }

    #[test]
    fn raw_bytes_in_a_target_are_read_as_their_escapes_and_nowhere_else() {
        let parse = |line: &[u8]| {
            let mut buffer = BytesMut::from(line);
            buffer.extend_from_slice(b" HTTP/1.1\r\nHost: gw.test\r\nX: \xe9\r\n\r\n");
            let length = end(&buffer, &mut 0).unwrap();
            take(&mut buffer, length, BOUNDS)
        };
        let head = parse(b"GET /p/\xe9?q=\xc3\xa9").unwrap();
        assert_eq!((head.path(), head.query()), (&b"/p/%E9"[..], Some(&b"q=\xc3\xa9"[..])));
        assert_eq!(parse(b"G\xc3\xa9T /p").err(), Some(Refusal::BAD));
    }
}
