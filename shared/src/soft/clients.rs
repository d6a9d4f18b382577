//! Buckets of clients: a bounded table in shared memory, without a lock and without a clean-up.
//!
//! A client is a keyed hash; whoever does not know the secret cannot aim at the place of another. A line
//! holds three clients. A hash has a line at several levels: the first level is the first 1/512 of the
//! lines, the next goes to 1/64, then to 1/8, then to the end, and there it has five. A client is put into
//! the first that has room, so few clients touch little memory; and since a place that was used once is
//! never empty again, nobody who looks for a client needs to look behind an empty place.
//!
//! Who has not been seen for the limit's time is nobody: a new client takes the place. If there is no such
//! place, the one that would have become free first is taken: the table is bounded, whatever comes.
//! KrakenD: a map per endpoint that grows with every client, swept each minute.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::bucket::Rate;
use super::hash;
use super::layout::{Line, Memory};
use crate::words::Monotonic;

const IN_LINE: usize = 3;
/// The words of a line: three names, three buckets, when each is free again (three halves of words).
const BUCKETS: usize = 3;
const FREE_AT: usize = 6;

/// A limit that each client has of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimit {
    /// Whose limit it is and with which parameters: clients of others are others.
    pub name: u64,
    /// How fast each may be.
    pub rate: Rate,
    /// Who was not seen for so long is forgotten.
    pub forget: Duration,
}

impl Memory {
    /// Takes a token from the bucket of this client.
    #[must_use]
    pub fn take_client(&self, limit: &ClientLimit, client: &[u8], now: Monotonic) -> bool {
        let name = hash::keyed(self.secret(), limit.name, client).max(1);
        let seconds = whole_seconds(now);
        let free_at =
            seconds.saturating_add(u32::try_from(limit.forget.as_secs()).unwrap_or(u32::MAX));
        let lines = self.client_lines();
        // Bounded: somebody else took the place that was just found, which can happen a few times only.
        for _ in 0..8 {
            let Some(place) = find(lines, name, seconds) else { break };
            if place.take(name, free_at, seconds, &limit.rate, now) {
                return limit.rate.take(place.bucket(), tag(name), now);
            }
        }
        // Nobody could win that often; and what cannot be counted does not pass.
        false
    }
}

/// One client's place.
#[derive(Clone, Copy, Debug)]
struct Place<'m> {
    line: &'m Line,
    at: usize,
    /// The name that stands there.
    found: u64,
}

impl<'m> Place<'m> {
    fn name(&self) -> &'m AtomicU64 {
        &self.line[self.at]
    }

    fn bucket(&self) -> &'m AtomicU64 {
        &self.line[BUCKETS + self.at]
    }

    fn free_at(&self) -> u32 {
        let [first, second, third, _] = halves(self.line);
        [first, second, third].get(self.at).copied().unwrap_or(0)
    }

    /// Makes the place that of `name`, seen now. Not, when somebody else was faster.
    fn take(&self, name: u64, free_at: u32, seconds: u32, rate: &Rate, now: Monotonic) -> bool {
        if self.found != name {
            self.bucket().store(0, Ordering::Relaxed);
            let taken =
                self.name().compare_exchange(self.found, name, Ordering::AcqRel, Ordering::Acquire);
            match taken {
                Ok(_) => {},
                Err(other) if other == name => {},
                Err(_) => return false,
            }
        } else if self.free_at() < seconds {
            // Forgotten, and back again.
            self.bucket().store(0, Ordering::Relaxed);
        }
        self.touch(free_at);
        rate.begin(self.bucket(), tag(name), now);
        true
    }

    /// Once per second and client at most.
    fn touch(&self, free_at: u32) {
        let word = &self.line[FREE_AT + self.at / 2];
        let shift = 32 * (self.at % 2);
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            let next = (seen & !(u64::from(u32::MAX) << shift)) | (u64::from(free_at) << shift);
            if next == seen {
                return;
            }
            match word.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(changed) => seen = changed,
            }
        }
    }
}

