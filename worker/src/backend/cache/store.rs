//! Stored answers: least recently used first out, bounded by number and by bytes, shared by the threads.
//!
//! Sharded where it is large, so that threads seldom meet; a lock is held for a look-up or an exchange of
//! pointers, never over an await, and what is dropped is dropped after it.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slab::Slab;
use smallvec::SmallVec;

use super::entry::Entry;

/// Shards of a large store.
const SHARDS: usize = 8;
/// A store below either of these is one shard: its bounds are kept to the letter.
const SHARDED_ITEMS_MIN: usize = 1024;
const SHARDED_BYTES_MIN: usize = 64 << 20;
/// What an entry costs besides its bytes.
const ENTRY_BYTES: usize = 512;

/// How much a store may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bounds {
    pub(crate) items_max: usize,
    pub(crate) bytes_max: usize,
    pub(crate) counts: Counts,
}

/// What of an entry counts against the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Counts {
    /// The answer as it would travel: KrakenD's `max_size`.
    Answer,
    /// All that it takes.
    Everything,
}

/// Entries by key.
#[derive(Debug)]
pub(crate) struct Store {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    /// Of one shard.
    bounds: Bounds,
}

#[derive(Debug, Default)]
struct Shard {
    places: HashMap<Arc<[u8]>, usize>,
    slots: Slab<Slot>,
    /// The ends of the list from the newest to the oldest.
    newest: Option<usize>,
    oldest: Option<usize>,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    key: Arc<[u8]>,
    /// By which backend it came, see [`super::Cache::identity`].
    origin: u64,
    entry: Arc<Entry>,
    bytes: usize,
    newer: Option<usize>,
    older: Option<usize>,
}

/// What a change let go; dropped when the lock is free again.
type Gone = SmallVec<[Slot; 2]>;

