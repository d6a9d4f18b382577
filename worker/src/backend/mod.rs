//! One call to a backend: balance → request → exchange.

pub mod query;

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};

/// The body of a backend's answer, streamed.
#[derive(Debug)]
pub struct AnswerBody {}

/// Why an answer's body ended early.
#[derive(Debug, thiserror::Error)]
#[error("the backend's answer broke off")]
pub struct AnswerError;

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = AnswerError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerError>>> {
        Poll::Ready(None)
    }
}
