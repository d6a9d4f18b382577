//! Where things lie in the memory that generations share, and how it begins.
//!
//! ```text
//! line 0          header: what it is, its version, its sizes, the secret of its hashes
//! line 1 …        slots: one cache line for each limit or breaker of the configuration
//! line 1 + slots  clients: lines of three clients each
//! ```
//! A line is 64 bytes, so that what one thread writes disturbs no other. All of it is zero until it is
//! used, takes memory only where it is touched, and is never trusted: a process that crashed may have
//! written anything.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::os::map::SharedWords;
use crate::os::memfd;

/// A cache line.
pub(super) type Line = [AtomicU64; LINE_WORDS];

const LINE_WORDS: usize = 8;
const LINE_BYTES: u64 = 64;
/// `batonsft`
const MAGIC: u64 = u64::from_be_bytes(*b"batonsft");
/// Whoever finds another version takes no part in it.
const VERSION: u64 = 1;
/// More is not asked for in good faith.
const SLOTS_MAX: u32 = 1 << 22;
const CLIENT_LINES_MAX: u32 = 1 << 24;

/// How much room a generation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Slots for limits and breakers; a power of two.
    pub slots: u32,
    /// Lines of clients, a power of eight times something, for steps of growth.
    pub client_lines: u32,
}

impl Sizes {
    /// For so many limits and breakers: there is room for those of several generations that have nothing
    /// in common. 48 MB of clients hold two million of them; untouched they take nothing.
    #[must_use]
    pub fn of(slots_in_use: usize) -> Self {
        const SLOTS_MIN: u32 = 1 << 18;
        let wanted = u32::try_from(slots_in_use.saturating_mul(4)).unwrap_or(SLOTS_MAX);
        Self {
            slots: wanted.min(SLOTS_MAX).next_power_of_two().max(SLOTS_MIN),
            client_lines: 768 * 1024,
        }
    }

    /// Whether what needs `other` finds it here.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.slots >= other.slots && self.client_lines >= other.client_lines
    }

    const fn bytes(self) -> u64 {
        (1 + self.slots as u64 + self.client_lines as u64) * LINE_BYTES
    }

    const fn are_sound(self) -> bool {
        self.slots.is_power_of_two()
            && self.slots <= SLOTS_MAX
            && self.client_lines > 0
            && self.client_lines <= CLIENT_LINES_MAX
    }
}

/// Why a memory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SoftError {
    /// The kernel says no.
    #[error("soft state: {0}")]
    Io(#[from] io::Error),
    /// It does not say what a memory of ours says, or is of another version.
    #[error("soft state: not of this version, or broken")]
    Foreign,
    /// Every slot is in use by a generation that lives.
    #[error("soft state: no room for another limit")]
    Full,
}

/// Makes a memory of this size, empty and with a secret of its own.
///
/// # Errors
/// What the kernel says: no descriptors, no randomness.
pub fn create(sizes: Sizes) -> io::Result<OwnedFd> {
    if !sizes.are_sound() {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let fd = memfd::fixed("baton-soft-state", sizes.bytes())?;
    let memory = SharedWords::map(&fd)?;
    let secret = [secret_word(), secret_word()];
    let header =
        [MAGIC, VERSION, sizes.slots.into(), sizes.client_lines.into(), secret[0], secret[1]];
    for (word, value) in memory.words().iter().zip(header) {
        word.store(value, Ordering::Relaxed);
    }
    Ok(fd)
}

/// The standard library asks the kernel for the keys of its hashes.
fn secret_word() -> u64 {
    RandomState::new().hash_one(0)
}

/// A mapped memory.
#[derive(Debug)]
pub struct Memory {
    words: SharedWords,
    sizes: Sizes,
    secret: [u64; 2],
}

impl Memory {
    /// Maps what [`create`] made, here or in another process.
    ///
    /// # Errors
    /// [`SoftError::Foreign`] for anything else.
    pub fn map(fd: impl AsFd) -> Result<Self, SoftError> {
        let words = SharedWords::map(fd)?;
        let header: Vec<u64> =
            words.words().iter().take(6).map(|word| word.load(Ordering::Relaxed)).collect();
        let &[MAGIC, VERSION, slots, client_lines, first, second] = &*header else {
            return Err(SoftError::Foreign);
        };
        let (Ok(slots), Ok(client_lines)) = (u32::try_from(slots), u32::try_from(client_lines))
        else {
            return Err(SoftError::Foreign);
        };
        let sizes = Sizes { slots, client_lines };
        let is_there = words.words().len() as u64 * 8 == sizes.bytes();
        if !sizes.are_sound() || !is_there {
            return Err(SoftError::Foreign);
        }
        Ok(Self { words, sizes, secret: [first, second] })
    }

    /// Memory of this process alone: limits work, but end with it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn private(sizes: Sizes) -> Result<Self, SoftError> {
        Self::map(create(sizes)?)
    }

    pub(super) fn slots(&self) -> &[Line] {
        let all = self.lines();
        all.get(1..=self.sizes.slots as usize).unwrap_or_default()
    }

    pub(super) fn client_lines(&self) -> &[Line] {
        self.lines().get(1 + self.sizes.slots as usize..).unwrap_or_default()
    }

    pub(super) const fn secret(&self) -> [u64; 2] {
        self.secret
    }

    fn lines(&self) -> &[Line] {
        self.words.words().as_chunks().0
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::{FileExt as _, MetadataExt as _};

    use super::*;

    const SMALL: Sizes = Sizes { slots: 8, client_lines: 64 };

    #[test]
    fn a_memory_is_mapped_by_everybody_alike_and_takes_nothing_until_it_is_used() {
        let fd = create(Sizes::of(10)).unwrap();
        let (one, other) = (Memory::map(&fd).unwrap(), Memory::map(&fd).unwrap());
        assert_eq!((one.sizes, one.secret), (other.sizes, other.secret));
        assert_ne!(one.secret, Memory::map(create(SMALL).unwrap()).unwrap().secret);
        assert_eq!((one.slots().len(), one.client_lines().len()), (1 << 18, 768 * 1024));
        let pages = File::from(fd).metadata().unwrap().blocks() * 512 / 4096;
        assert_eq!(pages, 1);
    }

    #[test]
    fn what_is_not_a_memory_of_this_version_is_refused() {
        let sound = File::from(create(SMALL).unwrap());
        for (place, value) in [(0, 1_u64), (8, 2), (16, 7), (16, 1 << 40), (24, 0), (24, 65)] {
            let mut before = [0; 8];
            sound.read_exact_at(&mut before, place).unwrap();
            sound.write_all_at(&value.to_le_bytes(), place).unwrap();
            assert!(matches!(Memory::map(&sound), Err(SoftError::Foreign)), "{place} {value}");
            sound.write_all_at(&before, place).unwrap();
        }
        Memory::map(&sound).unwrap();
        assert!(create(Sizes { slots: 3, client_lines: 1 }).is_err());
    }

    #[test]
    fn the_room_grows_with_what_is_asked_for() {
        assert_eq!(Sizes::of(0), Sizes::of(65_536));
        assert!(Sizes::of(65_537).covers(Sizes::of(0)));
        assert!(!Sizes::of(0).covers(Sizes::of(65_537)));
        assert!(Sizes::of(usize::MAX).are_sound());
    }
}
