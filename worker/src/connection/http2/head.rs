//! The head of a stream as a request head, under the rules of HTTP/1.1 (http-edge §1, §2).
//!
//! Pure. The protocol has checked already what RFC 9113 §8 asks for: names in lower case, pseudo
//! fields once and first, no field that speaks of the connection, `content-length` against the data.
//! Here: one authority, cookie crumbs joined (§8.2.3), the path as everybody behind will read it.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, header};

use crate::connection::http1::authority;
use crate::connection::http1::head::HeadBounds;
use crate::connection::http1::refusal::Refusal;
use crate::connection::http1::target::origin;
use crate::message::{FieldSpan, Head, Span, Version};
use crate::route::percent::push_escaped;

/// What the protocol said, as everybody behind reads it.
///
/// # Errors
/// The answer to give.
pub(super) fn build(parts: &Parts, bounds: HeadBounds) -> Result<Head, Refusal> {
    // Crumbs count one by one: joining them is work too (CVE-2026-49975).
    if parts.headers.len() >= bounds.fields {
        return Err(Refusal::TooManyFields);
    }
    let mut buffer = Vec::with_capacity(256);
    let target = put_target(&mut buffer, parts, bounds)?;
    let host = put_host(&mut buffer, parts)?;
    let mut fields = smallvec::SmallVec::with_capacity(parts.headers.len() + 1);
    fields.push(host.clone());
    put_cookies(&mut buffer, &parts.headers, &mut fields);
    for (name, value) in &parts.headers {
        if !matches!(name.as_str(), "host" | "cookie" | "http2-settings") {
            fields.push(FieldSpan {
                name: put(&mut buffer, name.as_str().as_bytes()),
                value: put(&mut buffer, value.as_bytes().trim_ascii()),
            });
        }
    }
    let (path, query) = match target {
        None => (0..0, None),
        Some(whole) if buffer.get(range(&whole)) == Some(b"*") => (whole, None),
        Some(whole) => {
            let target = origin(&buffer, buffer.get(range(&whole)).unwrap_or_default())?;
            (target.path, target.query)
        },
    };
    let buffer = Bytes::from(buffer);
    let (method, host) = (parts.method.clone(), host.value);
    Ok(Head { buffer, method, version: Version::Http2, path, query, host, fields })
}

/// Path and query; none for CONNECT.
fn put_target(
    buffer: &mut Vec<u8>,
    parts: &Parts,
    bounds: HeadBounds,
) -> Result<Option<Span>, Refusal> {
    let Some(target) = parts.uri.path_and_query() else {
        return if parts.method == Method::CONNECT { Ok(None) } else { Err(Refusal::BAD) };
    };
    let target = target.as_str().as_bytes();
    if target.len() > bounds.request_line_bytes {
        return Err(Refusal::TargetTooLong);
    }
    if target != b"*" && target.first() != Some(&b'/') {
        return Err(Refusal::BAD);
    }
    let start = buffer.len();
    for &byte in target {
        if byte.is_ascii() { buffer.push(byte) } else { push_escaped(byte, buffer) }
    }
    Ok(Some(span(start, buffer.len())))
}

/// `:authority`, or `host` in its place; both must say the same (RFC 9113 §8.3.1).
fn put_host(buffer: &mut Vec<u8>, parts: &Parts) -> Result<FieldSpan, Refusal> {
    let mut named = parts.headers.get_all(header::HOST).iter();
    let (host, again) = (named.next().map(|host| host.as_bytes().trim_ascii()), named.next());
    if again.is_some() {
        return Err(Refusal::BAD);
    }
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    let found = match (authority, host) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => {
            return Err(Refusal::BAD);
        },
        (Some(found), _) | (None, Some(found)) => found,
        (None, None) => return Err(Refusal::Bad("missing required Host header")),
    };
    if !authority::is_valid(found) {
        return Err(Refusal::Bad("malformed Host header"));
    }
    Ok(FieldSpan { name: put(buffer, b"host"), value: put(buffer, found) })
}

