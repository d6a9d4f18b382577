//! What is stored, in bytes: it goes along to the next worker.
//!
//! On the way: beside a reload, on a thread of its own; nobody waits for it. Bounded in size and time; whatever bytes come
//! back, they give entries or nothing. An entry travels if the next worker has a cache of the same identity: the
//! same backend with the same settings. What is of no more use stays behind.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use baton_shared::control::Input;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::control::Unix;
use super::entry::Entry;
use super::{Cache, keep, now};

/// The most that travels.
pub(crate) const SNAPSHOT_BYTES_MAX: usize = 32 << 20;
/// The longest that is collected.
const SNAPSHOT_TIME_MAX: Duration = Duration::from_millis(250);
/// Entries of one shard that are looked at.
const SHARD_ENTRIES_MAX: usize = 16_384;

/// Form and version.
const MAGIC: &[u8; 8] = b"batonHC1";

/// All that is worth to be kept, the latest used first; none: nothing is.
pub(crate) fn write(caches: &[Cache]) -> Option<Vec<u8>> {
    let (now, until) = (now(), Instant::now() + SNAPSHOT_TIME_MAX);
    let mut out = MAGIC.to_vec();
    let mut seen = HashSet::new();
    for cache in caches.iter().filter(|cache| seen.insert(Arc::as_ptr(&cache.store))) {
        cache.store.visit(SHARD_ENTRIES_MAX, |key, origin, entry| {
            let Some((_owner, key)) = key.split_first_chunk::<4>() else { return };
            if Instant::now() < until {
                put(&mut out, origin, key, entry, now);
            }
        });
    }
    (out.len() > MAGIC.len()).then_some(out)
}

fn put(out: &mut Vec<u8>, origin: u64, key: &[u8], entry: &Entry, now: Unix) {
    let bytes = entry.answer_bytes() + key.len() + 64 + 8 * entry.headers.len();
    if out.len() + bytes > SNAPSHOT_BYTES_MAX || !entry.is_useful(now) {
        return;
    }
    out.extend_from_slice(&origin.to_le_bytes());
    piece(out, key);
    out.extend_from_slice(&entry.status.as_u16().to_le_bytes());
    out.extend_from_slice(&u32::try_from(entry.headers.len()).unwrap_or(0).to_le_bytes());
    for (name, value) in &entry.headers {
        piece(out, name.as_str().as_bytes());
        piece(out, value.as_bytes());
    }
    piece(out, &entry.body);
}

fn piece(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Stores what came, where there is nothing newer; how many entries that were. Ends at the first thing that is not as it
/// should be.
pub(crate) fn read(bytes: &[u8], caches: &[Cache]) -> usize {
    let Some(mut input) = bytes.strip_prefix(MAGIC).map(Input::new) else { return 0 };
    let caches: HashMap<u64, &Cache> = caches.iter().map(|cache| (cache.identity, cache)).collect();
    let mut entries = Vec::new();
    while let Some((origin, key, entry)) = entry(&mut input) {
        if let Some(cache) = caches.get(&origin) {
            entries.push((cache, key, entry));
        }
    }
    let count = entries.len();
    // The latest used last, so that it is the newest here too.
    for (cache, key, entry) in entries.into_iter().rev() {
        let key = [&cache.owner.to_le_bytes(), key].concat();
        cache.store.put_missing(&key, cache.identity, Arc::new(entry));
    }
    count
}

fn entry<'a>(input: &mut Input<'a>) -> Option<(u64, &'a [u8], Entry)> {
    let identity = input.u64()?;
    let key = input.piece()?;
    let status = StatusCode::from_u16(input.u16()?).ok()?;
    let count = input.u32()?;
    let mut headers = HeaderMap::new();
    for _ in 0..count {
        let name = HeaderName::from_bytes(input.piece()?).ok()?;
        let value = HeaderValue::from_bytes(input.piece()?).ok()?;
        headers.try_append(name, value).ok()?;
    }
    let body = Bytes::copy_from_slice(input.piece()?);
    Some((identity, key, Entry::new(status, keep::compact(&headers), body)))
}

#[cfg(test)]
mod tests {
    use super::super::store::{Bounds, Counts, Store};
    use super::*;

