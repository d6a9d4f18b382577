//! Request smuggling: the gateway decides where a request ends, and writes that decision itself
//! (RFC 9112 §6).

use baton_tests::http::Framing;

use super::{plain, refused};

/// What a smuggler would like the backend to read as a request of its own.
const HIDDEN: &str = "GET /smuggled HTTP/1.1\r\nHost: gw.test\r\n\r\n";

fn post(fields: &str, body: &str) -> Vec<u8> {
    format!("POST /all HTTP/1.1\r\nHost: gw.test\r\n{fields}\r\n{body}{HIDDEN}").into_bytes()
}

#[test]
fn a_transfer_coding_that_is_not_one_final_chunked_is_refused() {
    let gateway = plain();
    for coding in [
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding: chunked\x0b\r\n",
    ] {
        refused(&gateway, &post(coding, "0\r\n\r\n"), 400);
    }
}

#[test]
fn an_unknown_transfer_coding_is_501_and_the_connection_closes() {
    let gateway = plain();
    for coding in ["gzip", "xchunked", "chunkedx", "chunked;q=1", "\"chunked\"", "identity"] {
        refused(&gateway, &post(&format!("Transfer-Encoding: {coding}\r\n"), "0\r\n\r\n"), 501);
    }
}

#[test]
fn both_framings_at_once_are_refused() {
    let gateway = plain();
    for fields in [
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "content-length: 4\r\ntransfer-encoding: CHUNKED\r\n",
    ] {
        refused(&gateway, &post(fields, "0\r\n\r\n"), 400);
    }
}

#[test]
fn a_transfer_coding_in_http_1_0_is_refused() {
    let gateway = plain();
    let request = format!(
        "POST /all HTTP/1.0\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
    );
    refused(&gateway, request.as_bytes(), 400);
}

#[test]
fn a_length_that_is_not_one_plain_number_is_refused() {
    let gateway = plain();
    for length in [
        "+5",
        "-5",
        "5 5",
        "5,5",
        "5, 6",
        "",
        "0x5",
        "5.0",
        "5e0",
        "five",
        "99999999999999999999",
        "18446744073709551616",
        "9223372036854775808",
        "5;x",
        "٥",
        "5\u{a0}",
    ] {
        refused(&gateway, &post(&format!("Content-Length: {length}\r\n"), "hello"), 400);
    }
    let differing = "Content-Length: 5\r\nContent-Length: 6\r\n";
    refused(&gateway, &post(differing, "hello"), 400);
}

#[test]
fn the_gateway_writes_the_framing_towards_the_backend_itself() {
    let gateway = plain();
    let mut client = gateway.client();
    client.send(
        "POST /all HTTP/1.1\r\nHost: gw.test\r\ntransfer-ENCODING: Chunked\r\n\r\n\
         5;ext=1\r\nhello\r\n0\r\n\r\n",
    );
    assert_eq!(client.answer().status(), 200);
    let seen = gateway.backend.last();
    assert_eq!(seen.text(), "hello");
    assert_eq!(seen.framing, Framing::Chunked);
    assert_eq!(seen.fields.all("transfer-encoding").collect::<Vec<_>>(), ["chunked"]);
    assert_eq!(seen.fields.first("content-length"), None);

    client.send("POST /all HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nworld");
    assert_eq!(client.answer().status(), 200);
    let seen = gateway.backend.last();
    assert_eq!(seen.text(), "world");
    let framings =
        seen.fields.all("content-length").count() + seen.fields.all("transfer-encoding").count();
    assert_eq!(framings, 1, "exactly one framing: {:?}", seen.fields);
}

#[test]
fn a_body_that_looks_like_a_request_stays_a_body() {
    let gateway = plain();
    let mut client = gateway.client();
    let length = HIDDEN.len();
    client.send(format!(
        "POST /all HTTP/1.1\r\nHost: gw.test\r\nContent-Length: {length}\r\n\r\n{HIDDEN}\
         GET /all HTTP/1.1\r\nHost: gw.test\r\n\r\n"
    ));
    assert_eq!(client.answer().status(), 200);
    assert_eq!(client.answer().status(), 200);
    let seen = gateway.backend.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen.first().map(|request| request.text()).as_deref(), Some(HIDDEN));
}

#[test]
fn a_request_without_framing_has_no_body() {
    let gateway = plain();
    let mut client = gateway.client();
    client.send(
        "POST /all HTTP/1.1\r\nHost: gw.test\r\n\r\nGET /all HTTP/1.1\r\nHost: gw.test\r\n\r\n",
    );
    assert_eq!(client.answer().status(), 200);
    assert_eq!(client.answer().status(), 200);
    assert!(gateway.backend.seen().iter().all(|request| request.body.is_empty()));
}
