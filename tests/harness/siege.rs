//! What healthy clients notice while others attack (http-edge §3.4): how long their requests take, without and with
//! each flood of [`ATTACKS`](crate::h2::attack::ATTACKS), and what it costs the gateway.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Builder;

use crate::h2::attack::{Attack, PATH};
use crate::h2::{Client, Raw};
use crate::percentile::percentile;
use crate::torture::Protocol;
use crate::{Baton, pause, process};

/// Frames of one connection, if nobody ends it.
const PER_CONNECTION: usize = 200_000;
/// Between two requests of a healthy client.
const THINK: Duration = Duration::from_millis(5);
/// What a healthy client may notice: this many times its own p99, or this if it is more.
const TIMES_MAX: f64 = 5.0;
const P99_MAX: Duration = Duration::from_millis(250);
/// Connections that the backend lets wait to be accepted.
const BACKLOG: u32 = 4096;
/// By how much the worker may grow.
const GROWTH_MAX_MB: f64 = 96.0;

/// Who takes part, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Clients that keep to the rules.
    pub healthy: usize,
    /// Connections that flood.
    pub attackers: usize,
    /// How long without and how long with each attack.
    pub time: Duration,
    /// What the backend is asked in.
    pub backend: Protocol,
}

/// A gateway, and a backend that counts.
struct Besieged {
    baton: Baton,
    asked: Arc<AtomicU64>,
}

/// What came out of one attack.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its name.
    pub name: &'static str,
    /// 99 of 100 requests took at most this just before.
    pub quiet: Duration,
    /// The same meanwhile.
    pub attacked: Duration,
    /// How many requests that is taken from.
    pub requests: usize,
    /// Requests that were not answered.
    pub failed: usize,
    /// Connections that attacked, one after the other.
    pub connections: u64,
    /// Frames that they sent.
    pub frames: u64,
    /// Requests of attackers that reached the backend.
    pub passed: u64,
    /// By how much the worker grew.
    pub growth_mb: f64,
}

/// Attacks a gateway in each way, one after the other.
///
/// # Panics
/// When it dies of it.
pub fn run(attacks: &[Attack], plan: Plan) -> Vec<Report> {
    let besieged = Besieged::start(plan.backend);
    drop(besieged.healthy(plan, Duration::from_millis(500))); // what is new is slow
    attacks.iter().map(|attack| besieged.attack(*attack, plan)).collect()
}

impl Besieged {
    fn start(backend: Protocol) -> Self {
        let asked = Arc::<AtomicU64>::default();
        let host = serve(Arc::clone(&asked));
        let baton = Baton::start(&config(&host, backend));
        Self { baton, asked }
    }

    fn attack(&self, attack: Attack, plan: Plan) -> Report {
        let worker = self.baton.serving_worker();
        let (mut quiet, _) = self.healthy(plan, plan.time);
        let (rss, asked) = (process::rss_kib(worker), self.asked.load(Ordering::Relaxed));
        let stop = AtomicBool::new(false);
        let (connections, frames) = (AtomicU64::new(0), AtomicU64::new(0));
        let mut rss_max = rss;
        let (mut latencies, failed) = thread::scope(|scope| {
            for _ in 0..plan.attackers {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let mut raw = Raw::connect(self.baton.address());
                        let sent = attack.flood(&mut raw, PER_CONNECTION);
                        connections.fetch_add(1, Ordering::Relaxed);
                        frames.fetch_add(sent as u64, Ordering::Relaxed);
                    }
                });
            }
            let healthy = scope.spawn(|| self.healthy(plan, plan.time));
            while !healthy.is_finished() {
                rss_max = rss_max.max(process::rss_kib(worker));
                pause(Duration::from_millis(20));
            }
            stop.store(true, Ordering::Relaxed);
            healthy.join().unwrap()
        });
        assert!(process::lives(worker), "{}: the worker died\n{}", attack.name, self.baton.log());
        let requests = latencies.len();
        let passed = self.asked.load(Ordering::Relaxed) - asked;
        Report {
            name: attack.name,
            quiet: percentile(&mut quiet, 99),
            attacked: percentile(&mut latencies, 99),
            requests,
            failed,
            connections: connections.into_inner(),
            frames: frames.into_inner(),
            passed: passed.saturating_sub(requests as u64),
            growth_mb: megabytes(rss_max.saturating_sub(rss)),
        }
    }

    /// Clients that keep to the rules: how long each request took, and how many failed.
    fn healthy(&self, plan: Plan, time: Duration) -> (Vec<Duration>, usize) {
        thread::scope(|scope| {
            let clients: Vec<_> = (0..plan.healthy)
                .map(|_| scope.spawn(|| ask(self.baton.address(), time)))
                .collect();
            let mut all = (Vec::new(), 0);
            for client in clients {
                let (latencies, failed) = client.join().unwrap();
                all.0.extend(latencies);
                all.1 += failed;
            }
            all
        })
    }
}

