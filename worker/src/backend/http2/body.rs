//! The body of an answer on a stream: its window opens as the client takes what came.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http_body::Frame;
use tokio::time::{Instant, Sleep};

use super::mux::Place;
use super::parting::Begun;
use crate::backend::link::{BodyLost, Bound, Task};

/// What comes of an answer, as long as somebody wants it.
#[derive(Debug)]
pub(crate) struct Stream {
    /// There until this is dropped.
    answering: Option<Box<Answering>>,
    timer: Pin<Box<Sleep>>,
}

/// The same whether or not anybody wants it.
#[derive(Debug)]
pub(super) struct Answering {
    body: RecvStream,
    /// What the head announced and has not come yet.
    left: Option<u64>,
    /// The last piece: its room in the windows is given back when the next is asked for.
    held: usize,
    is_done: bool,
    /// The request's body, where the answer came first.
    upload: Option<Task>,
    place: Place,
}

type Piece = Option<Result<Frame<Bytes>, BodyLost>>;

impl Stream {
    pub(super) const fn new(answering: Box<Answering>, timer: Pin<Box<Sleep>>) -> Self {
        Self { answering: Some(answering), timer }
    }

    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.answering.as_ref().is_none_or(|answering| answering.is_done)
    }

    pub(crate) fn left_bytes(&self) -> Option<u64> {
        let answering = self.answering.as_ref().filter(|answering| !answering.is_done);
        answering.map_or(Some(0), |answering| answering.left)
    }

    /// The next piece; `None` at the end.
    pub(crate) fn poll_frame(&mut self, bound: Bound, context: &mut Context<'_>) -> Poll<Piece> {
        let Some(answering) = &mut self.answering else { return Poll::Ready(None) };
        if let Poll::Ready(piece) = answering.poll_piece(context) {
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
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(mut answering) = self.answering.take().filter(|answering| !answering.is_done) {
            // What the client sends is its connection's.
            answering.upload = None;
            let mux = Rc::clone(&answering.place.mux);
            mux.parting.leave(Begun::Answered(answering));
        }
    }
}

impl Answering {
    pub(super) fn new(
        body: RecvStream,
        left: Option<u64>,
        upload: Option<Task>,
        place: Place,
    ) -> Self {
        let mut new = Self { body, left, held: 0, is_done: false, upload, place };
        new.note_end();
        new
    }

    pub(super) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Piece> {
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
        Poll::Ready(match trailers {
            Ok(trailers) => {
                self.end();
                trailers.map(|trailers| Ok(Frame::trailers(trailers)))
            },
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
