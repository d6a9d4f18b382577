//! A request and a response, neutral of how they travel: HTTP/1.1, HTTP/2, over a link.
//!
//! Everything here lives on one thread: nothing is `Send`, nothing is locked.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use baton_shared::control::relay::TlsFacts;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use http_body::{Body, Frame, SizeHint};
use smallvec::SmallVec;

use crate::backend::AnswerBody;
use crate::connection::http1::UploadBody;
use crate::connection::http2::StreamBody;
use crate::connection::tunnel::Opening;
use crate::files::FileBody;
use crate::payload::{Bounded, Unzipped};
use crate::respond::gzip::Packed;

/// A client's request as the way of a request gets it.
#[derive(Debug)]
pub struct Request {
    /// Method, target, fields.
    pub head: Head,
    /// What follows the head.
    pub body: RequestBody,
    /// Who asks.
    pub peer: Peer,
    /// What the handshake gave; none: it came in clear text.
    pub tls: Option<Rc<TlsFacts>>,
    /// The client's address for the access log, when `serve` had to find it anyway.
    pub client: Cell<Option<IpAddr>>,
    /// Whether the access log leaves it out.
    pub unlogged: Cell<bool>,
}

impl Request {
    /// As it came.
    pub(crate) const fn new(head: Head, body: RequestBody, peer: Peer) -> Self {
        let (client, unlogged) = (Cell::new(None), Cell::new(false));
        Self { head, body, peer, tls: None, client, unlogged }
    }
}

/// The addresses of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The peer of the socket.
    pub socket: SocketAddr,
    /// Whom the connection is for (PROXY protocol); the socket's peer without one.
    pub asserted: IpAddr,
    /// The address that the client reached.
    pub local: SocketAddr,
}

/// Versions of HTTP that a client may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2, directly or over a link.
    Http2,
}

/// A validated request head. Spans point into one buffer: no allocation per field.
///
/// What holds for every `Head` (http-edge §1, §2): the method is a token; the target is in origin
/// form (an absolute form has been split) and begins with `/` (or is `*`), holds no `#`, no blank and
/// no control byte; names are tokens; values hold no NUL, CR or LF; there is at most one Host and it
/// is a valid authority.
#[derive(Clone, Debug)]
pub struct Head {
    pub(crate) buffer: Bytes,
    pub(crate) method: Method,
    pub(crate) version: Version,
    pub(crate) path: Span,
    pub(crate) query: Option<Span>,
    pub(crate) host: Span,
    pub(crate) fields: SmallVec<[FieldSpan; 16]>,
}

/// A part of a head's buffer.
pub(crate) type Span = Range<u32>;

/// Name and value of one field line.
#[derive(Clone, Debug)]
pub(crate) struct FieldSpan {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// Heads are bounded far below this, and so is what is put into them.
fn offset(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

impl Head {
    pub(crate) fn bytes(&self, span: &Span) -> &[u8] {
        self.buffer.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    pub(crate) fn text(&self, span: &Span) -> &str {
        std::str::from_utf8(self.bytes(span)).unwrap_or_default()
    }

    /// The method, verbatim (`get` is not `GET`).
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The version of HTTP.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The path as sent, still percent-encoded; may hold bytes above 0x7F.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        self.bytes(&self.path)
    }

    /// What follows the first `?`; `None` without one.
    #[must_use]
    pub fn query(&self) -> Option<&[u8]> {
        self.query.as_ref().map(|span| self.bytes(span))
    }

    /// The authority that the client asked for: `Host`, or the one of an absolute target; may be
    /// empty (HTTP/1.0).
    #[must_use]
    pub fn host(&self) -> &str {
        self.text(&self.host)
    }

    /// All field lines in order, names as sent, values without surrounding blanks.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.fields.iter().map(|field| (self.text(&field.name), self.bytes(&field.value)))
    }

    /// Where the value of the first field of this name stands.
    pub(crate) fn field_span(&self, name: &str) -> Option<&Span> {
        let is_it =
            |field: &&FieldSpan| self.bytes(&field.name).eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().find(is_it).map(|field| &field.value)
    }

    /// The same with these fields in place of all of their names. Values hold no control bytes but tabs.
    pub(crate) fn with_fields<V: AsRef<str>>(&self, set: &[(&str, impl AsRef<[V]>)]) -> Self {
        let mut buffer = BytesMut::from(&*self.buffer);
        let mut put = |text: &str| -> Span {
            let start = buffer.len();
            buffer.extend_from_slice(text.as_bytes());
            offset(start)..offset(buffer.len())
        };
        let is_set = |field: &FieldSpan| {
            let name = self.bytes(&field.name);
            set.iter().any(|(one, _)| name.eq_ignore_ascii_case(one.as_bytes()))
        };
        let mut fields: SmallVec<_> =
            self.fields.iter().filter(|field| !is_set(field)).cloned().collect();
        for (name, values) in set {
            for value in values.as_ref() {
                fields.push(FieldSpan { name: put(name), value: put(value.as_ref().trim()) });
            }
        }
        Self { buffer: buffer.freeze(), fields, ..self.clone() }
    }

    /// The value of the first field of this name, in any case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.field_span(name).map(|value| self.bytes(value))
    }
}

