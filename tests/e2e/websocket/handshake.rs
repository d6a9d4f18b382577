//! Who may open a WebSocket (RFC 6455 §4, http-edge §1.4).

use std::sync::Mutex;
use std::sync::mpsc::channel;

use baton_tests::backend::{Backend, raw};
use baton_tests::until::PATIENCE;
use baton_tests::ws::{self, KEY};
use baton_tests::{port, until};
use serde_json::json;

use super::{config, connect, start};

fn echo() -> Backend {
    ws::backend("", |socket, _| ws::echo(socket))
}

#[test]
fn the_backend_is_asked_by_the_gateway_itself_and_gets_only_what_is_listed() {
    let (sender, asked) = channel();
    let sender = Mutex::new(sender);
    let backend = ws::backend("", move |socket, request| {
        drop(sender.lock().unwrap().send(request.clone()));
        ws::echo(socket);
    });
    let baton = start(&backend, &json!({ "input_headers": ["X-Token", "Sec-WebSocket-Key"] }));
    let mut client = connect(&baton);
    let fields =
        "X-Token: t\r\nX-Other: o\r\nCookie: c\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    let answer = ws::open(&mut client, "/ws/a%20b", fields);
    assert_eq!(answer.fields.first("sec-websocket-extensions"), None);
    let seen = asked.recv_timeout(PATIENCE).unwrap();
    assert_eq!(seen.line, "GET /socket/a%20b HTTP/1.1");
    let field = |name: &str| seen.fields.first(name).map(str::to_owned);
    assert_eq!(field("host"), Some(backend.address().to_string()));
    assert_eq!(field("x-token"), Some("t".to_owned()));
    assert_eq!(field("x-forwarded-for"), Some("127.0.0.1".to_owned()));
    assert_eq!(field("sec-websocket-version"), Some("13".to_owned()));
    for name in ["x-other", "cookie", "sec-websocket-extensions", "accept-encoding"] {
        assert_eq!(field(name), None, "{name} passed");
    }
    let key = field("sec-websocket-key").unwrap();
    assert!(key != KEY && key.len() == 24, "{key}");
}

#[test]
fn what_is_no_handshake_opens_nothing_and_the_backend_hears_nothing() {
    let backend = echo();
    let baton = start(&backend, &json!({}));
    let good = ws::request("/ws/a", "");
    let cases = [
        ("GET /ws/a HTTP/1.1\r\nHost: gw.test\r\n\r\n".to_owned(), 426),
        (good.replace("Upgrade: websocket", "Upgrade: h2c"), 426),
        (good.replace("Version: 13", "Version: 8"), 426),
        (good.replace("Sec-WebSocket-Version: 13\r\n", ""), 426),
        (good.replace(KEY, "short"), 400),
        (good.replace("Sec-WebSocket-Key", "X"), 400),
        (good.replace("HTTP/1.1", "HTTP/1.0"), 400),
        (good.replace("\r\n\r\n", "\r\nContent-Length: 2\r\n\r\nxx"), 400),
        (good.replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400),
        (good.replace("GET", "POST"), 405),
        (good.replace("Host: gw.test", "Host: gw.test\r\nHost: b"), 400),
    ];
    for (request, status) in cases {
        let answer = connect(&baton).send(&request).answer();
        assert_eq!(answer.status(), status, "{request}: {}", answer.text());
        if status == 426 {
            assert_eq!(answer.fields.first("sec-websocket-version"), Some("13"));
        }
    }
    assert_eq!(backend.connections(), 0);
}

#[test]
fn other_endpoints_never_tunnel() {
    let backend = Backend::start(|_| {
        raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    });
    let baton = start(&backend, &json!({}));
    let answer = connect(&baton).send(ws::request("/plain", "")).answer();
    assert_eq!(answer.status(), 502);
    assert_eq!(backend.last().fields.first("upgrade"), None);
}

