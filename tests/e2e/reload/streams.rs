//! What takes longer than a reload: uploads, downloads, server-sent events, slow answers.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use baton_tests::backend::{Backend, Step};
use baton_tests::client::Client;
use baton_tests::http::{Framing, Reading, Stream};
use baton_tests::{Baton, pause, process, until};

use crate::fixture::{echo_target, generation, generation_of};

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn an_upload_goes_on_over_reloads_and_arrives_once_and_whole() {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    let mut by_length = Client::connect(baton.address());
    let mut in_chunks = Client::connect(baton.address());
    by_length.send("POST /up HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 40000\r\n\r\n");
    in_chunks.send("POST /up HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    for number in 2..6 {
        let piece = number.to_string().repeat(10_000);
        by_length.send(&piece);
        in_chunks.send(format!("2710\r\n{piece}\r\n"));
        baton.reload_with(&generation(&backend.host(), number));
    }
    in_chunks.send("0\r\n\r\n");
    for client in [&mut by_length, &mut in_chunks] {
        assert_eq!(generation_of(&client.answer().text()), 1, "begun with the first configuration");
        assert_eq!(generation_of(&client.get("/x").text()), 5, "the next request on it is not");
        client.expect_open();
    }
    let uploads: Vec<_> =
        backend.seen().into_iter().filter(|seen| seen.word(0) == "POST").collect();
    assert_eq!(uploads.len(), 2);
    let whole: String = (2..6).map(|number: u32| number.to_string().repeat(10_000)).collect();
    assert!(uploads.iter().all(|seen| seen.text() == whole));
}

