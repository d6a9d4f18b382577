//! Every wait on a client has a deadline, and what it does not read holds little.

use std::time::{Duration, Instant};

use baton_tests::backend::{ok, raw as bytes};
use baton_tests::h2::{Frame, Raw, kind};
use baton_tests::{pause, process, until};
use serde_json::{Value, json};

use super::{Place, Transport};

const SOON: Duration = Duration::from_secs(10);
const END_STREAM: u8 = 0x1;

over_both_transports! {
    a_preface_that_stops_half_way_and_settings_that_never_come_are_not_waited_for,
    a_head_that_does_not_end_is_not_waited_for,
    an_idle_connection_is_asked_to_leave_and_one_with_a_stream_is_not,
    a_body_that_stops_is_given_up,
    streams_that_nobody_reads_end_and_hold_little_memory,
    heads_that_do_not_end_share_a_budget,
    bodies_that_nobody_reads_hold_little_memory,
    a_connection_that_takes_nothing_is_ended,
    the_last_word_is_not_lost_to_a_reset,
}

fn limited(transport: Transport, limits: &Value) -> Place {
    transport.with(&json!({ "@baton": { "limits": limits } }), |_| ok("ok"))
}

fn ends_between(raw: &mut Raw, at_least: u64, at_most: u64) -> Option<u32> {
    let begun = Instant::now();
    let code = raw.end(SOON);
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(at_least), "ended after {took:?}");
    assert!(took <= Duration::from_millis(at_most), "ended only after {took:?}");
    code
}

/// Clients of the worker that serves.
fn connections(place: &Place) -> Option<u64> {
    let status = place.gateway.baton.status()?;
    status.pointer("/workers/0/health/connections")?.as_u64()
}

fn a_preface_that_stops_half_way_and_settings_that_never_come_are_not_waited_for(
    transport: Transport,
) {
    let place = limited(transport, &json!({ "head_timeout": "600ms" }));
    for beginning in [&b"PRI * HTTP/2.0\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut raw = Raw::silent(place.address);
        raw.send_bytes(beginning);
        ends_between(&mut raw, 300, 4_000);
    }
}

fn a_head_that_does_not_end_is_not_waited_for(transport: Transport) {
    let place = limited(transport, &json!({ "head_timeout": "600ms" }));
    let mut raw = place.raw();
    raw.send(&Frame::new(kind::HEADERS, 0, 1, &[0x82]));
    ends_between(&mut raw, 300, 4_000);
    // Drop by drop, one clock for the whole.
    let mut raw = place.raw();
    raw.send(&Frame::new(kind::HEADERS, 0, 1, &[0x82]));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        let drop_of_it = Frame::new(kind::CONTINUATION, 0, 1, &[0x84]).bytes();
        if raw.try_send_bytes(&drop_of_it).is_err() {
            break;
        }
        pause(Duration::from_millis(50));
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "drops kept it open");
}

fn an_idle_connection_is_asked_to_leave_and_one_with_a_stream_is_not(transport: Transport) {
    let place = limited(transport, &json!({ "idle_timeout": "600ms" }));
    let mut idle = place.raw();
    // It does not show that it knows of it, which is waited for a while.
    assert_eq!(ends_between(&mut idle, 300, 9_000), Some(0), "NO_ERROR");
    let mut client = place.client();
    assert_eq!(client.get("/all").status, 200);
    until("the idle connection has ended", SOON, || client.ended().is_some());
    assert_eq!(client.ended(), Some(Ok(())));
}

fn a_body_that_stops_is_given_up(transport: Transport) {
    let place = limited(transport, &json!({ "upload_idle": "600ms" }));
    let mut raw = place.raw();
    raw.send(&Frame::headers(1, "POST", "/all", &[("content-length", "10")], false));
    raw.send(&Frame::new(kind::DATA, 0, 1, b"half"));
    let begun = Instant::now();
    loop {
        let frame = raw.frame().expect("the connection stays");
        let is_over = frame.kind == kind::HEADERS || frame.kind == kind::RST_STREAM;
        if is_over && frame.stream == 1 {
            break;
        }
    }
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(300) && took < Duration::from_secs(5), "{took:?}");
    raw.get(3, "/all");
    assert_eq!(raw.until(kind::DATA).payload, b"ok", "the connection lives on");
}

