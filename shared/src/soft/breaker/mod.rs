//! A circuit breaker in two atomic words.
//!
//! KrakenD (sony/gobreaker): closed, it counts failures in a row and opens when they are more than
//! `max_errors`; open, it refuses until `timeout` has passed; then it is half open and lets one request try:
//! a success closes it, a failure opens it again. While closed, every `interval` the count begins anew.
//! What a request says that began before the last change is not heard.
//!
//! The first word is the state and the moment at which it began: no two stretches of time share it, so it
//! names the stretch to which a request belongs. The second is the count of failures in a row, and whose
//! stretch it is. A request that tries a half-open breaker holds it until a moment, not for ever: who
//! tries may be killed.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::words::Monotonic;

/// A state cannot have begun so much later than now.
const AHEAD_NANOS_MAX: u64 = 60_000_000_000;

/// When it opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// It opens when more failures than this follow each other.
    pub max_errors: u32,
    /// The count begins anew when this has passed; none: never.
    pub interval: Option<Duration>,
    /// How long it is open.
    pub timeout: Duration,
    /// How long a request that tries may take; after that another one may.
    pub trial: Duration,
}

/// What a breaker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Requests pass.
    Closed,
    /// One request may try.
    HalfOpen,
    /// No request passes.
    Open,
}

impl State {
    /// The word for logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }
}

/// A state followed another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it was.
    pub from: State,
    /// What it is.
    pub to: State,
}

/// Why a request does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is open.
    Open,
    /// It is half open, and somebody tries already.
    Busy,
}

/// The stretch of time in which a request began; to be given back with what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a breaker must hear what became of a request"]
pub struct Ticket(u64);

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It went well.
    Success,
    /// It failed.
    Failure,
    /// It says nothing about the backend: the client gave up.
    Void,
}

/// The two words.
#[derive(Clone, Copy, Debug)]
pub struct Words<'m> {
    /// State and moment.
    pub state: &'m AtomicU64,
    /// Failures in a row, and whose.
    pub failures: &'m AtomicU64,
}

/// What the first word holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed {
        since: u64,
    },
    Open {
        since: u64,
    },
    /// Nobody tries.
    HalfOpen {
        since: u64,
    },
    /// Somebody does, at most until then.
    Trying {
        until: u64,
    },
}

impl Phase {
    const fn decode(word: u64) -> Self {
        let moment = word >> 2;
        match word & 3 {
            0 => Self::Closed { since: moment },
            1 => Self::Open { since: moment },
            2 => Self::HalfOpen { since: moment },
            _ => Self::Trying { until: moment },
        }
    }

    const fn encode(self) -> u64 {
        match self {
            Self::Closed { since } => since << 2,
            Self::Open { since } => (since << 2) | 1,
            Self::HalfOpen { since } => (since << 2) | 2,
            Self::Trying { until } => (until << 2) | 3,
        }
    }

    const fn state(self) -> State {
        match self {
            Self::Closed { .. } => State::Closed,
            Self::Open { .. } => State::Open,
            Self::HalfOpen { .. } | Self::Trying { .. } => State::HalfOpen,
        }
    }
}

impl Breaker {
    /// Asks for a request to pass. The change, if this request brought one about, is to be told whatever
    /// the answer.
    pub fn enter(
        &self,
        words: Words<'_>,
        now: Monotonic,
    ) -> (Result<Ticket, Refused>, Option<Change>) {
        let mut word = words.state.load(Ordering::Acquire);
        // Ends: each turn either answers, or somebody else has changed the word.
        loop {
            let phase = Phase::decode(word);
            let next = match phase {
                Phase::Closed { since } if !self.is_over(since, now) => {
                    return (Ok(Ticket(word)), None);
                },
                Phase::Closed { .. } => Phase::Closed { since: now.as_nanos() },
                Phase::Open { since }
                    if is_moment(since, now) && !has_passed(since, self.timeout, now) =>
                {
                    return (Err(Refused::Open), None);
                },
                Phase::Trying { until } if self.is_trying(until, now) => {
                    return (Err(Refused::Busy), None);
                },
                Phase::Open { .. } | Phase::HalfOpen { .. } | Phase::Trying { .. } => {
                    Phase::Trying { until: now.after(self.trial).as_nanos() }
                },
            };
            match change(words, word, next) {
                Ok(ticket) => return (Ok(ticket), told(phase, next)),
                Err(changed) => word = changed,
            }
        }
    }

