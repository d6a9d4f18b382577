//! The slots of a memory: which belongs to which limit or breaker.
//!
//! A slot is found by a name: a hash of whose limit it is and of its parameters. So a generation finds
//! what the one before left, and what has other parameters begins anew. A slot whose generations are all
//! gone belongs to nobody: whoever needs it takes it.
//!
//! Only a worker that starts looks for slots; requests know theirs.

use std::sync::atomic::{AtomicU64, Ordering};

use super::layout::{Line, Memory, SoftError};
use super::{breaker, bucket::Rate};
use crate::words::{GenerationId, Monotonic};

/// Words of a slot.
const NAME: usize = 0;
/// The newest generation that uses it.
const GENERATION: usize = 1;
/// Its name once more, when it is clean.
const CLEAN: usize = 2;
const STATE: usize = 3;
const FAILURES: usize = 4;

/// Buckets in slots are nobody else's: any mark does that is not zero.
const TAG: u8 = 1;

/// The place of a limit or breaker in its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotId(u32);

/// Who looks for slots, and which others still need theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The generation that starts.
    pub generation: GenerationId,
    /// The oldest that lives or may come back: what only older ones used is free.
    pub oldest: GenerationId,
}

impl Memory {
    /// The slot of this name (not 0): as others left it, or clean.
    ///
    /// # Errors
    /// [`SoftError::Full`].
    pub fn slot(&self, name: u64, tenant: Tenant) -> Result<SlotId, SoftError> {
        let slots = self.slots();
        let mut free = None;
        for place in places(name, slots.len()) {
            let Some(slot) = slots.get(place as usize) else { break };
            match slot[NAME].load(Ordering::Acquire) {
                found if found == name => {
                    if is_abandoned(slot, tenant) {
                        slot[CLEAN].store(0, Ordering::Relaxed);
                    }
                    move_in(slot, name, tenant);
                    return Ok(SlotId(place));
                },
                0 => {
                    free = free.or(Some(place));
                    break;
                },
                _ if is_abandoned(slot, tenant) => free = free.or(Some(place)),
                _ => {},
            }
        }
        // Two workers may start at once, one of them to replace a dead one.
        let free = free.ok_or(SoftError::Full)?;
        let slot = slots.get(free as usize).ok_or(SoftError::Full)?;
        slot[CLEAN].store(0, Ordering::Relaxed);
        slot[NAME].store(name, Ordering::Release);
        move_in(slot, name, tenant);
        Ok(SlotId(free))
    }

    /// The words of a breaker.
    #[must_use]
    pub fn breaker(&self, slot: SlotId) -> Option<breaker::Words<'_>> {
        let line = self.slots().get(slot.0 as usize)?;
        Some(breaker::Words { state: &line[STATE], failures: &line[FAILURES] })
    }

    /// From now on the bucket of this slot fills, if it does not yet.
    pub fn begin_bucket(&self, slot: SlotId, rate: &Rate, now: Monotonic) {
        if let Some(word) = self.bucket(slot) {
            rate.begin(word, TAG, now);
        }
    }

    /// Takes a token from the bucket of this slot. A slot that is not there gives none.
    #[must_use]
    pub fn take(&self, slot: SlotId, rate: &Rate, now: Monotonic) -> bool {
        self.bucket(slot).is_some_and(|word| rate.take(word, TAG, now))
    }

    fn bucket(&self, slot: SlotId) -> Option<&AtomicU64> {
        Some(&self.slots().get(slot.0 as usize)?[STATE])
    }
}

/// Where a name may stand, in order: a few neighbours among the first slots, then a few behind them, then
/// many among the rest. So few names share few pages, and since a place that was used is never empty
/// again, nobody needs to look behind an empty one.
fn places(name: u64, slots: usize) -> impl Iterator<Item = u32> {
    /// Begin and end of each level as a part of all slots, in bits; and how many neighbours.
    const LEVELS: [(u32, u32, u64); 3] = [(63, 8, 16), (8, 4, 16), (4, 0, 256)];
    LEVELS.into_iter().flat_map(move |(begin, end, neighbours)| {
        let (begin, end) = (slots as u64 >> begin, slots as u64 >> end);
        let place = move |step| {
            let place = begin + name.wrapping_add(step).checked_rem(end - begin)?;
            u32::try_from(place).ok()
        };
        (0..neighbours.min(end - begin)).filter_map(place)
    })
}

