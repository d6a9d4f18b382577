//! The ledger of a run: every request by its number, what became of it, and what the clients suffered.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::percentile::percentile;

/// What can go wrong; the same for every gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A request was sent, wholly or in part, and no whole answer came.
    Lost,
    /// A pipelined request behind an answer that announced the close of the connection: RFC 9112 §9.6
    /// lets a client send it again, but it has no answer.
    Unanswered,
    /// An answer of another status, for another request, or with other content.
    Wrong,
    /// No connection.
    Refused,
    /// A kept connection was ended by the gateway, politely (`Connection: close`) or not.
    Closed,
    /// The first byte of a request was sent after the reload had returned, and an older configuration
    /// answered.
    Stale,
    /// A backend saw a request more than once.
    Twice,
    /// A client got an answer to a request that no backend saw.
    Unseen,
    /// A reload failed.
    Reload,
}

/// All of them, in the order of tables.
pub const FAULTS: [Fault; 9] = [
    Fault::Lost,
    Fault::Unanswered,
    Fault::Wrong,
    Fault::Refused,
    Fault::Closed,
    Fault::Stale,
    Fault::Twice,
    Fault::Unseen,
    Fault::Reload,
];

/// What the numbers of a run add up to.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Requests that were begun.
    pub requests: u64,
    /// Connections that were made.
    pub connections: u64,
    /// TLS sessions of clients that had one before: those that went on, and those that began anew.
    pub resumed: u64,
    /// See `resumed`.
    pub begun_anew: u64,
    /// Generations that were committed, the first one not counted.
    pub commits: u64,
    /// How often what went wrong; what never did is not in it.
    pub faults: BTreeMap<Fault, u64>,
    /// The longest time from a commit to the begin of a request that an older one answered.
    pub stalest: Duration,
}

impl Counts {
    /// How often.
    pub fn of(&self, fault: Fault) -> u64 {
        self.faults.get(&fault).copied().unwrap_or(0)
    }
}

/// The ledger. Shared by clients, backend and whoever reloads.
#[derive(Debug)]
pub struct Tally {
    committed: AtomicU64,
    commits: Mutex<Vec<Instant>>,
    stopping: AtomicBool,
    clients_left: AtomicUsize,
    warm: AtomicUsize,
    connections: AtomicU64,
    resumed: AtomicU64,
    begun_anew: AtomicU64,
    requests: AtomicU64,
    fates: Mutex<Vec<Fate>>,
    latencies_us: Mutex<Vec<u32>>,
    faults: Mutex<BTreeMap<Fault, u64>>,
    examples: Mutex<Vec<String>>,
    stalest: Mutex<Duration>,
}

/// What became of one request, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Open,
    Answered,
    Lost,
}

/// A request from its first byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    pub(super) number: u64,
    /// The newest generation that was committed before the first byte.
    pub(super) committed: u64,
    pub(super) at: Instant,
}

impl Tally {
    /// Nothing happened yet; generation 1 serves.
    #[expect(clippy::new_without_default, reason = "a ledger is begun, not defaulted")]
    pub fn new() -> Self {
        Self {
            committed: AtomicU64::new(1),
            commits: Mutex::new(vec![Instant::now()]),
            stopping: AtomicBool::new(false),
            clients_left: AtomicUsize::new(0),
            warm: AtomicUsize::new(0),
            connections: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            begun_anew: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            fates: Mutex::new(Vec::new()),
            latencies_us: Mutex::new(Vec::new()),
            faults: Mutex::new(BTreeMap::new()),
            examples: Mutex::new(Vec::new()),
            stalest: Mutex::new(Duration::ZERO),
        }
    }

    /// The reload to `generation` has returned: from now on an older answer is stale.
    pub fn commit(&self, generation: u64) {
        self.commits.lock().unwrap().push(Instant::now());
        self.committed.store(generation, Ordering::SeqCst);
    }

    /// Clients finish the request they are at and end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Writes down what went wrong; the first ones with their words.
    pub fn fault(&self, fault: Fault, words: &str) {
        const EXAMPLES_EACH_MAX: u64 = 5;
        let mut faults = self.faults.lock().unwrap();
        let count = faults.entry(fault).or_insert(0);
        *count += 1;
        if *count <= EXAMPLES_EACH_MAX {
            self.examples.lock().unwrap().push(format!("{fault:?}: {words}"));
        }
    }

