//! A token bucket in one atomic word.
//!
//! KrakenD (krakend-ratelimit): it starts full, and is filled up **only when it is found empty**, by the
//! whole intervals since the last filling; what goes over the capacity is lost, but then the request that
//! found it empty is free. So after a pause `2 · capacity + 1` requests pass at once.
//!
//! The word: 8 bits that say whose it is, the tokens, and in the rest the moment of the last filling in
//! parts of an interval, modulo what fits. A moment that was so long ago that it wrapped can only be taken
//! for a later one: too few tokens for an interval, never too many.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::words::Monotonic;

/// The largest capacity; a larger one is this one.
const CAPACITY_MAX: u64 = (1 << TOKEN_BITS_MAX) - 1;
const TOKEN_BITS_MAX: u32 = 26;
const TAG_BITS: u32 = 8;
/// How finely moments within an interval are told apart.
const PART_BITS_MAX: u32 = 16;
/// A moment may be so far ahead of a reader's: it was written by somebody who looked at the clock later.
/// More is not a moment.
const AHEAD_NANOS_MAX: u64 = 1_000_000_000;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    interval_nanos: u64,
    capacity: u64,
    token_bits: u32,
    part_bits: u32,
}

/// A word, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    tokens: u64,
    /// The last filling, in parts of an interval, modulo what fits.
    filled: u64,
}

impl Rate {
    /// `per_second` tokens, at least one in 31 years; at least one fits. A rate that is no number is the
    /// slowest, one beyond a token per nanosecond the fastest.
    #[must_use]
    pub fn new(per_second: f64, capacity: u64) -> Self {
        let capacity = capacity.clamp(1, CAPACITY_MAX);
        let token_bits = u64::BITS - capacity.leading_zeros();
        Self {
            interval_nanos: interval_nanos(per_second),
            capacity,
            token_bits,
            // What the tokens do not need; and half a round is always longer than a filling.
            part_bits: (TOKEN_BITS_MAX - token_bits).min(PART_BITS_MAX),
        }
    }

    /// What it consists of: the same for the same behaviour.
    #[must_use]
    pub const fn parameters(&self) -> [u64; 2] {
        [self.interval_nanos, self.capacity]
    }

