//! Exchanges that nobody wants any more.
//!
//! Servers end connections whose streams are reset in numbers, with all that others have on them: a client that opens
//! and leaves many streams would have everybody's answers cut. So few streams are reset at once; the others are let to
//! their end, or until they may be reset.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::body::Answering;
use super::send::Asking;

/// So many at once: the bounds of servers begin at twenty (the library's own), or at two hundred in half a minute (Netty).
const RESETS_AT_ONCE: u32 = 10;
const RESET_EVERY: Duration = Duration::from_millis(200);
/// What of an answer is read for nobody; of what is larger the rest waits to be reset.
const UNWANTED_BYTES_MAX: usize = 64 << 10;

/// An exchange that was begun.
#[derive(Debug)]
pub(super) enum Begun {
    Asked(Box<Asking>),
    Answered(Box<Answering>),
}

/// What becomes of them on one connection.
#[derive(Debug)]
pub(super) struct Parting {
    /// Those that its driver has not taken yet; none: the connection has ended.
    left: RefCell<Option<Vec<Begun>>>,
    news: Notify,
    /// How many may be reset now, as of this time.
    resets: Cell<u32>,
    counted: Cell<Instant>,
}

impl Parting {
    pub(super) fn new() -> Self {
        let (resets, counted) = (Cell::new(RESETS_AT_ONCE), Cell::new(Instant::now()));
        Self { left: RefCell::new(Some(Vec::new())), news: Notify::new(), resets, counted }
    }

    /// Nobody wants it: it is reset, or left to the driver of its connection.
    pub(super) fn leave(&self, begun: Begun) {
        if self.may_reset() {
            return; // its drop does
        }
        if let Some(left) = &mut *self.left.borrow_mut() {
            left.push(begun);
            self.news.notify_one();
        }
    }

    /// Counts a reset, if there may be one.
    fn may_reset(&self) -> bool {
        let earned = self.counted.get().elapsed().as_millis() / RESET_EVERY.as_millis();
        let earned = u32::try_from(earned).unwrap_or(RESETS_AT_ONCE).min(RESETS_AT_ONCE);
        if earned > 0 {
            self.resets.set(RESETS_AT_ONCE.min(self.resets.get() + earned));
            self.counted.set(Instant::now());
        }
        let may = self.resets.get() > 0;
        self.resets.set(self.resets.get().saturating_sub(1));
        may
    }

    /// Sees to those that are left. Never ends.
    pub(super) async fn attend(&self) {
        let mut lingering = FuturesUnordered::<LocalBoxFuture<'_, ()>>::new();
        loop {
            tokio::select! {
                () = self.news.notified() => {},
                Some(()) = lingering.next(), if !lingering.is_empty() => {},
            }
            let left = self.left.borrow_mut().as_mut().map(std::mem::take);
            lingering.extend(left.into_iter().flatten().map(|begun| self.linger(begun)));
        }
    }

    fn linger(&self, begun: Begun) -> LocalBoxFuture<'_, ()> {
        Box::pin(async move {
            let mut finished = pin!(begun.finish());
            loop {
                tokio::select! {
                    biased;
                    () = &mut finished => return,
                    () = sleep(RESET_EVERY) => if self.may_reset() { return },
                }
            }
        })
    }
}

impl Begun {
    /// Until the backend has said all, if that is not much. Dropped before, it resets the stream.
    async fn finish(self) {
        let mut answering = match self {
            Self::Answered(answering) => answering,
            Self::Asked(asking) => match asking.finish().await {
                Some(answering) => answering,
                None => return,
            },
        };
        let mut bytes = 0;
        while let Some(Ok(frame)) = poll_fn(|context| answering.poll_piece(context)).await {
            bytes += frame.data_ref().map_or(0, Bytes::len);
            if bytes > UNWANTED_BYTES_MAX {
                pending::<()>().await;
            }
        }
    }
}

/// Tells those who leave something that its connection has ended, however it did.
#[derive(Debug)]
pub(super) struct Attended(pub(super) Rc<Parting>);

impl Drop for Attended {
    fn drop(&mut self) {
        drop(self.0.left.borrow_mut().take());
    }
}
