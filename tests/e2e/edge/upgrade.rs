//! Upgrades: none was declared, so none passes (RFC 9110 §7.8).

use baton_tests::backend::raw;
use baton_tests::http::State;

use super::{SOON, plain};
use crate::fixture::Gateway;

#[test]
fn an_upgrade_that_no_endpoint_declares_is_an_ordinary_request() {
    let gateway = plain();
    for protocol in ["websocket", "h2c", "tls"] {
        let answer = gateway.ask(format!(
            "GET /all HTTP/1.1\r\nHost: gw.test\r\nConnection: Upgrade, HTTP2-Settings\r\n\
             Upgrade: {protocol}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ));
        assert_ne!(answer.status(), 101, "{protocol}");
        let seen = gateway.backend.last();
        for name in ["upgrade", "http2-settings", "connection"] {
            assert_eq!(seen.fields.first(name), None, "{protocol}: {name} passed");
        }
    }
}

#[test]
fn bytes_behind_a_request_for_an_upgrade_are_the_next_request() {
    let gateway = plain();
    let mut client = gateway.client();
    client.send(
        "GET /all HTTP/1.1\r\nHost: gw.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\
         GET /strict HTTP/1.1\r\nHost: gw.test\r\n\r\n",
    );
    assert_eq!(client.answer().status(), 200);
    assert_eq!(client.answer().status(), 200);
}

#[test]
fn a_101_that_nobody_asked_for_is_a_502() {
    let gateway = Gateway::start(|_| {
        raw(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGARBAGE",
        )
    });
    for target in ["/all", "/strict"] {
        let mut client = gateway.client();
        let answer = client.get(target);
        assert_eq!(answer.status(), 502, "{target}");
        assert!(!answer.text().contains("GARBAGE"));
        let state = client.state_within(SOON / 4);
        assert_ne!(state, State::More, "bytes of the backend leak into the connection");
    }
}

#[test]
fn a_preface_of_http_2_is_refused() {
    let gateway = plain();
    let mut client = gateway.client();
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    let answer = client.answer();
    assert!(matches!(answer.status(), 400 | 505), "{}", answer.status());
    client.expect_closed(SOON);
    assert_eq!(gateway.backend.count(), 0);
}
