//! `sd: dns`: the hosts of a service, asked for anew every `dns_cache_ttl`, whether there are requests or not.
//!
//! KrakenD: the same, by the literal name; what was right last stays when a lookup fails. Here a service that was never
//! found is asked for again sooner.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use baton_shared::log;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::conf::Conf;
use super::{Resolver, dns, service};
use crate::plan::{Scheme, Way};

/// The first pause after a failure without a list; doubled up to `dns_cache_ttl`.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// `target:port` of every place in a list.
pub(crate) type Instances = Arc<[Box<str>]>;

/// A service and its list.
#[derive(Debug)]
pub(crate) struct Service {
    /// As the configuration has it: the literal name of the records.
    pub(crate) name: Box<str>,
    /// `sd_scheme`.
    pub(crate) scheme: Scheme,
    /// How the certificates of its hosts are judged.
    pub(crate) way: Way,
    /// `dns_cache_ttl`.
    every: Duration,
    list: Mutex<Instances>,
    /// Changes with the list: a thread that has seen it needs no lock.
    version: AtomicU64,
    /// The first answer, good or bad, is here.
    first: Notify,
    rounds: AtomicU64,
}

impl Service {
    pub(crate) fn new(name: &str, scheme: Scheme, every: Duration) -> Self {
        Self {
            name: name.into(),
            scheme,
            way: Way::default(),
            every,
            list: Mutex::new(Instances::default()),
            version: AtomicU64::new(0),
            first: Notify::new(),
            rounds: AtomicU64::new(0),
        }
    }

    /// Tells one list from the next; 0 is the empty one of the beginning.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The list now.
    pub(crate) fn list(&self) -> Instances {
        Arc::clone(&self.list.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts a list in force.
    pub(crate) fn set(&self, list: Instances) {
        let mut current = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        if *current == list {
            return;
        }
        let old = std::mem::replace(&mut *current, list);
        self.version.fetch_add(1, Ordering::Release);
        drop(current);
        drop(old);
    }

    /// Waits for the first answer.
    pub(super) async fn answered(&self) {
        let told = self.first.notified();
        if self.rounds.load(Ordering::Acquire) == 0 {
            told.await;
        }
    }

    fn round_ended(&self) {
        self.rounds.fetch_add(1, Ordering::Release);
        self.first.notify_waiters();
    }
}

/// Keeps every list of the plan.
pub(super) fn start(resolver: &Weak<Resolver>) {
    let count = resolver.upgrade().map_or(0, |resolver| resolver.services.len());
    for place in 0..count {
        drop(spawn_local(keep(Weak::clone(resolver), place)));
    }
}

async fn keep(resolver: Weak<Resolver>, place: usize) {
    let mut retry = RETRY_AFTER;
    let mut was_told = false;
    loop {
        let Some(resolver) = resolver.upgrade() else { return };
        let Some(service) = resolver.services.get(place) else { return };
        let pause = match dns::services(&Conf::now(&resolver.servers), &service.name).await {
            Ok(records) => {
                let list = service::instances(records).into_iter().map(String::into_boxed_str);
                service.set(list.collect());
                was_told = false;
                service.every
            },
            Err(error) => {
                if !std::mem::replace(&mut was_told, true) {
                    log::warning("SERVICE: DNS", format!("lookup {}: {error}", service.name));
                }
                match service.version() {
                    0 => {
                        let pause = retry.min(service.every);
                        retry *= 2;
                        pause
                    },
                    _ => service.every,
                }
            },
        };
        service.round_ended();
        // The plan is not kept alive by those who wait.
        drop(resolver);
        sleep(pause).await;
    }
}
