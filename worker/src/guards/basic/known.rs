//! Names and passwords that were found good a moment ago, so that they are not checked with each request: those that one
//! thread has seen, and those of all for the threads that check.
//!
//! By a keyed hash: who reads this memory reads no password, and no comparison tells how much of one was right. The key comes
//! of the users: those of a file that changed are known by other names, so that nobody of before is known.

use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Duration;

use baton_shared::words::Monotonic;
use bytes::Bytes;

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
    begun: Monotonic,
}

impl Known {
    /// Nobody yet.
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Turns::new()))
    }

    pub(crate) fn has(&self, name: &Name, now: Monotonic) -> bool {
        self.0.borrow_mut().has(name, now)
    }

    pub(crate) fn keep(&self, name: Name, now: Monotonic) {
        self.0.borrow_mut().keep(name, now);
    }
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { young: HashSet::new(), old: HashSet::new(), begun: Monotonic::now() }
    }

    pub(super) fn has(&mut self, name: &Name, now: Monotonic) -> bool {
        self.turn(now, TURN_MAX + 1);
        self.young.contains(name) || self.old.contains(name)
    }

    pub(super) fn keep(&mut self, name: Name, now: Monotonic) {
        self.turn(now, TURN_MAX);
        self.young.insert(name);
    }

    /// All of them, for a later worker, and when their turn began.
    pub(super) fn written_down(&self) -> (Monotonic, Bytes) {
        let young = u16::try_from(self.young.len()).unwrap_or(0);
        let mut content = young.to_le_bytes().to_vec();
        self.young.iter().chain(&self.old).for_each(|name| content.extend_from_slice(name));
        (self.begun, content.into())
    }

    /// The same, read.
    pub(super) fn read(begun: Monotonic, content: &[u8]) -> Option<Self> {
        let (young, names) = content.split_first_chunk::<2>()?;
        let (names, []) = names.as_chunks::<{ size_of::<Name>() }>() else { return None };
        let (young, old) = names.split_at_checked(usize::from(u16::from_le_bytes(*young)))?;
        let is_bounded = young.len() <= TURN_MAX && old.len() <= TURN_MAX;
        let set = |names: &[Name]| names.iter().copied().collect();
        is_bounded.then(|| Self { young: set(young), old: set(old), begun })
    }

    /// Begins the turn that is due: by the clock, or for want of room.
    fn turn(&mut self, now: Monotonic, room: usize) {
        let since = now.since(self.begun);
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
        let begun = Monotonic::now();
        let at = |seconds| begun.after(Duration::from_secs(seconds));
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
        let now = Monotonic::now();
        (0..10 * TURN_MAX).for_each(|number| known.keep(name(number), now));
        let turns = known.0.borrow();
        assert!(turns.young.len() <= TURN_MAX && turns.old.len() <= TURN_MAX);
        drop(turns);
        assert!(known.has(&name(10 * TURN_MAX - 1), now));
    }

    #[test]
    fn they_are_known_as_long_to_a_later_worker_and_no_longer() {
        let begun = Monotonic::from_nanos(1);
        let at = |seconds| begun.after(Duration::from_secs(seconds));
        let mut turns = Turns { begun, ..Turns::new() };
        turns.keep(name(1), at(10));
        turns.keep(name(2), at(70));
        let later = || {
            let (begun, content) = turns.written_down();
            Turns::read(begun, &content).unwrap()
        };
        assert!(later().has(&name(1), at(129)) && later().has(&name(2), at(189)));
        assert!(!later().has(&name(1), at(130)) && !later().has(&name(2), at(190)));
        let (begun, content) = turns.written_down();
        for end in (0..content.len()).filter(|end| *end != 2 + 32) {
            assert!(Turns::read(begun, &content[..end]).is_none(), "{end}");
        }
        let many = [&[0xFF, 0xFF][..], &vec![7; 32 * 0xFFFF]].concat();
        assert!(Turns::read(begun, &many).is_none());
    }
}
