//! What a reload does to TLS: renewed certificates are in force, sessions go on, no connection is lost.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use baton_tests::backend::Backend;
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use baton_tests::h2;
use baton_tests::http::State;
use baton_tests::tls::{Authority, NAME, Pair, Veil, replace};
use baton_tests::torture::systems::{BatonSystem, Sides};
use baton_tests::torture::{Load, Plan, Protocol, Shape, Upstream, run};
use baton_tests::{Baton, process, until};
use serde_json::{Value, json};

use super::config;
use crate::fixture::{echo_target, generation, generation_of};

const SOON: Duration = Duration::from_secs(10);

/// A gateway whose answers tell its generation, and what its certificate came from.
struct Told {
    authority: Authority,
    pair: Pair,
    backend: Backend,
    baton: Baton,
}

impl Told {
    fn start() -> Self {
        let (authority, backend) = (Authority::new(), Backend::start(echo_target));
        let pair = authority.issue("gw");
        let baton = Baton::start(&config(&pair, &json!({}), generation(&backend.host(), 1)));
        Self { authority, pair, backend, baton }
    }

    fn reload(&self, number: u64) -> Value {
        let next = generation(&self.backend.host(), number);
        self.baton.reload_with(&config(&self.pair, &json!({}), next))
    }

    fn veil(&self, protocol: &str) -> Veil {
        Veil::start(self.baton.address(), &self.authority.client(None, &[protocol]), NAME)
    }
}

fn subject(baton: &Baton) -> String {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &baton.address().to_string(), "-servername", NAME])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.lines().find(|line| line.starts_with("subject=")).unwrap_or_default().to_owned()
}

#[test]
fn a_renewed_certificate_is_in_force_by_itself_and_no_connection_is_dropped() {
    let authority = Authority::new();
    let backend = Backend::start(echo_target);
    let (first, second) = (authority.issue("first"), authority.issue("second"));
    let starter = Starter::new(&config(&first, &json!({}), generation(&backend.host(), 1)));
    let baton = starter.watching().start();
    let veil = Veil::start(baton.address(), &authority.client(None, &["http/1.1"]), NAME);
    let mut kept = Client::connect(veil.address());
    assert_eq!(kept.get("/x").status(), 200);
    assert!(subject(&baton).ends_with("first.gw.test"));
    replace(&first, &second);
    until("the new certificate is shown", SOON, || subject(&baton).ends_with("second.gw.test"));
    assert_eq!(kept.get("/x").status(), 200);
    // Half of a pair is no reason to stop.
    std::fs::copy(authority.issue("third").public, &first.public).unwrap();
    assert!(baton.try_reload(&[]).is_err());
    assert!(subject(&baton).ends_with("second.gw.test"));
    assert!(!baton.log().contains("PRIVATE KEY"));
}

#[test]
fn no_private_key_is_kept_on_the_disk() {
    let told = Told::start();
    let key = std::fs::read_to_string(&told.pair.private).unwrap();
    let secret = key.lines().nth(1).unwrap();
    let state = told.baton.folder().join("state");
    until("the copy is written", SOON, || {
        let mut names = Vec::new();
        files(&state, &mut names);
        names.iter().any(|name| name.ends_with("manifest.json"))
    });
    let mut names = Vec::new();
    files(&state, &mut names);
    for name in names {
        let text = String::from_utf8_lossy(&std::fs::read(&name).unwrap()).into_owned();
        assert!(!text.contains(secret), "{}", name.display());
    }
}

fn files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn sessions_go_on_after_reloads() {
    const RELOADS: u64 = 20;
    let told = Told::start();
    let veil = told.veil("http/1.1");
    let ask = |number: u64| {
        let answer = Client::connect(veil.address()).get("/x");
        assert_eq!(generation_of(&answer.text()), number);
    };
    ask(1);
    for number in 2..2 + RELOADS {
        told.reload(number);
        for _ in 0..10 {
            ask(number);
        }
    }
    let (resumed, full) = veil.sessions().counts();
    assert_eq!((resumed, full), (RELOADS * 10, 1));
}

#[test]
fn a_session_by_certificate_begins_anew_when_others_are_believed() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let backend = Backend::start(echo_target);
    let pair = authority.issue("gw");
    let mtls = |ca: &Authority| {
        json!({
            "enable_mtls": true, "disable_system_ca_pool": true, "ca_certs": [ca.certificate()]
        })
    };
    let baton = Baton::start(&config(&pair, &mtls(&strangers), generation(&backend.host(), 1)));
    let own = strangers.issue("client");
    let veil = Veil::start(baton.address(), &authority.client(Some(&own), &[]), NAME);
    for _ in 0..2 {
        assert_eq!(Client::connect(veil.address()).get("/x").status(), 200);
    }
    assert_eq!(veil.sessions().counts(), (1, 1));
    baton.reload_with(&config(&pair, &mtls(&authority), generation(&backend.host(), 2)));
    // The refusal may already show while it connects.
    if let Ok(mut client) = Client::try_connect(veil.address()) {
        let answer = client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").try_answer();
        assert!(answer.is_err(), "{answer:?}");
    }
    assert_eq!(backend.seen().len(), 2);
}

