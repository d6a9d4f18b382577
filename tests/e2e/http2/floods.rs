//! What is cheap to send and dear to serve: the connection ends, and nobody else notices
//! (http-edge §3.2, §3.4). Each over both transports.

use std::time::Duration;

use baton_tests::backend::ok;
use baton_tests::h2::attack::{self, Attack};
use baton_tests::h2::{Raw, kind};
use baton_tests::process;

use super::{Place, Transport};

/// Far more than any of them may send.
const MOST: usize = 200_000;
const SOON: Duration = Duration::from_secs(10);
/// Of a backend, for as many streams as twelve connections may reset; without a look first it is one for each.
const RESET_CONNECTIONS_MAX: usize = 64;
const MEMORY_GROWTH_MAX_KIB: u64 = 96 << 10;

over_both_transports! {
    pings_settings_priorities_and_windows_without_end_are_refused,
    streams_that_are_opened_and_reset_at_once_are_refused,
    resets_that_a_client_provokes_are_refused,
    heads_without_end_are_refused,
    data_without_data_is_refused,
    windows_that_open_byte_by_byte_are_refused,
    a_small_head_that_unpacks_to_a_large_one_is_refused,
    thousands_of_fields_are_refused_before_they_are_work,
}

/// Four connections flood, again when they are ended, while a client goes on asking. Each must be ended before it has sent
/// [`MOST`].
fn flood(transport: Transport, name: &str) -> Place {
    let place = transport.start(|_| ok("ok"));
    let (attack, address) = (Attack::named(name), place.address);
    let mut healthy = place.client();
    healthy.get("/all");
    let worker = place.gateway.baton.serving_worker();
    let before = process::rss_kib(worker);
    let asked = place.gateway.backend.count();
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
    let work = place.gateway.backend.count() - asked - answered;
    assert!(work < 12 * 1_000, "{name}: the backend was asked {work} times");
    assert_eq!(place.gateway.baton.serving_worker(), worker, "{name}: the worker lives");
    place
}

fn pings_settings_priorities_and_windows_without_end_are_refused(transport: Transport) {
    for name in ["PING", "SETTINGS", "PRIORITY", "WINDOW_UPDATE", "unknown frames"] {
        flood(transport, name);
    }
}

fn streams_that_are_opened_and_reset_at_once_are_refused(transport: Transport) {
    let place = flood(transport, "rapid reset");
    let connections = place.gateway.backend.connections();
    assert!(
        connections <= RESET_CONNECTIONS_MAX,
        "{connections} connections for streams that ended at once"
    );
}

fn resets_that_a_client_provokes_are_refused(transport: Transport) {
    for how in [
        "an increment of 0",
        "overflow",
        "data behind the end",
        "depends on itself",
        "a head that is none",
        "another length",
    ] {
        flood(transport, &format!("made you reset: {how}"));
    }
}

fn heads_without_end_are_refused(transport: Transport) {
    flood(transport, "empty CONTINUATION");
    flood(transport, "full CONTINUATION");
}

fn data_without_data_is_refused(transport: Transport) {
    flood(transport, "empty DATA");
}

fn windows_that_open_byte_by_byte_are_refused(transport: Transport) {
    // Larger than what may be sent: the answer never ends, however many windows open.
    let place = transport.start(|_| ok(&"x".repeat(2 * MOST)));
    let mut raw = place.raw();
    let sent = Attack::named("a window that opens byte by byte").flood(&mut raw, MOST);
    assert!(sent < MOST, "{sent} windows opened");
    assert_ne!(raw.end(SOON), Some(0), "not a goodbye among friends");
}

fn a_small_head_that_unpacks_to_a_large_one_is_refused(transport: Transport) {
    let place = flood(transport, "HPACK bomb");
    let mut raw = place.raw();
    let asked = place.gateway.backend.count();
    raw.send(&attack::bomb(1));
    raw.end(SOON);
    assert_eq!(place.gateway.backend.count(), asked, "no such head reaches a backend");
}

fn thousands_of_fields_are_refused_before_they_are_work(transport: Transport) {
    let place = transport.start(|_| ok("ok"));
    let mut raw = place.raw();
    raw.send_bytes(&attack::crumbs(1));
    let answer = raw.until(kind::HEADERS);
    assert_eq!(answer.stream, 1);
    assert_eq!(place.gateway.backend.count(), 0);
    flood(transport, "thousands of fields"); // a refusal earns nothing
}
