//! The body of a backend's answer: it streams, is unpacked, and copied for a cache on its way.
//!
//! The connection goes back to its pool when the body is complete, and only then.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::answer::{hop_by_hop, strip};
use super::cache::Keep;
use super::gunzip::Gunzip;
use super::hop::FORBIDDEN_TRAILERS;
use super::link::{BodyLost, Bound};
use super::source::Source;

/// The body of a backend's answer, streamed. Dropped before its end, it closes the backend connection.
#[derive(Debug)]
pub struct AnswerBody {
    /// Read already, and first to go out.
    held: Option<Ahead>,
    /// The same, and next to go out.
    behind: Option<Ahead>,
    /// Where the rest comes from.
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

impl AnswerBody {
    /// A body that is here as a whole.
    pub(crate) fn held(bytes: Bytes) -> Self {
        let held = Some(bytes).filter(|bytes| !bytes.is_empty()).map(Ahead::Data);
        let (behind, source, gunzip, keep) = (None, None, None, None);
        Self { held, behind, source, gunzip, keep, bound: Bound::Deadline }
    }

    /// A body that is still to come.
    pub(super) fn streamed(source: Source) -> Self {
        Self { source: Some(source), ..Self::held(Bytes::new()) }
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
            (Some(deadline), Some(source)) => source.set_deadline(deadline),
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
            if let Some(source) = &mut self.source {
                source.settle(context);
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
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        let piece = match ready!(source.poll_frame(self.bound, context)) {
            Some(Ok(piece)) => {
                if source.is_end_stream() {
                    self.end();
                }
                return Poll::Ready(Some(Ok(filtered(piece))));
            },
            Some(Err(BodyLost::Late)) => Err(AnswerError::Late),
            Some(Err(BodyLost::Broken)) => Err(AnswerError::Cut),
            // The length that was announced did not come.
            None if source.left_bytes().is_some_and(|left| left > 0) => Err(AnswerError::Cut),
            None => {
                self.end();
                return Poll::Ready(None);
            },
        };
        self.source = None;
        Poll::Ready(Some(piece))
    }

    fn end(&mut self) {
        if let Some(source) = self.source.take() {
            source.end();
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
        let read = self.source.as_ref().is_none_or(Source::is_end_stream);
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
        let left = self.source.as_ref().map_or(Some(0), Source::left_bytes);
        left.map_or_else(SizeHint::default, |left| SizeHint::with_exact(left + held as u64))
    }
}
