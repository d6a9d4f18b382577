//! What stands between the method and the version of a request line.
//!
//! Pure. Refused here: whatever two readers may read as two different paths.

use bytes::Bytes;
use http::Method;

use super::authority;
use super::head::span;
use super::refusal::Refusal;
use crate::message::Span;

pub(crate) struct Target {
    pub(super) authority: Option<Span>,
    pub(crate) path: Span,
    pub(crate) query: Option<Span>,
}

/// The four forms of a target (RFC 9112 §3.2). The authority of an absolute form beats `Host`.
pub(super) fn target(bytes: &Bytes, method: &Method, text: &str) -> Result<Target, Refusal> {
    let raw = text.as_bytes();
    if raw.contains(&b'#') {
        return Err(Refusal::BAD);
    }
    if raw.first() == Some(&b'/') {
        return origin(bytes, raw);
    }
    if raw == b"*" {
        return Ok(Target { authority: None, path: span(bytes, raw), query: None });
    }
    if *method == Method::CONNECT {
        // Authority form: there is no such endpoint; the router answers 404.
        return if authority::is_valid(raw) {
            Ok(Target { authority: Some(span(bytes, raw)), path: 0..0, query: None })
        } else {
            Err(Refusal::BAD)
        };
    }
    absolute(bytes, raw)
}

fn absolute(bytes: &Bytes, raw: &[u8]) -> Result<Target, Refusal> {
    let rest = strip_scheme(raw).ok_or(Refusal::BAD)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (host, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
    if host.is_empty() || !authority::is_valid(host) {
        return Err(Refusal::BAD);
    }
    let mut target = if tail.first() == Some(&b'/') {
        origin(bytes, tail)?
    } else {
        let query = tail.first().map(|_mark| span(bytes, tail.get(1..).unwrap_or_default()));
        Target { authority: None, path: 0..0, query }
    };
    target.authority = Some(span(bytes, host));
    Ok(target)
}

fn strip_scheme(raw: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = raw.split_at_checked(raw.iter().position(|&byte| byte == b':')?)?;
    let known = scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https");
    if known { rest.strip_prefix(b"://") } else { None }
}

/// Path and query. `raw`, a slice of `bytes`, begins with a slash.
pub(crate) fn origin(bytes: &[u8], raw: &[u8]) -> Result<Target, Refusal> {
    let end = memchr::memchr(b'?', raw).unwrap_or(raw.len());
    let (path, tail) = raw.split_at_checked(end).unwrap_or((raw, &[]));
    if path.contains(&b'\\') || !escapes_are_valid(path) {
        return Err(Refusal::BAD);
    }
    let query = tail.first().map(|_mark| span(bytes, tail.get(1..).unwrap_or_default()));
    Ok(Target { authority: None, path: span(bytes, path), query })
}

/// Every `%` is followed by two hex digits, and none of them spells a backslash.
fn escapes_are_valid(path: &[u8]) -> bool {
    memchr::memchr_iter(b'%', path).all(|at| match path.get(at + 1..at + 3) {
        Some([b'5', b'C' | b'c']) => false,
        Some([high, low]) => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        _ => false,
    })
}
