//! A Bloom filter in memory that all workers share, with the sizes and positions of KrakenD's.
//!
//! Three filters take turns: one of the period before, one of the present, one of the next. What is added goes into the
//! latter two, what is looked for into the former two: so an entry lives from two to three periods.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use baton_shared::os::map::SharedWords;
use baton_shared::words::Monotonic;

/// Words before the filters: sizes, the beginning, the present period, who turns.
const HEADER_WORDS: usize = 8;
const BITS: usize = 0;
const BEGUN: usize = 1;
const PERIOD: usize = 2;
const TURNING: usize = 3;
/// What a filter is made for at most: 256 MB for all three.
pub(crate) const BITS_MAX: u64 = 1 << 29;

/// The sizes of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) bits: u64,
    pub(crate) hashes: u64,
}

/// What was revoked.
#[derive(Debug)]
pub(crate) struct Filter {
    sizes: Sizes,
    period: Duration,
    memory: SharedWords,
}

impl Sizes {
    /// For so many entries and this share of false positives; `None`: there are none such.
    pub(crate) fn new(entries: u64, share: f64) -> Option<Self> {
        if entries == 0 || !(share > 0.0 && share < 1.0) {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "as in Go")]
        let entries = entries as f64;
        let ln2 = std::f64::consts::LN_2;
        let bits = (-entries * share.ln() / 2_f64.powf(ln2).ln()).ceil();
        let hashes = (ln2 * bits / entries).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and looked at right behind"
        )]
        let sizes = Self { bits: bits as u64, hashes: hashes as u64 };
        (sizes.bits <= BITS_MAX).then_some(sizes)
    }

    fn words(self) -> usize {
        usize::try_from(self.bits.div_ceil(64)).unwrap_or(usize::MAX)
    }

    /// Of the memory.
    pub(crate) fn bytes(self) -> u64 {
        let words = HEADER_WORDS.saturating_add(self.words().saturating_mul(3));
        words.saturating_mul(8) as u64
    }

    /// Where an entry stands.
    fn positions(self, entry: &[u8]) -> impl Iterator<Item = u64> {
        let [first, step] = halves(fnv128(entry));
        (0..self.hashes).map(move |nth| first.wrapping_add(nth.wrapping_mul(step)) % self.bits)
    }
}

/// FNV-1 of 128 bits.
pub(crate) fn fnv128(bytes: &[u8]) -> u128 {
    const BEGIN: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(BEGIN, |hash, byte| hash.wrapping_mul(PRIME) ^ u128::from(*byte))
}

/// The halves of the sum as it is written, read from their other ends.
const fn halves(hash: u128) -> [u64; 2] {
    #[expect(clippy::cast_possible_truncation, reason = "that is what halves are")]
    let (high, low) = ((hash >> 64) as u64, hash as u64);
    [high.swap_bytes(), low.swap_bytes()]
}

impl Filter {
    /// In this memory, which is all zeros or such a filter already; `None` if it is something else.
    pub(crate) fn new(sizes: Sizes, period: Duration, memory: SharedWords) -> Option<Self> {
        let words = memory.words();
        if (words.len() as u64) * 8 < sizes.bytes() {
            return None;
        }
        let now = Monotonic::now().as_nanos().max(1);
        let first = |word: usize, value: u64| {
            let word = words.get(word)?;
            let before = word.compare_exchange(0, value, Ordering::AcqRel, Ordering::Acquire);
            Some(before.map_or_else(|before| before, |_zero| value))
        };
        let bits = first(BITS, sizes.bits)?;
        first(BEGUN, now)?;
        (bits == sizes.bits).then_some(Self { sizes, period, memory })
    }

    fn word(&self, word: usize) -> &AtomicU64 {
        static NOTHING: AtomicU64 = AtomicU64::new(0);
        self.memory.words().get(word).unwrap_or(&NOTHING)
    }

    /// The filter of a period.
    fn filter(&self, period: u64) -> &[AtomicU64] {
        let nth = usize::try_from(period % 3).unwrap_or(0);
        let begin = HEADER_WORDS + nth * self.sizes.words();
        self.memory.words().get(begin..begin + self.sizes.words()).unwrap_or_default()
    }

    /// Revokes an entry.
    pub(crate) fn add(&self, entry: &[u8]) {
        let period = self.word(PERIOD).load(Ordering::Acquire);
        for filter in [self.filter(period), self.filter(period + 1)] {
            for position in self.sizes.positions(entry) {
                if let Some((word, bit)) = place(filter, position) {
                    word.fetch_or(bit, Ordering::Relaxed);
                }
            }
        }
    }