    /// Makes a word that is not `tag`'s (not 0) its full bucket: from now on the intervals count.
    pub fn begin(&self, word: &AtomicU64, tag: u8, now: Monotonic) {
        let seen = word.load(Ordering::Relaxed);
        if self.decode(seen, tag).is_none() {
            let full = self.encode(self.full(now), tag);
            // Who came first has begun it.
            let _done = word.compare_exchange(seen, full, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Takes a token from the bucket of `tag` (not 0); a word that is not its own is a full bucket.
    pub fn take(&self, word: &AtomicU64, tag: u8, now: Monotonic) -> bool {
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            let (next, allowed) = self.step(seen, tag, now);
            if next == seen {
                return allowed;
            }
            match word.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return allowed,
                Err(changed) => seen = changed,
            }
        }
    }

    /// The word after one request, and whether the request passes.
    fn step(&self, word: u64, tag: u8, now: Monotonic) -> (u64, bool) {
        let found = self.decode(word, tag);
        let state = found.unwrap_or_else(|| self.full(now));
        let (state, allowed) = self.consume(state, now);
        if found == Some(state) { (word, allowed) } else { (self.encode(state, tag), allowed) }
    }

    fn consume(&self, state: State, now: Monotonic) -> (State, bool) {
        let State { tokens, filled } = state;
        if let Some(left) = tokens.checked_sub(1) {
            return (State { tokens: left, filled }, true);
        }
        let Some(intervals) = self.since(filled, now) else {
            return (State { filled: self.moment(now), tokens: self.capacity }, true);
        };
        if intervals == 0 {
            return (state, false);
        }
        let filled = filled.wrapping_add(intervals << self.part_bits) & self.moment_mask();
        let tokens = if intervals > self.capacity { self.capacity } else { intervals - 1 };
        (State { tokens, filled }, true)
    }

    /// Whole intervals since `filled`; none if that is not a moment, or one of another round.
    fn since(&self, filled: u64, now: Monotonic) -> Option<u64> {
        let (now, half) = (self.parts_down(now), (self.moment_mask() >> 1) + 1);
        let passed = now.wrapping_sub(filled) & self.moment_mask();
        if passed < half {
            return Some(passed >> self.part_bits);
        }
        let ahead = filled.wrapping_sub(now) & self.moment_mask();
        let allowed = (AHEAD_NANOS_MAX / self.interval_nanos + 2) << self.part_bits;
        (ahead <= allowed.min(half >> 1)).then_some(0)
    }

    fn full(&self, now: Monotonic) -> State {
        State { tokens: self.capacity, filled: self.moment(now) }
    }

    /// A moment for a word: rounded up, so that nothing is filled too early.
    fn moment(&self, now: Monotonic) -> u64 {
        self.parts_down(now).wrapping_add(1) & self.moment_mask()
    }

    /// Parts of an interval since the clock's zero.
    fn parts_down(&self, now: Monotonic) -> u64 {
        let (whole, rest) =
            (now.as_nanos() / self.interval_nanos, now.as_nanos() % self.interval_nanos);
        let part = if rest.leading_zeros() > self.part_bits {
            (rest << self.part_bits) / self.interval_nanos
        } else {
            rest / ((self.interval_nanos >> self.part_bits).max(1))
        };
        (whole << self.part_bits).wrapping_add(part)
    }

    const fn moment_mask(&self) -> u64 {
        (1 << (u64::BITS - TAG_BITS - self.token_bits)) - 1
    }

    fn encode(&self, state: State, tag: u8) -> u64 {
        let tokens = state.tokens << (u64::BITS - TAG_BITS - self.token_bits);
        (u64::from(tag) << (u64::BITS - TAG_BITS)) | tokens | state.filled
    }

    fn decode(&self, word: u64, tag: u8) -> Option<State> {
        if word >> (u64::BITS - TAG_BITS) != u64::from(tag) {
            return None;
        }
        let tokens = (word << TAG_BITS) >> (u64::BITS - self.token_bits);
        Some(State { tokens: tokens.min(self.capacity), filled: word & self.moment_mask() })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 1 and 10^18, rounded down as Go does"
)]
fn interval_nanos(per_second: f64) -> u64 {
    (1e9 / per_second.max(1e-9)).clamp(1.0, 1e18) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: u8 = 0xA5;
    const SECOND: u64 = 1_000_000_000;
    /// Far from any boundary: a machine that has run for a while.
    const BEGIN: u64 = 123_456_789_012_345;

    /// The words of KrakenD's `tokenbucket.go`, with a clock in nanoseconds.
    struct Reference {
        interval: u64,
        capacity: u64,
        tokens: u64,
        last: u64,
    }

    impl Reference {
        fn allow(&mut self, now: u64) -> bool {
            if self.tokens > 0 {
                self.tokens -= 1;
                return true;
            }
            let add = (now - self.last) / self.interval;
            if add == 0 {
                return false;
            }
            self.last += add * self.interval;
            self.tokens = if add > self.capacity { self.capacity } else { add - 1 };
            true
        }
    }

    fn burst(rate: &Rate, word: &AtomicU64, at: u64, requests: usize) -> usize {
        (0..requests).filter(|_| rate.take(word, TAG, Monotonic::from_nanos(at))).count()
    }

    #[test]
    fn a_bucket_starts_full_and_after_a_pause_twice_its_capacity_and_one_pass() {
        let (rate, word) = (Rate::new(5.0, 5), AtomicU64::new(0));
        assert_eq!(burst(&rate, &word, BEGIN, 16), 5);
        assert_eq!(burst(&rate, &word, BEGIN + 60 * SECOND, 16), 6);
        let word = AtomicU64::new(0);
        assert_eq!(burst(&rate, &word, BEGIN, 1), 1);
        assert_eq!(burst(&rate, &word, BEGIN + 60 * SECOND, 16), 4 + 1 + 5);
        let word = AtomicU64::new(0);
        rate.begin(&word, TAG, Monotonic::from_nanos(BEGIN));
        rate.begin(&word, TAG, Monotonic::from_nanos(BEGIN + 30 * SECOND));
        assert_eq!(burst(&rate, &word, BEGIN + 60 * SECOND, 16), 11);
    }

    #[test]
    fn it_fills_by_whole_intervals_from_its_beginning() {
        let (rate, word) = (Rate::new(1.0 / 60.0, 1), AtomicU64::new(0));
        assert_eq!(burst(&rate, &word, BEGIN, 3), 1);
        assert_eq!(burst(&rate, &word, BEGIN + 59 * SECOND + 900_000_000, 3), 0);
        assert_eq!(burst(&rate, &word, BEGIN + 60 * SECOND + 5_000_000, 3), 1);
        assert_eq!(burst(&rate, &word, BEGIN + 119 * SECOND, 3), 0);
        assert_eq!(burst(&rate, &word, BEGIN + 121 * SECOND, 3), 1);
    }

    #[test]
    fn it_does_what_krakends_does_at_any_rate_and_rhythm() {
        let mut random = 1_u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        for (per_second, capacity) in
            [(3.0, 3), (0.5, 1), (0.2, 1), (100.0, 1), (1000.0, 7), (7.0, 100), (1e6, 1000)]
        {
            let rate = Rate::new(per_second, capacity);
            let [interval, _] = rate.parameters();
            let (word, mut now) = (AtomicU64::new(0), BEGIN);
            let mut reference = Reference { interval, capacity, tokens: capacity, last: BEGIN };
            rate.begin(&word, TAG, Monotonic::from_nanos(BEGIN));
            let mut strict = 0;
            for _ in 0..5_000 {
                now += next(3 * interval * capacity.min(3));
                // Within a part of an interval the two may differ in when a token comes.
                let place = (now - BEGIN) % interval;
                if reference.tokens == 0 && place <= (interval >> rate.part_bits) + 1 {
                    continue;
                }
                strict += 1;
                let passes = rate.take(&word, TAG, Monotonic::from_nanos(now));
                assert_eq!(passes, reference.allow(now), "{per_second}/{capacity} at {place}");
            }
            assert!(strict > 3_000, "{per_second}: only {strict} were compared");
        }
    }

    #[test]
    fn a_word_of_somebody_else_or_garbage_is_a_full_bucket_at_worst() {
        let rate = Rate::new(1.0, 3);
        for garbage in [0, 1, u64::MAX, u64::MAX << 8, 0x5A << 56, u64::from(TAG) << 56] {
            let word = AtomicU64::new(garbage);
            let first = burst(&rate, &word, BEGIN, 100);
            assert!(first <= 7, "{garbage:x}: {first}");
            // And it recovers: as if it had begun now.
            assert!((1..=3).contains(&burst(&rate, &word, BEGIN + 3 * SECOND, 100)), "{garbage:x}");
        }
    }

    #[test]
    fn who_looked_at_the_clock_earlier_gets_nothing_for_it() {
        let (rate, word) = (Rate::new(1000.0, 2), AtomicU64::new(0));
        assert_eq!(burst(&rate, &word, BEGIN + 1_000_000, 10), 2);
        assert_eq!(burst(&rate, &word, BEGIN, 10), 0);
        assert_eq!(burst(&rate, &word, BEGIN + 3_100_000, 10), 2);
    }

    #[test]
    fn extreme_rates_are_rates() {
        for (per_second, capacity) in
            [(0.0, 0), (-1.0, 1), (f64::NAN, 1), (1e-12, 1), (1e12, u64::MAX), (f64::INFINITY, 1)]
        {
            let (rate, word) = (Rate::new(per_second, capacity), AtomicU64::new(0));
            assert!(burst(&rate, &word, BEGIN, 3) >= 1, "{per_second} {capacity}");
            assert!(burst(&rate, &word, BEGIN + 7 * SECOND, 3) <= 3);
        }
        let slow = Rate::new(1.0 / 86_400.0, 1);
        let word = AtomicU64::new(0);
        assert_eq!(burst(&slow, &word, BEGIN, 3), 1);
        assert_eq!(burst(&slow, &word, BEGIN + 86_390 * SECOND, 3), 0);
        assert_eq!(burst(&slow, &word, BEGIN + 86_402 * SECOND, 3), 1);
    }

    #[test]
    fn a_bucket_that_was_never_empty_for_years_is_filled_at_once() {
        let (rate, word) = (Rate::new(1e6, 1_000_000), AtomicU64::new(0));
        assert_eq!(burst(&rate, &word, BEGIN, 1_000_000), 1_000_000);
        let later = BEGIN + 300_000_000 * SECOND;
        assert!(
            burst(&rate, &word, later, 10) >= 1 || burst(&rate, &word, later + 10_000, 10) >= 9
        );
    }

    #[test]
    fn threads_together_get_no_more_than_there_is() {
        let (rate, word) = (Rate::new(1e-3, 10_000), AtomicU64::new(0));
        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| burst(&rate, &word, BEGIN, 5_000))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 10_000);
    }
}
