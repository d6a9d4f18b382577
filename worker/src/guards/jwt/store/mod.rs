//! Key sets of providers (`jwk_url`): fetched beside the serving threads, kept while their provider is down.
//!
//! On the way: a look at what is known. Only a request whose key is not known may wait: for the first answer after a start,
//! or, at most once a second for each provider, for a new one, since keys are rotated. What a token says never chooses whom
//! is asked.
//! KrakenD: keys are fetched on the way of the request, with a lock that all requests of the endpoint wait for; keys of one
//! provider may verify the tokens of another. Here a provider's keys are its own, one fetch serves everybody, and the last
//! good keys stay in force for a while longer.

mod fetch;
#[cfg(test)]
mod tests;
mod thread;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use baton_shared::log;
use baton_shared::words::Monotonic;
use bytes::Bytes;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

use crate::life::keep::{Fetched, Keeper};
use crate::plan::ClientTlsPlan;

use super::jwk::Jwk;
use super::key_set::{self, KeySet, Rest, View};
pub(crate) use fetch::KeyClient;
pub(crate) use thread::ThreadKeys;

/// What stands in the brackets of log lines.
const TAG: &str = "SERVICE: JOSE";
/// Between two fetches for the sake of keys that are not known.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long a start waits for keys, at most.
const WARM_MAX: Duration = Duration::from_secs(2);
/// How long keys are good where `cache` is not set: KrakenD fetches them for each request.
const UNCACHED: Duration = Duration::from_secs(10);
/// The longest pause between attempts that fail.
const RETRY_MAX: Duration = Duration::from_secs(30);
/// Names of keys that are remembered as unknown.
const UNKNOWN_MAX: usize = 1_000;

/// Whom keys are asked for and what is believed of its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceSpec {
    pub(crate) url: Box<str>,
    pub(crate) trust: Trust,
}

/// How a provider proves who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trust {
    /// `disable_jwk_security`: in the clear, or by any certificate.
    pub(crate) is_insecure: bool,
    /// `jwk_local_ca`
    pub(crate) ca: Box<str>,
    /// `cipher_suites`
    pub(crate) suites: Box<[u16]>,
    /// `jwk_fingerprints`
    pub(crate) fingerprints: Box<[Box<[u8]>]>,
}

/// How long keys are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// From then on they are fetched anew.
    fresh: Duration,
    /// So much longer they are used while that fails.
    stale: Duration,
    /// Fetched anew whether somebody uses them or not (`cache`).
    is_eager: bool,
}

/// The sources of a plan in the making, each once.
#[derive(Debug, Default)]
pub(crate) struct SourcesDraft {
    sources: Vec<(SourceSpec, Freshness, Vec<View>)>,
    /// Validators so far.
    validators: usize,
}

/// The sources of a plan.
#[derive(Debug)]
pub(crate) struct KeyStore {
    sources: Box<[Source]>,
    client: KeyClient,
    /// Who fetches, once somebody needed it.
    fetcher: OnceLock<()>,
    /// Who keeps what was fetched for later workers.
    keeper: Keeper,
}

/// A provider and the keys that it gave last.
#[derive(Debug)]
pub(crate) struct Source {
    spec: SourceSpec,
    /// How it is met by TLS; none: it cannot be.
    tls: ClientTlsPlan,
    freshness: Freshness,
    views: Box<[View]>,
    set: Mutex<Arc<KeySet>>,
    /// Changes with the set: a thread that has seen it needs no lock.
    version: AtomicU64,
    /// When the set came, in nanoseconds of the monotonic clock; 0: never.
    fetched: AtomicU64,
    /// When the last attempt began, likewise.
    attempted: AtomicU64,
    is_wanted: AtomicBool,
    wanted: Notify,
    /// Attempts that have ended.
    rounds: watch::Sender<u64>,
    /// Why the last one brought no key.
    trouble: Mutex<Option<Arc<str>>>,
    /// Names of keys that were not there, and until when nobody asks again.
    unknown: Mutex<HashMap<Box<str>, Monotonic>>,
}