#[test]
fn a_kept_connection_sees_the_new_configuration_at_once() {
    let told = Told::start();
    let (baton, veil) = (&told.baton, told.veil("http/1.1"));
    let mut silent: Vec<Client> = (0..10).map(|_| Client::connect(veil.address())).collect();
    for client in &mut silent {
        assert_eq!(generation_of(&client.get("/x").text()), 1);
    }
    let mut half = Client::connect(veil.address());
    half.send("GET /x HTTP/1.1\r\nHo");
    let first = baton.serving_worker();
    for number in 2..5 {
        let before = baton.serving_worker();
        told.reload(number);
        if before != first {
            // What was passed on to it goes on to the next, not through it.
            until("the worker between ends", SOON, || !process::lives(before));
        }
        let answer = silent.pop().unwrap().get("/x");
        assert_eq!(generation_of(&answer.text()), number);
        // It leaves by itself: its next connection needs nobody in between.
        assert_eq!(answer.fields.first("connection"), Some("close"));
    }
    assert!(process::lives(first), "it holds the transports");
    let answer = half.send("st: a\r\n\r\n").answer();
    assert_eq!(generation_of(&answer.text()), 4);
    drop((silent, half));
    until("only the newest worker is left", SOON, || baton.workers().len() == 1);
}

/// Silent clients of each generation keep its worker, but not for ever, and not each of them a worker.
#[test]
fn clients_that_are_silent_over_twenty_reloads_keep_few_workers_and_lose_nothing() {
    const RELOADS: u64 = 20;
    const WORKERS_MAX: usize = 8 + 2;
    // After a minute the oldest is ended.
    const RELOAD_MAX: Duration = Duration::from_secs(30);
    let told = Told::start();
    let (baton, veil, veil2) = (&told.baton, told.veil("http/1.1"), told.veil("h2"));
    let (mut silent, mut streams) = (Vec::new(), Vec::new());
    for number in 1..=RELOADS {
        let (mut client, mut stream) =
            (Client::connect(veil.address()), h2::Client::connect(veil2.address()));
        assert_eq!(generation_of(&client.get("/x").text()), number);
        assert_eq!(generation_of(&stream.get("/x").text()), number);
        silent.push(client);
        streams.push(stream);
        let begun = Instant::now();
        let report = told.reload(number + 1);
        assert!(begun.elapsed() < RELOAD_MAX, "it waited for a worker to end: {report}");
        assert_eq!(report["cut"], 0, "{report}");
        assert!(baton.workers().len() <= WORKERS_MAX, "{:?}", baton.workers());
    }
    for client in &mut silent {
        // Who waited too long was told so, and comes again.
        if client.state_within(Duration::from_millis(20)) == State::Closed {
            *client = Client::connect(veil.address());
        }
        assert_eq!(generation_of(&client.get("/x").text()), RELOADS + 1);
    }
    for stream in &streams {
        until("it has left", SOON, || stream.ended().is_some());
        assert_eq!(stream.ended(), Some(Ok(())));
    }
    drop(silent);
    until("only the newest worker is left", SOON, || baton.workers().len() == 1);
}

fn torture(load: &Load, backends: Protocol, reloads: u64, delay: Duration) {
    let upstream = Upstream::start();
    let sides = Sides { tls: true, backends };
    let mut system = BatonSystem::start(upstream.address(), Shape::Stream(0), sides);
    let every = Duration::from_millis(100);
    let plan = Plan { load: load.clone(), reloads, every, delay, live: false };
    let report = run(&mut system, &upstream, &plan);
    assert!(report.is_clean_over_tls(), "{report}");
    assert_eq!(report.counts.commits, reloads, "{report}");
    assert!(report.counts.resumed > 0, "{report}");
}

fn everybody() -> Load {
    Load { keep_alive: 40, steady: Duration::from_millis(500), ..Load::default() }
}

#[test]
fn thirty_reloads_under_every_kind_of_client_lose_nothing_over_tls() {
    torture(&everybody(), Protocol::Http1, 30, Duration::ZERO);
    torture(&everybody(), Protocol::Http1, 10, Duration::from_millis(5));
}

#[test]
fn thirty_reloads_lose_no_stream_of_http2_over_tls() {
    torture(&everybody().over_http2(), Protocol::Http1, 30, Duration::ZERO);
    torture(&everybody().over_http2(), Protocol::Http2, 30, Duration::ZERO);
    torture(&everybody().over_http2(), Protocol::Http2, 10, Duration::from_millis(5));
}