fn is_abandoned(slot: &Line, tenant: Tenant) -> bool {
    slot[GENERATION].load(Ordering::Relaxed) < tenant.oldest.0
}

fn move_in(slot: &Line, name: u64, tenant: Tenant) {
    if slot[CLEAN].load(Ordering::Acquire) != name {
        slot[STATE].store(0, Ordering::Relaxed);
        slot[FAILURES].store(0, Ordering::Relaxed);
        slot[CLEAN].store(name, Ordering::Release);
        slot[GENERATION].store(tenant.generation.0, Ordering::Relaxed);
    }
    slot[GENERATION].fetch_max(tenant.generation.0, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::soft::layout::{Sizes, create};

    const SMALL: Sizes = Sizes { slots: 8, client_lines: 64 };
    const NOW: Monotonic = Monotonic::from_nanos(1_000_000_000_000);

    const fn tenant(generation: u64, oldest: u64) -> Tenant {
        Tenant { generation: GenerationId(generation), oldest: GenerationId(oldest) }
    }

    fn left(memory: &Memory, name: u64, rate: &Rate, tenant: Tenant) -> usize {
        let slot = memory.slot(name, tenant).unwrap();
        memory.begin_bucket(slot, rate, NOW);
        (0..100).filter(|_| memory.take(slot, rate, NOW)).count()
    }

    #[test]
    fn a_generation_finds_what_the_one_before_left_and_other_names_begin_anew() {
        let fd = create(SMALL).unwrap();
        let (one, two) = (Memory::map(&fd).unwrap(), Memory::map(&fd).unwrap());
        let rate = Rate::new(1.0, 5);
        assert_eq!(left(&one, 77, &rate, tenant(1, 1)), 5);
        assert_eq!(left(&two, 77, &rate, tenant(2, 1)), 0);
        assert_eq!(left(&two, 78, &rate, tenant(2, 1)), 5);
        assert_eq!(left(&two, 77 + 8, &rate, tenant(2, 1)), 5);
        assert_eq!(left(&one, 85, &rate, tenant(1, 1)), 0);
    }

    #[test]
    fn a_slot_is_free_when_all_generations_that_used_it_are_gone() {
        let memory = Memory::private(SMALL).unwrap();
        let rate = Rate::new(1.0, 1);
        for name in 1..=8 {
            assert_eq!(left(&memory, name * 1000, &rate, tenant(1, 1)), 1);
        }
        assert!(matches!(memory.slot(9000, tenant(2, 1)), Err(SoftError::Full)));
        assert_eq!(left(&memory, 1000, &rate, tenant(2, 1)), 0);
        assert_eq!(left(&memory, 9000, &rate, tenant(2, 2)), 1);
        assert_eq!(left(&memory, 1000, &rate, tenant(3, 2)), 0, "generation 2 has it");
        assert_eq!(left(&memory, 2000, &rate, tenant(3, 2)), 1, "nobody had it any more");
    }

    #[test]
    fn generations_that_share_nothing_never_fill_it() {
        let memory = Memory::private(SMALL).unwrap();
        for generation in 1..10_000 {
            for limit in 0..4 {
                let name = (generation << 8) | (limit << 1) | 1;
                let tenant = tenant(generation, generation.saturating_sub(1));
                memory.slot(name, tenant).unwrap();
            }
        }
    }

    #[test]
    fn many_limits_find_room_and_few_share_few_pages() {
        let fd = create(Sizes::of(1)).unwrap();
        let memory = Memory::map(&fd).unwrap();
        let blocks =
            || MetadataExt::blocks(&File::from(fd.try_clone().unwrap()).metadata().unwrap());
        for name in 0..500 {
            memory.slot(name_of(name), tenant(1, 1)).unwrap();
        }
        assert!(blocks() * 512 <= 100_000, "{} blocks", blocks());
        for name in 0..60_000 {
            memory.slot(name_of(name), tenant(1, 1)).unwrap();
        }
    }

    fn name_of(number: u64) -> u64 {
        crate::soft::name_of(&number.to_le_bytes())
    }

    #[test]
    fn a_slot_that_was_left_half_made_is_made_clean() {
        let memory = Memory::private(SMALL).unwrap();
        memory.slots()[3][NAME].store(3, Ordering::Relaxed);
        memory.slots()[3][GENERATION].store(5, Ordering::Relaxed);
        memory.slots()[3][STATE].store(u64::MAX, Ordering::Relaxed);
        assert_eq!(left(&memory, 3, &Rate::new(1.0, 2), tenant(5, 5)), 2);
    }
}