#[test]
fn old_workers_end_once_their_last_answer_is_given() {
    let backend = Backend::start(|request| {
        let mut steps = echo_target(request);
        if request.word(1).ends_with("slow") {
            steps.insert(0, Step::Wait(Duration::from_millis(600)));
        }
        steps
    });
    let baton = Baton::start(&generation(&backend.host(), 1));
    let old = baton.serving_worker();
    let mut client = Client::connect(baton.address());
    client.send("GET /slow HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    until("it is asked", PATIENCE, || backend.count() == 1);
    baton.reload_with(&generation(&backend.host(), 2));
    assert!(process::lives(old), "it still has a request in flight");
    assert_eq!(generation_of(&client.answer().text()), 1);
    until("the old worker ends", Duration::from_secs(1), || !process::lives(old));
    assert_eq!(generation_of(&client.get("/x").text()), 2);
    until("only one worker is left", PATIENCE, || baton.workers().len() == 1);
}

/// A backend that begins an endless answer and sends what it is told.
fn endless(head: &'static str) -> (Backend, Receiver<TcpStream>) {
    let (sender, receiver) = channel();
    let sender = Mutex::new(sender);
    let backend = Backend::by_connection(move |socket| {
        let Ok(copy) = socket.try_clone() else { return };
        let mut stream = Stream::new(socket);
        while let Ok(Some(request)) = stream.message(Reading::Request) {
            if !request.word(1).ends_with("/stream") {
                let text = request.word(1);
                let answer =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
                drop(stream.send(answer.as_bytes()));
                continue;
            }
            drop(stream.send(head.as_bytes()));
            let Ok(copy) = copy.try_clone() else { return };
            drop(sender.lock().unwrap().send(copy));
        }
    });
    (backend, receiver)
}

#[test]
fn server_sent_events_flow_at_once_and_go_on_over_reloads() {
    let (backend, streams) = endless(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    let baton = Baton::start(&generation(&backend.host(), 1));
    let mut client = Client::connect(baton.address());
    client.send("GET /stream HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    let mut events = streams.recv_timeout(PATIENCE).unwrap();
    let received = Arc::new(Mutex::new(String::new()));
    let reader = {
        let received = Arc::clone(&received);
        std::thread::spawn(move || {
            while let Ok(bytes) = client.stream().take(1) {
                if bytes.is_empty() {
                    return;
                }
                received.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes));
            }
        })
    };
    for number in 2..7 {
        let event = format!("data: {number}\n\n");
        write!(events, "{:x}\r\n{event}\r\n", event.len()).unwrap();
        until("the event is through", PATIENCE, || received.lock().unwrap().contains(&event));
        baton.reload_with(&generation(&backend.host(), number));
    }
    write!(events, "0\r\n\r\n").unwrap();
    until("the stream has ended", PATIENCE, || received.lock().unwrap().ends_with("0\r\n\r\n"));
    drop(baton);
    reader.join().unwrap();
}

#[test]
fn a_download_of_a_slow_reader_is_whole_after_reloads() {
    let body = "0123456789abcdef".repeat(1 << 18);
    let length = body.len();
    let answer = body.clone();
    let backend = Backend::start(move |_| baton_tests::backend::ok(&answer));
    let baton = Baton::start(&generation(&backend.host(), 1));
    let mut client = Client::connect(baton.address());
    client.send("GET /stream HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    until("it is asked", PATIENCE, || backend.count() == 1);
    for number in 2..5 {
        baton.reload_with(&generation(&backend.host(), number));
    }
    let reply = client.answer();
    assert_eq!((reply.body.len(), reply.framing == Framing::Cut), (length, false));
    assert_eq!(reply.text(), body);
}

#[test]
fn a_stop_lets_requests_in_flight_finish() {
    let backend = Backend::start(|request| {
        let mut steps = echo_target(request);
        steps.insert(0, Step::Wait(Duration::from_millis(700)));
        steps
    });
    let mut baton = Baton::start(&generation(&backend.host(), 1));
    let mut client = Client::connect(baton.address());
    client.send("GET /slow HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    until("it is asked", PATIENCE, || backend.count() == 1);
    baton.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(client.answer().status(), 200);
    let status = baton.wait_end(PATIENCE);
    assert!(status.success(), "{status}");
    until("nothing is left", PATIENCE, || baton.processes().is_empty());
}

#[test]
fn a_stop_answers_who_has_connected_and_is_about_to_ask() {
    let backend = Backend::start(echo_target);
    let mut baton = Baton::start(&generation(&backend.host(), 1));
    let mut connected = Client::connect(baton.address());
    let mut begun = Client::connect(baton.address());
    begun.send("GET /x HTTP/1.1\r\n");
    until("both are accepted", PATIENCE, || {
        let status = baton.status().unwrap_or_default();
        status["workers"][0]["health"]["connections"] == 2
    });
    baton.signal(nix::sys::signal::Signal::SIGTERM);
    until("it drains", PATIENCE, || Client::try_connect(baton.address()).is_err());
    connected.send("GET /x HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    begun.send("Host: gw.test\r\n\r\n");
    for client in [&mut connected, &mut begun] {
        assert_eq!(client.answer().status(), 200);
        client.expect_closed(PATIENCE);
    }
    assert!(baton.wait_end(PATIENCE).success());
}

#[test]
fn a_second_signal_stops_now() {
    let backend = Backend::start(|_| vec![Step::Stall]);
    let mut baton = Baton::start(&generation(&backend.host(), 1));
    let mut client = Client::connect(baton.address());
    client.send("GET /slow HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    until("it is asked", PATIENCE, || backend.count() == 1);
    baton.signal(nix::sys::signal::Signal::SIGTERM);
    until("it drains", PATIENCE, || Client::try_connect(baton.address()).is_err());
    assert!(baton.ended().is_none(), "it waits for the request in flight");
    // Right after the first, a second one is an echo: shells signal the process and its group.
    pause(Duration::from_millis(400));
    baton.signal(nix::sys::signal::Signal::SIGTERM);
    baton.wait_end(Duration::from_secs(3));
    until("nothing is left", PATIENCE, || baton.processes().is_empty());
}
