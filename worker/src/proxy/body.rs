//! The client's body for the calls of an endpoint.
//!
//! One call gets the stream itself. For several the body is held, and each gets a copy.
//! KrakenD: calls that only read share one reader, which one of them gets at random; here each has a copy.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http::Method;
use http_body::Body as _;
use tokio::time::{Instant, timeout_at};

use crate::backend::Failure;
use crate::message::{RequestBody, UploadError};
use crate::plan::BodyUse;

/// The largest request body that is held in memory.
const HELD_BYTES_MAX: usize = 64 << 20;
/// What bodies that are held for several calls may take on one thread.
const THREAD_BYTES_MAX: usize = 256 << 20;

/// The client's body, for one call or for several.
#[derive(Debug)]
pub(super) enum CallBody {
    /// It streams.
    Stream(RequestBody),
    /// It is held.
    Copy(Bytes),
}

impl CallBody {
    /// Holds the body where that is asked for, at most until `deadline` and as long as `share` lives.
    pub(super) async fn new(
        body: RequestBody,
        body_use: BodyUse,
        share: &mut Share<'_>,
        deadline: Instant,
    ) -> Result<Self, Failure> {
        match body_use {
            BodyUse::Stream => Ok(Self::Stream(body)),
            BodyUse::Copy if body.is_end_stream() => Ok(Self::Copy(Bytes::new())),
            BodyUse::Copy => {
                let held = collect(body, |bytes| share.grow(bytes));
                let held = Box::pin(timeout_at(deadline, held));
                held.await.map_or(Err(Failure::Late), |held| held.map(Self::Copy))
            },
        }
    }

    /// One more copy; a stream is handed over to the first who asks.
    pub(super) fn copy(&mut self) -> Self {
        match self {
            Self::Stream(body) => Self::Stream(std::mem::take(body)),
            Self::Copy(bytes) => Self::Copy(bytes.clone()),
        }
    }

    /// What is held; of a stream, nothing.
    pub(super) fn into_bytes(self) -> Bytes {
        match self {
            Self::Stream(_) => Bytes::new(),
            Self::Copy(bytes) => bytes,
        }
    }

    /// What is held of it.
    pub(super) const fn held_bytes(&self) -> usize {
        match self {
            Self::Stream(_) => 0,
            Self::Copy(bytes) => bytes.len(),
        }
    }

    /// What is sent. Go looks into the body of a method that usually has none, and so finds that it is empty;
    /// for others it announces one.
    pub(super) fn send(self, method: &Method) -> RequestBody {
        match self {
            Self::Stream(body) => body,
            Self::Copy(bytes) if bytes.is_empty() && usually_lacks_body(method) => {
                RequestBody::Empty
            },
            Self::Copy(bytes) => RequestBody::Copied(bytes),
        }
    }
}

fn usually_lacks_body(method: &Method) -> bool {
    matches!(method.as_str(), "GET" | "HEAD" | "DELETE" | "OPTIONS" | "PROPFIND" | "SEARCH")
}

/// What a request takes of the memory that all bodies of a thread share.
#[derive(Debug)]
pub(crate) struct Share<'t> {
    all: &'t Cell<usize>,
    bytes: usize,
}

impl<'t> Share<'t> {
    /// Nothing yet; `all` counts what is taken.
    pub(crate) const fn new(all: &'t Cell<usize>) -> Self {
        Self { all, bytes: 0 }
    }

    /// Whether there is room for more.
    fn grow(&mut self, bytes: usize) -> bool {
        let all = self.all.get().saturating_add(bytes);
        if all > THREAD_BYTES_MAX {
            return false;
        }
        self.bytes += bytes;
        self.all.set(all);
        true
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.all.set(self.all.get() - self.bytes);
    }
}

/// A whole request body in memory, within the bound of what is held there.
pub(crate) async fn hold(body: RequestBody) -> Result<Bytes, Failure> {
    collect(body, |_bytes| true).await
}

async fn collect(
    body: RequestBody,
    mut has_room: impl FnMut(usize) -> bool,
) -> Result<Bytes, Failure> {
    let mut body = body;
    let mut whole = BytesMut::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame.map_err(Failure::Upload)?.into_data() else { continue };
        if whole.len() + data.len() > HELD_BYTES_MAX || !has_room(data.len()) {
            return Err(Failure::Upload(UploadError::TooLarge));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_a_thread_share_a_bound_and_give_it_back() {
        let all = Cell::new(0);
        let mut first = Share::new(&all);
        assert!(first.grow(THREAD_BYTES_MAX - 1));
        let mut second = Share::new(&all);
        assert!(!second.grow(2), "together they are too large");
        assert!(second.grow(1));
        drop(first);
        assert!(second.grow(2));
        drop(second);
        assert_eq!(all.get(), 0);
    }
}
