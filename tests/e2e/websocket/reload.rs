//! What a reload does to open WebSockets: nothing that anybody notices.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use baton_tests::client::Client;
use baton_tests::until::PATIENCE;
use baton_tests::ws::{self, Noise};
use baton_tests::{Baton, pause, until};
use serde_json::{Value, json};

use super::{config, connect};

const RELOADS: u64 = 60;

/// The same endpoints in a file that differs.
fn generation(config: &Value, number: u64) -> Value {
    let mut config = config.clone();
    config["name"] = json!(format!("generation {number}"));
    config
}

/// Opens a WebSocket and keeps bytes going both ways until told to stop: joined, it says how many
/// came back, all of them in order.
fn talk(baton: &Baton, seed: u64, stop: &Arc<AtomicBool>) -> impl FnOnce() -> (u64, u64) + use<> {
    let mut client = connect(baton);
    ws::open(&mut client, "/ws/a", "");
    let socket = client.stream().socket().try_clone().unwrap();
    let (mut writer, stop) = (socket.try_clone().unwrap(), Arc::clone(stop));
    let sending = std::thread::spawn(move || {
        let mut noise = Noise::new(seed);
        let (mut sent, mut size) = (0_u64, 1);
        while !stop.load(Ordering::SeqCst) {
            size = (size * 7919) % 9001;
            let piece = noise.take(size);
            writer.write_all(&piece).unwrap();
            sent += piece.len() as u64;
            pause(Duration::from_micros(sent % 3000));
        }
        writer.shutdown(Shutdown::Write).unwrap();
        sent
    });
    let hearing = std::thread::spawn(move || Noise::new(seed).check(socket).unwrap());
    move || (sending.join().unwrap(), hearing.join().unwrap())
}

#[test]
fn no_byte_is_lost_or_doubled_in_either_direction_over_sixty_reloads() {
    let backend = ws::backend("", |socket, _| ws::echo(socket));
    // With and without a look at frames the tunnels move; noise is no frames, so without.
    let config = config(&backend, &json!({}));
    let baton = Baton::start(&config);
    let stop = Arc::new(AtomicBool::new(false));
    let talks: Vec<_> = (1..=8).map(|seed| talk(&baton, seed, &stop)).collect();
    let mut moved = 0;
    for number in 2..2 + RELOADS {
        let report = baton.reload_with(&generation(&config, number));
        moved += report["moved"].as_u64().unwrap();
        assert_eq!(report["left"], 0, "{report}");
    }
    stop.store(true, Ordering::SeqCst);
    for talk in talks {
        let (sent, heard) = talk();
        assert_eq!(sent, heard);
        assert!(sent > 100_000, "too little was said to show anything: {sent}");
    }
    assert!(moved >= 8 * RELOADS, "{moved} moves");
    assert_eq!(backend.connections(), 8, "backends notice nothing either");
    until("only the newest worker is left", PATIENCE, || baton.workers().len() == 1);
}

#[test]
fn what_lies_in_the_gateway_moves_with_a_client_that_reads_nothing() {
    const BYTES: usize = 24 << 20;
    let backend = ws::backend("", |mut socket, _| {
        socket.write_all(&Noise::new(9).take(BYTES)).unwrap();
    });
    let config = config(&backend, &json!({}));
    let baton = Baton::start(&config);
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    pause(Duration::from_millis(300));
    for number in 2..6 {
        baton.reload_with(&generation(&config, number));
    }
    let mut noise = Noise::new(9);
    assert_eq!(noise.check(client.stream().socket()).unwrap(), BYTES as u64);
}

#[test]
fn a_tunnel_of_which_one_side_has_ended_moves_too() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let backend = ws::backend("", move |mut socket, _| {
        let mut heard = String::new();
        socket.read_to_string(&mut heard).unwrap();
        wait.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        socket.write_all(format!("you said {heard}").as_bytes()).unwrap();
    });
    let config = config(&backend, &json!({}));
    let baton = Baton::start(&config);
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    client.send("this").finish_sending();
    for number in 2..5 {
        baton.reload_with(&generation(&config, number));
    }
    go.send(()).unwrap();
    assert_eq!(client.stream().rest(), b"you said this");
}

/// Sends and expects it back.
fn expect_echo(client: &mut Client, text: &str) {
    client.send(text);
    assert_eq!(client.stream().take(text.len()).unwrap(), text.as_bytes());
}

#[test]
fn a_tunnel_whose_endpoint_is_gone_stays_where_it_is_until_it_ends() {
    let backend = ws::backend("", |socket, _| ws::echo(socket));
    let mut first = config(&backend, &json!({}));
    let baton = Baton::start(&first);
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    first["endpoints"].as_array_mut().unwrap().remove(0);
    let report = baton.reload_with(&first);
    assert_eq!((&report["moved"], &report["left"]), (&json!(0), &json!(1)), "{report}");
    assert_eq!(connect(&baton).send(ws::request("/ws/a", "")).answer().status(), 404);
    for number in 3..6 {
        expect_echo(&mut client, "still here");
        baton.reload_with(&generation(&first, number));
    }
    expect_echo(&mut client, "and here");
    until("all but the first worker and the newest have ended", PATIENCE, || {
        baton.workers().len() == 2
    });
    expect_echo(&mut client, "to the end");
    client.finish_sending();
    client.expect_closed(PATIENCE);
    until("the first worker has ended", PATIENCE, || baton.workers().len() == 1);
}

#[test]
fn the_limits_of_the_new_configuration_hold_for_a_tunnel_that_has_moved() {
    let backend = ws::backend("", |socket, _| ws::echo(socket));
    let baton = Baton::start(&config(&backend, &json!({ "max_message_size": 5000 })));
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    // The second message is under way while the configuration changes.
    let (first, second) = (ws::frame(0x82, &[b'a'; 4000]), ws::frame(0x82, &[b'b'; 100]));
    client.send(&first).send(&second[..3]);
    assert!(client.stream().take(first.len()).unwrap() == first);
    baton.reload_with(&config(&backend, &json!({ "max_message_size": 1000 })));
    client.send(&second[3..]);
    assert!(client.stream().take(second.len()).unwrap() == second);
    client.send(&first);
    assert_eq!(client.stream().rest(), [0x88, 2, 0x03, 0xF1]);
}

#[test]
fn silence_is_counted_over_moves() {
    let backend = ws::backend("", |socket, _| ws::echo(socket));
    let config = config(&backend, &json!({ "pong_wait": "2s" }));
    let baton = Baton::start(&config);
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    let begun = std::time::Instant::now();
    for number in 2.. {
        baton.reload_with(&generation(&config, number));
        if client.state_within(Duration::from_millis(300)) != baton_tests::http::State::Open {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(6), "each move begins its time anew");
    }
    assert!(begun.elapsed() > Duration::from_millis(1_500), "{:?}", begun.elapsed());
}

#[test]
fn a_worker_that_dies_takes_its_tunnels_with_it_and_new_ones_can_be_opened() {
    let backend = ws::backend("", |socket, _| ws::echo(socket));
    let baton = Baton::start(&config(&backend, &json!({})));
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    let dead = baton.serving_worker();
    baton_tests::process::signal(dead, nix::sys::signal::Signal::SIGKILL);
    client.expect_closed(PATIENCE);
    until("another worker serves", PATIENCE, || baton.serving_worker() != dead);
    let reconnected: TcpStream = TcpStream::connect(baton.address()).unwrap();
    drop(reconnected);
    let mut client = connect(&baton);
    ws::open(&mut client, "/ws/a", "");
    expect_echo(&mut client, "again");
}