/// The place of `name`, or the one that it should take.
fn find(lines: &[Line], name: u64, seconds: u32) -> Option<Place<'_>> {
    let mut best: Option<(u32, Place<'_>)> = None;
    for index in homes(name, lines.len()) {
        let line = lines.get(index)?;
        for at in 0..IN_LINE {
            let place = Place { line, at, found: line[at].load(Ordering::Acquire) };
            if place.found == name {
                return Some(place);
            }
            if place.found == 0 {
                return Some(
                    best.filter(|(free_at, _)| *free_at < seconds).map_or(place, |(_, best)| best),
                );
            }
            let free_at = place.free_at();
            // Of those that are free already the first, else the one that is free first.
            let is_better = best.is_none_or(|(other, _)| other >= seconds && free_at < other);
            if is_better {
                best = Some((free_at, place));
            }
        }
    }
    best.map(|(_, place)| place)
}

/// The lines where a name may stand, in their order: one per level, several on the last.
fn homes(name: u64, lines: usize) -> impl Iterator<Item = usize> {
    /// The end of each level as a part of all lines.
    const LEVELS: [usize; 8] = [512, 64, 8, 1, 1, 1, 1, 1];
    let mut hash = name;
    LEVELS.into_iter().map(move |part| {
        // Where it stands on one level says nothing about the next.
        hash = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        let begin = if part == LEVELS[0] { 0 } else { lines / (part * 8) };
        begin + scale(hash, lines / part - begin)
    })
}

/// A hash as a number below `below`.
fn scale(hash: u64, below: usize) -> usize {
    let scaled = (u128::from(hash) * below as u128) >> 64;
    usize::try_from(scaled).unwrap_or(0)
}

/// Whose bucket a word is: a part of the name that its place does not depend on.
const fn tag(name: u64) -> u8 {
    let [low, ..] = name.to_le_bytes();
    if low == 0 { 1 } else { low }
}

#[expect(clippy::cast_possible_truncation, reason = "the halves; 136 years of seconds")]
fn halves(line: &Line) -> [u32; 4] {
    let (first, second) =
        (line[FREE_AT].load(Ordering::Relaxed), line[FREE_AT + 1].load(Ordering::Relaxed));
    [first as u32, (first >> 32) as u32, second as u32, (second >> 32) as u32]
}