fn streams_that_nobody_reads_end_and_hold_little_memory(transport: Transport) {
    const BODY: usize = 4 << 20;
    let root = json!({ "write_timeout": "1500ms" });
    let place = transport.with(&root, |request| {
        if request.word(1) != "/b/path/big/end" && request.word(1) != "/b/big/end" {
            return ok("ok");
        }
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n").into_bytes();
        answer.resize(answer.len() + BODY, b'x');
        bytes(answer)
    });
    let mut healthy = place.client();
    healthy.get("/all");
    let worker = place.gateway.baton.serving_worker();
    let before = process::rss_kib(worker);
    let mut attackers: Vec<_> = (0..10).map(|_| place.raw()).collect();
    for raw in &mut attackers {
        // A window of nothing for every stream.
        raw.send(&Frame::new(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
        for stream in 0..20 {
            raw.get(1 + 2 * stream, "/path/big");
        }
    }
    until("they are under way", SOON, || place.gateway.backend.count() > 200);
    assert_eq!(healthy.get("/all").status, 200);
    let grown = process::rss_kib(worker).saturating_sub(before);
    assert!(grown < 96 << 10, "memory grew by {grown} KiB");
    for raw in &mut attackers {
        let reset = raw.until(kind::RST_STREAM);
        assert_eq!(reset.number(0), 8, "CANCEL");
    }
}

fn heads_that_do_not_end_share_a_budget(transport: Transport) {
    let place = limited(transport, &json!({}));
    let mut healthy = place.client();
    healthy.get("/all");
    let worker = place.gateway.baton.serving_worker();
    let before = process::rss_kib(worker);
    let piece = Frame::new(kind::CONTINUATION, 0, 1, &vec![0x82; 16_384]).bytes();
    let mut attackers: Vec<_> = (0..150).map(|_| place.raw()).collect();
    for raw in &mut attackers {
        raw.send(&Frame::new(kind::HEADERS, 0, 1, &[0x82]));
        for _ in 0..60 {
            // Those who come too late are ended.
            if raw.try_send_bytes(&piece).is_err() {
                break;
            }
        }
    }
    assert_eq!(healthy.get("/all").status, 200);
    let grown = process::rss_kib(worker).saturating_sub(before);
    assert!(grown < 96 << 10, "memory grew by {grown} KiB");
}

fn bodies_that_nobody_reads_hold_little_memory(transport: Transport) {
    let place = transport.with(&json!({}), |_| vec![baton_tests::backend::Step::Stall]);
    let worker = place.gateway.baton.serving_worker();
    let before = process::rss_kib(worker);
    let piece = Frame::new(kind::DATA, 0, 1, &vec![b'x'; 16_000]).bytes();
    // Its backend takes what sockets hold, and no more.
    let mut attackers: Vec<_> = (0..100).map(|_| place.raw()).collect();
    for raw in &mut attackers {
        raw.send(&Frame::headers(1, "POST", "/strict", &[("content-length", "9000000")], false));
        for _ in 0..4 {
            raw.send_bytes(&piece);
        }
    }
    pause(Duration::from_millis(300));
    let grown = process::rss_kib(worker).saturating_sub(before);
    assert!(grown < 96 << 10, "memory grew by {grown} KiB");
}

fn a_connection_that_takes_nothing_is_ended(transport: Transport) {
    // More than all sockets on the way hold.
    const BODY: usize = 40_000_000;
    let root = json!({ "write_timeout": "2500ms" });
    let place = transport.with(&root, |_| {
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n").into_bytes();
        answer.resize(answer.len() + BODY, b'x');
        bytes(answer)
    });
    let mut raw = place.raw();
    raw.send(&Frame::new(kind::SETTINGS, 0, 0, &[0, 4, 0x7F, 0xFF, 0xFF, 0xFF]));
    raw.send(&Frame::new(kind::WINDOW_UPDATE, 0, 0, &[0x7F, 0, 0, 0]));
    raw.get(1, "/all");
    until("it is there", SOON, || connections(&place) == Some(1));
    // Nothing is read, and the sockets are full.
    until("the gateway gives it up", SOON, || connections(&place) == Some(0));
    drop(raw);
}

fn the_last_word_is_not_lost_to_a_reset(transport: Transport) {
    let place = limited(transport, &json!({}));
    let mut raw = place.raw();
    // Much is under way to the gateway when it says goodbye.
    for _ in 0..2_000 {
        let ping = Frame::new(kind::PING, 0, 0, &[0; 8]).bytes();
        if raw.try_send_bytes(&ping).is_err() {
            break;
        }
    }
    assert_eq!(raw.end(SOON), Some(11), "ENHANCE_YOUR_CALM arrived");
    let mut ended = place.raw();
    ended.send(&Frame::new(kind::DATA, END_STREAM, 0, b"x"));
    assert_eq!(ended.end(SOON), Some(1), "PROTOCOL_ERROR arrived");
}
