//! When the gateway answers without the backend, the request's body is drained within a bound, or the
//! connection closes: it is never read as the next request.

use std::time::Duration;

use baton_tests::http::State;

use super::{SOON, plain};

const HIDDEN: &str = "GET /strict HTTP/1.1\r\nHost: gw.test\r\n\r\n";

#[test]
fn the_body_of_a_refused_request_is_not_the_next_request() {
    let gateway = plain();
    for target in ["/nothing", "/json"] {
        let mut client = gateway.client();
        let length = HIDDEN.len();
        client.send(format!(
            "POST {target} HTTP/1.1\r\nHost: gw.test\r\nContent-Length: {length}\r\n\r\n{HIDDEN}"
        ));
        assert!(matches!(client.answer().status(), 404 | 405), "{target}");
        let state = client.state_within(Duration::from_millis(200));
        assert_ne!(state, State::More, "{target}: the body was answered as a request");
    }
    assert_eq!(gateway.backend.count(), 0);
}

#[test]
fn an_endless_body_of_a_refused_request_closes_the_connection() {
    let gateway = plain();
    let mut client = gateway.client();
    client.send("POST /nothing HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 1000000000\r\n\r\n");
    let piece = vec![b'x'; 64 * 1024];
    let sent = (0..1_000).take_while(|_| client.try_send(&piece).is_ok()).count();
    assert!(sent < 1_000, "the gateway reads a body that nobody wants");
}

#[test]
fn a_kept_connection_goes_on_after_a_small_body_was_drained() {
    let gateway = plain();
    let mut client = gateway.client();
    client.send("POST /nothing HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 5\r\n\r\nhello");
    let answer = client.answer();
    assert_eq!(answer.status(), 404);
    if answer.fields.first("connection") == Some("close") {
        client.expect_closed(SOON);
    } else {
        assert_eq!(client.get("/strict").status(), 200);
    }
}

#[test]
fn expect_100_continue_is_answered_by_the_gateway_and_not_for_a_miss() {
    let gateway = plain();
    let head = "HTTP/1.1\r\nHost: gw.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let mut client = gateway.client();
    client.send(format!("POST /all {head}"));
    assert_eq!(client.answer().status(), 100);
    client.send("hello");
    assert_eq!(client.answer().status(), 200);
    assert_eq!(gateway.backend.last().text(), "hello");

    let mut client = gateway.client();
    client.send(format!("POST /nothing {head}"));
    assert_eq!(client.answer().status(), 404);
    client.expect_closed(SOON);
}
