//! A reload: streams in flight end where they began, streams that come later are answered by the new
//! configuration although their connection stays with the old worker, and the client is asked to leave
//! in two steps, so that it loses none.

use std::time::Duration;

use baton_tests::backend::{Backend, Step, answer, ok};
use baton_tests::h2::{Client, Frame, Raw, kind};
use baton_tests::http::Message;
use baton_tests::{Baton, process, until};
use serde_json::{Value, json};

use super::request;
use crate::fixture::{generation, generation_of, merge};

const SOON: Duration = Duration::from_secs(10);
const END_STREAM: u8 = 0x1;
/// A flag of PING and SETTINGS.
const ACK: u8 = 0x1;

fn config(backend: &Backend, number: u64) -> Value {
    let mut config = generation(&backend.host(), number);
    merge(&mut config, &json!({ "use_h2c": true }));
    config
}

/// What was asked for, at once; `/slow` after a while.
fn slow_or_fast(request: &Message) -> Vec<Step> {
    let mut steps = ok(request.word(1));
    if request.word(1).ends_with("slow") {
        steps.insert(0, Step::Wait(Duration::from_millis(800)));
    }
    steps
}

fn start(backend: &Backend) -> Baton {
    Baton::start(&config(backend, 1))
}

#[test]
fn a_stream_in_flight_ends_with_its_generation_and_the_old_worker_after_it() {
    let backend = Backend::start(slow_or_fast);
    let baton = start(&backend);
    let old = baton.serving_worker();
    let mut client = Client::connect(baton.address());
    let slow = client.begin(request("GET", "/slow", &[]), true).unwrap();
    until("it is asked", SOON, || backend.count() == 1);
    baton.reload_with(&config(&backend, 2));
    assert!(process::lives(old), "it still has a stream in flight");
    assert_eq!(generation_of(&slow.answer().unwrap().text()), 1);
    until("the old worker ends", SOON, || !process::lives(old));
    assert_eq!(client.ended(), Some(Ok(())), "a clean end");
    let mut client = Client::connect(baton.address());
    assert_eq!(generation_of(&client.get("/x").text()), 2);
}

/// A client that knows of no GOAWAY yet: it does not acknowledge the ping behind it.
fn far_away(baton: &Baton) -> Raw {
    let mut raw = Raw::connect(baton.address());
    raw.get(1, "/x");
    assert_eq!(generation_of(&text(&mut raw, 1)), 1);
    raw.be_rude();
    raw
}

/// Reads what comes on a stream to its end, and the body of it.
fn text(raw: &mut Raw, stream: u32) -> String {
    let mut body = Vec::new();
    loop {
        let frame = raw.frame().expect("the connection lives");
        assert!(frame.kind != kind::RST_STREAM, "stream {} was reset", frame.stream);
        if frame.stream == stream && frame.kind == kind::DATA {
            body.extend(&frame.payload);
        }
        let ends = matches!(frame.kind, kind::DATA | kind::HEADERS);
        if frame.stream == stream && ends && frame.flags & END_STREAM != 0 {
            return String::from_utf8(body).unwrap();
        }
    }
}

#[test]
fn a_stream_that_comes_after_the_commit_is_answered_by_the_new_generation_on_the_old_connection() {
    let backend = Backend::start(slow_or_fast);
    let baton = start(&backend);
    let mut raw = far_away(&baton);
    baton.reload_with(&config(&backend, 2));
    raw.get(3, "/x");
    raw.send(&Frame::headers(5, "POST", "/up", &[("content-length", "6")], false));
    raw.send(&Frame::new(kind::DATA, 0, 5, b"abc"));
    raw.send(&Frame::new(kind::DATA, END_STREAM, 5, b"def"));
    let goaway = raw.until(kind::GOAWAY);
    assert_eq!((goaway.number(0), goaway.number(4)), (0x7FFF_FFFF, 0), "the first of two steps");
    assert_eq!(generation_of(&text(&mut raw, 3)), 2);
    until("the upload has arrived", SOON, || backend.count() == 3);
    let seen = backend.seen();
    let upload = seen.iter().find(|seen| seen.word(0) == "POST").unwrap();
    assert_eq!((generation_of(upload.word(1)), upload.text().as_str()), (2, "abcdef"));
    assert_eq!(upload.fields.first("host"), seen[0].fields.first("host"));
}

#[test]
fn streams_on_an_old_connection_follow_a_second_reload_over_the_links_that_are_there() {
    let backend = Backend::start(slow_or_fast);
    let baton = start(&backend);
    let mut raw = far_away(&baton);
    for (number, stream) in [(2, 3), (3, 5), (4, 7)] {
        let before = baton.serving_worker();
        baton.reload_with(&config(&backend, number));
        if number > 2 {
            until("the worker between ends", SOON, || !process::lives(before));
        }
        raw.get(stream, "/x");
        assert_eq!(generation_of(&text(&mut raw, stream)), number);
    }
}

