//! A request body that is still in the connection: whoever reads it reads from the client's socket,
//! so a backend that does not take bytes slows the client down. Nothing is held.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::wire::{Part, Wire};
use crate::message::UploadError;

/// See the module.
#[derive(Debug)]
pub struct UploadBody {
    wire: Rc<Wire>,
    ended: bool,
    /// Runs while the client is waited for; made at the first wait.
    stall: Option<Pin<Box<Sleep>>>,
}

impl UploadBody {
    pub(crate) const fn new(wire: Rc<Wire>) -> Self {
        Self { wire, ended: false, stall: None }
    }

    /// Ready when the client has been waited for too long.
    fn poll_stall(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let limit = self.wire.limits.upload_idle;
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        stall.as_mut().poll(context)
    }
}

impl Drop for UploadBody {
    fn drop(&mut self) {
        self.wire.reader_left();
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let part = match this.wire.poll_body(context) {
            Poll::Ready(part) => part,
            Poll::Pending => {
                ready!(this.poll_stall(context));
                this.ended = true;
                return Poll::Ready(Some(Err(this.wire.give_body_up())));
            },
        };
        this.stall = None;
        match part {
            Ok(Part::Data(bytes)) => {
                // The end is known with the last byte: nobody needs to ask again.
                this.ended = this.wire.body_left() == Some(0);
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            },
            Ok(Part::End(trailers)) => {
                this.ended = true;
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            },
            Err(error) => {
                this.ended = true;
                Poll::Ready(Some(Err(error)))
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        match self.wire.body_left() {
            Some(left) if !self.ended => SizeHint::with_exact(left),
            Some(_) => SizeHint::with_exact(0),
            None => SizeHint::default(),
        }
    }
}
