//! Names and passwords that were found good a moment ago, so that they are not checked with each request: those that one
//! thread has seen, and those of all for the threads that check.
//!
//! By a keyed hash: who reads this memory reads no password, and no comparison tells how much of one was right. A file that
//! changes comes with another worker, which knows nobody yet.

use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

/// What a name and a password are known by.
pub(crate) type Name = [u8; 32];

/// Between two turns: they are known from once to twice as long.
const TURN: Duration = Duration::from_secs(60);
/// Those of a turn; more begin the next one.
const TURN_MAX: usize = 1_000;

/// Those of a serving thread.
#[derive(Debug)]
pub(crate) struct Known(RefCell<Turns>);

/// Those of this turn and of the one before.
#[derive(Debug)]
pub(super) struct Turns {
    young: HashSet<Name>,
    old: HashSet<Name>,
    begun: Instant,
}

impl Known {
    /// Nobody yet.
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Turns::new()))
    }

    pub(crate) fn has(&self, name: &Name, now: Instant) -> bool {
        self.0.borrow_mut().has(name, now)
    }

    pub(crate) fn keep(&self, name: Name, now: Instant) {
        self.0.borrow_mut().keep(name, now);
    }
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { young: HashSet::new(), old: HashSet::new(), begun: Instant::now() }
    }

    pub(super) fn has(&mut self, name: &Name, now: Instant) -> bool {
        self.turn(now, TURN_MAX + 1);
        self.young.contains(name) || self.old.contains(name)
    }

    pub(super) fn keep(&mut self, name: Name, now: Instant) {
        self.turn(now, TURN_MAX);
        self.young.insert(name);
    }

    /// Begins the turn that is due: by the clock, or for want of room.
    fn turn(&mut self, now: Instant, room: usize) {
        let since = now.saturating_duration_since(self.begun);
        if since < TURN && self.young.len() < room {
            return;
        }
        self.old = std::mem::take(&mut self.young);
        if since >= TURN * 2 {
            self.old.clear();
        }
        self.begun = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> Name {
        let mut name = Name::default();
        name[..8].copy_from_slice(&number.to_le_bytes());
        name
    }

    #[test]
    fn the_good_are_known_for_a_while_and_no_longer() {
        let known = Known::new();
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        known.keep(name(1), at(10));
        assert!(known.has(&name(1), at(11)) && !known.has(&name(2), at(11)));
        assert!(known.has(&name(1), at(70)));
        assert!(!known.has(&name(1), at(131)), "although it was used meanwhile");
        known.keep(name(2), at(140));
        assert!(!known.has(&name(2), at(100_000)));
    }

    #[test]
    fn there_is_room_for_so_many() {
        let known = Known::new();
        let now = Instant::now();
        (0..10 * TURN_MAX).for_each(|number| known.keep(name(number), now));
        let turns = known.0.borrow();
        assert!(turns.young.len() <= TURN_MAX && turns.old.len() <= TURN_MAX);
        drop(turns);
        assert!(known.has(&name(10 * TURN_MAX - 1), now));
    }
}
