//! A backend's answer: its head, checked, and its body, which streams.
//!
//! What is said here of framing holds before anything of an answer is used: one framing or none, no protocol
//! switched, nothing hop-by-hop passed on (RFC 9110 §7.6.1). The connection goes back to its pool when the
//! body is complete, and only then.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, HeaderName, PRAGMA, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::cache::Keep;
use super::failure::CallError;
use super::gunzip::Gunzip;
use super::link::{BodyLost, Bound, Link};
use super::pool::Pool;
use super::request::FORBIDDEN_TRAILERS;
use crate::plan::{Host, HostId, Plan};

/// The head of an answer and the body behind it.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Never informational.
    pub(crate) status: StatusCode,
    /// Without framing and hop-by-hop fields.
    pub(crate) headers: HeaderMap,
    /// What follows.
    pub(crate) body: AnswerBody,
    /// What was called for it.
    pub(crate) called: Called,
}

/// What an answer is the answer of; shown in messages only.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) host: CalledHost,
    pub(crate) uri: Uri,
}

/// A host of the plan, or one that a redirect named.
#[derive(Debug)]
pub(crate) enum CalledHost {
    Plan(HostId),
    Other(Box<Host>),
}

impl Called {
    pub(crate) fn new(host: &Host, uri: Uri) -> Self {
        let place = host.id.filter(|id| !id.is_found());
        let host =
            place.map_or_else(|| CalledHost::Other(Box::new(host.clone())), CalledHost::Plan);
        Self { host, uri }
    }

    pub(crate) fn host<'a>(&'a self, plan: &'a Plan) -> Option<&'a Host> {
        match &self.host {
            CalledHost::Plan(host) => plan.host(*host),
            CalledHost::Other(host) => Some(host),
        }
    }

    /// The whole URL.
    pub(crate) fn url(&self, plan: &Plan) -> String {
        self.host(plan).map_or_else(String::new, |host| format!("{host}{}", self.uri))
    }
}

/// The body of a backend's answer, streamed. Dropped before its end, it closes the backend connection.
#[derive(Debug)]
pub struct AnswerBody {
    /// Read already, and first to go out.
    held: Option<Ahead>,
    /// The same, and next to go out.
    behind: Option<Ahead>,
    source: Option<Source>,
    gunzip: Option<Box<Gunzip>>,
    /// Who wants a copy of it once it is complete.
    keep: Option<Box<Keep>>,
    bound: Bound,
}

type Piece = Result<Frame<Bytes>, AnswerError>;

/// A piece that was read ahead. What is rare is in a box: bodies are moved with their answers.
#[derive(Debug)]
enum Ahead {
    Data(Bytes),
    Other(Box<Piece>),
}

impl From<Piece> for Ahead {
    fn from(piece: Piece) -> Self {
        match piece.map(Frame::into_data) {
            Ok(Ok(data)) => Self::Data(data),
            Ok(Err(other)) => Self::Other(Box::new(Ok(other))),
            Err(error) => Self::Other(Box::new(Err(error))),
        }
    }
}

impl From<Ahead> for Piece {
    fn from(ahead: Ahead) -> Self {
        match ahead {
            Ahead::Data(data) => Ok(Frame::data(data)),
            Ahead::Other(piece) => *piece,
        }
    }
}

/// Where the rest comes from.
#[derive(Debug)]
struct Source {
    body: Incoming,
    link: Box<Link>,
    /// Whose connection it is, if it may be kept.
    home: Option<(Rc<Pool>, HostId)>,
}

/// Why an answer's body ended early.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The backend broke off, or its framing did.
    #[error("unexpected EOF")]
    Cut,
    /// The endpoint's `timeout` passed.
    #[error("context deadline exceeded")]
    Late,
    /// It is no gzip although the backend says so.
    #[error("gzip: invalid header")]
    Gzip,
    /// Its gzip has no end, or the end's checksum is another.
    #[error("unexpected EOF")]
    GzipEnd,
}

impl Answer {
    /// Checks the head that came over `link`.
    pub(crate) fn check(
        answer: http::Response<Incoming>,
        link: Box<Link>,
        home: Option<(Rc<Pool>, HostId)>,
        called: Called,
    ) -> Result<Self, CallError> {
        let (head, body) = answer.into_parts();
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(CallError::Upgrade);
        }
        let mut headers = head.headers;
        let found = hop_by_hop(&headers);
        if found.contains(&TRANSFER_ENCODING) {
            check_framing(&headers)?;
        }
        strip(&mut headers, &found);
        read_pragma(&mut headers);
        let source = Some(Source { body, link, home });
        let body = AnswerBody { source, ..AnswerBody::held(Bytes::new()) };
        Ok(Self { status: head.status, headers, body, called })
    }
}

