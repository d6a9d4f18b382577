//! Names to addresses, services to hosts: one thread beside the serving ones, which block for nothing.
//!
//! It is started by the first who needs it, or before a worker is ready; it ends with the plan. [`names`] are what
//! connections are made to; [`watch`] keeps the lists of `sd: dns`.

pub(crate) mod conf;
mod dns;
mod names;
mod service;
pub(crate) mod watch;

use std::net::IpAddr;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use baton_shared::log;
use baton_shared::words::is_host_name;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

use conf::Servers;
pub(crate) use names::Addresses;
use names::{Names, Now};
use watch::Service;

/// Lookups of the system's resolver that may block at the same time.
const BLOCKING_MAX: usize = 16;
/// Longer than this nobody waits for one of them.
const LOOKUP_MAX: Duration = Duration::from_secs(15);
/// How long a start waits for the first answers, at most.
const WARM_MAX: Duration = Duration::from_secs(2);

/// What is known of names and services, shared by the threads of a worker.
#[derive(Debug)]
pub(crate) struct Resolver {
    names: Names,
    /// Whom services are asked for.
    servers: Servers,
    /// One for each service that some backend names.
    pub(crate) services: Box<[Service]>,
    jobs: OnceLock<UnboundedSender<Box<str>>>,
}

impl Resolver {
    /// `life`: `dns_cache_ttl`.
    pub(crate) fn new(life: Duration, servers: Servers, services: Box<[Service]>) -> Arc<Self> {
        Arc::new(Self { names: Names::new(life), servers, services, jobs: OnceLock::new() })
    }

    /// The addresses of a name; empty if there are none. Waits at most [`LOOKUP_MAX`], and only if nothing is known.
    pub(crate) async fn addresses(self: &Arc<Self>, name: &str) -> Addresses {
        let next = self.names.find(name, Instant::now());
        if next.look_up {
            // Without the thread nobody answers, and the wait ends at once.
            drop(self.jobs().send(name.into()));
        }
        match next.now {
            Now::Use(addresses) => addresses,
            Now::Wait(told) => match timeout(LOOKUP_MAX, told).await {
                Ok(Ok(Some(addresses))) => addresses,
                Ok(Ok(None) | Err(_)) | Err(_) => Addresses::default(),
            },
        }
    }

    /// Nobody could be reached at what is known.
    pub(crate) fn doubt(&self, name: &str) {
        self.names.doubt(name);
    }

    /// Looks up what the plan names, and waits for it, but not for long: a name that is not there now may be later.
    pub(crate) async fn warm(self: &Arc<Self>, names: impl Iterator<Item = &str>) {
        let until = tokio::time::Instant::now() + WARM_MAX;
        if !self.services.is_empty() {
            self.jobs();
        }
        let all = async {
            let names: Vec<&str> = names.collect();
            for name in &names {
                let next = self.names.find(name, Instant::now());
                if next.look_up {
                    drop(self.jobs().send((*name).into()));
                }
            }
            for name in names {
                drop(self.addresses(name).await);
            }
            for service in &self.services {
                service.answered().await;
            }
        };
        drop(tokio::time::timeout_at(until, all).await);
    }

    fn jobs(self: &Arc<Self>) -> &UnboundedSender<Box<str>> {
        self.jobs.get_or_init(|| {
            let (jobs, inbox) = unbounded_channel();
            let resolver = Arc::downgrade(self);
            let thread = std::thread::Builder::new().name("resolve".to_owned());
            if let Err(error) = thread.spawn(move || run(&resolver, inbox)) {
                log::error("SERVICE: DNS", format!("no thread to look names up: {error}"));
            }
            jobs
        })
    }
}

/// Until the last who may ask is gone.
fn run(resolver: &Weak<Resolver>, mut inbox: UnboundedReceiver<Box<str>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_MAX)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            log::error("SERVICE: DNS", format!("names cannot be looked up: {error}"));
            return;
        },
    };
    LocalSet::new().block_on(&runtime, async {
        watch::start(resolver);
        while let Some(name) = inbox.recv().await {
            let resolver = Weak::clone(resolver);
            drop(spawn_local(async move {
                let found = look_up(&name).await;
                if let Some(resolver) = resolver.upgrade() {
                    resolver.names.note(&name, found, Instant::now());
                }
            }));
        }
    });
}

/// The final dot of a name keeps the search list away; but `/etc/hosts` knows names only without it.
async fn look_up(name: &str) -> Vec<IpAddr> {
    let is_here = name.eq_ignore_ascii_case("localhost.");
    let (first, second) = match name.strip_suffix('.') {
        None => (name, None),
        Some(bare) if is_here => (bare, None),
        Some(bare) => (name, Some(bare)),
    };
    let found = look_up_as_written(first).await;
    match second {
        Some(second) if found.is_empty() => look_up_as_written(second).await,
        Some(_) | None => found,
    }
}

async fn look_up_as_written(name: &str) -> Vec<IpAddr> {
    if !is_host_name(name) {
        return Vec::new();
    }
    match timeout(LOOKUP_MAX, tokio::net::lookup_host((name, 0))).await {
        Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}
