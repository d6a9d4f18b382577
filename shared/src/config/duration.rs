//! Go's `time.Duration`: what KrakenD's times are read into and printed as.

use std::time::Duration;

/// Nanoseconds as Go's `time.Duration`: may be negative (`timeout: "-1s"` is legal and fails at once).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration(pub i64);

impl GoDuration {
    /// This many whole seconds.
    #[must_use]
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// The duration, unless it is zero or negative.
    #[must_use]
    pub fn positive(self) -> Option<Duration> {
        u64::try_from(self.0).ok().filter(|nanos| *nanos > 0).map(Duration::from_nanos)
    }
}

/// Why a text is no duration, in the words of Go's `time.ParseDuration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not of the form, or out of range.
    #[error("invalid duration")]
    Invalid,
    /// A number without a unit.
    #[error("missing unit in duration")]
    MissingUnit,
    /// A unit that is none of `ns us µs ms s m h`.
    #[error("unknown unit")]
    UnknownUnit,
}
