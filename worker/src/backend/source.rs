//! Where the body of an answer comes from: a connection of its own, or a stream beside others.

use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::http2::Stream;
use super::link::{BodyLost, Bound, Link};
use super::pool::Pool;
use crate::plan::HostId;

/// Where a connection goes that may be kept.
pub(super) type Home = Option<(Rc<Pool>, HostId)>;

/// See the module. Dropped before its end, it cuts its exchange.
#[derive(Debug)]
pub(super) enum Source {
    Http1 { body: Incoming, link: Box<Link>, home: Home },
    Http2(Stream),
}

impl Source {
    /// From now on [`Self::poll_frame`] fails after `deadline`.
    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        match self {
            Self::Http1 { link, .. } => link.set_deadline(deadline),
            Self::Http2(stream) => stream.set_deadline(deadline),
        }
    }

    /// The next piece of the body; `None` at its end.
    pub(super) fn poll_frame(
        &mut self,
        bound: Bound,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyLost>>> {
        match self {
            Self::Http1 { body, link, .. } => link.poll_body(body, bound, context),
            Self::Http2(stream) => stream.poll_frame(bound, context),
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1 { body, .. } => body.is_end_stream(),
            Self::Http2(stream) => stream.is_end_stream(),
        }
    }

    /// What is still to come, where that is known.
    pub(super) fn left_bytes(&self) -> Option<u64> {
        match self {
            Self::Http1 { body, .. } => body.size_hint().exact(),
            Self::Http2(stream) => stream.left_bytes(),
        }
    }

    /// Nothing follows the head: all that is left is to let the connection notice.
    pub(super) fn settle(&mut self, context: &mut Context<'_>) {
        if let Self::Http1 { link, .. } = self {
            link.is_idle(context);
        }
    }

    /// The body is complete: its connection may serve the next request.
    pub(super) fn end(self) {
        match self {
            Self::Http1 { link, home: Some((pool, host)), .. } => pool.give(host, link),
            Self::Http1 { home: None, .. } | Self::Http2(_) => {},
        }
    }
}