fn whole_seconds(now: Monotonic) -> u32 {
    u32::try_from(now.as_nanos() / 1_000_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soft::layout::{Sizes, create};

    const BEGIN: u64 = 5_000;

    const fn at(second: u64) -> Monotonic {
        Monotonic::from_nanos(second * 1_000_000_000)
    }

    fn memory(client_lines: u32) -> Memory {
        Memory::private(Sizes { slots: 1, client_lines }).unwrap()
    }

    fn limit(per_second: f64, capacity: u64) -> ClientLimit {
        ClientLimit {
            name: 7,
            rate: Rate::new(per_second, capacity),
            forget: Duration::from_secs(600),
        }
    }

    fn name(number: u64) -> [u8; 8] {
        number.to_le_bytes()
    }

    #[test]
    fn each_client_of_each_limit_has_a_bucket_of_its_own() {
        let (memory, limit) = (memory(4096), limit(1.0, 2));
        let other = ClientLimit { name: 8, ..limit };
        for client in 0..1000 {
            let passes = [(); 3].map(|()| memory.take_client(&limit, &name(client), at(BEGIN)));
            assert_eq!(passes, [true, true, false], "{client}");
        }
        assert!(memory.take_client(&other, &name(5), at(BEGIN)));
        for client in 0..1000 {
            assert!(!memory.take_client(&limit, &name(client), at(BEGIN)), "{client}");
            assert!(memory.take_client(&limit, &name(client), at(BEGIN + 2)), "{client}");
        }
    }

    #[test]
    fn who_was_not_seen_for_long_is_forgotten_and_who_is_seen_is_not() {
        let (memory, limit) = (memory(64), limit(1e-9, 1));
        assert!(memory.take_client(&limit, b"stays", at(BEGIN)));
        assert!(memory.take_client(&limit, b"leaves", at(BEGIN)));
        for second in (0..=1200).step_by(300) {
            assert!(!memory.take_client(&limit, b"stays", at(BEGIN + second)), "{second}");
        }
        assert!(memory.take_client(&limit, b"leaves", at(BEGIN + 601)));
        assert!(!memory.take_client(&limit, b"leaves", at(BEGIN + 602)));
    }

    #[test]
    fn a_full_table_forgets_who_would_be_forgotten_first() {
        let (memory, limit) = (memory(64), limit(1e-9, 1));
        for client in 0..5_000 {
            let _fills = memory.take_client(&limit, &name(client), at(BEGIN));
        }
        assert!(memory.take_client(&limit, b"new", at(BEGIN + 10)));
        assert!(!memory.take_client(&limit, b"new", at(BEGIN + 11)));
        let kept =
            (0..5_000).filter(|client| !memory.take_client(&limit, &name(*client), at(BEGIN + 12)));
        assert!(kept.count() <= 64 * 3);
    }

    #[test]
    fn a_million_clients_are_all_remembered_in_48_megabytes() {
        let fd = create(Sizes::of(1)).unwrap();
        let (memory, limit) = (Memory::map(&fd).unwrap(), limit(1e-9, 1));
        let count = 1_000_000;
        assert!((0..count).all(|client| memory.take_client(&limit, &name(client), at(BEGIN))));
        let lost =
            (0..count).filter(|client| memory.take_client(&limit, &name(*client), at(BEGIN + 1)));
        assert!(lost.count() < 20);
        let bytes =
            std::os::unix::fs::MetadataExt::blocks(&std::fs::File::from(fd).metadata().unwrap())
                * 512;
        assert!(bytes <= (48 << 20) + 8192, "{bytes}");
    }

    #[test]
    fn few_clients_touch_little_memory() {
        let fd = create(Sizes::of(1)).unwrap();
        let (memory, limit) = (Memory::map(&fd).unwrap(), limit(1.0, 1));
        for client in 0..3_000 {
            let _fills = memory.take_client(&limit, &name(client), at(BEGIN));
        }
        let bytes =
            std::os::unix::fs::MetadataExt::blocks(&std::fs::File::from(fd).metadata().unwrap())
                * 512;
        assert!(bytes < 1_000_000, "{bytes}");
    }

    #[test]
    fn garbage_is_at_worst_a_client_that_is_let_through_once_more() {
        let (memory, limit) = (memory(64), limit(1e-9, 1));
        for line in memory.client_lines() {
            line.iter().enumerate().for_each(|(at, word)| {
                word.store(u64::MAX.wrapping_mul(at as u64 + 3), Ordering::Relaxed);
            });
        }
        for client in 0..50 {
            let passed =
                (0..10).filter(|_| memory.take_client(&limit, &name(client), at(BEGIN))).count();
            assert!((1..=3).contains(&passed), "{passed}");
        }
    }

    #[test]
    #[expect(clippy::needless_collect, reason = "all run before one is waited for")]
    fn threads_together_give_a_client_no_more_than_it_has() {
        let (memory, limit) = (memory(4096), limit(1e-9, 10));
        let passed: usize = std::thread::scope(|scope| {
            let thread = || {
                let all = (0..20).flat_map(|_| 0..2_000);
                all.filter(|client| memory.take_client(&limit, &name(*client), at(BEGIN))).count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(thread)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        // A client may be begun twice when two threads see it for the first time in the same moment.
        assert!((20_000..20_000 + 4 * 10).contains(&passed), "{passed}");
    }
}
