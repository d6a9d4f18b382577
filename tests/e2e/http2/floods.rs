//! What is cheap to send and dear to serve: the connection ends, and nobody else notices
//! (http-edge §3.2, §3.4).

use std::net::SocketAddr;
use std::time::Duration;

use baton_tests::backend::ok;
use baton_tests::h2::attack::{self, Attack};
use baton_tests::h2::{Client, Raw, kind};
use baton_tests::process;

use super::veiled::Veiled;
use super::{raw, start};
use crate::fixture::Gateway;

/// Far more than any of them may send.
const MOST: usize = 200_000;
const SOON: Duration = Duration::from_secs(10);
/// Of a backend, for as many streams as twelve connections may reset; without a look first it is one for each.
const RESET_CONNECTIONS_MAX: usize = 64;
const MEMORY_GROWTH_MAX_KIB: u64 = 96 << 10;

fn flood(name: &str) -> Gateway {
    let gateway = start(|_| ok("ok"));
    rage(&gateway, gateway.baton.address(), name);
    gateway
}

/// Four connections to `address` flood, again when they are ended, while a client goes on asking. Each must be ended before
/// it has sent [`MOST`].
fn rage(gateway: &Gateway, address: SocketAddr, name: &str) {
    let attack = Attack::named(name);
    let mut healthy = Client::connect(address);
    healthy.get("/all");
    let worker = gateway.baton.serving_worker();
    let before = process::rss_kib(worker);
    let asked = gateway.backend.count();
    let attackers: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                for _ in 0..3 {
                    let mut raw = Raw::connect(address);
                    let sent = attack.flood(&mut raw, MOST);
                    let code = raw.end(SOON);
                    assert!(sent < MOST, "{sent} frames passed");
                    assert_ne!(code, Some(0), "not a goodbye among friends");
                }
            })
        })
        .collect();
    let mut answered = 0;
    while attackers.iter().any(|attacker| !attacker.is_finished()) {
        assert_eq!(healthy.get("/all").status, 200, "{name}");
        answered += 1;
    }
    for attacker in attackers {
        attacker.join().unwrap_or_else(|_| panic!("{name}"));
    }
    let grown = process::rss_kib(worker).saturating_sub(before);
    assert!(grown < MEMORY_GROWTH_MAX_KIB, "{name}: memory grew by {grown} KiB");
    let work = gateway.backend.count() - asked - answered;
    assert!(work < 12 * 1_000, "{name}: the backend was asked {work} times");
    assert_eq!(gateway.baton.serving_worker(), worker, "{name}: the worker lives");
}

#[test]
fn the_same_floods_end_over_tls() {
    let Veiled { gateway, veil, .. } = Veiled::start();
    for name in [
        "PING",
        "SETTINGS",
        "WINDOW_UPDATE",
        "rapid reset",
        "made you reset: an increment of 0",
        "empty CONTINUATION",
        "empty DATA",
    ] {
        rage(&gateway, veil.address(), name);
    }
}

#[test]
fn pings_settings_priorities_and_windows_without_end_are_refused() {
    for name in ["PING", "SETTINGS", "PRIORITY", "WINDOW_UPDATE", "unknown frames"] {
        flood(name);
    }
}

#[test]
fn streams_that_are_opened_and_reset_at_once_are_refused() {
    let gateway = flood("rapid reset");
    let connections = gateway.backend.connections();
    assert!(
        connections <= RESET_CONNECTIONS_MAX,
        "{connections} connections for streams that ended at once"
    );
}

#[test]
fn resets_that_a_client_provokes_are_refused() {
    for how in [
        "an increment of 0",
        "overflow",
        "data behind the end",
        "depends on itself",
        "a head that is none",
        "another length",
    ] {
        flood(&format!("made you reset: {how}"));
    }
}

#[test]
fn heads_without_end_are_refused() {
    flood("empty CONTINUATION");
    flood("full CONTINUATION");
}

#[test]
fn data_without_data_is_refused() {
    flood("empty DATA");
}

#[test]
fn a_small_head_that_unpacks_to_a_large_one_is_refused() {
    let gateway = flood("HPACK bomb");
    let mut raw = raw(&gateway);
    let asked = gateway.backend.count();
    raw.send(&attack::bomb(1));
    raw.end(SOON);
    assert_eq!(gateway.backend.count(), asked, "no such head reaches a backend");
}

#[test]
fn thousands_of_fields_are_refused_before_they_are_work() {
    let gateway = start(|_| ok("ok"));
    let mut raw = raw(&gateway);
    raw.send_bytes(&attack::crumbs(1));
    let answer = raw.until(kind::HEADERS);
    assert_eq!(answer.stream, 1);
    assert_eq!(gateway.backend.count(), 0);
    flood("thousands of fields"); // a refusal earns nothing
}
