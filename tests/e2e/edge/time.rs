//! Every wait on a client has a deadline.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use baton_tests::backend::ok;
use baton_tests::client::Client;
use baton_tests::{Baton, pause};
use serde_json::{Value, json};

use crate::fixture::{Gateway, endpoints, merge};

fn limited(limits: &Value) -> Gateway {
    Gateway::with(&json!({ "@baton": { "limits": limits } }), |_| ok("ok"))
}

/// The gateway closes not before `at_least` and not after `at_most`, counted from now.
fn closes_between(client: &mut Client, at_least: u64, at_most: u64) {
    let begun = Instant::now();
    client.stream().rest();
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(at_least), "closed after {took:?}");
    assert!(took <= Duration::from_millis(at_most), "closed only after {took:?}");
}

#[test]
fn a_connection_that_never_says_anything_is_closed() {
    let gateway = limited(&json!({ "head_timeout": "600ms", "idle_timeout": "600ms" }));
    closes_between(&mut gateway.client(), 400, 3_000);
}

#[test]
fn a_head_sent_drop_by_drop_meets_its_total_deadline() {
    let gateway = limited(&json!({ "head_timeout": "800ms" }));
    let mut client = gateway.client();
    let begun = Instant::now();
    client.send("GET /all HTTP/1.1\r\nHost: gw.test\r\n");
    while begun.elapsed() < Duration::from_secs(5) {
        if client.try_send("X").is_err() {
            break;
        }
        pause(Duration::from_millis(50));
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(4), "drops kept it open for {took:?}");
    assert_eq!(gateway.backend.count(), 0);
}

#[test]
fn read_header_timeout_of_the_file_counts_and_closes_silently() {
    let root = json!({ "read_header_timeout": "500ms" });
    let gateway = Gateway::with(&root, |_| ok("ok"));
    let mut client = gateway.client();
    client.send("GET /all HTTP/1.1\r\nHost: ");
    let begun = Instant::now();
    let rest = client.stream().rest();
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[test]
fn an_idle_connection_is_closed_after_its_time_and_not_before() {
    let gateway = Gateway::with(&json!({ "idle_timeout": "700ms" }), |_| ok("ok"));
    let mut client = gateway.client();
    assert_eq!(client.get("/all").status(), 200);
    pause(Duration::from_millis(400));
    assert_eq!(client.get("/all").status(), 200, "used within its time");
    closes_between(&mut client, 500, 3_000);
}

#[test]
fn a_body_that_stops_is_given_up() {
    let gateway = limited(&json!({ "upload_idle": "500ms" }));
    let mut client = gateway.client();
    client.send("POST /all HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 100\r\n\r\nonly this");
    closes_between(&mut client, 300, 4_000);
    assert!(
        gateway
            .backend
            .seen()
            .iter()
            .all(|seen| seen.text() != "only this"
                || seen.framing == baton_tests::http::Framing::Cut)
    );
}

#[test]
fn a_body_that_flows_slowly_is_not_given_up() {
    let gateway = limited(&json!({ "upload_idle": "600ms" }));
    let mut client = gateway.client();
    client.send("POST /all HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 10\r\n\r\n");
    for _ in 0..10 {
        pause(Duration::from_millis(150));
        client.send("x");
    }
    assert_eq!(client.answer().status(), 200);
    assert_eq!(gateway.backend.last().text(), "x".repeat(10));
}

#[test]
fn a_backend_that_cannot_be_reached_or_stays_silent_is_given_up() {
    let root = json!({ "timeout": "400ms" });
    let gateway = Gateway::with(&root, |_| vec![baton_tests::backend::Step::Stall]);
    let begun = Instant::now();
    let answer = gateway.client().get("/all");
    assert!(answer.status() >= 500, "{}", answer.status());
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_backend_whose_queue_is_full_is_given_up() {
    let (listener, address) = baton_tests::net::listen();
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200));
    let mut waiting = Vec::new();
    while let Ok(connection) = connect() {
        waiting.push(connection);
        assert!(waiting.len() < 10, "the queue takes more than it should");
    }
    let mut config = endpoints(&format!("http://{address}"));
    merge(&mut config, &json!({ "timeout": "500ms" }));
    let baton = Baton::start(&config);
    let begun = Instant::now();
    let answer = Client::connect(baton.address()).get("/all");
    assert!(answer.status() >= 500, "{}", answer.status());
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn small_answers_are_not_held_back() {
    let gateway = Gateway::start(|_| ok("ok"));
    let mut client = gateway.client();
    client.get("/all");
    let begun = Instant::now();
    for _ in 0..50 {
        client.get("/all");
    }
    let mean = begun.elapsed() / 50;
    assert!(mean < Duration::from_millis(20), "{mean:?} per request: TCP_NODELAY is missing");
}
