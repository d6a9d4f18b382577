//! Which of a backend's hosts gets the next request.
//!
//! KrakenD: round robin from a random start when Go runs on one processor, otherwise uniformly random; no
//! weights but repeated hosts, no health checks, no other host after a failure. The state belongs to one
//! backend entry. Here "one processor" is "one serving thread".

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};

/// How a thread picks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// Each in turn: with one serving thread.
    RoundRobin,
    /// Any: with several, which do not know of each other.
    Random,
}

/// One thread's picks.
#[derive(Debug)]
pub(crate) struct Balancer {
    how: Balance,
    /// xorshift64: never zero.
    random: Cell<u64>,
    /// The next turn of each backend entry.
    turns: Box<[Cell<u32>]>,
}

impl Balancer {
    /// For so many backend entries.
    pub(crate) fn new(how: Balance, backends: usize) -> Self {
        // The hasher's keys are the process's cheapest source of true randomness.
        let seed = RandomState::new().hash_one(backends) | 1;
        Self::seeded(how, backends, seed)
    }

    fn seeded(how: Balance, backends: usize, seed: u64) -> Self {
        let random = Cell::new(seed);
        let mut balancer = Self { how, random, turns: Box::default() };
        balancer.turns = (0..backends).map(|_| Cell::new(balancer.any())).collect();
        balancer
    }

    /// One of `items`, for the backend entry at `backend`; `None` if there are none.
    pub(crate) fn pick<'a, T>(&self, backend: usize, items: &'a [T]) -> Option<&'a T> {
        if let [only] = items {
            return Some(only);
        }
        let count = u32::try_from(items.len()).ok()?;
        let place = match (self.how, self.turns.get(backend)) {
            (Balance::RoundRobin, Some(turn)) => {
                let now = turn.get();
                turn.set(now.wrapping_add(1));
                now.checked_rem(count)?
            },
            (Balance::Random, _) | (Balance::RoundRobin, None) => scale(self.any(), count),
        };
        items.get(place as usize)
    }

    fn any(&self) -> u32 {
        let mut bits = self.random.get();
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        self.random.set(bits);
        (bits >> 32) as u32
    }
}

/// From all 32-bit numbers to those below `count`.
fn scale(random: u32, count: u32) -> u32 {
    let scaled = (u64::from(random) * u64::from(count)) >> 32;
    u32::try_from(scaled).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_hosts_there_is_nothing_to_pick() {
        for how in [Balance::RoundRobin, Balance::Random] {
            assert_eq!(Balancer::seeded(how, 1, 1).pick::<u8>(0, &[]), None);
        }
    }

    #[test]
    fn one_thread_takes_turns_from_any_start() {
        let balancer = Balancer::seeded(Balance::RoundRobin, 2, 99);
        let picks: Vec<_> = (0..6).map(|_| *balancer.pick(1, &[0, 1, 2]).unwrap()).collect();
        let start: i32 = picks[0];
        let expected: Vec<_> = (0..6).map(|turn| (start + turn) % 3).collect();
        assert_eq!(picks, expected);
    }

    #[test]
    fn several_threads_pick_evenly_at_random() {
        let balancer = Balancer::seeded(Balance::Random, 1, 7);
        let mut counts = [0; 3];
        for _ in 0..3000 {
            counts[*balancer.pick(0, &[0, 1, 2]).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
    }
}
