//! Addresses of names, for all serving threads: each name is looked up once at a time, elsewhere.
//!
//! What is known is used for `dns_cache_ttl`, and a while longer as long as it is being renewed, so that in steady use
//! nobody waits. What was right last is kept when a lookup fails. The system's own resolver is asked
//! (`/etc/hosts`, `nsswitch.conf`): it blocks, so it has threads of its own, a bounded number of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Names that are remembered; more are looked up each time.
const NAMES_MAX: usize = 4096;
/// Addresses of one name that are kept.
pub(super) const ADDRESSES_MAX: usize = 16;
/// What was right last is kept for so many lifetimes.
const LAST_GOOD_LIVES: u32 = 10;

/// Addresses in the order in which they are tried.
pub(crate) type Addresses = Arc<[IpAddr]>;

/// What is known of names.
#[derive(Debug)]
pub(super) struct Names {
    /// `dns_cache_ttl`.
    life: Duration,
    known: Mutex<HashMap<Box<str>, Known>>,
}

#[derive(Debug, Default)]
struct Known {
    addresses: Option<Addresses>,
    /// When they were found, or thought wrong.
    found: Option<Instant>,
    /// Whether they are thought wrong: nobody could be reached there.
    doubted: bool,
    pending: bool,
    waiting: Vec<oneshot::Sender<Option<Addresses>>>,
}

/// What somebody who needs a name does next.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) now: Now,
    /// Whether a lookup is to be started.
    pub(super) look_up: bool,
}

#[derive(Debug)]
pub(super) enum Now {
    /// Uses these.
    Use(Addresses),
    /// Waits; `None` comes if there is nothing.
    Wait(oneshot::Receiver<Option<Addresses>>),
}

impl Names {
    pub(super) fn new(life: Duration) -> Self {
        Self { life, known: Mutex::default() }
    }

    /// What is known of `name` at `now`.
    pub(super) fn find(&self, name: &str, now: Instant) -> Next {
        let mut all = self.lock();
        if !all.contains_key(name) && all.len() >= NAMES_MAX {
            let life = self.life;
            all.retain(|_, known| known.pending || known.age(now).is_some_and(|age| age < life));
        }
        if !all.contains_key(name) {
            all.insert(name.into(), Known::default());
        }
        let Some(known) = all.get_mut(name) else { return Next::nothing() };
        let age = known.age(now).filter(|age| !known.doubted && *age < self.life * 2);
        if let (Some(age), Some(addresses)) = (age, &known.addresses) {
            let look_up = age >= self.life && !known.pending;
            known.pending |= look_up;
            return Next { now: Now::Use(Arc::clone(addresses)), look_up };
        }
        let (tell, told) = oneshot::channel();
        known.waiting.retain(|one| !one.is_closed());
        known.waiting.push(tell);
        let look_up = !known.pending;
        known.pending = true;
        Next { now: Now::Wait(told), look_up }
    }

    /// A lookup has ended; nothing found means that what is known stays, for a while.
    pub(super) fn note(&self, name: &str, found: Vec<IpAddr>, now: Instant) {
        let mut all = self.lock();
        let Some(known) = all.get_mut(name) else { return };
        known.pending = false;
        if found.is_empty() {
            if known.age(now).is_none_or(|age| age > self.life * LAST_GOOD_LIVES) {
                known.addresses = None;
            }
        } else {
            known.addresses = Some(found.into_iter().take(ADDRESSES_MAX).collect());
            known.found = Some(now);
            known.doubted = false;
        }
        let addresses = known.addresses.clone();
        let waiting = std::mem::take(&mut known.waiting);
        if addresses.is_none() || all.len() > NAMES_MAX {
            all.remove(name);
        }
        drop(all);
        for one in waiting {
            // Who waited may be gone.
            drop(one.send(addresses.clone()));
        }
    }

    /// Nobody could be reached there: the next who needs it waits for a lookup.
    pub(super) fn doubt(&self, name: &str) {
        if let Some(known) = self.lock().get_mut(name) {
            known.doubted = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn age(&self, now: Instant) -> Option<Duration> {
        self.found.map(|found| now.saturating_duration_since(found))
    }
}

impl Next {
    fn nothing() -> Self {
        let (_, told) = oneshot::channel();
        Self { now: Now::Wait(told), look_up: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(30);

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn used(next: &Next) -> Option<(Vec<IpAddr>, bool)> {
        match &next.now {
            Now::Use(addresses) => Some((addresses.to_vec(), next.look_up)),
            Now::Wait(_) => None,
        }
    }

    fn told(next: Next) -> Option<Vec<IpAddr>> {
        match next.now {
            Now::Use(_) => None,
            Now::Wait(mut told) => told.try_recv().ok()?.map(|addresses| addresses.to_vec()),
        }
    }

    #[test]
    fn a_name_is_looked_up_once_for_all_who_wait() {
        let (names, now) = (Names::new(LIFE), Instant::now());
        let (first, second) = (names.find("a", now), names.find("a", now));
        assert!(first.look_up && !second.look_up);
        names.note("a", vec![address(1)], now);
        assert_eq!(told(first), Some(vec![address(1)]));
        assert_eq!(told(second), Some(vec![address(1)]));
        assert_eq!(used(&names.find("a", now)), Some((vec![address(1)], false)));
    }

    #[test]
    fn in_steady_use_nobody_waits() {
        let (names, start) = (Names::new(LIFE), Instant::now());
        drop(names.find("a", start));
        names.note("a", vec![address(1)], start);
        let old = start + LIFE;
        assert_eq!(used(&names.find("a", old)), Some((vec![address(1)], true)));
        assert_eq!(used(&names.find("a", old)), Some((vec![address(1)], false)));
        names.note("a", vec![address(2)], old);
        assert_eq!(used(&names.find("a", old)), Some((vec![address(2)], false)));
        // Long unused: what was right then may be wrong now.
        assert_eq!(used(&names.find("a", old + LIFE * 2)), None);
    }

    #[test]
    fn what_was_right_last_is_kept_when_a_lookup_fails_but_not_for_ever() {
        let (names, start) = (Names::new(LIFE), Instant::now());
        drop(names.find("a", start));
        names.note("a", vec![address(1)], start);
        let later = start + LIFE * 5;
        let waiting = names.find("a", later);
        names.note("a", Vec::new(), later);
        assert_eq!(told(waiting), Some(vec![address(1)]));
        let much_later = start + LIFE * 11;
        let waiting = names.find("a", much_later);
        names.note("a", Vec::new(), much_later);
        assert_eq!(told(waiting), None);
    }

    #[test]
    fn a_name_where_nobody_could_be_reached_is_looked_up_anew() {
        let (names, now) = (Names::new(LIFE), Instant::now());
        drop(names.find("a", now));
        names.note("a", vec![address(1)], now);
        names.doubt("a");
        let waiting = names.find("a", now);
        assert!(waiting.look_up);
        names.note("a", vec![address(2)], now);
        assert_eq!(told(waiting), Some(vec![address(2)]));
    }

    #[test]
    fn a_name_without_addresses_is_not_remembered() {
        let (names, now) = (Names::new(LIFE), Instant::now());
        let waiting = names.find("a", now);
        names.note("a", Vec::new(), now);
        assert_eq!(told(waiting), None);
        assert!(names.find("a", now).look_up);
    }
}
