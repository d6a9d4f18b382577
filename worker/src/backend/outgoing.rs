//! A request's body on its way to a backend.

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::expect::Gate;
use super::link::Ledger;
use crate::message::{RequestBody, UploadError};

/// See the module.
#[derive(Debug)]
pub(crate) struct Outgoing {
    body: RequestBody,
    /// Told when the last of it has been handed over, or nobody wants it any more.
    told: Option<Rc<Ledger>>,
    /// What comes before it; nothing, usually.
    before: Option<Box<Before>>,
}

#[derive(Debug, Default)]
struct Before {
    /// What it waits for.
    gate: Option<Gate>,
    /// What was read of it already, for a backend that has not looked at it.
    again: VecDeque<Bytes>,
}

impl From<RequestBody> for Outgoing {
    fn from(body: RequestBody) -> Self {
        Self { body, told: None, before: None }
    }
}

impl Outgoing {
    /// It is sent behind this.
    pub(super) fn wait_for(&mut self, gate: Gate) {
        self.before.get_or_insert_default().gate = Some(gate);
    }

    pub(super) fn tell(&mut self, ledger: Rc<Ledger>) {
        self.told = Some(ledger);
    }

    /// The same from its beginning: `read` has been taken out of it.
    pub(super) fn with_again(mut self, read: VecDeque<Bytes>) -> Self {
        if !read.is_empty() {
            self.before.get_or_insert_default().again = read;
        }
        self
    }

    /// Whether there is none, so that the same can be sent once more.
    pub(crate) const fn is_empty(&self) -> bool {
        matches!(self.body, RequestBody::Empty) && self.before.is_none()
    }

    /// Ready with what comes before the body, or with nothing.
    fn poll_before(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(before) = &mut self.before else { return Poll::Ready(None) };
        if let Some(gate) = &mut before.gate {
            ready!(gate.poll(context));
            before.gate = None;
        }
        let again = before.again.pop_front();
        if before.again.is_empty() {
            self.before = None;
        }
        Poll::Ready(again)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let this = self.get_mut();
        match ready!(this.poll_before(context)) {
            Some(again) => Poll::Ready(Some(Ok(Frame::data(again)))),
            None => Pin::new(&mut this.body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.before.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let Some(before) = &self.before else { return self.body.size_hint() };
        let again: u64 = before.again.iter().map(|piece| piece.len() as u64).sum();
        let rest = self.body.size_hint();
        rest.exact().map_or_else(SizeHint::default, |rest| SizeHint::with_exact(again + rest))
    }
}

/// hyper drops a body when it has taken the last of it.
impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Some(ledger) = &self.told {
            ledger.upload_ended();
        }
    }
}