impl SourceSpec {
    /// Tells its answers from those of others: what was believed without proof is not what was proven.
    fn name(&self) -> String {
        let Self { url, trust } = self;
        format!("jwks {url} {trust:?}")
    }
}

impl Freshness {
    pub(crate) const fn new(caches: bool, cache_duration: Duration) -> Self {
        let fresh = if caches { cache_duration } else { UNCACHED };
        Self { fresh, stale: cache_duration, is_eager: caches }
    }

    /// What suits both.
    fn and(self, other: Self) -> Self {
        Self {
            fresh: self.fresh.min(other.fresh),
            stale: self.stale.max(other.stale),
            is_eager: self.is_eager || other.is_eager,
        }
    }
}

impl SourcesDraft {
    /// The number of a validator.
    pub(crate) const fn number(&mut self) -> usize {
        self.validators += 1;
        self.validators
    }

    /// The place of a source and of a view of it.
    pub(crate) fn place(
        &mut self,
        spec: SourceSpec,
        freshness: Freshness,
        view: View,
    ) -> (usize, usize) {
        let place =
            self.sources.iter().position(|(known, ..)| *known == spec).unwrap_or_else(|| {
                self.sources.push((spec, freshness, Vec::new()));
                self.sources.len() - 1
            });
        let Some((_, both, views)) = self.sources.get_mut(place) else { return (place, 0) };
        *both = both.and(freshness);
        let seen = views.iter().position(|known| *known == view).unwrap_or_else(|| {
            views.push(view);
            views.len() - 1
        });
        (place, seen)
    }

    /// The sources, served by `client`; `met` says how a provider is met by TLS.
    pub(crate) fn into_store(
        self,
        client: KeyClient,
        met: impl Fn(&Trust) -> ClientTlsPlan,
    ) -> Arc<KeyStore> {
        let source = |(spec, freshness, views): (SourceSpec, _, Vec<View>)| {
            Source::new(met(&spec.trust), spec, freshness, views.into())
        };
        let sources = self.sources.into_iter().map(source).collect();
        Arc::new(KeyStore { sources, client, fetcher: OnceLock::new(), keeper: Keeper::default() })
    }
}

impl KeyStore {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.sources.len()
    }

    pub(crate) fn source(&self, place: usize) -> Option<&Source> {
        self.sources.get(place)
    }

    /// What later workers ask for by name.
    pub(crate) fn names(&self) -> Vec<String> {
        self.sources.iter().map(|source| source.spec.name()).collect()
    }

    /// Whom to tell of what is fetched from now on.
    pub(crate) fn tell_of(&self, keeper: UnboundedSender<Fetched>) {
        self.keeper.set(keeper);
    }

    /// An earlier worker fetched this.
    pub(crate) fn remember(&self, name: &str, content: &[u8], at: Monotonic) {
        for source in self.sources.iter().filter(|source| source.spec.name() == name) {
            // It was good once; if it is not any more, it is fetched anew.
            let _unread = source.take(content, at);
        }
    }

    fn fetched(&self, source: &Source, content: Bytes, at: Monotonic) {
        self.keeper.keep(|| source.spec.name(), at, content);
    }

    /// Has keys fetched and waits until that was tried, but not beyond `deadline`.
    pub(crate) async fn ask(self: &Arc<Self>, place: usize, deadline: Instant) {
        let Some(source) = self.source(place) else { return };
        self.start();
        let mut rounds = source.rounds.subscribe();
        source.want();
        drop(timeout_at(deadline, rounds.changed()).await);
    }

    /// Fetches what the plan needs before the first request does, and waits for it, but not for long.
    pub(crate) async fn warm(self: &Arc<Self>) {
        let until = Instant::now() + WARM_MAX;
        let rounds: Vec<_> = self.sources.iter().map(|source| source.rounds.subscribe()).collect();
        if rounds.is_empty() {
            return;
        }
        self.start();
        for (source, mut rounds) in self.sources.iter().zip(rounds) {
            if !source.is_usable(Monotonic::now()) {
                source.want();
                drop(timeout_at(until, rounds.changed()).await);
            }
        }
    }

    fn start(self: &Arc<Self>) {
        self.fetcher.get_or_init(|| fetch::start(self));
    }
}

