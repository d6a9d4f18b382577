//! Fields of a request that end at the gateway (RFC 9110 §7.6.1), and those that no trailer may be.

use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, COOKIE, EXPECT, HOST, HeaderName, MAX_FORWARDS, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use smallvec::SmallVec;

use super::request::{X_FORWARDED_FOR, X_FORWARDED_HOST};
use crate::message::{Head, Span};

/// Fields that the gateway writes itself or that concern only the client's connection.
pub(super) fn ends_here(name: &HeaderName) -> bool {
    static OWN: [HeaderName; 4] = [HOST, USER_AGENT, X_FORWARDED_FOR, X_FORWARDED_HOST];
    static FRAMING: [HeaderName; 3] = [CONTENT_LENGTH, TRANSFER_ENCODING, TRAILER];
    static HOP: [HeaderName; 8] = [
        CONNECTION,
        UPGRADE,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        HeaderName::from_static("http2-settings"),
        HeaderName::from_static("proxy"),
    ];
    OWN.contains(name) || FRAMING.contains(name) || HOP.contains(name)
}

/// Fields that decide about a message cannot come behind it (RFC 9110 §6.5.1); those that end here besides.
pub(super) static FORBIDDEN_TRAILERS: [HeaderName; 11] = [
    AUTHORIZATION,
    CACHE_CONTROL,
    CONTENT_ENCODING,
    CONTENT_RANGE,
    CONTENT_TYPE,
    COOKIE,
    EXPECT,
    HOST,
    MAX_FORWARDS,
    SET_COOKIE,
    TE,
];

pub(super) fn is_forbidden_trailer(name: &HeaderName) -> bool {
    FORBIDDEN_TRAILERS.contains(name) || ends_here(name)
}

/// Values of the client's `Connection` lines.
pub(super) fn connection_lines(head: &Head) -> SmallVec<[&[u8]; 1]> {
    let lines = head.fields.iter().filter(|field| {
        head.bytes(&field.name).eq_ignore_ascii_case(CONNECTION.as_str().as_bytes())
    });
    lines.map(|line| head.bytes(&line.value)).collect()
}

/// Whether the client's `Connection` names this field, which then is for the gateway alone.
pub(super) fn is_named(connection: &[&[u8]], name: &HeaderName) -> bool {
    let mut names = connection.iter().flat_map(|line| line.split(|byte| *byte == b','));
    names.any(|one| one.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
}

pub(super) fn is_trailers(head: &Head, span: &Span) -> bool {
    head.bytes(span).eq_ignore_ascii_case(b"trailers")
}
