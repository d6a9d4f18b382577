//! WebSockets by TLS cannot move: they stay with the worker that opened them until they end or it may not
//! drain any longer. Whoever opens one on a connection that an older worker holds gets it from the worker that
//! serves, and that end of it moves as any other.

use std::io::Read as _;
use std::thread::JoinHandle;
use std::time::Duration;

use baton_tests::backend::Backend;
use baton_tests::client::Client;
use baton_tests::tls::{Authority, NAME, Veil};
use baton_tests::until::PATIENCE;
use baton_tests::ws::{self, Noise};
use baton_tests::{Baton, process, until};
use serde_json::{Value, json};

use super::config;
use crate::fixture::merge;

const SAID_BYTES: usize = 300_000;

struct Veiled {
    baton: Baton,
    veil: Veil,
    file: Value,
    generation: u64,
    _authority: Authority,
    _backend: Backend,
    _front: Veil,
}

impl Veiled {
    /// TLS towards the client and towards the backend, which says back what it hears.
    fn start(more: &Value) -> Self {
        let backend = ws::backend("", |socket, _| ws::echo(socket));
        let authority = Authority::new();
        let pair = authority.issue("gw");
        let front = Veil::before(backend.address(), &authority.server(&pair, false));
        let mut file = config(&backend, &json!({}));
        let host = format!("wss://127.0.0.1:{}", front.address().port());
        file["endpoints"][0]["backend"][0]["host"] = json!([host]);
        let tls = json!({
            "tls": { "keys": [pair.json()] },
            "client_tls": { "ca_certs": [authority.certificate()] }
        });
        merge(&mut file, &tls);
        merge(&mut file, more);
        let baton = Baton::start(&file);
        let veil = Veil::start(baton.address(), &authority.client(None, &["http/1.1"]), NAME);
        let (generation, _authority, _backend, _front) = (1, authority, backend, front);
        Self { baton, veil, file, generation, _authority, _backend, _front }
    }

    fn reload(&mut self) {
        self.generation += 1;
        self.file["name"] = json!(format!("generation {}", self.generation));
        self.baton.reload_with(&self.file);
    }
}

/// Checks what comes back until the tunnel ends: how many bytes.
fn hear(client: &mut Client) -> JoinHandle<u64> {
    let socket = client.stream().socket().try_clone().unwrap();
    std::thread::spawn(move || Noise::new(3).check(socket).unwrap())
}

#[test]
fn one_that_is_open_stays_where_it_is_and_is_not_cut() {
    let mut veiled = Veiled::start(&json!({}));
    let old = veiled.baton.serving_worker();
    let mut client = Client::connect(veiled.veil.address());
    ws::open(&mut client, "/ws/a", "");
    let (said, hearing) = (Noise::new(3).take(SAID_BYTES), hear(&mut client));
    for piece in said.chunks(SAID_BYTES / 4) {
        client.send(piece);
        veiled.reload();
    }
    assert!(process::lives(old), "it passes the bytes");
    client.finish_sending();
    assert_eq!(hearing.join().unwrap(), SAID_BYTES as u64);
    until("only the newest worker is left", PATIENCE, || veiled.baton.workers().len() == 1);
}

#[test]
fn one_that_is_opened_on_a_connection_of_an_older_worker_belongs_to_the_one_that_serves() {
    let mut veiled = Veiled::start(&json!({}));
    let holder = veiled.baton.serving_worker();
    let mut client = Client::connect(veiled.veil.address());
    until("it is met", PATIENCE, || veiled.veil.sessions().counts() == (0, 1));
    veiled.reload();
    let opener = veiled.baton.serving_worker();
    ws::open(&mut client, "/ws/a", "");
    let (said, hearing) = (Noise::new(3).take(SAID_BYTES), hear(&mut client));
    for piece in said.chunks(SAID_BYTES / 4) {
        client.send(piece);
        veiled.reload();
    }
    assert!(process::lives(holder) && process::lives(opener), "one has the client, one its tunnel");
    client.finish_sending();
    assert_eq!(hearing.join().unwrap(), SAID_BYTES as u64);
    until("only the newest worker is left", PATIENCE, || veiled.baton.workers().len() == 1);
}

#[test]
fn one_that_does_not_end_is_cut_when_its_worker_may_not_drain_any_longer() {
    let mut veiled = Veiled::start(&json!({ "@baton": { "drain": "700ms" } }));
    let old = veiled.baton.serving_worker();
    let mut client = Client::connect(veiled.veil.address());
    ws::open(&mut client, "/ws/a", "");
    veiled.reload();
    client.send("still here").stream().socket().set_read_timeout(Some(PATIENCE)).unwrap();
    let mut heard = Vec::new();
    // The end is none that TLS knows of: the veil makes a reset of it.
    assert!(client.stream().socket().read_to_end(&mut heard).is_err());
    assert_eq!(heard, b"still here");
    until("the old worker ends", Duration::from_secs(5), || !process::lives(old));
}
