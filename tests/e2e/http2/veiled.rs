//! HTTP/2 over TLS: the rules of the edge hold there too (http-edge §1.3, §1.5, §1.7, §2, §4).

use baton_tests::backend::ok;
use baton_tests::baton::Starter;
use baton_tests::h2::{Client, Frame, kind};
use baton_tests::tls::{Authority, NAME, Veil};
use serde_json::json;

use super::{Transport, request};

/// HS256, `kid` k1, until 2100.
const TOKEN: &str = "eyJhbGciOiAiSFMyNTYiLCAia2lkIjogImsxIiwgInR5cCI6ICJKV1QifQ.eyJzdWIiOiAidTEiLCAiZXhwIjogNDEwMjQ0NDgwMH0.mzyPmpVaybUpBK-LBsgBvwDIHRMA7t2zao_VftOt-Nw";
const KEYS: &str =
    r#"{"keys":[{"kty":"oct","kid":"k1","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#;

#[test]
fn crumbs_are_joined_and_what_belongs_to_connections_is_refused() {
    let veiled = Transport::Tls.start(|_| ok("ok"));
    let mut client = veiled.client();
    let fields = [("cookie", "a=1"), ("x-own", "v"), ("cookie", "b=2"), ("te", "trailers")];
    assert_eq!(client.ask(request("GET", "/all", &fields), b"").unwrap().status, 200);
    let seen = veiled.gateway.backend.last();
    assert_eq!(seen.fields.all("cookie").collect::<Vec<_>>(), ["a=1; b=2"]);
    assert_eq!(seen.word(2), "HTTP/1.1");
    for field in [
        ("connection", "x"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("keep-alive", "x"),
        ("proxy-connection", "x"),
        ("te", "gzip"),
    ] {
        let mut raw = veiled.raw();
        raw.send(&Frame::headers(1, "GET", "/all", &[field], true));
        assert_eq!(raw.until(kind::RST_STREAM).number(0), 1, "{field:?}");
    }
    assert_eq!(veiled.gateway.backend.count(), 1);
}

#[test]
fn what_is_ambiguous_is_refused() {
    let veiled = Transport::Tls.start(|_| ok("ok"));
    let mut client = veiled.client();
    for (path, fields, status) in [
        ("/all", &[("host", "other.test")][..], 400),
        ("/all%5Cx", &[], 400),
        ("/path/%2E%2E", &[], 400),
        ("/all/%zz", &[], 400),
    ] {
        let answer = client.ask(request("GET", path, fields), b"").unwrap();
        assert_eq!(answer.status, status, "{path} {fields:?}: {}", answer.text());
    }
    for (length, data) in [("5", &b"four"[..]), ("3", b"four"), ("0", b"x")] {
        let mut raw = veiled.raw();
        raw.send(&Frame::headers(1, "POST", "/all", &[("content-length", length)], false));
        raw.send(&Frame::new(kind::DATA, 1, 1, data));
        assert_eq!(raw.until(kind::RST_STREAM).number(0), 1, "{length}");
    }
    let wholes = veiled.gateway.backend.seen().into_iter().filter(|seen| !seen.body.is_empty());
    assert_eq!(wholes.count(), 0, "no backend got one of them whole");
}

#[test]
fn a_token_is_asked_for_stream_by_stream() {
    let (authority, backend) =
        (Authority::new(), baton_tests::backend::Backend::start(|_| ok("{}")));
    let validator =
        json!({ "alg": "HS256", "jwk_local_path": "keys", "disable_jwk_security": true });
    let starter = Starter::new(&json!({
        "tls": { "keys": [authority.issue("gw").json()] },
        "endpoints": [{
            "endpoint": "/a",
            "backend": [{ "url_pattern": "/b", "host": [backend.host()] }],
            "extra_config": { "auth/validator": validator }
        }]
    }));
    std::fs::write(starter.folder().join("keys"), KEYS).unwrap();
    let baton = starter.start();
    let veil = Veil::start(baton.address(), &authority.client(None, &["h2"]), NAME);
    let mut client = Client::connect(veil.address());
    let mut ask =
        |field: (&str, &str)| client.ask(request("GET", "/a", &[field]), b"").unwrap().status;
    let (bearer, cookie) = (format!("Bearer {TOKEN}"), format!("access_token={TOKEN}"));
    assert_eq!(ask(("authorization", &bearer)), 200);
    assert_eq!(ask(("x-authorization", &bearer)), 401, "the connection has no token");
    assert_eq!(ask(("cookie", &cookie)), 200);
    assert_eq!(ask(("authorization", &format!("{bearer}x"))), 401);
    assert_eq!(ask(("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.")), 401);
    assert_eq!(backend.count(), 2);
}