impl Store {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let is_large =
            bounds.items_max >= SHARDED_ITEMS_MIN && bounds.bytes_max >= SHARDED_BYTES_MIN;
        let count = if is_large { SHARDS } else { 1 };
        let bounds = Bounds {
            items_max: bounds.items_max / count,
            bytes_max: bounds.bytes_max / count,
            ..bounds
        };
        let shards = std::iter::repeat_with(Mutex::default).take(count).collect();
        Self { shards, hasher: RandomState::new(), bounds }
    }

    /// The most that one answer may have, so that storing it can do any good.
    pub(crate) const fn answer_bytes_max(&self) -> usize {
        self.bounds.bytes_max
    }

    /// What is stored; it counts as used.
    pub(crate) fn find(&self, key: &[u8]) -> Option<Arc<Entry>> {
        let mut shard = self.shard(key);
        let place = *shard.places.get(key)?;
        shard.renew(place);
        shard.slots.get(place).map(|slot| Arc::clone(&slot.entry))
    }

    /// Stores an entry in place of an earlier one. One that is too large is not stored.
    pub(crate) fn put(&self, key: &[u8], origin: u64, entry: Arc<Entry>) {
        let bytes = match self.bounds.counts {
            Counts::Answer => entry.answer_bytes(),
            Counts::Everything => entry.answer_bytes() + 2 * key.len() + ENTRY_BYTES,
        };
        if bytes >= self.bounds.bytes_max {
            return;
        }
        let gone = self.shard(key).put(key, origin, (entry, bytes), self.bounds);
        drop(gone);
    }

    /// Stores an entry where there is none.
    pub(crate) fn put_missing(&self, key: &[u8], origin: u64, entry: Arc<Entry>) {
        let is_there = self.shard(key).places.contains_key(key);
        if !is_there {
            self.put(key, origin, entry);
        }
    }

    /// Shows entries with their key and origin, at most so many of each shard, the latest used first. Nothing is locked
    /// meanwhile.
    pub(crate) fn visit(&self, shard_max: usize, mut see: impl FnMut(&[u8], u64, &Entry)) {
        for shard in &self.shards {
            let entries = shard.lock().unwrap_or_else(PoisonError::into_inner).newest(shard_max);
            entries.iter().for_each(|(key, origin, entry)| see(key, *origin, entry));
        }
    }

    /// Forgets an entry.
    pub(crate) fn remove(&self, key: &[u8]) {
        let gone = {
            let mut shard = self.shard(key);
            let place = shard.places.get(key).copied();
            place.map(|place| shard.take(place))
        };
        drop(gone);
    }

    fn shard(&self, key: &[u8]) -> MutexGuard<'_, Shard> {
        let place = match self.shards.len() {
            1 => 0,
            count => {
                let hash = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or_default();
                hash % count
            },
        };
        // A panic elsewhere leaves a list that is whole: nothing in here panics between two steps.
        #[expect(clippy::indexing_slicing, reason = "the remainder of a division by the length")]
        self.shards[place].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn put(
        &mut self,
        key: &[u8],
        origin: u64,
        (entry, bytes): (Arc<Entry>, usize),
        bounds: Bounds,
    ) -> Gone {
        let mut gone = Gone::new();
        if let Some(place) = self.places.get(key).copied() {
            gone.push(self.take(place));
        }
        let key: Arc<[u8]> = key.into();
        let slot = Slot { key: Arc::clone(&key), origin, entry, bytes, newer: None, older: None };
        let place = self.slots.insert(slot);
        self.places.insert(key, place);
        self.bytes += bytes;
        self.link(place);
        while (self.bytes > bounds.bytes_max || self.places.len() > bounds.items_max)
            && let Some(oldest) = self.oldest
        {
            gone.push(self.take(oldest));
        }
        gone
    }

    fn newest(&self, most: usize) -> Vec<(Arc<[u8]>, u64, Arc<Entry>)> {
        let mut entries = Vec::with_capacity(most.min(self.places.len()));
        let mut next = self.newest;
        while entries.len() < most
            && let Some(slot) = next.and_then(|place| self.slots.get(place))
        {
            entries.push((Arc::clone(&slot.key), slot.origin, Arc::clone(&slot.entry)));
            next = slot.older;
        }
        entries
    }

    fn take(&mut self, place: usize) -> Slot {
        self.unlink(place);
        let slot = self.slots.remove(place);
        self.places.remove(&slot.key);
        self.bytes -= slot.bytes;
        slot
    }

    fn renew(&mut self, place: usize) {
        if self.newest != Some(place) {
            self.unlink(place);
            self.link(place);
        }
    }

    /// Puts a slot to the new end of the list.
    fn link(&mut self, place: usize) {
        let second = self.newest.replace(place);
        if let Some(slot) = self.slots.get_mut(place) {
            (slot.newer, slot.older) = (None, second);
        }
        match second.and_then(|second| self.slots.get_mut(second)) {
            Some(second) => second.newer = Some(place),
            None => self.oldest = Some(place),
        }
    }

    /// Takes a slot out of the list.
    fn unlink(&mut self, place: usize) {
        let Some((newer, older)) = self.slots.get(place).map(|slot| (slot.newer, slot.older))
        else {
            return;
        };
        match newer.and_then(|newer| self.slots.get_mut(newer)) {
            Some(newer) => newer.older = older,
            None => self.newest = older,
        }
        match older.and_then(|older| self.slots.get_mut(older)) {
            Some(older) => older.newer = newer,
            None => self.oldest = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn entry(bytes: usize) -> Arc<Entry> {
        Arc::new(Entry::new(StatusCode::OK, HeaderMap::new(), Bytes::from(vec![b'x'; bytes])))
    }

    fn store(items_max: usize, bytes_max: usize) -> Store {
        Store::new(Bounds { items_max, bytes_max, counts: Counts::Answer })
    }

    fn there(store: &Store) -> String {
        ["a", "b", "c", "d"]
            .into_iter()
            .filter(|key| store.find(key.as_bytes()).is_some())
            .collect()
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let store = store(3, 1 << 20);
        for key in [b"a", b"b", b"c"] {
            store.put(key, 0, entry(10));
        }
        assert!(store.find(b"a").is_some());
        store.put(b"d", 0, entry(10));
        assert_eq!(there(&store), "acd");
        store.remove(b"c");
        store.remove(b"b");
        assert_eq!(there(&store), "ad");
        store.put(b"b", 0, entry(10));
        assert_eq!(there(&store), "abd");
    }

    #[test]
    fn bytes_are_a_bound_and_what_is_larger_is_not_stored() {
        let one = entry(1000).answer_bytes();
        let store = store(100, 2 * one + 1);
        store.put(b"a", 0, entry(1000));
        store.put(b"b", 0, entry(1000));
        assert_eq!(there(&store), "ab");
        store.put(b"c", 0, entry(1000));
        assert_eq!(there(&store), "bc");
        store.put(b"d", 0, entry(3000));
        assert_eq!(there(&store), "bc");
        store.put(b"b", 0, entry(1001));
        assert_eq!(there(&store), "bc");
        store.put(b"b", 0, entry(1002));
        assert_eq!(there(&store), "b");
    }

    #[test]
    fn random_use_keeps_list_and_map_in_step() {
        let store = store(5, 4000);
        let mut seed = 12345_u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let key = [b'a' + u8::try_from((seed >> 33) % 9).unwrap()];
            match (seed >> 40) % 3 {
                0 => store.put(&key, 0, entry(usize::try_from((seed >> 45) % 1500).unwrap())),
                1 => store.remove(&key),
                _ => drop(store.find(&key)),
            }
            let shard = store.shard(&key);
            let (mut count, mut bytes, mut next) = (0, 0, shard.newest);
            while let Some(slot) = next.map(|place| &shard.slots[place]) {
                (count, bytes, next) = (count + 1, bytes + slot.bytes, slot.older);
            }
            assert_eq!((count, bytes), (shard.places.len(), shard.bytes));
            assert!(count <= 5 && bytes <= 4000);
        }
    }
}