    /// Whether an entry is revoked; sometimes so although it is not.
    pub(crate) fn has(&self, entry: &[u8]) -> bool {
        let period = self.word(PERIOD).load(Ordering::Acquire);
        [self.filter(period), self.filter(period + 2)].into_iter().any(|filter| {
            self.sizes.positions(entry).all(|position| {
                place(filter, position)
                    .is_some_and(|(word, bit)| word.load(Ordering::Relaxed) & bit != 0)
            })
        })
    }

    /// Begins the periods that are due; until when there is nothing to do.
    pub(crate) fn turn(&self, now: Monotonic) -> Duration {
        let begun = Monotonic::from_nanos(self.word(BEGUN).load(Ordering::Acquire));
        let period = self.period.max(Duration::from_secs(1));
        let due = u64::try_from(now.since(begun).as_nanos() / period.as_nanos()).unwrap_or(0);
        let mut present = self.word(PERIOD).load(Ordering::Acquire);
        // After three turns nothing is left anyway.
        if due > present + 3 {
            self.word(PERIOD).store(due - 3, Ordering::Release);
            present = due - 3;
        }
        while present < due {
            let claim = self.word(TURNING).fetch_max(present + 1, Ordering::AcqRel);
            if claim <= present {
                // The next one's filter is that of the period before this.
                self.filter(present + 2).iter().for_each(|word| word.store(0, Ordering::Relaxed));
            }
            present += 1;
            self.word(PERIOD).fetch_max(present, Ordering::AcqRel);
        }
        let next = u32::try_from(due.saturating_add(1)).map_or(period, |next| period * next);
        next.saturating_sub(now.since(begun)).max(Duration::from_millis(10))
    }
}

fn place(filter: &[AtomicU64], position: u64) -> Option<(&AtomicU64, u64)> {
    let word = usize::try_from(position / 64).ok()?;
    Some((filter.get(word)?, 1 << (position % 64)))
}

#[cfg(test)]
mod tests {
    use baton_shared::os::memfd;

    use super::*;

    const PERIOD_S: u64 = 10;

    fn filter(memory: &std::os::fd::OwnedFd) -> Filter {
        let sizes = Sizes::new(100, 0.001).unwrap();
        let words = SharedWords::map(memory).unwrap();
        Filter::new(sizes, Duration::from_secs(PERIOD_S), words).unwrap()
    }

    fn memory() -> std::os::fd::OwnedFd {
        memfd::fixed("filter", Sizes::new(100, 0.001).unwrap().bytes()).unwrap()
    }

    #[test]
    fn sizes_are_krakends_and_what_has_none_is_refused() {
        assert_eq!(Sizes::new(10_000_000, 1e-7), Some(Sizes { bits: 335_477_044, hashes: 24 }));
        assert_eq!(Sizes::new(100, 0.001), Some(Sizes { bits: 1_438, hashes: 10 }));
        for (entries, share) in [(0, 0.1), (10, 0.0), (10, 1.0), (10, f64::NAN), (u64::MAX, 0.1)] {
            assert_eq!(Sizes::new(entries, share), None, "{entries} {share}");
        }
        assert_eq!(fnv128(b"a"), 0xd228_cb69_101a_8caf_7891_2b70_4e4a_141e);
    }

    #[test]
    fn whoever_maps_the_memory_sees_what_was_revoked_and_nothing_else() {
        let memory = memory();
        let (one, other) = (filter(&memory), filter(&memory));
        for nth in 0..100 {
            one.add(format!("jti-{nth}").as_bytes());
        }
        assert!((0..100).all(|nth| other.has(format!("jti-{nth}").as_bytes())));
        let wrong = (100..1_100).filter(|nth| other.has(format!("jti-{nth}").as_bytes())).count();
        assert!(wrong < 20, "{wrong}");
        let sizes = Sizes::new(100, 0.01).unwrap();
        let words = SharedWords::map(&memory).unwrap();
        assert!(Filter::new(sizes, Duration::from_secs(1), words).is_none(), "of other sizes");
    }

    #[test]
    fn an_entry_lives_from_two_to_three_periods() {
        let memory = memory();
        let (one, other) = (filter(&memory), filter(&memory));
        let begun = Monotonic::from_nanos(one.word(BEGUN).load(Ordering::Relaxed));
        let at = |seconds: u64| begun.after(Duration::from_secs(seconds));
        one.add(b"early");
        let mut gone = None;
        for second in 0..60 {
            one.turn(at(second));
            other.turn(at(second));
            if second == PERIOD_S - 1 {
                one.add(b"late");
            }
            assert!(other.has(b"early") || second >= 2 * PERIOD_S, "{second}");
            if gone.is_none() && second >= PERIOD_S && !other.has(b"late") {
                gone = Some(second);
            }
        }
        assert_eq!(gone, Some(3 * PERIOD_S));
        one.add(b"again");
        one.turn(at(10_000));
        assert!(!one.has(b"again"), "long asleep");
    }
}
