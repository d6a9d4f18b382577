//! The torture: every kind of client that a reload can hurt, at once, while the gateway reloads; then
//! the accounts are settled.
//!
//! [`load`] says how many clients of which kind · [`clients`] are they, [`http2`] over HTTP/2 · [`door`] is how they
//! come in, [`wire`] their connection ·
//! [`upstream`] is the backend that counts every request · [`tally`] is the ledger both write to ·
//! [`systems`] are the gateways that can be measured, [`shape`] what Baton does meanwhile, [`template`] as a template ·
//! [`report`] is what comes out.
//!
//! What counts as what is the same for every gateway, see [`tally::Fault`].

pub mod load;
pub mod shape;
pub mod systems;
pub mod report;
pub mod tally;
pub mod upstream;

mod clients;
mod door;
mod http2;
mod random;
mod template;
mod wire;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_rustls::rustls::ClientConfig;

use crate::net::{Background, DelayProxy};
use crate::pause;

pub use load::{Load, Protocol};
pub use report::Report;
pub use shape::Shape;
pub use systems::System;
pub use tally::Tally;
pub use upstream::Upstream;

/// How often and how fast the gateway is reloaded.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who asks meanwhile.
    pub load: Load,
    /// How many reloads.
    pub reloads: u64,
    /// From the begin of one reload to the begin of the next, at least.
    pub every: Duration,
    /// Added to each way between client and gateway.
    pub delay: Duration,
    /// A line each second while it runs.
    pub live: bool,
}

/// Longest time that clients may take to finish what they are at, once told to stop.
const FINISH: Duration = Duration::from_secs(40);

/// Runs `plan` against a gateway that serves generation 1 in front of `upstream`.
///
/// # Panics
/// When a reload fails, or a client does not end.
pub fn run(system: &mut dyn System, upstream: &Upstream, plan: &Plan) -> Report {
    let proxy = (!plan.delay.is_zero()).then(|| DelayProxy::start(system.address(), plan.delay));
    let address = proxy.as_ref().map_or_else(|| system.address(), DelayProxy::address);
    let tally = Arc::new(Tally::new());
    let (tls, allows_pages) = (system.tls(plan.load.protocol), system.allows_pages());
    let clients = start_clients(Gateway { address, tls, allows_pages }, &plan.load, &tally);
    warm_up(&tally, &plan.load);
    let before = report::Footprint::of(system);
    tally.forget_latencies();

    let begun = Instant::now();
    let mut live = Live { on: plan.live, next: Duration::from_secs(1), begun };
    let steady = steady_latency(&tally, plan, &mut live);
    let mut reload_times = Vec::new();
    for generation in 2..plan.reloads + 2 {
        let at = Instant::now();
        system.prepare(generation);
        let asked = Instant::now();
        if let Err(reason) = system.reload(generation) {
            tally.fault(tally::Fault::Reload, &format!("reload {generation}: {reason}"));
        } else {
            tally.commit(generation);
        }
        reload_times.push(asked.elapsed());
        while at.elapsed() < plan.every {
            pause(plan.every.saturating_sub(at.elapsed()).min(Duration::from_millis(100)));
            live.line(&tally, generation - 1);
        }
        live.line(&tally, generation - 1);
    }
    let reloading = tally.take_latencies();
    let loaded = begun.elapsed();
    tally.stop();
    let ended = Instant::now();
    while !clients.is_over() {
        assert!(ended.elapsed() < FINISH, "clients did not end: {tally:?}");
        pause(Duration::from_millis(5));
    }
    let after = report::Footprint::settled(system);
    upstream.settle(&tally);
    Report {
        name: system.name(),
        counts: tally.counts(),
        faults: tally.examples(),
        reload_times,
        steady,
        reloading: report::Latency::of(reloading),
        seconds: loaded.as_secs_f64(),
        before,
        after,
    }
}

/// Before the first reload: what a request takes when nothing is reloaded.
fn steady_latency(tally: &Tally, plan: &Plan, live: &mut Live) -> report::Latency {
    let begun = Instant::now();
    while begun.elapsed() < plan.load.steady {
        pause(Duration::from_millis(20));
        live.line(tally, 0);
    }
    report::Latency::of(tally.take_latencies())
}

/// Waits until every client that connects once has done so and had an answer.
fn warm_up(tally: &Tally, load: &Load) {
    let wanted = load.lasting();
    crate::until("every client has its first answer", Duration::from_secs(60), || {
        tally.warm() >= wanted
    });
}

struct Live {
    on: bool,
    next: Duration,
    begun: Instant,
}

impl Live {
    fn line(&mut self, tally: &Tally, reloads: u64) {
        if !self.on || self.begun.elapsed() < self.next {
            return;
        }
        self.next += Duration::from_secs(1);
        let text = report::live_line(tally, reloads, self.begun.elapsed());
        // A terminal that went away ends no measurement.
        drop(writeln!(std::io::stderr(), "{text}"));
    }
}

/// What clients know of whom they ask.
struct Gateway {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    allows_pages: bool,
}

struct Clients {
    tally: Arc<Tally>,
    _running: Background,
}

impl Clients {
    fn is_over(&self) -> bool {
        self.tally.clients_left() == 0
    }
}

fn start_clients(gateway: Gateway, load: &Load, tally: &Arc<Tally>) -> Clients {
    tally.expect_clients(load.all());
    let (load, shared) = (load.clone(), Arc::clone(tally));
    let running = Background::run(move || clients::all(gateway, load, shared));
    Clients { tally: Arc::clone(tally), _running: running }
}