/// Exactly one framing, and of transfer codings only `chunked`: anything else can be read in two ways.
fn check_framing(headers: &HeaderMap) -> Result<(), CallError> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    let plain = coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    if !plain || codings.next().is_some() || headers.contains_key(CONTENT_LENGTH) {
        return Err(CallError::Ambiguous);
    }
    Ok(())
}

/// Go reads the old word as the new one (RFC 9111 §5.4).
fn read_pragma(headers: &mut HeaderMap) {
    if headers.get(PRAGMA).is_some_and(|pragma| pragma == "no-cache")
        && !headers.contains_key(CACHE_CONTROL)
    {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const PROXY_AUTHENTICATE: HeaderName = HeaderName::from_static("proxy-authenticate");
const PROXY_AUTHORIZATION: HeaderName = HeaderName::from_static("proxy-authorization");

/// The connection to the client writes its own framing.
static HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    UPGRADE,
];

/// Names of a head, few of them.
type Names = SmallVec<[HeaderName; 4]>;

/// The fields that end here. One look at each name: most answers have two of them.
fn hop_by_hop(headers: &HeaderMap) -> Names {
    let is_one = |name: &&HeaderName| begins_like_one(name) && HOP_BY_HOP.contains(name);
    headers.keys().filter(is_one).cloned().collect()
}

/// Takes out `found`, and what `Connection` names.
fn strip(headers: &mut HeaderMap, found: &Names) {
    if found.contains(&CONNECTION) && headers.get_all(CONNECTION).iter().any(names_more) {
        for name in named(headers) {
            headers.remove(name);
        }
    }
    for name in found {
        headers.remove(name);
    }
}

/// The letters that [`HOP_BY_HOP`] begins with: most names are told apart by the first.
fn begins_like_one(name: &HeaderName) -> bool {
    matches!(name.as_str().as_bytes().first(), Some(b'c' | b't' | b'k' | b'p' | b'u'))
}

fn names_more(connection: &HeaderValue) -> bool {
    let value = connection.as_bytes();
    !value.eq_ignore_ascii_case(b"keep-alive") && !value.eq_ignore_ascii_case(b"close")
}

/// The fields that `Connection` names.
fn named(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(CONNECTION).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect()
}

impl AnswerBody {
    /// A body that is here as a whole.
    pub(crate) fn held(bytes: Bytes) -> Self {
        let held = Some(bytes).filter(|bytes| !bytes.is_empty()).map(Ahead::Data);
        let (behind, source, gunzip, keep) = (None, None, None, None);
        Self { held, behind, source, gunzip, keep, bound: Bound::Deadline }
    }

    /// A copy is kept of what is not read yet, if it is read to its end.
    pub(crate) fn keep(&mut self, keep: Keep) {
        self.keep = Some(Box::new(keep));
    }

    /// Nobody will read it to its end.
    pub(crate) fn keep_no_more(&mut self) {
        self.keep = None;
    }

    /// From here on the body is decoded; its length is no longer known.
    pub(crate) fn gunzip(&mut self) {
        self.gunzip = Some(Box::default());
    }

    /// Fails after `deadline`, if there is one, in place of the exchange's.
    pub(crate) fn stream_until(&mut self, deadline: Option<Instant>) {
        match (deadline, &mut self.source) {
            (Some(deadline), Some(source)) => source.link.set_deadline(deadline),
            (Some(_), None) => {},
            (None, _) => self.bound = Bound::None,
        }
    }

    /// The whole body, if it is here already, as most small ones are.
    ///
    /// Nobody is woken for it: a connection that goes back to its pool from here would remember whom, and wake
    /// that task for the next request of somebody else.
    pub(crate) fn take_if_here(&mut self) -> Option<Bytes> {
        let context = &mut Context::from_waker(Waker::noop());
        if self.is_end_stream() {
            // Nothing follows the head: all that is left is to let the connection notice.
            if let Some(source) = &mut self.source {
                source.link.is_idle(context);
            }
            self.end();
            self.store_kept();
            return Some(Bytes::new());
        }
        self.look(context);
        if self.source.is_some() || self.behind.is_some() {
            return None;
        }
        match self.held.take() {
            None => Some(Bytes::new()),
            Some(Ahead::Data(data)) => Some(data),
            other @ Some(Ahead::Other(_)) => {
                self.held = other;
                None
            },
        }
    }

    /// The first bytes of the body, once they are here; `None` if there are none.
    pub(crate) fn poll_peek(&mut self, context: &mut Context<'_>) -> Poll<Option<&[u8]>> {
        self.look(context);
        match &self.held {
            Some(Ahead::Data(data)) => Poll::Ready(Some(data)),
            // Whoever streams the body finds the error.
            Some(Ahead::Other(_)) => Poll::Ready(None),
            None if self.source.is_none() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// Reads a piece ahead, and one more where only that shows whether it was the last.
    fn look(&mut self, context: &mut Context<'_>) {
        if self.held.is_none() {
            self.held = self.poll_next(context);
        }
        if self.held.is_some() && self.behind.is_none() {
            self.behind = self.poll_next(context);
        }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Option<Ahead> {
        match self.poll_decoded(context) {
            Poll::Ready(piece) => piece.map(Ahead::from),
            Poll::Pending => None,
        }
    }

    fn poll_decoded(&mut self, context: &mut Context<'_>) -> Poll<Option<Piece>> {
        let piece = self.poll_gunzipped(context);
        if let Some(keep) = &mut self.keep {
            let goes_on = match &piece {
                Poll::Ready(Some(Ok(frame))) => frame.data_ref().is_none_or(|data| keep.add(data)),
                Poll::Ready(Some(Err(_))) => false,
                Poll::Ready(None) | Poll::Pending => true,
            };
            if !goes_on {
                self.keep = None;
            } else if self.is_read() {
                self.store_kept();
            }
        }
        piece
    }

    /// Whether nothing follows what was read.
    fn is_read(&self) -> bool {
        self.source.is_none() && self.gunzip.as_ref().is_none_or(|gunzip| gunzip.is_done())
    }

    fn store_kept(&mut self) {
        if let Some(keep) = self.keep.take() {
            keep.store();
        }
    }

    fn poll_gunzipped(&mut self, context: &mut Context<'_>) -> Poll<Option<Piece>> {
        let Some(mut gunzip) = self.gunzip.take() else { return self.poll_source(context) };
        let decoded = gunzip.poll_frame(|| self.poll_source(context));
        self.gunzip = Some(gunzip);
        decoded
    }

    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Option<Piece>> {
        let Some(Source { body, link, .. }) = &mut self.source else { return Poll::Ready(None) };
        let piece = match ready!(link.poll_body(body, self.bound, context)) {
            Some(Ok(piece)) => {
                if body.is_end_stream() {
                    self.end();
                }
                return Poll::Ready(Some(Ok(filtered(piece))));
            },
            Some(Err(BodyLost::Late)) => Err(AnswerError::Late),
            Some(Err(BodyLost::Broken)) => Err(AnswerError::Cut),
            // The length that was announced did not come.
            None if body.size_hint().lower() > 0 => Err(AnswerError::Cut),
            None => {
                self.end();
                return Poll::Ready(None);
            },
        };
        self.source = None;
        Poll::Ready(Some(piece))
    }

    /// The body is complete: its connection may serve the next request.
    fn end(&mut self) {
        if let Some(Source { link, home: Some((pool, host)), .. }) = self.source.take() {
            pool.give(host, link);
        }
    }
}

/// Trailers pass but those that would decide about the message in front of them (RFC 9110 §6.5.1).
fn filtered(piece: Frame<Bytes>) -> Frame<Bytes> {
    match piece.into_trailers() {
        Ok(mut trailers) => {
            for name in &FORBIDDEN_TRAILERS {
                trailers.remove(name);
            }
            let found = hop_by_hop(&trailers);
            strip(&mut trailers, &found);
            Frame::trailers(trailers)
        },
        Err(data) => data,
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = AnswerError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerError>>> {
        let this = self.get_mut();
        match this.held.take() {
            Some(piece) => {
                this.held = this.behind.take();
                Poll::Ready(Some(piece.into()))
            },
            None => this.poll_decoded(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        let read = self.source.as_ref().is_none_or(|source| source.body.is_end_stream());
        self.held.is_none() && read && self.gunzip.as_ref().is_none_or(|gunzip| gunzip.is_done())
    }

    fn size_hint(&self) -> SizeHint {
        if self.gunzip.is_some() {
            return SizeHint::default();
        }
        let mut held = 0;
        for ahead in self.held.iter().chain(&self.behind) {
            match ahead {
                Ahead::Data(data) => held += data.len(),
                // A length would make whole what was cut, or leave no room for trailers.
                Ahead::Other(_) => return SizeHint::default(),
            }
        }
        let left = self.source.as_ref().map_or(Some(0), |source| source.body.size_hint().exact());
        left.map_or_else(SizeHint::default, |left| SizeHint::with_exact(left + held as u64))
    }
}
