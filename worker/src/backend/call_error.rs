//! What can go wrong in one exchange, in Go's words.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use nix::errno::Errno;

use crate::message::UploadError;
use crate::plan::Host;
use crate::tls::alert::TlsError;

/// What can go wrong in one exchange.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The deadline passed; told as [`Failure::Late`](super::Failure::Late).
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
    /// The client's body ended early; told as [`Failure::Upload`](super::Failure::Upload).
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
