//! A request body that is still on its way: windows open as it is read, so a backend that does not
//! take bytes slows the client down.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::io::Line;
use crate::connection::EdgeLimits;
use crate::message::UploadError;

/// See the module.
#[derive(Debug)]
pub struct StreamBody {
    stream: RecvStream,
    /// What the head announced and has not come yet.
    announced_left: Option<u64>,
    bytes: u64,
    bytes_max: Option<u64>,
    /// The last piece: its room in the windows is given back when the next is asked for.
    held: usize,
    part: Part,
    line: Rc<Line>,
    /// Told when the client has said all.
    heard: Rc<Cell<bool>>,
    idle_max: Duration,
    /// Runs while the client is waited for; made at the first wait.
    stall: Option<Pin<Box<Sleep>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Data,
    Trailers,
    Done,
}

impl StreamBody {
    pub(super) fn new(
        stream: RecvStream,
        announced: Option<u64>,
        (line, heard): (Rc<Line>, Rc<Cell<bool>>),
        limits: &EdgeLimits,
    ) -> Self {
        Self {
            stream,
            announced_left: announced,
            bytes: 0,
            bytes_max: limits.body_bytes,
            held: 0,
            part: Part::Data,
            line,
            heard,
            idle_max: limits.upload_idle,
            stall: None,
        }
    }

    fn poll_part(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        self.give_room();
        while self.part == Part::Data {
            match ready!(self.stream.poll_data(context)) {
                Some(Ok(data)) if data.is_empty() => {},
                Some(Ok(data)) => return Poll::Ready(Some(self.take(data))),
                Some(Err(_)) => return Poll::Ready(Some(self.fail(UploadError::Broken))),
                None => self.part = Part::Trailers,
            }
        }
        if self.part == Part::Done {
            return Poll::Ready(None);
        }
        let trailers = ready!(self.stream.poll_trailers(context));
        self.part = Part::Done;
        self.heard.set(true);
        Poll::Ready(match trailers {
            Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
            Err(_) => Some(Err(UploadError::Broken)),
        })
    }

    fn take(&mut self, data: Bytes) -> Result<Frame<Bytes>, UploadError> {
        self.held = data.len();
        self.bytes += data.len() as u64;
        if self.bytes_max.is_some_and(|most| self.bytes > most) {
            return self.fail(UploadError::TooLarge);
        }
        if let Some(left) = &mut self.announced_left {
            *left = left.saturating_sub(data.len() as u64);
        }
        if self.stream.is_end_stream() {
            // The end is known with the last byte: nobody needs to ask again.
            self.give_room();
            self.part = Part::Done;
            self.heard.set(true);
        }
        Ok(Frame::data(data))
    }

    fn fail<T>(&mut self, error: UploadError) -> Result<T, UploadError> {
        self.part = Part::Done;
        Err(error)
    }

    fn give_room(&mut self) {
        let held = std::mem::take(&mut self.held);
        if held > 0 {
            self.line.read_bytes.set(self.line.read_bytes.get() + held as u64);
            // Never more than came: it cannot be too much.
            drop(self.stream.flow_control().release_capacity(held));
        }
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let this = self.get_mut();
        if let Poll::Ready(part) = this.poll_part(context) {
            this.stall = None;
            return Poll::Ready(part);
        }
        let idle_max = this.idle_max;
        let stall = this.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle_max)));
        ready!(stall.as_mut().poll(context));
        Poll::Ready(Some(this.fail(UploadError::TooSlow)))
    }

    fn is_end_stream(&self) -> bool {
        self.part == Part::Done
    }

    fn size_hint(&self) -> SizeHint {
        match self.announced_left {
            _ if self.part == Part::Done => SizeHint::with_exact(0),
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }
}