#[test]
fn a_backend_that_does_not_agree_is_a_502_and_the_connection_goes_on() {
    let accept =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    let proof = |key: &str| format!("Sec-WebSocket-Accept: {}\r\n", ws::accept(key));
    let cases = [
        ("refused", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno".to_owned()),
        ("accept", format!("{accept}{}\r\n", proof("another key"))),
        ("protocol", format!("{accept}@Sec-WebSocket-Protocol: secret\r\n\r\n")),
        ("extension", format!("{accept}@Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")),
        ("h2c", format!("{}@\r\n", accept.replace("websocket", "h2c"))),
        ("body", format!("{accept}@Content-Length: 3\r\n\r\nabc")),
    ];
    for (name, answer) in cases {
        let backend = Backend::start(move |request| {
            let key = request.fields.first("sec-websocket-key").unwrap_or_default();
            raw(answer.replace('@', &proof(key)))
        });
        let baton = start(&backend, &json!({}));
        let mut client = connect(&baton);
        let answer = client.send(ws::request("/ws/a", "Sec-WebSocket-Protocol: chat\r\n")).answer();
        assert_eq!(answer.status(), 502, "{name}: {}", answer.text());
        assert_eq!(answer.text(), "", "{name}");
        assert_eq!(answer.fields.first("upgrade"), None, "{name}");
        assert_eq!(client.get("/__health").status(), 200, "{name}");
        until("the reason is in the log", PATIENCE, || {
            baton.log().contains("websocket: bad handshake")
        });
    }
}

#[test]
fn a_backend_that_is_not_there_or_never_answers_is_an_error() {
    let backend = Backend::start(|_| vec![baton_tests::backend::Step::Stall]);
    let mut config = config(&backend, &json!({}));
    config["timeout"] = json!("300ms");
    config["endpoints"][1] = config["endpoints"][0].clone();
    config["endpoints"][1]["endpoint"] = json!("/nobody/{room}");
    config["endpoints"][1]["backend"][0]["host"] =
        json!([format!("ws://127.0.0.1:{}", port::free())]);
    let baton = baton_tests::Baton::start(&config);
    for target in ["/ws/a", "/nobody/a"] {
        let answer = connect(&baton).send(ws::request(target, "")).answer();
        assert_eq!(answer.status(), 500, "{target}");
    }
}

#[test]
fn of_the_subprotocols_the_listed_ones_pass_and_the_backend_chooses() {
    let backend = ws::backend("Sec-WebSocket-Protocol: b\r\n", |mut socket, request| {
        let offered = request.fields.first("sec-websocket-protocol").unwrap_or_default();
        std::io::Write::write_all(&mut socket, offered.as_bytes()).unwrap();
    });
    let baton = start(&backend, &json!({ "subprotocols": ["b", "c"] }));
    let mut client = connect(&baton);
    let answer = ws::open(
        &mut client,
        "/ws/a",
        "Sec-WebSocket-Protocol: a, b ,\"x\"\r\nSec-WebSocket-Protocol: c\r\n",
    );
    assert_eq!(answer.fields.first("sec-websocket-protocol"), Some("b"));
    assert_eq!(client.stream().rest(), b"b, c");
}

#[test]
fn what_only_multiplexing_has_is_told_and_multiplexing_itself_answers_501() {
    let backend = echo();
    let asked = json!({ "connect_event": true, "max_retries": 3, "timeout": "10s" });
    let mut config = config(&backend, &asked);
    config["endpoints"][1] = config["endpoints"][0].clone();
    config["endpoints"][1]["endpoint"] = json!("/many/{room}");
    config["endpoints"][1]["extra_config"]["websocket"] = json!({});
    let baton = baton_tests::Baton::start(&config);
    assert_eq!(connect(&baton).send(ws::request("/many/a", "")).answer().status(), 501);
    ws::open(&mut connect(&baton), "/ws/a", "");
    let log = baton.log();
    for pointer in [
        "/endpoints/0/extra_config/websocket/connect_event",
        "/endpoints/0/extra_config/websocket/max_retries",
        "/endpoints/0/extra_config/websocket/timeout",
        "/endpoints/1/extra_config/websocket",
    ] {
        assert!(log.contains(pointer), "{pointer}: {log}");
    }
}
