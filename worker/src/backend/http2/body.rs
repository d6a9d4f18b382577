//! The body of an answer on a stream: its window opens as the client takes what came.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http_body::Frame;
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep};

use super::mux::Place;
use crate::backend::link::{BodyLost, Bound};

/// See the module. Dropped before its end, it resets the stream.
#[derive(Debug)]
pub(crate) struct Stream {
    body: RecvStream,
    /// What the head announced and has not come yet.
    left: Option<u64>,
    /// The last piece: its room in the windows is given back when the next is asked for.
    held: usize,
    is_done: bool,
    timer: Pin<Box<Sleep>>,
    /// The request's body, where the answer came first.
    _upload: Option<Task>,
    place: Place,
}

/// A task that ends with whoever has this.
#[derive(Debug)]
pub(super) struct Task(pub(super) AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Stream {
    pub(super) fn new(
        body: RecvStream,
        left: Option<u64>,
        timer: Pin<Box<Sleep>>,
        upload: Option<Task>,
        place: Place,
    ) -> Self {
        let mut stream =
            Self { body, left, held: 0, is_done: false, timer, _upload: upload, place };
        stream.note_end();
        stream
    }

    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
    }

    pub(crate) const fn is_end_stream(&self) -> bool {
        self.is_done
    }

    pub(crate) const fn left_bytes(&self) -> Option<u64> {
        if self.is_done { Some(0) } else { self.left }
    }

    /// The next piece; `None` at the end.
    pub(crate) fn poll_frame(
        &mut self,
        bound: Bound,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyLost>>> {
        if let Poll::Ready(piece) = self.poll_piece(context) {
            return Poll::Ready(piece);
        }
        match bound {
            Bound::Deadline => {
                ready!(self.timer.as_mut().poll(context));
                Poll::Ready(Some(Err(BodyLost::Late)))
            },
            Bound::None => Poll::Pending,
        }
    }

    fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyLost>>> {
        self.give_room();
        loop {
            if self.is_done {
                return Poll::Ready(None);
            }
            match ready!(self.body.poll_data(context)) {
                Some(Ok(data)) if data.is_empty() => self.note_end(),
                Some(Ok(data)) => return Poll::Ready(Some(Ok(self.take(data)))),
                Some(Err(_why)) => return Poll::Ready(Some(Err(BodyLost::Broken))),
                None => break,
            }
        }
        let trailers = ready!(self.body.poll_trailers(context));
        self.end();
        Poll::Ready(match trailers {
            Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
            Err(_why) => Some(Err(BodyLost::Broken)),
        })
    }

    fn take(&mut self, data: Bytes) -> Frame<Bytes> {
        self.held = data.len();
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(data.len() as u64);
        }
        self.note_end();
        Frame::data(data)
    }

    fn note_end(&mut self) {
        if self.body.is_end_stream() {
            self.end();
        }
    }

    fn end(&mut self) {
        self.give_room();
        self.is_done = true;
        self.place.complete();
    }

    fn give_room(&mut self) {
        let held = std::mem::take(&mut self.held);
        if held > 0 {
            // Never more than came: it cannot be too much.
            drop(self.body.flow_control().release_capacity(held));
        }
    }
}