#[test]
fn the_second_step_follows_the_clients_word_or_some_seconds_and_names_the_last_stream() {
    let backend = Backend::start(slow_or_fast);
    let baton = start(&backend);
    let old = baton.serving_worker();
    for is_silent in [false, true] {
        let mut raw = far_away(&baton);
        baton.reload_with(&config(&backend, if is_silent { 3 } else { 2 }));
        raw.until(kind::GOAWAY);
        let ping = loop {
            let frame = raw.frame().unwrap();
            if frame.kind == kind::PING {
                break frame;
            }
        };
        raw.get(3, "/x");
        let answered = text(&mut raw, 3);
        assert_eq!(generation_of(&answered), if is_silent { 3 } else { 2 });
        let mut last = 3;
        if !is_silent {
            // Its word takes its time, and so does what it said before it knew.
            for stream in [5, 7] {
                raw.get(stream, "/slow");
                text(&mut raw, stream);
            }
            raw.send(&Frame::new(kind::PING, ACK, 0, &ping.payload));
            last = 9;
            raw.get(last, "/slow");
            text(&mut raw, last);
        }
        let goaway = raw.until(kind::GOAWAY);
        assert_eq!((goaway.number(0), goaway.number(4)), (last, 0), "silent: {is_silent}");
        assert_eq!(raw.frame(), None, "nothing is left: the connection ends");
        baton.reload_with(&config(&backend, 1));
    }
    until("the first worker ends", SOON, || !process::lives(old));
}

#[test]
fn answers_of_every_kind_pass_over_a_link() {
    let backend = Backend::start(|request| match request.word(1).rsplit('/').next() {
        Some("stream") => {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            let mut bytes = head.as_bytes().to_vec();
            for _ in 0..100 {
                bytes.extend(b"2000\r\n");
                bytes.extend([b'x'; 0x2000]);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\nX-Sum: 9\r\n\r\n");
            vec![Step::Send(bytes)]
        },
        Some("slow") => answer("204 No Content", "X-Own: a\r\n", ""),
        _ => ok(request.word(1)),
    });
    let baton = start(&backend);
    let mut raw = far_away(&baton);
    baton.reload_with(&config(&backend, 2));
    raw.send(&Frame::new(kind::WINDOW_UPDATE, 0, 0, &[0, 0xFF, 0, 0]));
    raw.get(3, "/stream");
    raw.send(&Frame::new(kind::WINDOW_UPDATE, 0, 3, &[0, 0xFF, 0, 0]));
    assert_eq!(text(&mut raw, 3).len(), 100 * 0x2000);
    raw.get(5, "/slow");
    assert_eq!(text(&mut raw, 5), "");
    raw.get(7, "/nothing/here");
    assert!(text(&mut raw, 7).contains("404"));
}

#[test]
fn a_stream_that_is_cancelled_on_a_link_frees_the_backend() {
    let backend = Backend::start(|request| {
        if request.word(1).ends_with("slow") {
            return vec![Step::Stall];
        }
        ok(request.word(1))
    });
    let baton = start(&backend);
    let mut raw = far_away(&baton);
    baton.reload_with(&config(&backend, 2));
    raw.get(3, "/slow");
    until("it is asked", SOON, || backend.count() == 2);
    let busy = |wanted: u64| {
        let status = baton.status().unwrap_or_default();
        let workers = status.get("workers").and_then(Value::as_array).cloned().unwrap_or_default();
        let count = |worker: &Value| worker.pointer("/health/in_flight").and_then(Value::as_u64);
        workers.iter().filter_map(count).sum::<u64>() == wanted
    };
    until("both workers know of it", SOON, || busy(2));
    raw.send(&Frame::new(kind::RST_STREAM, 0, 3, &[0, 0, 0, 8]));
    until("nothing is in flight anywhere", SOON, || busy(0));
}

#[test]
fn a_gateway_that_stops_answers_what_has_come_and_says_goodbye() {
    let backend = Backend::start(slow_or_fast);
    let mut baton = start(&backend);
    let mut client = Client::connect(baton.address());
    let slow = client.begin(request("GET", "/slow", &[]), true).unwrap();
    until("it is asked", SOON, || backend.count() == 1);
    baton.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(generation_of(&slow.answer().unwrap().text()), 1);
    assert!(baton.wait_end(SOON).success());
    assert_eq!(client.ended(), Some(Ok(())));
}