fn ask(address: SocketAddr, time: Duration) -> (Vec<Duration>, usize) {
    let begun = Instant::now();
    let (mut latencies, mut failed) = (Vec::new(), 0);
    let mut client: Option<Client> = None;
    while begun.elapsed() < time {
        let asked = Instant::now();
        let connected = client.take().or_else(|| Client::try_connect(address).ok());
        client = connected.and_then(get);
        match client {
            Some(_) => latencies.push(asked.elapsed()),
            None => failed += 1,
        }
        pause(THINK);
    }
    (latencies, failed)
}

/// The client again, if it got its answer.
fn get(mut client: Client) -> Option<Client> {
    let request = http::Request::get(format!("http://gw.test{PATH}")).body(()).unwrap();
    let answer = client.ask(request, b"").ok()?;
    (answer.status == 200).then_some(client)
}

/// A backend that takes all who come, as real ones do: one thread serves them, until the process ends.
fn serve(asked: Arc<AtomicU64>) -> String {
    let (tell, told) = std::sync::mpsc::channel();
    drop(thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
            let listener = socket.listen(BACKLOG).unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                drop(socket.set_nodelay(true));
                let asked = Arc::clone(&asked);
                drop(tokio::spawn(async move {
                    let mut first = [0; 3];
                    match socket.peek(&mut first).await {
                        Ok(_) if first == *b"PRI" => answer_http2(socket, asked).await,
                        Ok(_) | Err(_) => answer(socket, asked).await,
                    }
                }));
            }
        });
    }));
    format!("http://{}", told.recv().unwrap())
}

/// Answers what is asked; requests have no body here.
async fn answer(mut socket: TcpStream, asked: Arc<AtomicU64>) {
    let mut head = Vec::new();
    while socket.read_buf(&mut head).await.is_ok_and(|read| read > 0) {
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        head.clear();
        asked.fetch_add(1, Ordering::Relaxed);
        if socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
            return;
        }
    }
}

/// The same in HTTP/2, with the bounds that the library's servers have: who resets many streams loses the connection.
async fn answer_http2(socket: TcpStream, asked: Arc<AtomicU64>) {
    let Ok(mut connection) = h2::server::handshake(socket).await else { return };
    while let Some(Ok((_request, mut respond))) = connection.accept().await {
        asked.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut stream) = respond.send_response(http::Response::new(()), false) {
            drop(stream.send_data(bytes::Bytes::from_static(b"ok"), true));
        }
    }
}

fn config(host: &str, backend: Protocol) -> Value {
    let http2 = backend == Protocol::Http2;
    let endpoint = |method: &str| {
        json!({
            "endpoint": PATH, "method": method, "output_encoding": "no-op",
            "backend": [{ "url_pattern": "/", "encoding": "no-op", "@baton": { "http2": http2 } }]
        })
    };
    json!({
        "version": 3,
        "use_h2c": true,
        "host": [host],
        "timeout": "10s",
        "endpoints": [endpoint("GET"), endpoint("POST")],
        "extra_config": { "router": { "disable_access_log": true } }
    })
}

fn megabytes(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
}

impl Report {
    /// Whether the healthy hardly noticed.
    pub fn is_good(&self) -> bool {
        let most = self.quiet.mul_f64(TIMES_MAX).max(P99_MAX);
        self.failed == 0 && self.attacked < most && self.growth_mb < GROWTH_MAX_MB
    }
}

/// A row of [`table`].
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, requests, failed, connections, frames, passed, growth_mb, .. } = self;
        let (quiet, attacked) = (self.quiet.as_secs_f64() * 1e3, self.attacked.as_secs_f64() * 1e3);
        write!(
            f,
            "| {name} | {quiet:.1} | {attacked:.1} | {requests} | {failed} | {connections} | {frames} | {passed} | {growth_mb:.0} |"
        )
    }
}

/// All attacks as a table in Markdown.
pub fn table(reports: &[Report]) -> String {
    let mut rows = vec![
        "| attack | p99 before, ms | p99 meanwhile, ms | healthy requests | failed | attacking connections | frames | reached the backend | memory, MB more |".to_owned(),
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|".to_owned(),
    ];
    rows.extend(reports.iter().map(Report::to_string));
    rows.join("\n")
}
