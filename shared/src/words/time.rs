//! One clock for all processes of an instance.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A moment on `CLOCK_MONOTONIC`: the same in supervisor and workers, so deadlines can travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Monotonic {
    nanos: u64,
}

impl Monotonic {
    /// Reads the clock.
    #[must_use]
    pub fn now() -> Self {
        // The clock exists on every Linux; a kernel without it would be a broken invariant.
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
        Self { nanos: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX) }
    }

    /// The moment that lies `nanos` after the clock's zero.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self { nanos }
    }

    /// Nanoseconds since the clock's zero.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.nanos
    }

    /// This moment plus `wait`; saturates at the end of time.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        let wait = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        Self { nanos: self.nanos.saturating_add(wait) }
    }

    /// How long after `earlier` this moment is; zero if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_forward_and_differences_never_underflow() {
        let first = Monotonic::now();
        let second = Monotonic::now();
        assert!(second >= first);
        assert_eq!(first.since(second.after(Duration::from_secs(1))), Duration::ZERO);
        assert_eq!(first.after(Duration::MAX).as_nanos(), u64::MAX);
    }
}