/// The body of a request, wherever it comes from.
#[derive(Debug, Default)]
pub enum RequestBody {
    /// None was sent.
    #[default]
    Empty,
    /// It is still in the connection: reading it reads from the client, with backpressure.
    Upload(UploadBody),
    /// The same, on a stream of HTTP/2.
    Stream(Box<StreamBody>),
    /// Held in memory, so that it can be sent more than once.
    Held(Bytes),
    /// The same, for one of several calls: each backend gets a copy, of which it is not told the length.
    Copied(Bytes),
    /// No more than so many bytes of another.
    Bounded(Box<Bounded>),
    /// Another, unpacked.
    Unzipped(Box<Unzipped>),
}

/// Why a request body ended early.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The client broke off, or broke the framing (http-edge §1.2).
    #[error("the client's body broke off or is malformed")]
    Broken,
    /// No byte came for too long.
    #[error("the client stopped sending its body")]
    TooSlow,
    /// More than the configured bound.
    #[error("the client's body is too large")]
    TooLarge,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Upload(upload) => Pin::new(upload).poll_frame(context),
            Self::Stream(stream) => Pin::new(&mut **stream).poll_frame(context),
            Self::Bounded(body) => Pin::new(&mut **body).poll_frame(context),
            Self::Unzipped(body) => Pin::new(&mut **body).poll_frame(context),
            held @ (Self::Held(_) | Self::Copied(_)) => match std::mem::take(held) {
                Self::Held(bytes) | Self::Copied(bytes) if !bytes.is_empty() => {
                    Poll::Ready(Some(Ok(Frame::data(bytes))))
                },
                _ => Poll::Ready(None),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Upload(upload) => upload.is_end_stream(),
            Self::Stream(stream) => stream.is_end_stream(),
            Self::Bounded(body) => body.is_end_stream(),
            Self::Unzipped(body) => body.is_end_stream(),
            Self::Held(bytes) => bytes.is_empty(),
            // Go does not know of a copy that it is empty, and announces a body.
            Self::Copied(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Upload(upload) => upload.size_hint(),
            Self::Stream(stream) => stream.size_hint(),
            Self::Bounded(body) => body.size_hint(),
            Self::Unzipped(body) => body.size_hint(),
            Self::Held(bytes) | Self::Copied(bytes) => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}

/// What the client gets. The connection adds `Date`, the framing and `Connection`.
#[derive(Debug)]
pub struct Response {
    /// Any status from 200 to 599.
    pub status: StatusCode,
    /// Field lines that were written at start (`X-Krakend: …\r\n`), already in wire form.
    pub lines: Bytes,
    /// Further fields; names leave in Go's canonical case. Never framing or hop-by-hop fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: ResponseBody,
}

/// The body of a response.
#[derive(Debug)]
pub enum ResponseBody {
    /// Complete and in memory (possibly empty).
    Full(Bytes),
    /// Streams from a backend with backpressure; trailers pass.
    Stream(AnswerBody),
    /// From the disk, in pieces as the client takes them.
    File(Box<FileBody>),
    /// One of those two, packed for a client that takes gzip.
    Packed(Box<Packed>),
    /// None: the protocol is switched (101), and the connection becomes this tunnel.
    Tunnel(Box<Opening>),
}

impl Response {
    /// A response without fields and with this body.
    #[must_use]
    pub fn new(status: StatusCode, body: Bytes) -> Self {
        let body = ResponseBody::Full(body);
        Self { status, lines: Bytes::new(), headers: HeaderMap::new(), body }
    }
}
