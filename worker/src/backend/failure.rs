//! Why a backend gave nothing, in the words that KrakenD gives.
//!
//! With `router.return_error_msg` these texts leave the gateway, and people match on them: they follow Go's
//! `net/http`. Each level speaks of itself and ends with its cause, as Go's do.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use nix::errno::Errno;

use super::body::AnswerError;
use crate::decode::DecodeError;
use crate::message::UploadError;
use crate::plan::Host;
use crate::script::ScriptError;
use crate::tls::alert::TlsError;

/// Why an endpoint has no data to give. All are 500 but those that say otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A backend without hosts.
    #[error("no hosts available")]
    NoHosts,
    /// `qos/ratelimit/proxy`. The slip of the pen is KrakenD's.
    #[error("rate limit exceded")]
    Limited,
    /// `qos/circuit-breaker`: nobody is let through.
    #[error("circuit breaker is open")]
    BreakerOpen,
    /// `qos/circuit-breaker`: somebody else tries.
    #[error("too many requests")]
    BreakerBusy,
    /// The endpoint's `timeout` passed.
    #[error("context deadline exceeded")]
    Late,
    /// The exchange failed.
    #[error("{} \"{url}\": {error}", Verb(method))]
    Call {
        /// The method that was sent.
        method: Method,
        /// The URL that was called, or the `Location` that could not be.
        url: String,
        /// What went wrong.
        error: CallError,
    },
    /// The URL cannot be called: what a client put into it is no part of one.
    #[error("{0}")]
    Url(String),
    /// A value of the client's would change the path that was authorised: 400.
    #[error("a path parameter may not hold a dot segment")]
    DotSegment,
    /// The request lacks a header field or a parameter that `url_pattern` needs: 400.
    #[error("a header or query parameter of `url_pattern` is missing")]
    Missing,
    /// The client's body ended early: 400, 408 or 413.
    #[error(transparent)]
    Upload(UploadError),
    /// Neither 200 nor 201.
    #[error("invalid status code {} [{method} {pattern}]: {url}", status.as_u16())]
    Status {
        /// What the backend answered.
        status: StatusCode,
        /// The backend's method, as it is written.
        method: Method,
        /// Its `url_pattern`, as KrakenD rewrites it.
        pattern: Box<str>,
        /// What was called in the end, after redirects.
        url: String,
    },
    /// The same with `return_error_code`: the client gets the backend's status and, where errors are told, its
    /// body.
    #[error("{}", String::from_utf8_lossy(body))]
    Passed {
        /// What the backend answered.
        status: StatusCode,
        /// Its body.
        body: Bytes,
        /// What the body is; none where it is empty and nobody says.
        content_type: Option<HeaderValue>,
    },
    /// The client's body is not what `validation/json-schema` asks for: 400.
    #[error("{0}")]
    Schema(Box<str>),
    /// An expression of `validation/cel` does not hold, by its place among those that are evaluated.
    #[error("request aborted by evaluator #{0}")]
    Rejected(usize),
    /// A script stopped: what it says.
    #[error(transparent)]
    Script(Box<ScriptError>),
    /// The client's body has no variables for a mutation.
    #[error("{0}")]
    Variables(String),
    /// The body is not what `encoding` promises.
    #[error(transparent)]
    Decode(DecodeError),
    /// The body ended early.
    #[error(transparent)]
    Body(AnswerError),
    /// Every call of several failed, or some did.
    #[error("{}", Joined(_0))]
    Several(Box<[Self]>),
    /// An operation of `flatmap_filter` lacks what it is to work on: KrakenD panics.
    #[error("an operation of flatmap_filter lacks arguments")]
    Flatmap,
    /// The body is larger than what is held in memory.
    #[error("the answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// The bound.
        bytes_max: u64,
    },
}

/// Failures one per line.
struct Joined<'a>(&'a [Failure]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, failure) in self.0.iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(f, "{line_end}{failure}")?;
        }
        Ok(())
    }
}

