//! What passes through an open WebSocket: everything, both ways, at the reader's pace.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use baton_tests::until::PATIENCE;
use baton_tests::ws::{self, Noise};
use baton_tests::{pause, until};
use serde_json::json;

use super::{connect, start};

#[test]
fn bytes_pass_both_ways_as_they_come_and_those_that_were_early_are_first() {
    let backend = ws::backend("", |mut socket, _| {
        socket.write_all(b"hello from the backend;").unwrap();
        ws::echo(socket);
    });
    let baton = start(&backend, &json!({}));
    let mut client = connect(&baton);
    // Behind the request already: they wait for the 101.
    client.send([ws::request("/ws/a", "").as_bytes(), b"early;"].concat());
    assert_eq!(client.answer().status(), 101);
    client.send(b"late;").finish_sending();
    assert_eq!(client.stream().rest(), b"hello from the backend;early;late;");
}

#[test]
fn megabytes_arrive_whole_in_both_directions_at_once() {
    const BYTES: usize = 24 << 20;
    let heard = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&heard);
    let backend = ws::backend("", move |socket, _| {
        let mut writer = socket.try_clone().unwrap();
        let sending = std::thread::spawn(move || {
            writer.write_all(&Noise::new(2).take(BYTES)).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        counted.store(Noise::new(1).check(socket).unwrap(), Ordering::SeqCst);
        sending.join().unwrap();
    });
    let baton = start(&backend, &json!({}));
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    let mut writer = client.stream().socket().try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        writer.write_all(&Noise::new(1).take(BYTES)).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let reader = client.stream().socket();
    assert_eq!(Noise::new(2).check(reader).unwrap(), BYTES as u64);
    sending.join().unwrap();
    until("the backend has heard all", PATIENCE, || heard.load(Ordering::SeqCst) == BYTES as u64);
}

#[test]
fn an_end_of_one_side_is_told_and_the_other_may_still_speak() {
    let backend = ws::backend("", |mut socket, _| {
        let mut heard = Vec::new();
        socket.read_to_end(&mut heard).unwrap();
        heard.reverse();
        socket.write_all(&heard).unwrap();
    });
    let baton = start(&backend, &json!({}));
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    client.send("abc").finish_sending();
    assert_eq!(client.stream().rest(), b"cba");
    until("nothing is open", PATIENCE, || {
        baton.status().is_some_and(|status| status["workers"][0]["health"]["connections"] == 0)
    });
}

#[test]
fn the_end_of_a_backend_ends_the_client() {
    let backend = ws::backend("", |mut socket, _| socket.write_all(b"last words").unwrap());
    let baton = start(&backend, &json!({}));
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    assert_eq!(client.stream().rest(), b"last words");
}

#[test]
fn a_client_that_reads_nothing_slows_the_backend_and_costs_no_memory() {
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let backend = ws::backend("", move |mut socket, _| {
        let piece = [b'x'; 64 * 1024];
        while counted.load(Ordering::SeqCst) < 256 << 20 && socket.write_all(&piece).is_ok() {
            counted.fetch_add(piece.len() as u64, Ordering::SeqCst);
        }
    });
    let baton = start(&backend, &json!({}));
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    let mut before = 0;
    until("the backend is slowed down", PATIENCE, || {
        pause(Duration::from_millis(300));
        let now = sent.load(Ordering::SeqCst);
        std::mem::replace(&mut before, now) == now && now > 0
    });
    // What the kernel's buffers of two connections take, and no more.
    let held = sent.load(Ordering::SeqCst);
    assert!(held < 64 << 20, "{held} bytes were taken from the backend");
    let half = usize::try_from(held / 2).unwrap();
    assert_eq!(client.stream().take(half).unwrap().len(), half);
    until("it goes on", PATIENCE, || sent.load(Ordering::SeqCst) > held);
}
