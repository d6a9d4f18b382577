//! A worker that has proven itself and then runs out of descriptors: it keeps what it has, says so,
//! does not spin, and can be relieved without losing a connection.

use std::time::Duration;

use baton_tests::backend::Backend;
use baton_tests::client::Client;
use baton_tests::http::State;
use baton_tests::{Baton, pause, port, process, until};
use serde_json::json;

use crate::fixture::{echo_target, generation, generation_of, merge};

const GET: &str = "GET /x HTTP/1.1\r\nHost: gw.test\r\n\r\n";

struct Starved {
    baton: Baton,
    backend: Backend,
    /// Served before.
    kept: Client,
    /// They wait in the queue of the listening socket.
    waiting: Vec<Client>,
    /// They hold what the gateway had left.
    served: Vec<Client>,
}

/// Past its watch, out of descriptors, with clients that want in.
fn starve() -> Starved {
    let backend = Backend::start(echo_target);
    let mut config = generation(&backend.host(), 1);
    merge(&mut config, &json!({ "@baton": { "bake": "1ms" } }));
    let baton = Baton::start(&config);
    until("it is proven", Duration::from_secs(5), || {
        baton.status().is_some_and(|status| status["phase"] == "serving")
    });
    let mut kept = Client::connect(baton.address());
    assert_eq!(generation_of(&kept.get("/x").text()), 1);
    let worker = baton.serving_worker();
    process::limit_descriptors(worker, process::next_descriptor(worker));
    // What was closed meanwhile is free again: who gets that is served.
    let mut waiting = Vec::new();
    let mut served = Vec::new();
    while waiting.len() < 4 {
        let mut client = Client::connect(baton.address());
        client.send(GET);
        match client.state_within(Duration::from_millis(300)) {
            State::More => served.push(client),
            _ => waiting.push(client),
        }
        assert!(served.len() < 100, "it always finds descriptors");
    }
    until("it says so", Duration::from_secs(5), || {
        baton.log().contains("no connection can be accepted on")
    });
    Starved { baton, backend, kept, waiting, served }
}

#[test]
fn without_descriptors_a_proven_worker_keeps_its_connections_does_not_spin_and_recovers() {
    let Starved { baton, backend: _backend, mut kept, mut waiting, served: _served } = starve();
    let worker = baton.serving_worker();
    let before = process::cpu_ms(worker);
    pause(Duration::from_secs(4)); // longer than a watch would bear
    let spent = process::cpu_ms(worker) - before;
    assert!(spent < 600, "{spent} ms of CPU in four idle seconds: accept spins");
    assert_eq!(baton.serving_worker(), worker, "past its watch it is left alone");
    assert_eq!(kept.get("/x").status(), 200);
    // The control channel lets its reserve go while it reads: who is accepted just then is told that there is no backend.
    waiting.retain_mut(|client| client.state_within(Duration::from_millis(20)) == State::Open);
    assert!(waiting.len() >= 3, "{} still wait", waiting.len());
    process::limit_descriptors(worker, 1_000);
    for client in &mut waiting {
        assert_eq!(client.answer().status(), 200);
    }
    until("it says that it is over", Duration::from_secs(5), || {
        baton.log().contains("are accepted again")
    });
}

/// They have connected before the reload: an address that goes takes nobody with it.
#[test]
fn clients_that_wait_at_an_address_that_a_reload_removes_are_served() {
    let Starved { baton, backend, mut kept, mut waiting, served: _served } = starve();
    let mut config = generation(&backend.host(), 2);
    merge(&mut config, &json!({ "port": port::free() }));
    baton.reload_with(&config);
    assert_eq!(generation_of(&kept.get("/x").text()), 2);
    for client in &mut waiting {
        assert_eq!(generation_of(&client.answer().text()), 2);
    }
    until("the address is closed", Duration::from_secs(10), || {
        Client::try_connect(baton.address()).is_err()
    });
}

#[test]
fn a_worker_without_descriptors_can_be_relieved_without_losing_a_connection() {
    let Starved { baton, backend, mut kept, mut waiting, served: _served } = starve();
    let report = baton.reload_with(&generation(&backend.host(), 2));
    assert!(report["moved"].as_u64() >= Some(1), "{report}");
    assert_eq!(generation_of(&kept.get("/x").text()), 2, "a kept connection was lost");
    for client in &mut waiting {
        assert_eq!(generation_of(&client.answer().text()), 2);
    }
}