/// What can go wrong in one exchange.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The deadline passed; told as [`Failure::Late`].
    #[error("context deadline exceeded")]
    Late,
    /// `response_header_timeout` passed.
    #[error("net/http: timeout awaiting response headers")]
    HeadLate,
    /// No connection.
    #[error("{0}")]
    Dial(DialError),
    /// No connection to the proxy.
    #[error("proxyconnect tcp: {0}")]
    Proxy(Box<Self>),
    /// The proxy that the environment names cannot be asked.
    #[error("{0}")]
    ProxyUnusable(super::via::Unusable),
    /// The SOCKS proxy does not open a way to the host.
    #[error("socks connect tcp {proxy}->{host}: {error}")]
    Socks {
        /// Who was asked.
        proxy: SocketAddr,
        /// Where to.
        host: HostAndPort,
        /// What came of it.
        error: super::socks::SocksError,
    },
    /// The proxy does not open a way to the host; why, in its words.
    #[error("{0}")]
    ProxyRefused(Box<str>),
    /// The backend closed without an answer.
    #[error("EOF")]
    Closed,
    /// It closed within the head of its answer.
    #[error("unexpected EOF")]
    Cut,
    /// The socket failed.
    #[error("{0}")]
    Broken(SocketError),
    /// The answer is not HTTP/1.1.
    #[error("net/http: HTTP/1.x transport connection broken: malformed HTTP response")]
    Malformed,
    /// The head of the answer is larger than what is accepted.
    #[error("net/http: server response headers exceeded the limit; aborted")]
    HeadTooLarge,
    /// The answer switches protocols, which nobody asked for.
    #[error("unexpected 101 Switching Protocols")]
    Upgrade,
    /// The answer has two framings, or one that is not plain `chunked` (RFC 9112 §6.3).
    #[error("net/http: HTTP/1.x transport connection broken: ambiguous framing")]
    Ambiguous,
    /// The client's body ended early; told as [`Failure::Upload`].
    #[error("{0}")]
    Upload(UploadError),
    /// A redirect too many.
    #[error("stopped after 10 redirects")]
    Redirects,
    /// A redirect to something that cannot be called.
    #[error("{0}")]
    Location(String),
    /// No TLS with the backend.
    #[error("{0}")]
    Tls(TlsError),
    /// It answers in clear text.
    #[error("http: server gave HTTP response to HTTPS client")]
    NoTls,
    /// The handshake took too long.
    #[error("net/http: TLS handshake timeout")]
    TlsLate,
    /// A host whose name no certificate can have.
    #[error("tls: either ServerName or InsecureSkipVerify must be specified in the tls.Config")]
    TlsUnusable,
    /// The backend does not open a WebSocket.
    #[error("websocket: bad handshake: {0}")]
    Handshake(super::upgrade::HandshakeError),
    /// There is no token for it (`auth/client-credentials`).
    #[error("{0}")]
    Token(Box<super::oauth2::TokenError>),
    /// A backend that is asked in HTTP/2 says something else.
    #[error("http2: the backend does not speak HTTP/2")]
    NotHttp2,
    /// It says nothing.
    #[error("http2: timeout awaiting the backend's SETTINGS")]
    Http2Late,
    /// The backend ended the stream of the exchange, or broke the protocol on it; Go's text.
    #[error("stream error: stream ID {stream}; {}{}", Code(*reason), if *by_backend { "; received from peer" } else { "" })]
    Stream {
        /// Its number.
        stream: u32,
        /// Why.
        reason: h2::Reason,
        /// Whether the backend says so.
        by_backend: bool,
    },
    /// The backend broke the protocol on its connection, or says that we did; Go's text.
    #[error("connection error: {}", Code(*_0))]
    Http2(h2::Reason),
    /// The request's target cannot be one in HTTP/2.
    #[error("net/http: invalid request :path")]
    Target,
    /// What others were told who waited for the same connection.
    #[error("{0}")]
    Same(Arc<Self>),
    /// The client's host is no host.
    #[error("{0}")]
    Host(crate::plan::HostError),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("dial tcp: lookup {0}: no such host")]
    Lookup(Box<str>),
    /// The address does not answer in time.
    #[error("dial tcp {0}: i/o timeout")]
    Slow(HostAndPort),
    /// The kernel says no.
    #[error("dial tcp {address}: connect: {}", SocketText(error))]
    Connect {
        /// Whom it was tried with.
        address: SocketAddr,
        /// What the kernel says.
        error: io::Error,
    },
}

/// A host as Go's dialer shows it.
#[derive(Debug)]
pub struct HostAndPort(String);

/// A failed read or write.
#[derive(Debug)]
pub struct SocketError(io::Error);