impl Source {
    fn new(tls: ClientTlsPlan, spec: SourceSpec, freshness: Freshness, views: Box<[View]>) -> Self {
        Self {
            spec,
            tls,
            freshness,
            views,
            set: Mutex::default(),
            version: AtomicU64::new(0),
            fetched: AtomicU64::new(0),
            attempted: AtomicU64::new(0),
            is_wanted: AtomicBool::new(false),
            wanted: Notify::new(),
            rounds: watch::Sender::new(0),
            trouble: Mutex::default(),
            unknown: Mutex::default(),
        }
    }

    /// Of the keys, if they may be used.
    pub(crate) fn usable_version(&self, now: Monotonic) -> Option<u64> {
        self.is_usable(now).then(|| self.version.load(Ordering::Acquire))
    }

    /// How old the keys are; `None`: there are none.
    fn age(&self, now: Monotonic) -> Option<Duration> {
        let fetched = self.fetched.load(Ordering::Acquire);
        (fetched != 0).then(|| now.since(Monotonic::from_nanos(fetched)))
    }

    /// Whether the keys may be used; has them fetched anew if they have become old.
    fn is_usable(&self, now: Monotonic) -> bool {
        let Some(age) = self.age(now) else { return false };
        let Freshness { fresh, stale, is_eager } = self.freshness;
        if age > fresh && !is_eager && self.since_attempt(now) >= ASK_EVERY {
            self.want();
        }
        age <= fresh + stale
    }

    fn since_attempt(&self, now: Monotonic) -> Duration {
        match self.attempted.load(Ordering::Acquire) {
            0 => Duration::MAX,
            at => now.since(Monotonic::from_nanos(at)),
        }
    }

    /// Somebody waits for keys, or for newer ones.
    fn want(&self) {
        if !self.is_wanted.swap(true, Ordering::AcqRel) {
            self.wanted.notify_one();
        }
    }

    /// Whether a fetch may bring this key: not too often, and not again for one that was not there.
    pub(crate) fn may_ask(&self, name: &str, cooldown: Option<Duration>, now: Monotonic) -> bool {
        let is_running = self.is_wanted.load(Ordering::Acquire);
        if !is_running && self.since_attempt(now) < ASK_EVERY {
            return false;
        }
        if cooldown.is_none() {
            return true;
        }
        let unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        unknown.get(name).is_none_or(|until| *until <= now)
    }

    /// Why the last attempt brought no key, if it did not, in KrakenD's words.
    pub(crate) fn trouble(&self) -> Option<Arc<str>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A fetch did not bring this key.
    pub(crate) fn remember_unknown(&self, name: &str, cooldown: Option<Duration>, now: Monotonic) {
        let Some(cooldown) = cooldown else { return };
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.len() >= UNKNOWN_MAX {
            unknown.retain(|_, until| *until > now);
            if unknown.len() >= UNKNOWN_MAX {
                return;
            }
        }
        unknown.insert(name.into(), now.after(cooldown));
    }

    fn list(&self) -> Arc<KeySet> {
        Arc::clone(&self.set.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts the keys of an answer in force, as they were `fetched`.
    fn take(&self, text: &[u8], fetched: Monotonic) -> Result<(), key_set::SetError> {
        let (keys, bad) = key_set::read(text, Rest::Unread)?;
        for (index, error) in bad {
            let text = format!("key {index} of {} is left out: {error}", self.spec.url);
            log::warning(TAG, text);
        }
        self.put(&keys, fetched);
        Ok(())
    }

    fn put(&self, keys: &[Jwk], fetched: Monotonic) {
        let set = Arc::new(KeySet::new(keys, &self.views));
        let mut current = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, set);
        self.version.fetch_add(1, Ordering::Release);
        self.fetched.store(fetched.as_nanos().max(1), Ordering::Release);
        drop(current);
        drop(old);
    }
}
