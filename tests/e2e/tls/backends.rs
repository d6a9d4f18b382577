//! What backends are asked over TLS, and whom the gateway believes.

use std::time::Duration;

use baton_tests::Baton;
use baton_tests::backend::{Backend, ok, raw, raw_then_close};
use baton_tests::client::Client;
use baton_tests::http::Message;
use baton_tests::tls::{Authority, Pair, Veil};
use serde_json::{Value, json};

use crate::fixture::merge;

/// `/a` streams from this host, with these members at the root and `backend/http/client` besides.
fn config(host: &str, root: &Value, client: &Value) -> Value {
    let mut config = json!({
        "version": 3, "timeout": "5s",
        "extra_config": { "router": { "return_error_msg": true } },
        "endpoints": [{ "endpoint": "/a", "output_encoding": "no-op", "backend": [{
            "url_pattern": "/b", "host": [host], "encoding": "no-op",
            "extra_config": { "backend/http/client": client }
        }] }]
    });
    merge(&mut config, root);
    config
}

fn ask(host: &str, root: &Value, client: &Value) -> Message {
    let baton = Baton::start(&config(host, root, client));
    Client::connect(baton.address()).get("/a")
}

struct Secure {
    authority: Authority,
    pair: Pair,
    _backend: Backend,
    front: Veil,
}

/// A backend behind TLS, with a certificate for 127.0.0.1.
fn secure(wants: bool) -> Secure {
    let authority = Authority::new();
    let backend = Backend::start(|_| ok("secret"));
    let pair = authority.issue("backend");
    let front = Veil::before(backend.address(), &authority.server(&pair, wants));
    Secure { authority, pair, _backend: backend, front }
}

#[test]
fn a_backend_is_believed_when_its_authority_is() {
    let secure = secure(false);
    let ca = json!({ "client_tls": { "ca_certs": [secure.authority.certificate()] } });
    let host = secure.front.host();
    let nothing = json!({});
    assert_eq!(ask(&host, &ca, &nothing).text(), "secret");
    let unknown = ask(&host, &nothing, &nothing);
    assert_eq!(unknown.status(), 500);
    let text = "tls: failed to verify certificate: x509: certificate signed by unknown authority";
    assert!(unknown.text().contains(text), "{}", unknown.text());
    // Of the backend alone.
    assert_eq!(ask(&host, &nothing, &ca).text(), "secret");
    let insecure = json!({ "allow_insecure_connections": true });
    assert_eq!(ask(&host, &json!({ "client_tls": insecure }), &nothing).text(), "secret");
    assert_eq!(ask(&host, &insecure, &nothing).text(), "secret");
    assert_eq!(ask(&host, &nothing, &json!({ "client_tls": insecure })).text(), "secret");
}

#[test]
fn a_certificate_must_be_for_the_host_that_is_called() {
    let authority = Authority::new();
    let backend = Backend::start(|_| ok("secret"));
    let root = json!({ "client_tls": { "ca_certs": [authority.certificate()] } });
    for (names, host, expected) in [
        ("DNS:localhost", "localhost", "secret"),
        ("DNS:other.test", "localhost", "x509: certificate is valid for other.test, not localhost"),
        ("DNS:localhost", "127.0.0.1", "because it doesn't contain any IP SANs"),
        ("IP:127.0.0.1", "127.0.0.1", "secret"),
    ] {
        let pair = authority.issue_for("named", names, "serverAuth");
        let front = Veil::before(backend.address(), &authority.server(&pair, false));
        let answer = ask(&format!("https://{host}:{}", front.address().port()), &root, &json!({}));
        assert!(answer.text().contains(expected), "{names} {host}: {}", answer.text());
    }
    let pair = authority.issue_for("client-only", "IP:127.0.0.1", "clientAuth");
    let front = Veil::before(backend.address(), &authority.server(&pair, false));
    let answer = ask(&front.host(), &root, &json!({}));
    assert!(answer.text().contains("incompatible key usage"), "{}", answer.text());
}

#[test]
fn a_certificate_that_is_listed_itself_is_believed() {
    let authority = Authority::new();
    let (own, other) = (authority.self_signed("own"), authority.self_signed("other"));
    let backend = Backend::start(|_| ok("secret"));
    let front = Veil::before(backend.address(), &authority.server(&own, false));
    let listed = |pair: &Pair| json!({ "client_tls": { "ca_certs": [pair.public] } });
    assert_eq!(ask(&front.host(), &listed(&own), &json!({})).text(), "secret");
    assert_eq!(ask(&front.host(), &listed(&other), &json!({})).status(), 500);
}

