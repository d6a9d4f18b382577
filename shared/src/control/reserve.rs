//! Descriptors that a process keeps back, so that it can be spoken to when it has none left.
//!
//! The kernel delivers a message to a process at its limit without the descriptors that belong to
//! it, and they are lost. A worker in that state must still hear to whom it shall give its
//! connections.

use std::os::fd::{AsFd, OwnedFd};

/// What one message may bring, and some more: between letting go and receiving another thread may
/// be faster.
const SPARE: usize = 4;

/// A few descriptors that stand for nothing.
#[derive(Debug)]
pub struct Reserve {
    spare: Vec<OwnedFd>,
}

impl Reserve {
    /// Copies of `any` open descriptor, as far as there is room.
    #[must_use]
    pub fn of(any: impl AsFd) -> Self {
        let mut reserve = Self { spare: Vec::with_capacity(SPARE) };
        reserve.refill(any);
        reserve
    }

    /// Makes room for what comes now.
    pub(super) fn let_go(&mut self) {
        self.spare.clear();
    }

    /// What cannot be had now is tried again the next time.
    pub(super) fn refill(&mut self, any: impl AsFd) {
        while self.spare.len() < SPARE
            && let Ok(copy) = any.as_fd().try_clone_to_owned()
        {
            self.spare.push(copy);
        }
    }
}
