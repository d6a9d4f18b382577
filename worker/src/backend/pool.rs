//! Connections to backends that wait for their next request; each serving thread has its own.
//!
//! KrakenD: one pool for the process, keyed by host (`max_idle_connections`,
//! `max_idle_connections_per_host`, `idle_connection_timeout`, `disable_keep_alives`). Here the two limits are
//! divided by the threads. The connection that was used last is used first, so that those beyond the present
//! need grow old and are closed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::http2::Shared;
use super::link::Link;
use crate::plan::HostId;

/// How often idle connections are looked at: so long at most a connection that its backend has closed
/// keeps its descriptor. A request that would use it finds out by itself.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a thread may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Idle connections of all hosts together.
    pub idle_max: usize,
    /// Idle connections of one host.
    pub idle_per_host_max: usize,
    /// How long one may be idle; none: until its backend closes it.
    pub idle_time_max: Option<Duration>,
}

/// The idle connections of one thread.
#[derive(Debug)]
pub(crate) struct Pool {
    limits: PoolLimits,
    hosts: RefCell<Hosts>,
    idle: Cell<usize>,
    /// Who would rather have a connection that comes back than wait for a new one.
    waiting: RefCell<Vec<(HostId, oneshot::Sender<Box<Link>>)>>,
    /// Connections that serve several exchanges at once, of hosts that are spoken to so.
    shared: RefCell<BTreeMap<HostId, Rc<Shared>>>,
    /// Whether somebody looks after what is idle.
    watched: Cell<bool>,
}

/// Idle connections by host.
#[derive(Debug)]
struct Hosts {
    /// Those of the plan.
    planned: Vec<Vec<Idle>>,
    /// Those that the thread found, for as long as it wants them.
    /// Sorted: later ones have larger numbers.
    found: Vec<(HostId, Vec<Idle>)>,
}

#[derive(Debug)]
struct Idle {
    link: Box<Link>,
    /// When it came back; only told apart where `idle_time_max` is set.
    since: Option<Instant>,
}

impl Pool {
    pub(crate) fn new(limits: PoolLimits, hosts: usize) -> Rc<Self> {
        let planned = std::iter::repeat_with(Vec::new).take(hosts).collect();
        let hosts = RefCell::new(Hosts { planned, found: Vec::new() });
        let (idle, watched) = (Cell::new(0), Cell::new(false));
        let (waiting, shared) = (RefCell::default(), RefCell::default());
        Rc::new(Self { limits, hosts, idle, waiting, shared, watched })
    }

    /// A connection to `host` that was idle when it was last looked at.
    pub(crate) fn take(&self, host: HostId) -> Option<Box<Link>> {
        loop {
            let idle = self.hosts.borrow_mut().get_mut(host)?.pop()?;
            self.idle.set(self.idle.get() - 1);
            if !self.is_too_old(&idle) && idle.link.was_idle() {
                return Some(idle.link);
            }
        }
    }

    /// The next connection to `host` that comes back, unless somebody waits for it already.
    pub(super) fn wait(self: &Rc<Self>, host: HostId) -> Waiting {
        let (tell, told) = oneshot::channel();
        let mut waiting = self.waiting.borrow_mut();
        waiting.retain(|(_, tell)| !tell.is_closed());
        waiting.push((host, tell));
        Waiting { told, host, pool: Rc::clone(self) }
    }

    /// Gives `link` to who has waited for one of `host` the longest, or back.
    fn pass_on(&self, host: HostId, mut link: Box<Link>) -> Option<Box<Link>> {
        let mut waiting = self.waiting.borrow_mut();
        while let Some(place) = waiting.iter().position(|(wanted, _)| *wanted == host) {
            let (_, tell) = waiting.remove(place);
            match tell.send(link) {
                Ok(()) => return None,
                Err(back) => link = back,
            }
        }
        Some(link)
    }

    /// Keeps `link` for a next request, or closes it: when the limits are reached, or when the connection
    /// is not exactly between two exchanges.
    pub(crate) fn give(self: &Rc<Self>, host: HostId, mut link: Box<Link>) {
        if !link.was_idle() {
            return;
        }
        link.reused = true;
        if !self.waiting.borrow().is_empty() {
            match self.pass_on(host, link) {
                Some(back) => link = back,
                None => return,
            }
        }
        if self.idle.get() >= self.limits.idle_max {
            return;
        }
        let mut hosts = self.hosts.borrow_mut();
        let Some(host) = hosts.get_mut(host) else { return };
        if host.len() < self.limits.idle_per_host_max {
            host.push(Idle { link, since: self.limits.idle_time_max.map(|_| Instant::now()) });
            self.idle.set(self.idle.get() + 1);
            self.watch();
        }
    }