/// Clients may send a cookie in crumbs, and nobody behind knows of crumbs.
fn put_cookies(buffer: &mut Vec<u8>, headers: &HeaderMap, fields: &mut impl Extend<FieldSpan>) {
    let mut crumbs = headers.get_all(header::COOKIE).iter();
    let Some(first) = crumbs.next() else { return };
    let name = put(buffer, b"cookie");
    let start = buffer.len();
    buffer.extend_from_slice(first.as_bytes().trim_ascii());
    for crumb in crumbs {
        buffer.extend_from_slice(b"; ");
        buffer.extend_from_slice(crumb.as_bytes().trim_ascii());
    }
    let value = span(start, buffer.len());
    fields.extend([FieldSpan { name, value }]);
}

fn put(buffer: &mut Vec<u8>, part: &[u8]) -> Span {
    let start = buffer.len();
    buffer.extend_from_slice(part);
    span(start, buffer.len())
}

/// Heads are far smaller than what 32 bits count.
fn span(start: usize, end: usize) -> Span {
    let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    narrow(start)..narrow(end)
}

const fn range(span: &Span) -> std::ops::Range<usize> {
    span.start as usize..span.end as usize
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const BOUNDS: HeadBounds = HeadBounds { bytes: 8192, request_line_bytes: 100, fields: 10 };

    fn of(uri: &str, fields: &[(&str, &str)]) -> Result<Head, Refusal> {
        let mut request = Request::builder().method("GET").uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        build(&request.body(()).unwrap().into_parts().0, BOUNDS)
    }

    #[test]
    fn a_head_says_what_the_stream_said() {
        let head = of("http://gw.test:1/a/b?x=1", &[("x-a", " v "), ("te", "trailers")]).unwrap();
        assert_eq!((head.path(), head.query()), (&b"/a/b"[..], Some(&b"x=1"[..])));
        assert_eq!((head.host(), head.version()), ("gw.test:1", Version::Http2));
        let fields: Vec<_> = head.fields().collect();
        assert_eq!(
            fields,
            [("host", &b"gw.test:1"[..]), ("x-a", &b"v"[..]), ("te", &b"trailers"[..])]
        );
    }

    #[test]
    fn crumbs_of_a_cookie_are_joined() {
        let head = of("http://a/", &[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")]).unwrap();
        assert_eq!(head.field("cookie"), Some(&b"a=1; b=2"[..]));
        assert_eq!(head.fields().filter(|(name, _)| *name == "cookie").count(), 1);
    }

    #[test]
    fn one_authority_and_no_other() {
        assert!(of("http://a/", &[("host", "A")]).is_ok());
        assert_eq!(of("/", &[("host", "b")]).unwrap().host(), "b");
        for (uri, fields) in [
            ("http://a/", &[("host", "b")][..]),
            ("http://u@a/", &[]),
            ("http://a/", &[("host", "a"), ("host", "a")]),
            ("/", &[]),
            ("/", &[("host", "a b")]),
            ("/", &[("host", "")]),
        ] {
            assert!(matches!(of(uri, fields), Err(Refusal::Bad(_))), "{uri} {fields:?}");
        }
    }

    #[test]
    fn paths_that_two_readers_may_read_differently_are_refused() {
        for path in ["/a\\b", "/a%5Cb", "/%zz", "/%"] {
            assert_eq!(of(&format!("http://a{path}"), &[]).err(), Some(Refusal::BAD), "{path}");
        }
        assert_eq!(of("http://a/\u{e9}", &[]).unwrap().path(), b"/%C3%A9");
    }

    #[test]
    fn the_bounds_hold() {
        let crumbs: Vec<_> = (0..10).map(|_| ("cookie", "a=1")).collect();
        assert_eq!(of("http://a/", &crumbs).err(), Some(Refusal::TooManyFields));
        let long = format!("http://a/{}", "a".repeat(100));
        assert_eq!(of(&long, &[]).err(), Some(Refusal::TargetTooLong));
    }
}
