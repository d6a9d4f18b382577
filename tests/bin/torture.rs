//! `baton-torture`: reloads a gateway under every kind of client that a reload can hurt, and settles the
//! accounts. The same clients measure Baton, nginx and HAProxy.

#![expect(clippy::print_stdout, reason = "what a person asked for")]

use std::process::ExitCode;
use std::time::Duration;

use baton_tests::torture::systems::{BatonSystem, Peer, PeerKind, Sides};
use baton_tests::torture::{Load, Plan, Protocol, Report, Shape, System, Upstream, report, run};
use clap::{Parser, ValueEnum};

/// Reload a gateway under load and count what clients suffer.
///
/// Every request has a number; the backend counts each number, and its answer says which generation of
/// the configuration made the call. No client retries. "Stale" is a request whose first byte was sent
/// after the reload command had returned, answered by an older configuration.
///
/// The bars of the project, each 1,000 reloads:
///   baton-torture --reloads 1000
///   baton-torture --reloads 1000 --delay-ms 5
///   baton-torture --reloads 1000 --combine
///   baton-torture --reloads 1000 --features --every-ms 100
///   baton-torture --reloads 1000 --h2
///   baton-torture --reloads 1000 --tls --every-ms 100
///   baton-torture --reloads 1000 --tls --h2
///   baton-torture --reloads 1000 --tls --h2 --backend-h2
///   baton-torture --reloads 100 --endpoints 1000 --idle 1000 --uploads 0 --pipelined 0 --every-ms 1000
/// The table of peers (Debian packages nginx-light and haproxy):
///   baton-torture --gateway baton,nginx,haproxy,haproxy-idle-close --reloads 20 --every-ms 320
#[derive(Debug, Parser)]
#[command(name = "baton-torture", verbatim_doc_comment)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
struct Options {
    /// Which gateways, one after the other.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "baton")]
    gateway: Vec<Gateway>,
    /// How many reloads, each with a changed configuration.
    #[arg(long, default_value_t = 100)]
    reloads: u64,
    /// From the begin of a reload to the begin of the next, at least.
    #[arg(long, default_value_t = 20)]
    every_ms: u64,
    /// Delay between client and gateway, each way.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Clients that keep a connection and ask again and again.
    #[arg(long, default_value_t = Load::default().keep_alive)]
    keep_alive: usize,
    /// Clients that connect anew for each request.
    #[arg(long, default_value_t = Load::default().fresh)]
    fresh: usize,
    /// Clients that send five requests in one stream, cut at a random byte.
    #[arg(long, default_value_t = Load::default().pipelined)]
    pipelined: usize,
    /// Clients that upload for up to a second.
    #[arg(long, default_value_t = Load::default().uploads)]
    uploads: usize,
    /// Clients that send half a head and wait for up to a second.
    #[arg(long, default_value_t = Load::default().half_heads)]
    half_heads: usize,
    /// Connections that are silent from their first request to the end.
    #[arg(long, default_value_t = 0)]
    idle: usize,
    /// Mean time between the requests of a client.
    #[arg(long, default_value_t = 50)]
    think_ms: u64,
    /// How long to measure before the first reload.
    #[arg(long, default_value_t = 2_000)]
    steady_ms: u64,
    /// Endpoints of Baton's configuration besides those that are used.
    #[arg(long, default_value_t = 0)]
    endpoints: usize,
    /// Baton merges, chains and shadows instead of streaming.
    #[arg(long)]
    combine: bool,
    /// The same behind caches, limits, breakers, scripts and CORS, as a template: settings, partials and
    /// templates are saved in turn.
    #[arg(long, conflicts_with = "combine")]
    features: bool,
    /// All clients speak HTTP/2, four streams each; without pipelines, half heads and idle ones.
    #[arg(long)]
    h2: bool,
    /// Baton asks its backend in HTTP/2, which ends each connection after some hundred requests.
    #[arg(long, conflicts_with = "features")]
    backend_h2: bool,
    /// Clients speak TLS to Baton; connections are then ended politely after a reload, which is not
    /// counted against it, but 999 of 1,000 sessions have to go on.
    #[arg(long)]
    tls: bool,
    /// Same seed, same clients.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print a line each second.
    #[arg(long)]
    live: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Gateway {
    Baton,
    Nginx,
    Haproxy,
    HaproxyIdleClose,
}

impl Options {
    fn sides(&self) -> Sides {
        let backends = if self.backend_h2 { Protocol::Http2 } else { Protocol::Http1 };
        Sides { tls: self.tls, backends }
    }

    fn plan(&self) -> Plan {
        let load = Load {
            protocol: Protocol::Http1,
            keep_alive: self.keep_alive,
            fresh: self.fresh,
            pipelined: self.pipelined,
            uploads: self.uploads,
            half_heads: self.half_heads,
            idle: self.idle,
            think: Duration::from_millis(self.think_ms),
            steady: Duration::from_millis(self.steady_ms),
            seed: self.seed,
        };
        Plan {
            load: if self.h2 { load.over_http2() } else { load },
            reloads: self.reloads,
            every: Duration::from_millis(self.every_ms),
            delay: Duration::from_millis(self.delay_ms),
            live: self.live,
        }
    }
}

fn measure(gateway: Gateway, options: &Options) -> Report {
    let upstream = Upstream::start();
    let peer = |kind| -> Box<dyn System> { Box::new(Peer::start(kind, upstream.address())) };
    let shape = match (options.features, options.combine) {
        (true, _) => Shape::Features,
        (false, true) => Shape::Combine,
        (false, false) => Shape::Stream(options.endpoints),
    };
    let mut system: Box<dyn System> = match gateway {
        Gateway::Baton => Box::new(BatonSystem::start(upstream.address(), shape, options.sides())),
        Gateway::Nginx => peer(PeerKind::Nginx),
        Gateway::Haproxy => peer(PeerKind::Haproxy),
        Gateway::HaproxyIdleClose => peer(PeerKind::HaproxyIdleClose),
    };
    run(system.as_mut(), &upstream, &options.plan())
}

/// Fails when Baton, if it was measured, did anything that it promises never to do.
fn main() -> ExitCode {
    let options = Options::parse();
    let mut reports = Vec::new();
    let mut kept = true;
    for gateway in &options.gateway {
        let report = measure(*gateway, &options);
        println!("{report}");
        let is_clean = if options.tls { report.is_clean_over_tls() } else { report.is_clean() };
        kept &= *gateway != Gateway::Baton || is_clean;
        reports.push(report);
    }
    if reports.len() > 1 {
        println!("{}", report::table(&reports));
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
