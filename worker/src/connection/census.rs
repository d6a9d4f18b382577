//! How many clients a worker holds, and how much of their unfinished heads, against what it may.
//!
//! Shared by the serving threads; touched once per connection or for large heads, never per request.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Descriptors that are never given to clients: backends, handover, logs.
const RESERVE: usize = 64;
/// Unfinished heads of all clients together.
const UNFINISHED_BYTES_MAX: usize = 64 << 20;

/// What clients of HTTP/2 may have sent of bodies before they are read, beyond the usual, together.
const WIDE_BYTES_MAX: usize = 48 << 20;

/// The counts of one worker.
#[derive(Debug)]
pub(crate) struct Census {
    clients: AtomicUsize,
    clients_max: usize,
    unfinished_bytes: AtomicUsize,
    wide_bytes: AtomicUsize,
}

impl Census {
    /// For a process that may open so many descriptors: a quarter is left to backends.
    pub(crate) fn new(descriptors_max: u64) -> Self {
        let descriptors = usize::try_from(descriptors_max).unwrap_or(usize::MAX);
        let clients_max = (descriptors / 4 * 3).saturating_sub(RESERVE).max(1);
        let [clients, unfinished_bytes, wide_bytes] = [0, 0, 0].map(AtomicUsize::new);
        Self { clients, clients_max, unfinished_bytes, wide_bytes }
    }

    /// Whether another client must wait in the listener's queue.
    pub(crate) fn is_full(&self) -> bool {
        self.clients.load(Ordering::Relaxed) >= self.clients_max
    }

    /// Whether clients, with what is done for each of them, can account for all descriptors.
    pub(crate) fn has_many(&self) -> bool {
        self.clients.load(Ordering::Relaxed) >= self.clients_max / 4
    }

    pub(crate) fn enter(&self) {
        self.clients.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.clients.fetch_sub(1, Ordering::Relaxed);
    }

    /// An unfinished head has grown, or shrunk to nothing.
    pub(crate) fn hold(&self, before_bytes: usize, now_bytes: usize) {
        if now_bytes >= before_bytes {
            self.unfinished_bytes.fetch_add(now_bytes - before_bytes, Ordering::Relaxed);
        } else {
            self.unfinished_bytes.fetch_sub(before_bytes - now_bytes, Ordering::Relaxed);
        }
    }

    /// Room for bodies of a client whose uploads flow; false: too many have it.
    pub(crate) fn widen(&self, bytes: usize) -> bool {
        let before = self.wide_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = before + bytes <= WIDE_BYTES_MAX;
        if !fits {
            self.narrow(bytes);
        }
        fits
    }

    /// That room is free again.
    pub(crate) fn narrow(&self, bytes: usize) {
        self.wide_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether unfinished heads take more memory than they may.
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.unfinished_bytes.load(Ordering::Relaxed) > UNFINISHED_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_leave_room_for_backends_and_heads_have_a_budget() {
        let census = Census::new(1024);
        for _ in 0..704 {
            assert!(!census.is_full());
            census.enter();
        }
        assert!(census.is_full());
        census.leave();
        assert!(!census.is_full());
        census.hold(0, UNFINISHED_BYTES_MAX + 1);
        assert!(census.is_overdrawn());
        census.hold(UNFINISHED_BYTES_MAX + 1, 0);
        assert!(!census.is_overdrawn());
        assert!(census.widen(WIDE_BYTES_MAX) && !census.widen(1));
        census.narrow(1);
        assert!(census.widen(1));
    }
}
