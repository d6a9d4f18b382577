//! `sd: dns` with a real name server.

use std::collections::BTreeMap;

use baton_tests::Baton;
use baton_tests::backend::{Backend, ok};
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use baton_tests::name_server::NameServer;
use baton_tests::until::{PATIENCE, until};
use serde_json::{Value, json};

/// `/a` answered by the service, looked up every second.
fn config(server: &NameServer, name: &str) -> Value {
    json!({
        "dns_cache_ttl": "1s",
        "@baton": { "name_servers": [server.address().to_string()] },
        "endpoints": [{
            "endpoint": "/a",
            "backend": [{
                "url_pattern": "/b", "host": [name], "sd": "dns", "disable_host_sanitize": true
            }]
        }]
    })
}

/// With one thread hosts have their turns.
fn start(server: &NameServer) -> Baton {
    let config = config(server, "_api._tcp.example.test");
    Starter::new(&config).argument("--threads").argument("1").start()
}

fn named(name: &'static str) -> Backend {
    Backend::start(move |_| ok(&format!("{{\"from\":\"{name}\"}}")))
}

fn record(backend: &Backend, priority: u16, weight: u16) -> String {
    format!("_api._tcp SRV {priority} {weight} {} localhost.\n", backend.address().port())
}

fn ask(baton: &Baton) -> (u16, String) {
    let request = "GET /a HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n";
    let answer = Client::connect(baton.address()).send(request).answer();
    (answer.status(), answer.text())
}

/// How often each body came in so many requests.
fn count(baton: &Baton, requests: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..requests {
        let (status, body) = ask(baton);
        assert_eq!(status, 200, "{body}");
        *counts.entry(body).or_default() += 1;
    }
    counts
}

fn counts(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(name, count)| (format!("{{\"from\":\"{name}\"}}"), *count)).collect()
}

#[test]
fn requests_go_to_the_hosts_of_a_service_by_their_weights() {
    let (one, three, other) = (named("one"), named("three"), named("other"));
    let records = record(&one, 1, 10) + &record(&three, 1, 30) + &record(&other, 2, 100);
    let server = NameServer::start(&records);
    let baton = start(&server);
    assert_eq!(count(&baton, 8), counts(&[("one", 2), ("three", 6)]));
    let host = one.last().fields.first("host").unwrap_or_default().to_owned();
    assert_eq!(host, format!("localhost.:{}", one.address().port()));
    assert_eq!(one.connections(), 1, "connections to hosts of a service are kept");
}

#[test]
fn weights_that_are_all_zero_mean_equal_shares() {
    let (one, two) = (named("one"), named("two"));
    let server = NameServer::start(&(record(&one, 1, 0) + &record(&two, 1, 0)));
    let baton = start(&server);
    assert_eq!(count(&baton, 6), counts(&[("one", 3), ("two", 3)]));
}

#[test]
fn a_changed_service_is_followed_and_the_last_good_one_outlives_its_name_server() {
    let (old, new) = (named("old"), named("new"));
    let server = NameServer::start(&record(&old, 1, 1));
    let baton = start(&server);
    assert_eq!(count(&baton, 2), counts(&[("old", 2)]));
    server.replace(&record(&new, 1, 1));
    until("the new host is called", PATIENCE, || ask(&baton).1.contains("new"));
    assert_eq!(count(&baton, 2), counts(&[("new", 2)]));
    server.replace("");
    until("the failure is told", PATIENCE, || {
        baton.log().contains("lookup _api._tcp.example.test")
    });
    assert_eq!(count(&baton, 2), counts(&[("new", 2)]));
    drop(server);
    assert_eq!(count(&baton, 2), counts(&[("new", 2)]));
}

#[test]
fn a_service_that_is_not_there_at_the_start_is_found_later() {
    let late = named("late");
    let server = NameServer::start("");
    let baton = start(&server);
    assert_eq!(ask(&baton).0, 500);
    server.replace(&record(&late, 1, 1));
    until("the host is called", PATIENCE, || ask(&baton).0 == 200);
}

#[test]
fn an_answer_that_does_not_fit_a_datagram_is_asked_for_over_tcp() {
    let one = named("one");
    let others: String = (0..60)
        .map(|number| format!("_api._tcp SRV 9 1 {} a-rather-long-name-{number}\n", 1000 + number))
        .collect();
    let server = NameServer::start(&(record(&one, 1, 1) + &others));
    let baton = start(&server);
    assert_eq!(count(&baton, 2), counts(&[("one", 2)]));
}
