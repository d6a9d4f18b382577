//! Floods: the gateway neither spins nor ends when descriptors run out, and others are served meanwhile.

use std::time::{Duration, Instant};

use baton_tests::backend::{Backend, ok};
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use baton_tests::{pause, process, until};
use serde_json::json;

use super::SOON;
use crate::fixture::{Gateway, endpoints};

#[test]
fn running_out_of_descriptors_neither_spins_nor_ends_the_listener() {
    let backend = Backend::start(|_| ok("ok"));
    let starter = Starter::new(&endpoints(&backend.host())).descriptors_max(128);
    let baton = starter.start();
    let worker = baton.serving_worker();
    let mut crowd: Vec<Client> = (0..300).map(|_| Client::connect(baton.address())).collect();
    pause(Duration::from_millis(500));
    let before = process::cpu_ms(worker);
    pause(Duration::from_secs(1));
    let spent = process::cpu_ms(worker) - before;
    assert!(spent < 300, "{spent} ms of CPU in one idle second: accept spins");
    assert!(process::lives(worker));
    crowd.clear();
    until("the listener serves again", Duration::from_secs(5), || {
        Client::try_connect(baton.address()).is_ok_and(|mut client| {
            client.send("GET /all HTTP/1.1\r\nHost: a\r\n\r\n").try_answer().is_ok()
        })
    });
}

#[test]
fn half_sent_heads_of_many_do_not_slow_others_down() {
    let gateway = Gateway::with(&json!({}), |_| ok("ok"));
    let worker = gateway.baton.serving_worker();
    let before = process::rss_kib(worker);
    let crowd: Vec<Client> = (0..500)
        .map(|_| {
            let mut client = gateway.client();
            client
                .send(format!("GET /all HTTP/1.1\r\nHost: gw.test\r\nX-A: {}", "x".repeat(30_000)));
            client
        })
        .collect();
    let mut healthy = gateway.client();
    let mut slowest = Duration::ZERO;
    for _ in 0..100 {
        let begun = Instant::now();
        assert_eq!(healthy.get("/all").status(), 200);
        slowest = slowest.max(begun.elapsed());
    }
    assert!(slowest < Duration::from_millis(250), "{slowest:?}");
    let grown = process::rss_kib(worker).saturating_sub(before);
    assert!(grown < 96 * 1024, "grown by {grown} KiB");
    drop(crowd);
}

#[test]
fn a_client_that_does_not_read_its_answer_holds_bounded_memory() {
    let gateway = Gateway::start(|_| {
        let piece = "x".repeat(32 << 20);
        ok(&piece)
    });
    let worker = gateway.baton.serving_worker();
    let before = process::rss_kib(worker);
    let crowd: Vec<Client> = (0..8)
        .map(|_| {
            let mut client = gateway.client();
            client.send("GET /all HTTP/1.1\r\nHost: gw.test\r\n\r\n");
            client
        })
        .collect();
    until("all are asked", SOON, || gateway.backend.count() == 8);
    pause(Duration::from_millis(700));
    let grown = process::rss_kib(worker).saturating_sub(before);
    assert!(grown < 96 * 1024, "grown by {grown} KiB: answers are buffered whole");
    drop(crowd);
}

#[test]
fn a_backend_that_does_not_read_slows_the_client_down() {
    let backend = Backend::by_connection(|socket| {
        pause(Duration::from_secs(8));
        drop(socket);
    });
    let baton = baton_tests::Baton::start(&endpoints(&backend.host()));
    let worker = baton.serving_worker();
    let before = process::rss_kib(worker);
    let mut client = Client::connect(baton.address());
    client.stream().socket().set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    client.send("POST /all HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 1000000000\r\n\r\n");
    let piece = vec![b'x'; 1 << 20];
    let sent = (0..200).take_while(|_| client.try_send(&piece).is_ok()).count();
    assert!(sent < 64, "{sent} MiB of a body that nobody reads were taken");
    let grown = process::rss_kib(worker).saturating_sub(before);
    assert!(grown < 16 * 1024, "grown by {grown} KiB: uploads are buffered");
}
