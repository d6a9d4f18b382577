//! Chunks (RFC 9112 §7.1): what is not exactly one is refused, and never reaches the backend as a whole
//! body.

use std::sync::{Arc, Mutex};

use baton_tests::backend::{Backend, ok};
use baton_tests::client::Client;
use baton_tests::http::{Framing, Reading, Stream};
use baton_tests::{Baton, until};
use serde_json::json;

use super::{SOON, plain};
use crate::fixture::{Gateway, endpoints, merge};

fn chunked(body: &[u8]) -> Vec<u8> {
    let head = b"POST /all HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    [head.as_slice(), body].concat()
}

/// Refused, closed, and if the backend saw a request at all, not as a whole one.
fn check(gateway: &Gateway, body: &[u8]) {
    let shown = String::from_utf8_lossy(body).escape_debug().to_string();
    let mut client = gateway.client();
    client.send(chunked(body));
    match client.try_answer() {
        Ok(answer) => assert_eq!(answer.status(), 400, "{shown}: {}", answer.text()),
        Err(said) => panic!("{shown}: {said}"),
    }
    client.expect_closed(SOON);
    let whole = gateway.backend.seen().into_iter().find(|seen| seen.framing != Framing::Cut);
    assert!(whole.is_none(), "{shown}: the backend read a whole request: {whole:?}");
}

#[test]
fn a_chunk_size_is_hex_digits_only_and_bounded() {
    let gateway = plain();
    for body in [
        "g\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        ";a\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "10000000000000000\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5,5\r\nhello\r\n0\r\n\r\n",
    ] {
        check(&gateway, body.as_bytes());
    }
}

#[test]
fn a_bare_line_end_in_chunks_is_refused() {
    let gateway = plain();
    for body in [
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\n",
        "5\r\nhello\r\n0\r\nA: b\n\r\n",
    ] {
        check(&gateway, body.as_bytes());
    }
}

#[test]
fn extensions_are_dropped_and_bounded() {
    let gateway = plain();
    let answer = gateway.ask(chunked(b"5;a=b;c=\"d\"\r\nhello\r\n0;e\r\n\r\n"));
    assert_eq!(answer.status(), 200);
    let seen = gateway.backend.last();
    assert_eq!(seen.text(), "hello");
    let gateway = plain();
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(1 << 20));
    check(&gateway, long.as_bytes());
}

#[test]
fn many_small_extensions_are_bounded_in_their_sum() {
    let gateway = plain();
    let many = format!("{}0\r\n\r\n", "1;abcdefgh=ijklmnop\r\nx\r\n".repeat(20_000));
    check(&gateway, many.as_bytes());
}

#[test]
fn trailers_pass_in_a_stream_but_never_framing_or_credentials() {
    let gateway = plain();
    let answer = gateway.ask(chunked(
        b"5\r\nhello\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\nHost: evil\r\n\
          Authorization: x\r\nConnection: x\r\nTrailer: x\r\n\r\n",
    ));
    assert_eq!(answer.status(), 200);
    let seen = gateway.backend.last();
    assert_eq!(seen.text(), "hello");
    for (name, _) in &seen.trailers.0 {
        assert!(name.eq_ignore_ascii_case("x-sum"), "{name} came through as a trailer");
    }
    assert_eq!(seen.fields.first("authorization"), None);
}

#[test]
fn a_trailer_section_without_end_is_refused() {
    let gateway = plain();
    let long = format!("0\r\n{}\r\n", "X-A: b\r\n".repeat(40_000));
    let mut client = gateway.client();
    client.send(chunked(long.as_bytes()));
    let answer = client.answer();
    assert!(matches!(answer.status(), 400 | 431), "{}", answer.status());
    client.expect_closed(SOON);
}

#[test]
fn a_backend_request_is_aborted_when_its_chunks_turn_out_bad() {
    let framings = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&framings);
    let backend = Backend::by_connection(move |socket| {
        let message = Stream::new(socket).message(Reading::Request);
        seen.lock().unwrap().push(message.map(|message| message.map(|message| message.framing)));
    });
    let mut config = endpoints(&backend.host());
    merge(&mut config, &json!({ "timeout": "20s" }));
    let baton = Baton::start(&config);
    let mut client = Client::connect(baton.address());
    client.send(chunked(b"5\r\nhello\r\n"));
    until("the backend is connected", SOON, || backend.connections() == 1);
    client.send("zz\r\n");
    assert_eq!(client.answer().status(), 400);
    client.expect_closed(SOON);
    until("the backend's request ends", SOON, || !framings.lock().unwrap().is_empty());
    let framings = framings.lock().unwrap();
    let whole = framings
        .iter()
        .any(|read| matches!(read, Ok(Some(Framing::Chunked | Framing::Length | Framing::None))));
    assert!(!whole, "a whole request came: {framings:?}");
}

#[test]
fn chunks_may_come_byte_by_byte() {
    let gateway = Gateway::start(|request| ok(&request.text()));
    let mut client = gateway.client();
    for byte in chunked(b"5;x\r\nhello\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n") {
        client.send([byte]);
    }
    assert_eq!(client.answer().text(), "hello0123456789");
    client.expect_open();
}