    /// Hears what became of a request.
    pub fn leave(
        &self,
        words: Words<'_>,
        Ticket(began): Ticket,
        outcome: Outcome,
        now: Monotonic,
    ) -> Option<Change> {
        if words.state.load(Ordering::Acquire) != began {
            return None; // of an earlier stretch
        }
        let phase = Phase::decode(began);
        let next = match (phase, outcome) {
            (Phase::Closed { since }, _) if self.is_over(since, now) => {
                Phase::Closed { since: now.as_nanos() }
            },
            (Phase::Closed { .. }, Outcome::Success) => {
                count(words.failures, began, |_| 0);
                return None;
            },
            (Phase::Closed { .. }, Outcome::Failure) => {
                let failures = count(words.failures, began, |failures| failures.saturating_add(1));
                if failures <= self.max_errors {
                    return None;
                }
                Phase::Open { since: now.as_nanos() }
            },
            (Phase::Trying { .. }, Outcome::Success) => Phase::Closed { since: now.as_nanos() },
            (Phase::Trying { .. }, Outcome::Failure) => Phase::Open { since: now.as_nanos() },
            (Phase::Trying { .. }, Outcome::Void) => Phase::HalfOpen { since: now.as_nanos() },
            // The last two are named by no ticket.
            (Phase::Closed { .. }, Outcome::Void)
            | (Phase::Open { .. } | Phase::HalfOpen { .. }, _) => return None,
        };
        // Who was faster has said it.
        let done = change(words, began, next);
        done.ok().and_then(|_ticket| told(phase, next))
    }

    /// What it would be to a request that came now.
    #[must_use]
    pub fn state(&self, words: Words<'_>, now: Monotonic) -> State {
        match Phase::decode(words.state.load(Ordering::Acquire)) {
            Phase::Open { since } if has_passed(since, self.timeout, now) => State::HalfOpen,
            phase => phase.state(),
        }
    }

    /// What it consists of: the same for the same behaviour.
    #[must_use]
    pub const fn parameters(&self) -> [u64; 3] {
        let interval = match self.interval {
            Some(interval) => nanos(interval),
            None => 0,
        };
        [self.max_errors as u64, interval, nanos(self.timeout)]
    }

    /// Whether a stretch of being closed is over. One that has begun with the memory (0), or with garbage,
    /// is.
    fn is_over(&self, since: u64, now: Monotonic) -> bool {
        let interval = self.interval.is_some_and(|interval| has_passed(since, interval, now));
        since == 0 || interval || !is_moment(since, now)
    }

    fn is_trying(&self, until: u64, now: Monotonic) -> bool {
        let longest = now.after(self.trial).as_nanos().saturating_add(AHEAD_NANOS_MAX);
        until > now.as_nanos() && until <= longest
    }
}

#[expect(clippy::cast_possible_truncation, reason = "584 years of nanoseconds fit")]
const fn nanos(time: Duration) -> u64 {
    time.as_nanos() as u64
}

/// Strictly, as in Go's `Before`.
fn has_passed(since: u64, time: Duration, now: Monotonic) -> bool {
    now.since(Monotonic::from_nanos(since)) > time
}

const fn is_moment(since: u64, now: Monotonic) -> bool {
    since <= now.as_nanos().saturating_add(AHEAD_NANOS_MAX)
}

const fn told(from: Phase, to: Phase) -> Option<Change> {
    let change = Change { from: from.state(), to: to.state() };
    if change.from as u8 == change.to as u8 { None } else { Some(change) }
}

/// Puts the next phase in place of `word`; its moment is made one that no other phase has.
fn change(words: Words<'_>, word: u64, next: Phase) -> Result<Ticket, u64> {
    let next = match next.encode() {
        same if same == word => same.wrapping_add(4),
        next => next,
    };
    let done = words.state.compare_exchange(word, next, Ordering::AcqRel, Ordering::Acquire);
    done.map(|_| Ticket(next))
}

/// Changes the count of failures in a row of the stretch that `state` names, and gives it.
fn count(failures: &AtomicU64, state: u64, change: impl Fn(u32) -> u32) -> u32 {
    let whose = stretch(state);
    let mut word = failures.load(Ordering::Relaxed);
    loop {
        let (owner, counted) = halves(word);
        let before = if owner == whose { counted } else { 0 };
        let after = change(before);
        if after == before {
            return after;
        }
        let next = (u64::from(whose) << 32) | u64::from(after);
        match failures.compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return after,
            Err(changed) => word = changed,
        }
    }
}

/// A short name of a stretch.
const fn stretch(state: u64) -> u32 {
    let (high, low) = halves(state >> 2);
    high ^ low
}

#[expect(clippy::cast_possible_truncation, reason = "the halves")]
const fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}
