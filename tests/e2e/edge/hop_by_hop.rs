//! Hop-by-hop fields end at the gateway, in both directions, with `input_headers: ["*"]` too
//! (RFC 9110 §7.6.1).

use baton_tests::backend::answer;

use super::plain;
use crate::fixture::Gateway;

const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "proxy-authenticate",
    "proxy-authorization",
];

#[test]
fn hop_by_hop_fields_of_a_request_do_not_reach_the_backend() {
    let gateway = plain();
    let reply = gateway.ask(
        "GET /all HTTP/1.1\r\nHost: gw.test\r\nConnection: close, X-Named\r\nX-Named: 1\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nTrailer: X\r\n\
         Proxy-Authorization: Basic x\r\nX-Kept: 1\r\n\r\n",
    );
    assert_eq!(reply.status(), 200);
    let seen = gateway.backend.last();
    for name in HOP_BY_HOP {
        assert_eq!(seen.fields.first(name), None, "{name} passed: {:?}", seen.fields);
    }
    assert_eq!(seen.fields.first("x-named"), None, "named by Connection");
    assert_eq!(seen.fields.first("x-kept"), Some("1"));
}

#[test]
fn hop_by_hop_fields_of_an_answer_do_not_reach_the_client() {
    let gateway = Gateway::start(|_| {
        answer(
            "200 OK",
            "Connection: X-Named\r\nX-Named: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n\
             Trailer: X\r\nProxy-Authenticate: Basic\r\nProxy-Connection: x\r\nX-Kept: 1\r\n",
            "ok",
        )
    });
    let mut client = gateway.client();
    let reply = client.get("/all");
    for name in HOP_BY_HOP {
        let value = reply.fields.first(name);
        let own = name == "connection" && value.is_none_or(|value| value == "keep-alive");
        assert!(own || value.is_none(), "{name}: {value:?}");
    }
    assert_eq!(reply.fields.first("x-named"), None);
    assert_eq!(reply.fields.first("x-kept"), Some("1"));
    client.expect_open();
}

#[test]
fn te_passes_as_exactly_trailers_or_not_at_all() {
    let gateway = plain();
    for (sent, want) in [("trailers", true), ("trailers, gzip", false), ("gzip;q=1", false)] {
        gateway.ask(format!("GET /all HTTP/1.1\r\nHost: gw.test\r\nTE: {sent}\r\n\r\n"));
        let seen = gateway.backend.last();
        let passed = seen.fields.first("te");
        assert!(passed.is_none_or(|te| want && te == "trailers"), "{sent}: {passed:?}");
    }
}

#[test]
fn connection_cannot_name_away_what_the_gateway_adds() {
    let gateway = plain();
    gateway.ask(
        "GET /all HTTP/1.1\r\nHost: gw.test\r\n\
         Connection: X-Forwarded-For, X-Forwarded-Host, Host, Content-Length, User-Agent\r\n\r\n",
    );
    let seen = gateway.backend.last();
    assert_eq!(seen.fields.first("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.fields.first("x-forwarded-host"), Some("gw.test"));
    assert!(seen.fields.first("host").is_some());
}

#[test]
fn the_close_of_a_backend_is_not_the_clients() {
    let gateway = Gateway::start(|_| {
        let mut steps = answer("200 OK", "Connection: close\r\n", "ok");
        steps.push(baton_tests::backend::Step::Close);
        steps
    });
    let mut client = gateway.client();
    for _ in 0..3 {
        assert_eq!(client.get("/all").status(), 200);
    }
    client.expect_open();
}

#[test]
fn the_close_of_a_client_is_not_the_backends() {
    let gateway = plain();
    for _ in 0..5 {
        let mut client = gateway.client();
        client.send("GET /all HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n");
        assert_eq!(client.answer().status(), 200);
        client.expect_closed(super::SOON);
    }
    assert!(gateway.backend.connections() <= 2, "backend connections are kept");
}