    /// What the run adds up to so far.
    pub fn counts(&self) -> Counts {
        Counts {
            requests: self.requests.load(Ordering::SeqCst),
            connections: self.connections.load(Ordering::SeqCst),
            resumed: self.resumed.load(Ordering::SeqCst),
            begun_anew: self.begun_anew.load(Ordering::SeqCst),
            commits: self.committed.load(Ordering::SeqCst) - 1,
            faults: self.faults.lock().unwrap().clone(),
            stalest: *self.stalest.lock().unwrap(),
        }
    }

    /// The first faults, in words.
    pub fn examples(&self) -> Vec<String> {
        self.examples.lock().unwrap().clone()
    }

    pub(super) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    pub(super) fn expect_clients(&self, count: usize) {
        self.clients_left.store(count, Ordering::SeqCst);
    }

    pub(super) fn clients_left(&self) -> usize {
        self.clients_left.load(Ordering::SeqCst)
    }

    pub(super) fn client_ended(&self) {
        self.clients_left.fetch_sub(1, Ordering::SeqCst);
    }

    pub(super) fn warm(&self) -> usize {
        self.warm.load(Ordering::SeqCst)
    }

    pub(super) fn client_warm(&self) {
        self.warm.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::SeqCst);
    }

    /// A handshake with a client that had a session.
    pub(super) fn met_again(&self, goes_on: bool) {
        let count = if goes_on { &self.resumed } else { &self.begun_anew };
        count.fetch_add(1, Ordering::SeqCst);
    }

    /// To be called right before the first byte of a request is written.
    pub(super) fn begin(&self) -> Begun {
        let mut fates = self.fates.lock().unwrap();
        fates.push(Fate::Open);
        self.requests.fetch_add(1, Ordering::SeqCst);
        Begun {
            number: u64::try_from(fates.len() - 1).unwrap(),
            committed: self.committed.load(Ordering::SeqCst),
            at: Instant::now(),
        }
    }

    /// Its first byte is written only now, later than it got its number.
    pub(super) fn begin_later(&self, begun: &mut Begun) {
        begun.committed = self.committed.load(Ordering::SeqCst);
        begun.at = Instant::now();
    }

    pub(super) fn end(&self, begun: Begun, fate: Fate) {
        let index = usize::try_from(begun.number).unwrap();
        if let Some(entry) = self.fates.lock().unwrap().get_mut(index) {
            *entry = fate;
        }
    }

    pub(super) fn latency(&self, begun: Begun) {
        let micros = u32::try_from(begun.at.elapsed().as_micros()).unwrap_or(u32::MAX);
        self.latencies_us.lock().unwrap().push(micros);
    }

    pub(super) fn stale(&self, begun: Begun, generation: u64) {
        let index = usize::try_from(begun.committed - 1).unwrap();
        let since = self.commits.lock().unwrap().get(index).map(|at| begun.at.duration_since(*at));
        let mut stalest = self.stalest.lock().unwrap();
        *stalest = stalest.max(since.unwrap_or_default());
        drop(stalest);
        let committed = begun.committed;
        self.fault(
            Fault::Stale,
            &format!("request {}: {generation} answered, {committed} was committed", begun.number),
        );
    }

    pub(super) fn fates(&self) -> Vec<Fate> {
        self.fates.lock().unwrap().clone()
    }

    pub(super) fn take_latencies(&self) -> Vec<u32> {
        std::mem::take(&mut *self.latencies_us.lock().unwrap())
    }

    pub(super) fn forget_latencies(&self) {
        drop(self.take_latencies());
    }

    /// The 99th percentile of the last requests, in microseconds.
    pub(super) fn recent_p99_us(&self) -> u32 {
        const RECENT: usize = 4_000;
        let latencies = self.latencies_us.lock().unwrap();
        let mut recent: Vec<u32> = latencies.iter().rev().take(RECENT).copied().collect();
        drop(latencies);
        percentile(&mut recent, 99)
    }
}