    /// The connections to a host that is spoken to in HTTP/2; they are watched from now on.
    pub(super) fn shared(self: &Rc<Self>, host: HostId) -> Rc<Shared> {
        self.watch();
        Rc::clone(self.shared.borrow_mut().entry(host).or_default())
    }

    /// From now on connections to a host that was found are kept.
    pub(crate) fn admit(&self, host: HostId) {
        self.hosts.borrow_mut().found.push((host, Vec::new()));
    }

    /// They are kept no more; those that are idle are closed.
    pub(crate) fn dismiss(&self, host: HostId) {
        drop(self.shared.borrow_mut().remove(&host));
        let mut hosts = self.hosts.borrow_mut();
        if let Some(place) = hosts.place_of(host) {
            let (_, gone) = hosts.found.remove(place);
            self.idle.set(self.idle.get() - gone.len());
        }
    }

    /// How many connections are idle.
    pub(crate) fn idle(&self) -> usize {
        self.idle.get()
    }

    fn is_too_old(&self, idle: &Idle) -> bool {
        let (Some(since), Some(longest)) = (idle.since, self.limits.idle_time_max) else {
            return false;
        };
        since.elapsed() >= longest
    }

    /// Sees to it that somebody closes what ages or was closed by its backend, as long as anything is idle.
    fn watch(self: &Rc<Self>) {
        if self.watched.replace(true) {
            return;
        }
        let pool = Rc::downgrade(self);
        drop(spawn_local(look_after(pool)));
    }

    /// Closes what may not stay; false: nothing is left.
    async fn sweep(&self) -> bool {
        let longest = self.limits.idle_time_max;
        let shared: usize = self.shared.borrow().values().map(|shared| shared.sweep(longest)).sum();
        let count = self.hosts.borrow().count();
        for place in 0..count {
            poll_fn(|context| {
                if let Some(idle) = self.hosts.borrow_mut().nth(place) {
                    let before = idle.len();
                    idle.retain_mut(|one| !self.is_too_old(one) && one.link.is_idle(context));
                    self.idle.set(self.idle.get() - (before - idle.len()));
                }
                Poll::Ready(())
            })
            .await;
        }
        shared + self.idle() > 0
    }
}

/// A connection that may come back; who stops waiting leaves it to the next.
#[derive(Debug)]
pub(super) struct Waiting {
    told: oneshot::Receiver<Box<Link>>,
    host: HostId,
    pool: Rc<Pool>,
}

impl Future for Waiting {
    type Output = Box<Link>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Box<Link>> {
        match Pin::new(&mut self.get_mut().told).poll(context) {
            Poll::Ready(Ok(link)) => Poll::Ready(link),
            // Nobody tells any more: whoever waits also waits for a new one.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.told.close();
        if let Ok(link) = self.told.try_recv() {
            self.pool.give(self.host, link);
        }
    }
}

impl Hosts {
    fn get_mut(&mut self, host: HostId) -> Option<&mut Vec<Idle>> {
        if !host.is_found() {
            return self.planned.get_mut(host.index());
        }
        let place = self.place_of(host)?;
        self.found.get_mut(place).map(|(_, idle)| idle)
    }

    fn place_of(&self, found: HostId) -> Option<usize> {
        self.found.binary_search_by_key(&found, |(host, _)| *host).ok()
    }

    fn count(&self) -> usize {
        self.planned.len() + self.found.len()
    }

    /// Each host once, in any order, as long as none comes or goes.
    fn nth(&mut self, place: usize) -> Option<&mut Vec<Idle>> {
        let planned = self.planned.len();
        match self.planned.get_mut(place) {
            Some(idle) => Some(idle),
            None => self.found.get_mut(place - planned).map(|(_, idle)| idle),
        }
    }
}

async fn look_after(pool: Weak<Pool>) {
    let mut ticks = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(pool) = pool.upgrade() else { return };
        if !pool.sweep().await {
            pool.watched.set(false);
            return;
        }
    }
}