    fn cache(identity: u64, owner: u32, store: &Arc<Store>) -> Cache {
        Cache { store: Arc::clone(store), owner, identity }
    }

    fn store() -> Arc<Store> {
        let bounds = Bounds { items_max: 3, bytes_max: 1 << 20, counts: Counts::Everything };
        Arc::new(Store::new(bounds))
    }

    fn key(owner: u32, name: &str) -> Vec<u8> {
        [&owner.to_le_bytes(), name.as_bytes()].concat()
    }

    fn headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [("etag", "\"e\""), ("x", "1"), ("x", "2")] {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    fn put(cache: &Cache, name: &str, body: &str) {
        let entry = Entry::new(StatusCode::NOT_FOUND, headers(), Bytes::from(body.to_owned()));
        cache.store.put(&key(cache.owner, name), cache.identity, Arc::new(entry));
    }

    fn body(store: &Store, owner: u32, name: &str) -> Option<String> {
        let found = store.find(&key(owner, name))?;
        assert_eq!((found.status, &found.headers), (StatusCode::NOT_FOUND, &headers()));
        Some(String::from_utf8_lossy(&found.body).into_owned())
    }

    #[test]
    fn what_is_written_comes_back_to_caches_of_the_same_identity() {
        let (old, new) = (store(), store());
        let (one, two) = (cache(11, 1, &old), cache(22, 2, &old));
        put(&one, "a", "A");
        put(&two, "a", "other");
        put(&one, "b", "B");
        let bytes = write(&[one, two]).unwrap();
        let (one, three) = (cache(11, 7, &new), cache(33, 2, &new));
        put(&one, "b", "newer");
        assert_eq!(read(&bytes, &[one, three]), 2);
        assert_eq!(body(&new, 7, "a").as_deref(), Some("A"));
        assert_eq!(body(&new, 7, "b").as_deref(), Some("newer"));
        assert_eq!(body(&new, 2, "a"), None);
    }

    #[test]
    fn of_a_shared_store_what_came_by_a_backend_that_is_another_now_stays_behind() {
        const EVERYBODY: u32 = 9;
        let (old, new) = (store(), store());
        let both = [cache(11, EVERYBODY, &old), cache(22, EVERYBODY, &old)];
        put(&both[0], "a", "A");
        put(&both[1], "b", "B");
        let bytes = write(&both).unwrap();
        assert_eq!(read(&bytes, &[cache(33, EVERYBODY, &new), cache(22, EVERYBODY, &new)]), 1);
        assert_eq!(body(&new, EVERYBODY, "a"), None);
        assert_eq!(body(&new, EVERYBODY, "b").as_deref(), Some("B"));
    }

    #[test]
    fn the_newest_stay_where_there_is_room_for_few() {
        let old = store();
        let one = cache(1, 1, &old);
        ["a", "b", "c"].iter().for_each(|name| put(&one, name, name));
        assert!(old.find(&key(1, "a")).is_some());
        let bytes = write(&[one]).unwrap();
        let bounds = Bounds { items_max: 2, bytes_max: 1 << 20, counts: Counts::Everything };
        let small = Arc::new(Store::new(bounds));
        read(&bytes, &[cache(1, 1, &small)]);
        assert_eq!(body(&small, 1, "b"), None);
        assert!(["a", "c"].iter().all(|name| body(&small, 1, name).is_some()));
    }

    #[test]
    fn what_is_of_no_use_stays_behind() {
        let old = store();
        let useless = Entry::new(StatusCode::OK, HeaderMap::new(), Bytes::new());
        old.put(&key(1, "a"), 1, Arc::new(useless));
        assert_eq!(write(&[cache(1, 1, &old)]), None);
    }

    #[test]
    fn any_bytes_give_entries_or_nothing() {
        let old = store();
        let one = cache(1, 1, &old);
        put(&one, "a", "A");
        put(&one, "b", "B");
        let bytes = write(&[one]).unwrap();
        for cut in 0..bytes.len() {
            read(&bytes[..cut], &[cache(1, 1, &store())]);
        }
        for place in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[place] ^= 0xFF;
            read(&broken, &[cache(1, 1, &store())]);
        }
    }
}