impl From<&Host> for HostAndPort {
    fn from(host: &Host) -> Self {
        Self(format!("{}:{}", host.name, host.port))
    }
}

impl fmt::Display for HostAndPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for SocketError {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read: {}", SocketText(&self.0))
    }
}

/// The kernel's words as Go has them: lower case, no number.
struct SocketText<'a>(&'a io::Error);

impl fmt::Display for SocketText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.raw_os_error() {
            Some(number) => f.write_str(&Errno::from_raw(number).desc().to_ascii_lowercase()),
            None => self.0.fmt(f),
        }
    }
}

/// A reason of HTTP/2 by its name in the standard (RFC 9113 §7).
struct Code(h2::Reason);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        static NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        let code = u32::from(self.0);
        match NAMES.get(code as usize) {
            Some(name) => f.write_str(name),
            None => write!(f, "unknown error code 0x{code:x}"),
        }
    }
}

/// `Get`, `Post`: how Go begins an error of its HTTP client.
struct Verb<'a>(&'a Method);

impl fmt::Display for Verb<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = self.0.as_str().chars();
        if let Some(first) = letters.next() {
            write!(f, "{first}{}", letters.as_str().to_ascii_lowercase())?;
        }
        Ok(())
    }
}

impl CallError {
    /// Whether the connection failed, rather than what was said on it.
    pub(crate) const fn is_of_connection(&self) -> bool {
        matches!(self, Self::Closed | Self::Broken(_))
    }

    /// An error that is not the kernel's: TLS, or the bound of the connection itself.
    fn of_own(error: &io::Error, answered: bool) -> Self {
        let of_protocol = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match (of_protocol, error.kind()) {
            (Some(inner), _) => Self::Tls(io::Error::other(inner.clone()).into()),
            (None, io::ErrorKind::UnexpectedEof) if answered => Self::Cut,
            (None, io::ErrorKind::UnexpectedEof) => Self::Closed,
            (None, _) => Self::HeadTooLarge,
        }
    }

    /// What an error on a stream of HTTP/2 means.
    pub(crate) fn of_http2(error: &h2::Error, stream: u32) -> Self {
        match (error.get_io(), error.reason()) {
            // Of the kernel's errors only their kind is told.
            (Some(socket), _) if socket.kind() == io::ErrorKind::ConnectionReset => {
                Self::Broken(io::Error::from_raw_os_error(Errno::ECONNRESET as i32).into())
            },
            (None, Some(reason)) if error.is_reset() => {
                Self::Stream { stream, reason, by_backend: error.is_remote() }
            },
            (None, Some(reason)) => Self::Http2(reason),
            _ => Self::Closed,
        }
    }

    /// What hyper's error means; `answered`: some of an answer was read.
    pub(crate) fn of(error: &hyper::Error, answered: bool) -> Self {
        if let Some(upload) = cause::<UploadError>(error) {
            return Self::Upload(match upload {
                UploadError::Broken => UploadError::Broken,
                UploadError::TooSlow => UploadError::TooSlow,
                UploadError::TooLarge => UploadError::TooLarge,
            });
        }
        if error.is_parse() {
            return Self::Malformed;
        }
        match cause::<io::Error>(error) {
            Some(socket) => match socket.raw_os_error() {
                Some(number) => Self::Broken(io::Error::from_raw_os_error(number).into()),
                None => Self::of_own(socket, answered),
            },
            None if answered => Self::Cut,
            None => Self::Closed,
        }
    }
}

fn cause<T: std::error::Error + 'static>(error: &hyper::Error) -> Option<&T> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_are_those_of_go() {
        let error = CallError::Dial(DialError::Connect {
            address: SocketAddr::from(([127, 0, 0, 1], 1)),
            error: io::Error::from_raw_os_error(Errno::ECONNREFUSED as i32),
        });
        let failure =
            Failure::Call { method: Method::GET, url: "http://127.0.0.1:1/x".to_owned(), error };
        assert_eq!(
            failure.to_string(),
            "Get \"http://127.0.0.1:1/x\": dial tcp 127.0.0.1:1: connect: connection refused"
        );
        let error =
            CallError::Broken(io::Error::from_raw_os_error(Errno::ECONNRESET as i32).into());
        let failure = Failure::Call { method: Method::POST, url: "http://h/x".to_owned(), error };
        assert_eq!(failure.to_string(), "Post \"http://h/x\": read: connection reset by peer");
    }
}
