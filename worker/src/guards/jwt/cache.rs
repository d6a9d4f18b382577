//! Tokens that were found good, so that their signatures are not checked again: one thread's own.
//!
//! On the way: in front of everything that reads a token. By the hash of validator and token, so that nothing is compared
//! that an attacker could measure. An entry is good until its token ends, its keys change or may not be used any more, and
//! as long as there is room; only good tokens get one, so that a flood of bad ones drives none out.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};

use super::Verified;

/// Of all tokens together, as they were sent: their claims take about as much.
const BYTES_MAX: usize = 16 << 20;

/// What a token is found by.
pub(crate) type Name = [u8; 32];

/// The tokens of a thread.
#[derive(Debug)]
pub(crate) struct TokenCache {
    tokens_max: usize,
    kept: RefCell<Kept>,
}

/// Those that were used since the last turn, and those before them: when there is no room, the latter go.
#[derive(Debug, Default)]
struct Kept {
    young: HashMap<Name, Entry>,
    old: HashMap<Name, Entry>,
    young_bytes: usize,
}

/// A good token.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) token: Rc<Verified>,
    /// When it ends, since 1970.
    pub(crate) ends: Option<Duration>,
    /// Of the keys that it was checked with.
    pub(crate) version: u64,
    /// Of the token as it was sent.
    pub(crate) bytes: usize,
}

/// The name of a token for a validator.
pub(crate) fn name(validator: usize, token: &[u8]) -> Name {
    let mut hash = Context::new(&SHA256);
    hash.update(&validator.to_le_bytes());
    hash.update(token);
    let mut name = Name::default();
    for (to, from) in name.iter_mut().zip(hash.finish().as_ref()) {
        *to = *from;
    }
    name
}

impl TokenCache {
    /// For so many tokens.
    pub(crate) fn new(tokens_max: usize) -> Self {
        Self { tokens_max, kept: RefCell::default() }
    }

    /// Whether it keeps anything.
    pub(crate) const fn is_off(&self) -> bool {
        self.tokens_max == 0
    }

    /// A token that is still good at `now`, by keys of this version.
    pub(crate) fn find(&self, name: &Name, version: u64, now: Duration) -> Option<Rc<Verified>> {
        let mut kept = self.kept.borrow_mut();
        let is_good =
            |entry: &Entry| entry.version == version && entry.ends.is_none_or(|ends| now <= ends);
        if let Some(entry) = kept.young.get(name) {
            return is_good(entry).then(|| Rc::clone(&entry.token));
        }
        let entry = kept.old.remove(name).filter(is_good)?;
        let token = Rc::clone(&entry.token);
        self.put(&mut kept, *name, entry);
        Some(token)
    }

    /// Keeps a good token.
    pub(crate) fn keep(&self, name: Name, entry: Entry) {
        self.put(&mut self.kept.borrow_mut(), name, entry);
    }

    fn put(&self, kept: &mut Kept, name: Name, entry: Entry) {
        if kept.young.len() >= self.tokens_max.div_ceil(2)
            || kept.young_bytes + entry.bytes > BYTES_MAX / 2
        {
            kept.old = std::mem::take(&mut kept.young);
            kept.young_bytes = 0;
        }
        kept.young_bytes += entry.bytes;
        if let Some(before) = kept.young.insert(name, entry) {
            kept.young_bytes = kept.young_bytes.saturating_sub(before.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(ends: Option<u64>, version: u64, bytes: usize) -> Entry {
        Entry { token: Rc::default(), ends: ends.map(Duration::from_secs), version, bytes }
    }

    fn has(cache: &TokenCache, token: &str, version: u64, now: u64) -> bool {
        cache.find(&name(1, token.as_bytes()), version, Duration::from_secs(now)).is_some()
    }

    #[test]
    fn a_token_is_good_until_it_ends_or_its_keys_change() {
        let cache = TokenCache::new(10);
        cache.keep(name(1, b"t"), entry(Some(100), 7, 1));
        assert!(has(&cache, "t", 7, 100));
        assert!(!has(&cache, "t", 7, 101));
        assert!(!has(&cache, "t", 8, 100));
        assert!(!has(&cache, "u", 7, 100));
        assert!(cache.find(&name(2, b"t"), 7, Duration::ZERO).is_none(), "of another validator");
        cache.keep(name(1, b"u"), entry(None, 7, 1));
        assert!(has(&cache, "u", 7, u64::MAX));
    }

    #[test]
    fn what_is_used_stays_and_neither_number_nor_size_grows() {
        let cache = TokenCache::new(10);
        cache.keep(name(1, b"used"), entry(None, 1, 1));
        for nth in 0..1_000 {
            cache.keep(name(1, format!("{nth}").as_bytes()), entry(None, 1, 1));
            assert!(has(&cache, "used", 1, 0), "{nth}");
        }
        let kept = cache.kept.borrow();
        assert!(kept.young.len() + kept.old.len() <= 12);
        drop(kept);
        let cache = TokenCache::new(1_000_000);
        for nth in 0..100 {
            cache.keep(name(1, format!("{nth}").as_bytes()), entry(None, 1, 1 << 20));
        }
        let kept = cache.kept.borrow();
        assert!(kept.young.len() + kept.old.len() <= 16);
    }
}
