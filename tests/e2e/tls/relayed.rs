//! Clients whose transport stays in an older worker: what is known of them goes with each request, nothing that they say
//! about themselves counts, and who does not read holds as little as before.

use std::time::Duration;

use baton_tests::backend::{Backend, ok};
use baton_tests::client::Client;
use baton_tests::h2::{Frame, kind};
use baton_tests::tls::{Authority, NAME, Pair, Veil};
use baton_tests::{Baton, h2, pause, process, until};
use serde_json::{Value, json};

use super::config;
use crate::fixture::{endpoints, merge};

const SOON: Duration = Duration::from_secs(10);
const MEMORY_GROWTH_MAX_KIB: u64 = 96 << 10;
/// Eight such answers are more than may be held.
const ANSWER_BYTES: usize = 32 << 20;

struct Relaying {
    authority: Authority,
    pair: Pair,
    backend: Backend,
    baton: Baton,
    root: Value,
}

impl Relaying {
    /// With these members at its root besides; every answer is `body`.
    fn start(root: Value, body: String) -> Self {
        let (authority, backend) = (Authority::new(), Backend::start(move |_| ok(&body)));
        let pair = authority.issue("gw");
        let baton = Baton::start(&file(&pair, &backend, &root));
        Self { authority, pair, backend, baton, root }
    }

    fn veil(&self, protocol: &str) -> Veil {
        Veil::start(self.baton.address(), &self.authority.client(None, &[protocol]), NAME)
    }

    /// Connections that are there from now on stay in an older worker.
    fn reload(&mut self, name: &str) {
        self.root["name"] = json!(name);
        let next = file(&self.pair, &self.backend, &self.root);
        assert_eq!(self.baton.reload_with(&next)["outcome"]["result"], "committed");
    }

    /// What all workers have.
    fn memory_kib(&self) -> u64 {
        self.baton.workers().iter().map(|worker| process::rss_kib(worker.pid)).sum()
    }
}

fn file(pair: &Pair, backend: &Backend, root: &Value) -> Value {
    let mut file = config(pair, &json!({}), endpoints(&backend.host()));
    merge(&mut file, root);
    file
}

/// Asks for `/all`, claiming to be somebody else who comes otherwise.
const CLAIMS: [(&str, &str); 4] = [
    ("x-forwarded-for", "6.6.6.6"),
    ("x-real-ip", "6.6.6.6"),
    ("x-forwarded-proto", "http"),
    ("forwarded", "for=6.6.6.6;proto=http"),
];

fn claiming() -> String {
    let fields = CLAIMS.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    format!("GET /all HTTP/1.1\r\nHost: gw.test\r\n{fields}\r\n")
}

#[test]
fn the_new_worker_knows_of_a_client_what_the_old_one_knows_and_not_what_it_says() {
    let mut relaying = Relaying::start(
        json!({
            "@baton": { "trust_forwarded_for": false },
            "extra_config": { "security/http": { "ssl_redirect": true } }
        }),
        "x".to_owned(),
    );
    let (veil, veil2) = (relaying.veil("http/1.1"), relaying.veil("h2"));
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(veil.address())).collect();
    for client in &mut clients {
        assert_eq!(client.get("/all").status(), 200);
    }
    for (name, client) in ["one", "two", "three"].iter().zip(&mut clients) {
        relaying.reload(name);
        // Neither is sent to where it is already, and both come from where they do.
        assert_eq!(client.send(claiming()).answer().status(), 200, "{name}");
        assert_eq!(relaying.backend.last().fields.first("x-forwarded-for"), Some("127.0.0.1"));
    }
    let mut raw = h2::Raw::connect(veil2.address());
    // It does not show that it was asked to leave.
    raw.be_rude();
    raw.get(1, "/all");
    raw.until(kind::DATA);
    relaying.reload("four");
    raw.send(&Frame::headers(3, "GET", "/all", &CLAIMS, true));
    assert_eq!(raw.until(kind::DATA).payload, b"x", "it is not sent elsewhere");
    assert_eq!(relaying.backend.last().fields.first("x-forwarded-for"), Some("127.0.0.1"));
    until("all eight are logged as the peer's", SOON, || {
        let log = relaying.baton.log();
        let lines = log.lines().filter(|line| line.contains("GET      \"/all\""));
        lines.filter(|line| line.contains("| 200 |") && line.contains("127.0.0.1")).count() == 8
    });
}

/// Eight clients ask for much and read nothing; `ask` makes one and asks after the reload, if there is one.
fn hold_little<C>(reloads: bool, protocol: &str, connect: fn(&Veil) -> C, ask: fn(&mut C)) {
    let mut relaying = Relaying::start(json!({}), "x".repeat(ANSWER_BYTES));
    let veil = relaying.veil(protocol);
    let mut crowd: Vec<C> = (0..8).map(|_| connect(&veil)).collect();
    until("all have come", SOON, || veil.sessions().counts() >= (0, 8));
    if reloads {
        relaying.reload("another");
    }
    let (before, asked) = (relaying.memory_kib(), relaying.backend.count());
    crowd.iter_mut().for_each(ask);
    until("all are asked", SOON, || relaying.backend.count() == asked + 8);
    pause(Duration::from_millis(700));
    let grown = relaying.memory_kib().saturating_sub(before);
    assert!(grown < MEMORY_GROWTH_MAX_KIB, "{protocol}, {reloads}: grown by {grown} KiB");
}

#[test]
fn clients_that_do_not_read_by_tls_hold_bounded_memory_relayed_or_not() {
    for reloads in [false, true] {
        hold_little(
            reloads,
            "http/1.1",
            |veil| Client::connect(veil.address()),
            |client| {
                client.send("GET /all HTTP/1.1\r\nHost: gw.test\r\n\r\n");
            },
        );
        hold_little(
            reloads,
            "h2",
            |veil| h2::Raw::connect(veil.address()),
            |raw| raw.get(1, "/all"),
        );
    }
}
