//! `expect_continue_timeout`: a backend is asked before a body is sent to it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use baton_tests::Baton;
use baton_tests::backend::Backend;
use baton_tests::client::Client;
use baton_tests::until;
use serde_json::json;

const HEAD: &str =
    "POST /up HTTP/1.1\r\nHost: gw.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";

/// Reads until the end of what stands before `end`.
fn read_to(socket: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 1024]);
    while !bytes.ends_with(end) {
        match socket.read(&mut piece) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&piece[..count]),
            _ => break,
        }
    }
    bytes
}

/// What the backend has read before it said `first`, and after it; what the client got.
fn upload(wait: &str, first: &'static str) -> (String, String, u16) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let backend = Backend::by_connection(move |mut socket| {
        let head = read_to(&mut socket, b"\r\n\r\n");
        drop(socket.write_all(first.as_bytes()));
        let body = read_to(&mut socket, b"hello");
        note.lock().unwrap().extend([head, body]);
        drop(socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    });
    let baton = Baton::start(&json!({
        "expect_continue_timeout": wait, "timeout": "60s",
        "endpoints": [{
            "endpoint": "/up", "method": "POST", "input_headers": ["*"], "output_encoding": "no-op",
            "backend": [{ "url_pattern": "/b", "host": [backend.host()] }]
        }]
    }));
    let mut client = Client::connect(baton.address());
    client.send(HEAD);
    client.send("hello");
    let mut status = client.answer().status();
    if status == 100 {
        status = client.answer().status();
    }
    drop(client);
    until("the backend has heard all", std::time::Duration::from_secs(10), || {
        seen.lock().unwrap().len() == 2
    });
    let seen = seen.lock().unwrap();
    let text = |at: usize| String::from_utf8_lossy(&seen[at]).into_owned();
    assert!(text(0).contains("Expect: 100-continue"), "{}", text(0));
    (text(0), text(1), status)
}

#[test]
fn a_body_follows_when_the_backend_asks_for_it() {
    let (head, body, status) = upload("60s", "HTTP/1.1 100 Continue\r\n\r\n");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!((&*body, status), ("hello", 200));
}

#[test]
fn a_backend_that_answers_at_once_never_gets_it() {
    let (_, body, status) = upload("60s", "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((&*body, status), ("", 403));
}

#[test]
fn a_backend_that_says_nothing_gets_it_after_the_time() {
    let (head, body, status) = upload("20ms", "");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!((&*body, status), ("hello", 200));
}