#[test]
fn a_backend_that_wants_a_certificate_gets_the_one_it_believes() {
    let secure = secure(true);
    let stranger = Authority::new().issue("stranger");
    let own = secure.authority.issue("gateway");
    let pair = |pair: &Pair| json!({ "certificate": pair.public, "private_key": pair.private });
    let with = |certs: Value| {
        let block = json!({
            "ca_certs": [secure.authority.certificate()], "client_certs": certs
        });
        ask(&secure.front.host(), &json!({ "client_tls": block }), &json!({}))
    };
    assert_eq!(with(json!([pair(&stranger), pair(&own)])).text(), "secret");
    let refused = with(json!([]));
    assert_eq!(refused.status(), 500);
    assert!(
        refused.text().contains("remote error: tls: certificate required"),
        "{}",
        refused.text()
    );
}

#[test]
fn files_that_cannot_be_read_are_told_and_left_out() {
    let secure = secure(false);
    let block = json!({
        "ca_certs": ["/no/ca.pem", secure.authority.certificate()],
        "client_certs": [{ "certificate": "/no/c.pem", "private_key": "/no/c.key" }]
    });
    let root = json!({ "client_tls": block });
    let baton = Baton::start(&config(&secure.front.host(), &root, &json!({})));
    assert_eq!(Client::connect(baton.address()).get("/a").text(), "secret");
    let log = baton.log();
    for text in [
        "Cannot load certificate CA /no/ca.pem: open /no/ca.pem: no such file or directory",
        "Cannot load client certificate /no/c.pem, /no/c.key: open /no/c.pem: no such file",
    ] {
        assert!(log.contains(text), "no {text:?} in {log}");
    }
}

#[test]
fn who_does_not_speak_tls_is_told_of() {
    let plain = Backend::start(|_| ok("x"));
    let host = format!("https://{}", plain.address());
    let insecure = json!({ "client_tls": { "allow_insecure_connections": true } });
    // What it is sent is no request: it closes, or says so.
    let answer = ask(&host, &insecure, &json!({}));
    assert_eq!(answer.status(), 500);
    let talkative = Backend::by_connection(|mut socket| {
        use std::io::Write as _;
        drop(socket.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
        baton_tests::pause(Duration::from_millis(300));
    });
    let answer = ask(&format!("https://{}", talkative.address()), &insecure, &json!({}));
    let text = "http: server gave HTTP response to HTTPS client";
    assert!(answer.text().contains(text), "{}", answer.text());
    let silent = Backend::by_connection(|_socket| {
        baton_tests::pause(Duration::from_secs(3));
    });
    let mut slow = config(&format!("https://{}", silent.address()), &insecure, &json!({}));
    slow["timeout"] = json!("500ms");
    let baton = Baton::start(&slow);
    let answer = Client::connect(baton.address()).get("/a");
    assert_eq!(answer.status(), 500);
}

#[test]
fn connections_to_backends_are_used_again_and_sessions_go_on() {
    let authority = Authority::new();
    let keeping = Backend::start(|_| ok("kept"));
    let pair = authority.issue("backend");
    let front = Veil::before(keeping.address(), &authority.server(&pair, false));
    let root = json!({ "client_tls": { "ca_certs": [authority.certificate()] } });
    let mut file = config(&front.host(), &root, &json!({}));
    merge(&mut file, &json!({ "@baton": { "threads": 1 } }));
    let baton = Baton::start(&file);
    let mut client = Client::connect(baton.address());
    for _ in 0..5 {
        assert_eq!(client.get("/a").text(), "kept");
    }
    assert_eq!(front.sessions().counts(), (0, 1));
    let closing = Backend::start(|_| {
        raw_then_close("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nonce")
    });
    let front = Veil::before(closing.address(), &authority.server(&pair, false));
    let mut file = config(&front.host(), &root, &json!({}));
    merge(&mut file, &json!({ "@baton": { "threads": 1 } }));
    let baton = Baton::start(&file);
    for _ in 0..5 {
        assert_eq!(Client::connect(baton.address()).get("/a").text(), "once");
    }
    let (resumed, full) = front.sessions().counts();
    assert!(full == 1 && resumed >= 4, "{resumed} went on, {full} began anew");
}

#[test]
fn a_redirect_to_tls_is_followed_with_the_systems_authorities() {
    let secure = secure(false);
    let location = format!("{}/b", secure.front.host());
    let first = Backend::start(move |_| {
        raw(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))
    });
    let answer = ask(&first.host(), &json!({}), &json!({}));
    assert!(answer.text().contains("signed by unknown authority"), "{}", answer.text());
    let ca = json!({ "client_tls": { "ca_certs": [secure.authority.certificate()] } });
    assert_eq!(ask(&first.host(), &ca, &json!({})).text(), "secret");
    assert!(secure.pair.public.exists());
}
