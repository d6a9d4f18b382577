//! `"@baton"`: what only Baton has, typed.
//!
//! Absent values are `None`: their defaults stand with what they bound.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

/// A time that may be lifted: a duration or the word `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// At most so long.
    AtMost(Duration),
    /// `none`: without a bound.
    Unbounded,
}

/// `"@baton"` at the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatonService {
    /// `trust_forwarded_for`: is `X-Forwarded-For` of any peer believed, as KrakenD does (default: true)?
    pub trust_forwarded_for: Option<bool>,
    /// `drain`: how long requests in flight may take after a reload; beats `max_shutdown_wait_time`.
    pub drain: Option<Wait>,
    /// `bake`: how long a new generation is watched after its commit.
    pub bake: Option<Duration>,
    /// `threads`: serving threads of a worker (default: one per core).
    pub threads: Option<NonZeroUsize>,
    /// `krakend_version`: the version that is told to clients and backends.
    pub krakend_version: Option<String>,
    /// `name_servers`: whom `sd: dns` asks, in place of those in `/etc/resolv.conf`.
    pub name_servers: Vec<SocketAddr>,
    /// `token_cache`: good tokens that are remembered by the threads of a worker; 0: none (default: 10,000).
    pub token_cache: Option<usize>,
    /// `dynamic_routing`: may a `url_pattern` have `{input_headers.…}` and `{input_query_strings.…}`, as in
    /// KrakenD's Enterprise edition (default: false: its Community edition refuses such a file)?
    pub dynamic_routing: Option<bool>,
    /// `limits`.
    pub limits: EdgeLimits,
}

/// `limits` of `"@baton"`: bounds of what may come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgeLimits {
    /// `header_bytes`: all header lines of a request.
    pub header_bytes: Option<usize>,
    /// `header_fields`: how many of them.
    pub header_fields: Option<usize>,
    /// `request_line_bytes`.
    pub request_line_bytes: Option<usize>,
    /// `body_bytes`: of a request.
    pub body_bytes: Option<u64>,
    /// `upload_idle`: the longest pause within a request body.
    pub upload_idle: Option<Duration>,
    /// `head_timeout`: from the first byte of a head to its last.
    pub head_timeout: Option<Duration>,
    /// `idle_timeout`: of a connection between requests.
    pub idle_timeout: Option<Duration>,
    /// `chunk_extension_bytes`: in one request body.
    pub chunk_extension_bytes: Option<usize>,
    /// `trailer_bytes`: of a request.
    pub trailer_bytes: Option<usize>,
    /// `answer_header_bytes`: all header lines of a backend's answer.
    pub answer_header_bytes: Option<usize>,
}

/// `"@baton"` of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatonEndpoint {
    /// `stream_timeout`: bounds a `no-op` exchange in place of `timeout`.
    pub stream_timeout: Option<Wait>,
}

/// `"@baton"` of a backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatonBackend {
    /// `http2`: are its hosts called by HTTP/2? By TLS they are asked (ALPN), in clear text they are taken to know it.
    pub http2: Option<bool>,
}
