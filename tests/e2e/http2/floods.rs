//! What is cheap to send and dear to serve: the connection ends, and nobody else notices
//! (http-edge §3.2, §3.4).

use std::time::Duration;

use baton_tests::backend::ok;
use baton_tests::h2::{Frame, Raw, kind};
use baton_tests::process;

use super::{client, raw, start};
use crate::fixture::Gateway;

/// Far more than any of them may send.
const MOST: usize = 200_000;
const SOON: Duration = Duration::from_secs(10);
const MEMORY_GROWTH_MAX_KIB: u64 = 96 << 10;
const END_HEADERS: u8 = 0x4;
const END_STREAM: u8 = 0x1;

/// Four connections flood with what `frame` gives for each number, again when they are ended, while a
/// client goes on asking. Each must be ended before it has sent [`MOST`].
fn flood(name: &str, begin: fn(&mut Raw), frame: fn(u32) -> Vec<u8>) -> Gateway {
    let gateway = start(|_| ok("ok"));
    let mut healthy = client(&gateway);
    healthy.get("/all");
    let worker = gateway.baton.serving_worker();
    let before = process::rss_kib(worker);
    let asked = gateway.backend.count();
    let address = gateway.baton.address();
    let attackers: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                for _ in 0..3 {
                    let mut raw = Raw::connect(address);
                    begin(&mut raw);
                    let sent = raw.flood(MOST, frame);
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
    gateway
}

fn nothing(_: &mut Raw) {}

fn id(number: u32) -> u32 {
    1 + 2 * number
}

fn get(stream: u32) -> Vec<u8> {
    Frame::headers(stream, "GET", "/all", &[], true).bytes()
}

#[test]
fn pings_settings_priorities_and_windows_without_end_are_refused() {
    flood("ping", nothing, |_| Frame::new(kind::PING, 0, 0, &[0; 8]).bytes());
    flood("settings", nothing, |_| Frame::new(kind::SETTINGS, 0, 0, &[]).bytes());
    flood("priority", nothing, |n| Frame::new(kind::PRIORITY, 0, id(n), &[0; 5]).bytes());
    flood("window", nothing, |_| Frame::new(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]).bytes());
    flood("unknown", nothing, |_| Frame::new(99, 0, 0, b"x").bytes());
}

#[test]
fn streams_that_are_opened_and_reset_at_once_are_refused() {
    flood("rapid reset", nothing, |n| {
        let cancel = Frame::new(kind::RST_STREAM, 0, id(n), &[0, 0, 0, 8]);
        [get(id(n)), cancel.bytes()].concat()
    });
}

#[test]
fn resets_that_a_client_provokes_are_refused() {
    flood("made you reset: an increment of 0", nothing, |n| {
        let provoke = Frame::new(kind::WINDOW_UPDATE, 0, id(n), &[0; 4]);
        [get(id(n)), provoke.bytes()].concat()
    });
    flood("made you reset: overflow", nothing, |n| {
        let provoke = Frame::new(kind::WINDOW_UPDATE, 0, id(n), &[0x7F, 0xFF, 0xFF, 0xFF]);
        [get(id(n)), provoke.bytes()].concat()
    });
    flood("made you reset: data behind the end", nothing, |n| {
        [get(id(n)), Frame::new(kind::DATA, 0, id(n), b"x").bytes()].concat()
    });
    flood("made you reset: depends on itself", nothing, |n| {
        let itself = [&id(n).to_be_bytes()[..], &[0]].concat();
        [get(id(n)), Frame::new(kind::PRIORITY, 0, id(n), &itself).bytes()].concat()
    });
    flood("made you reset: a head that is none", nothing, |n| {
        Frame::headers(id(n), "GET", "/all", &[("Upper", "x")], true).bytes()
    });
    flood("made you reset: another length", nothing, |n| {
        let head = Frame::headers(id(n), "POST", "/all", &[("content-length", "5")], false);
        [head.bytes(), Frame::new(kind::DATA, END_STREAM, id(n), b"x").bytes()].concat()
    });
}

#[test]
fn heads_without_end_are_refused() {
    let begin = |raw: &mut Raw| raw.send(&Frame::new(kind::HEADERS, 0, 1, &[0x82]));
    flood("empty continuations", begin, |_| Frame::new(kind::CONTINUATION, 0, 1, &[]).bytes());
    flood("full continuations", begin, |_| {
        Frame::new(kind::CONTINUATION, 0, 1, &vec![0x82; 16_384]).bytes()
    });
}

#[test]
fn data_without_data_is_refused() {
    let begin = |raw: &mut Raw| raw.send(&Frame::headers(1, "POST", "/all", &[], false));
    flood("empty data", begin, |_| Frame::new(kind::DATA, 0, 1, &[]).bytes());
}

#[test]
fn a_small_head_that_unpacks_to_a_large_one_is_refused() {
    // One field of 4,000 bytes into the table, and then it is named again and again, a byte each.
    let bomb = |stream: u32| {
        let mut block = Frame::headers(stream, "GET", "/all", &[], true).payload;
        block.extend([0x40, 1, b'b', 0x7F, 0xA1, 0x1E]);
        block.extend([b'x'; 4_000]);
        block.extend([0xBE; 12_000]);
        Frame::new(kind::HEADERS, END_HEADERS | END_STREAM, stream, &block).bytes()
    };
    let gateway = flood("hpack bomb", nothing, |n| {
        // The table holds it from the first on.
        let mut block = Frame::headers(id(n), "GET", "/all", &[], true).payload;
        block.extend([0x40, 1, b'b', 0x7F, 0xA1, 0x1E]);
        block.extend([b'x'; 4_000]);
        block.extend([0xBE; 12_000]);
        Frame::new(kind::HEADERS, END_HEADERS | END_STREAM, id(n), &block).bytes()
    });
    let mut raw = raw(&gateway);
    let asked = gateway.backend.count();
    raw.send_bytes(&bomb(1));
    raw.end(SOON);
    assert_eq!(gateway.backend.count(), asked, "no such head reaches a backend");
}

#[test]
fn thousands_of_fields_are_refused_before_they_are_work() {
    let crumbs: Vec<_> = (0..5_000).map(|_| ("cookie", "a")).collect();
    let gateway = start(|_| ok("ok"));
    let mut raw = raw(&gateway);
    let block = Frame::headers(1, "GET", "/all", &crumbs, true).payload;
    let (first, rest) = block.split_at(16_000);
    raw.send(&Frame::new(kind::HEADERS, END_STREAM, 1, first));
    let last = rest.chunks(16_000).count() - 1;
    for (at, piece) in rest.chunks(16_000).enumerate() {
        let flags = if at == last { END_HEADERS } else { 0 };
        raw.send(&Frame::new(kind::CONTINUATION, flags, 1, piece));
    }
    let answer = raw.until(kind::HEADERS);
    assert_eq!(answer.stream, 1);
    assert_eq!(gateway.backend.count(), 0);
}
