//! The bounds that a configuration may set.

use std::io::{Read as _, Write as _};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use baton_tests::until::PATIENCE;
use baton_tests::ws;
use serde_json::json;

use super::{connect, start};

/// Close, 1009.
const TOO_BIG: &[u8] = &[0x88, 2, 0x03, 0xF1];

#[test]
fn a_message_that_is_too_large_reaches_nobody_and_its_sender_is_told() {
    let (sender, heard) = channel();
    let sender = Mutex::new(sender);
    let backend = ws::backend("", move |mut socket, _| {
        let mut all = Vec::new();
        drop(socket.read_to_end(&mut all));
        drop(sender.lock().unwrap().send(all));
    });
    let baton = start(&backend, &json!({ "max_message_size": 1000 }));
    // In one frame, and as the sum of two.
    let small = ws::frame(0x81, &[b'a'; 1000]);
    let large = ws::frame(0x82, &[b'b'; 1001]);
    let parts = [ws::frame(0x01, &[b'c'; 600]), ws::frame(0x80, &[b'd'; 600])];
    for (stream, passes) in
        [([&small[..], &large].concat(), small), (parts.concat(), parts[0].clone())]
    {
        let mut client = connect(&baton);
        ws::open(&mut client, "/ws/a", "");
        client.send(stream);
        assert_eq!(client.stream().rest(), TOO_BIG);
        assert!(heard.recv_timeout(PATIENCE).unwrap() == passes);
    }
}

#[test]
fn a_backend_s_message_that_is_too_large_is_not_passed_on_either() {
    let backend = ws::backend("", |mut socket, _| {
        let frames = [ws::server_frame(0x81, b"ok"), ws::server_frame(0x81, &[b'x'; 11])];
        socket.write_all(&frames.concat()).unwrap();
        drop(socket.read_to_end(&mut Vec::new()));
    });
    let baton = start(&backend, &json!({ "max_message_size": 10 }));
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    assert_eq!(client.stream().rest(), [&ws::server_frame(0x81, b"ok"), TOO_BIG].concat());
}

#[test]
fn frames_of_the_allowed_size_pass_however_they_are_cut() {
    let backend = ws::backend("", |socket, _| ws::echo(socket));
    let baton = start(&backend, &json!({ "max_message_size": 70_000 }));
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    let frames: Vec<u8> = [0, 1, 125, 126, 70_000]
        .into_iter()
        .flat_map(|size| ws::frame(0x82, &vec![b'x'; size]))
        .collect();
    let (heads, rest) = frames.split_at(300);
    for byte in heads {
        client.send([*byte]);
    }
    client.send(rest);
    assert!(client.stream().take(frames.len()).unwrap() == frames);
}

#[test]
fn clients_are_pinged_between_frames_and_their_pongs_pass() {
    let backend = ws::backend("", |socket, _| ws::echo(socket));
    let baton = start(&backend, &json!({ "ping_period": "100ms" }));
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    assert_eq!(client.stream().take(2).unwrap(), [0x89, 0]);
    let pong = ws::frame(0x8A, b"");
    client.send(&pong);
    let mut got = client.stream().take(pong.len()).unwrap();
    while got.starts_with(&[0x89, 0]) {
        got.drain(..2);
        got.extend(client.stream().take(2).unwrap());
    }
    assert_eq!(got, pong);
    // Half a frame of the backend's: no ping falls into it.
    let frame = ws::frame(0x82, &[b'x'; 100]);
    client.send(&frame[..50]);
    let mut seen = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(400) {
        seen.extend(client.stream().take(1).unwrap_or_default());
        if seen.windows(50).any(|window| window == &frame[..50]) {
            break;
        }
    }
    baton_tests::pause(Duration::from_millis(300));
    client.send(&frame[50..]);
    while !seen.windows(frame.len()).any(|window| window == frame) {
        seen.extend(client.stream().take(1).unwrap());
        assert!(seen.len() < 1000, "a ping fell into the frame: {seen:?}");
    }
}

#[test]
fn a_client_that_is_silent_for_too_long_is_cut() {
    let backend = ws::backend("", |socket, _| ws::echo(socket));
    let baton = start(&backend, &json!({ "pong_wait": "600ms" }));
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    let begun = Instant::now();
    baton_tests::pause(Duration::from_millis(400));
    client.send("x");
    assert_eq!(client.stream().take(1).unwrap(), b"x");
    client.expect_closed(PATIENCE);
    assert!(begun.elapsed() > Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[test]
fn a_client_that_takes_nothing_for_too_long_is_cut() {
    let (sender, ended) = channel();
    let sender = Mutex::new(sender);
    let backend = ws::backend("", move |mut socket, _| {
        while socket.write_all(&[b'x'; 64 * 1024]).is_ok() {}
        sender.lock().unwrap().send(()).unwrap_or_default();
    });
    let baton = start(&backend, &json!({ "write_wait": "500ms" }));
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    ended.recv_timeout(PATIENCE).expect("the backend's connection ends");
}
