//! Backends behind a proxy that the environment names, or the file.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use baton_tests::Baton;
use baton_tests::backend::{Backend, ok};
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use baton_tests::http::{Message, Reading, Stream};
use baton_tests::port;
use baton_tests::tls::{Authority, Veil};
use serde_json::{Value, json};

fn config(direct: &Backend) -> Value {
    let endpoint = |path: &str, host: &str| {
        json!({
            "endpoint": path, "input_query_strings": ["*"],
            "backend": [{ "url_pattern": "/b", "host": [host] }]
        })
    };
    json!({
        "endpoints": [
            endpoint("/far", "http://backend.example"),
            endpoint("/odd", "http://backend.example:8080"),
            endpoint("/own", &direct.host())
        ],
        "extra_config": { "router": { "return_error_msg": true } }
    })
}

fn ask(baton: &Baton, target: &str) -> (u16, String) {
    let request = format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n");
    let answer = Client::connect(baton.address()).send(request).answer();
    (answer.status(), answer.text())
}

#[test]
fn requests_for_other_machines_are_given_to_the_proxy() {
    let (proxy, direct) =
        (Backend::start(|_| ok("{\"by\":\"proxy\"}")), Backend::start(|_| ok("{}")));
    let url = proxy.host().replace("http://", "http://user:pass@");
    let baton = Starter::new(&config(&direct)).environment("HTTP_PROXY", &url).start();
    assert_eq!(ask(&baton, "/far?x=1"), (200, "{\"by\":\"proxy\"}".to_owned()));
    let seen = proxy.last();
    assert_eq!(seen.line, "GET http://backend.example/b?x=1 HTTP/1.1");
    assert_eq!(seen.fields.first("host"), Some("backend.example"));
    assert_eq!(seen.fields.first("proxy-authorization"), Some("Basic dXNlcjpwYXNz"));
    assert_eq!(ask(&baton, "/odd").0, 200);
    assert_eq!(proxy.last().line, "GET http://backend.example:8080/b HTTP/1.1");
    assert_eq!(ask(&baton, "/own"), (200, "{}".to_owned()));
    assert_eq!((proxy.count(), direct.count()), (2, 1));
}

#[test]
fn a_proxy_that_is_not_there_is_told_apart_from_the_backend() {
    let direct = Backend::start(|_| ok("{}"));
    let nobody = format!("127.0.0.1:{}", port::free());
    let baton = Starter::new(&config(&direct)).environment("http_proxy", &nobody).start();
    let (status, text) = ask(&baton, "/far");
    assert_eq!(status, 500);
    assert_eq!(
        text,
        format!(
            "Get \"http://backend.example/b\": proxyconnect tcp: dial tcp {nobody}: connect: connection refused"
        )
    );
}

/// A proxy that opens every way to `target`, for those who say who they are.
fn opener(target: SocketAddr) -> (Backend, Arc<Mutex<Vec<Message>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&asked);
    let proxy = Backend::by_connection(move |socket| {
        let mut stream = Stream::new(socket);
        let Ok(Some(request)) = stream.message(Reading::Request) else { return };
        let is_known = request.fields.first("proxy-authorization").is_some();
        note.lock().unwrap().push(request);
        if !is_known {
            drop(stream.send(b"HTTP/1.1 407 Say who you are\r\nContent-Length: 0\r\n\r\n"));
            return;
        }
        drop(stream.send(b"HTTP/1.1 200 Connection established\r\n\r\n"));
        pass_on(stream.socket(), target);
    });
    (proxy, asked)
}

/// Whatever comes goes to `target`, and the other way, until that one closes.
fn pass_on(near: &TcpStream, target: SocketAddr) {
    let far = TcpStream::connect(target).unwrap();
    let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    let up = std::thread::spawn(move || {
        drop(io::copy(&mut from, &mut to));
        drop(to.shutdown(Shutdown::Write));
    });
    drop(io::copy(&mut &far, &mut &*near));
    drop(near.shutdown(Shutdown::Both));
    drop(up.join());
}

/// A SOCKS 5 proxy that lets in whoever is `me` with `pw`, and leads everybody to `target`.
fn socks(target: SocketAddr) -> (Backend, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&asked);
    let proxy = Backend::by_connection(move |socket| {
        let mut stream = Stream::new(socket);
        assert_eq!(stream.take(4).unwrap(), b"\x05\x02\x00\x02");
        stream.send(b"\x05\x02").unwrap();
        assert_eq!(stream.take(7).unwrap(), b"\x01\x02me\x02pw");
        stream.send(b"\x01\x00").unwrap();
        let head = stream.take(5).unwrap();
        assert_eq!(head[..4], *b"\x05\x01\x00\x03");
        let name = stream.take(head[4].into()).unwrap();
        let port = stream.take(2).unwrap();
        let port = u16::from_be_bytes([port[0], port[1]]);
        note.lock().unwrap().push(format!("{}:{port}", String::from_utf8(name).unwrap()));
        if port == 81 {
            drop(stream.send(b"\x05\x04\x00\x01"));
            return;
        }
        stream.send(b"\x05\x00\x00\x01\x7F\x00\x00\x01\x00\x00").unwrap();
        pass_on(stream.socket(), target);
    });
    (proxy, asked)
}

/// One endpoint with this host, whose errors are told.
fn far(host: &str) -> Value {
    json!({
        "endpoints": [{ "endpoint": "/far", "backend": [{ "url_pattern": "/b", "host": [host] }] }],
        "extra_config": { "router": { "return_error_msg": true } }
    })
}

#[test]
fn a_socks_proxy_is_told_the_name_and_reads_nothing() {
    let backend = Backend::start(|_| ok("{}"));
    let (proxy, asked) = socks(backend.address());
    let url = proxy.host().replace("http://", "socks5://me:pw@");
    let starter = Starter::new(&far("http://backend.example")).argument("--threads").argument("1");
    let baton = starter.environment("HTTP_PROXY", &url).start();
    for _ in 0..2 {
        assert_eq!(ask(&baton, "/far"), (200, "{}".to_owned()));
    }
    assert_eq!(*asked.lock().unwrap(), ["backend.example:80"], "the way is used again");
    let seen = backend.last();
    assert_eq!(seen.line, "GET /b HTTP/1.1");
    assert_eq!(seen.fields.first("host"), Some("backend.example"));
    assert_eq!(seen.fields.first("proxy-authorization"), None);
}

#[test]
fn a_socks_proxy_that_leads_nowhere_says_why() {
    let (proxy, _asked) = socks("127.0.0.1:1".parse().unwrap());
    let mut config = far("http://backend.example:81");
    config["endpoints"][0]["backend"][0]["extra_config"] = json!({ "backend/http/client": {
        "proxy_address": proxy.host().replace("http://", "socks5://me:pw@")
    } });
    let baton = Baton::start(&config);
    let text = format!(
        "Get \"http://backend.example:81/b\": socks connect tcp {}->backend.example:81: unknown error host unreachable",
        proxy.address()
    );
    assert_eq!(ask(&baton, "/far"), (500, text));
}

#[test]
fn a_proxy_may_be_asked_by_tls_and_a_backend_by_tls_within() {
    let authority = Authority::new();
    let server = |file: &str, names: &str| {
        authority.server(&authority.issue_for(file, names, "serverAuth"), false)
    };
    let backend = Backend::start(|_| ok(&format!("{{\"a\":\"{}\"}}", "x".repeat(300_000))));
    let behind = Veil::before(backend.address(), &server("far", "DNS:backend.example"));
    let (opener, asked) = opener(behind.address());
    let reader = Backend::start(|_| ok("{\"by\":\"proxy\"}"));
    let proxy = server("proxy", "IP:127.0.0.1");
    let (opener_front, reader_front) =
        (Veil::before(opener.address(), &proxy), Veil::before(reader.address(), &proxy));
    let mut config = far("https://backend.example");
    config["client_tls"] = json!({ "ca_certs": [authority.certificate()] });
    config["endpoints"].as_array_mut().unwrap().push(json!({
        "endpoint": "/plain",
        "backend": [{ "url_pattern": "/b", "host": ["http://backend.example"] }]
    }));
    let baton = Starter::new(&config)
        .environment("HTTPS_PROXY", &opener_front.host().replace("://", "://u:p@"))
        .environment("HTTP_PROXY", &reader_front.host())
        .start();
    for _ in 0..2 {
        let (status, text) = ask(&baton, "/far");
        assert_eq!((status, text.len()), (200, 300_008));
    }
    assert_eq!(asked.lock().unwrap()[0].line, "CONNECT backend.example:443 HTTP/1.1");
    assert_eq!(backend.last().line, "GET /b HTTP/1.1");
    assert_eq!(ask(&baton, "/plain"), (200, "{\"by\":\"proxy\"}".to_owned()));
    assert_eq!(reader.last().line, "GET http://backend.example/b HTTP/1.1");
}

#[test]
fn a_proxy_whose_certificate_is_not_believed_is_not_asked() {
    let authority = Authority::new();
    let reader = Backend::start(|_| ok("{}"));
    let pair = authority.issue_for("proxy", "DNS:proxy.example", "serverAuth");
    let front = Veil::before(reader.address(), &authority.server(&pair, false));
    let starter = Starter::new(&far("http://backend.example"));
    let baton = starter.environment("HTTP_PROXY", &front.host()).start();
    let (status, text) = ask(&baton, "/far");
    assert_eq!((status, reader.count()), (500, 0));
    let begins = "Get \"http://backend.example/b\": proxyconnect tcp: tls: ";
    assert!(text.starts_with(begins), "{text}");
}

#[test]
fn calls_by_tls_go_through_the_proxy_unread_and_keep_their_way() {
    let authority = Authority::new();
    let backend = Backend::start(|_| ok("{\"by\":\"backend\"}"));
    let pair = authority.issue_for("far", "DNS:backend.example", "serverAuth");
    let front = Veil::before(backend.address(), &authority.server(&pair, false));
    let (proxy, asked) = opener(front.address());
    let config = json!({
        "client_tls": { "ca_certs": [authority.certificate()] },
        "host": ["https://backend.example:8443"],
        "endpoints": [{ "endpoint": "/far", "backend": [{ "url_pattern": "/b" }] }],
        "extra_config": { "router": { "return_error_msg": true } }
    });
    let url = proxy.host().replace("http://", "http://user:pass@");
    let baton = Starter::new(&config)
        .environment("HTTPS_PROXY", &url)
        .argument("--threads")
        .argument("1")
        .start();
    for _ in 0..3 {
        assert_eq!(ask(&baton, "/far"), (200, "{\"by\":\"backend\"}".to_owned()));
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 1, "the way is used again");
    assert_eq!(asked[0].line, "CONNECT backend.example:8443 HTTP/1.1");
    assert_eq!(asked[0].fields.first("host"), Some("backend.example:8443"));
    assert_eq!(asked[0].fields.first("proxy-authorization"), Some("Basic dXNlcjpwYXNz"));
    let seen = backend.last();
    assert_eq!(seen.line, "GET /b HTTP/1.1");
    assert_eq!(seen.fields.first("proxy-authorization"), None);
}

#[test]
fn a_proxy_that_does_not_open_a_way_says_why() {
    let (proxy, _asked) = opener("127.0.0.1:1".parse().unwrap());
    let config = json!({
        "host": ["https://backend.example"],
        "endpoints": [{ "endpoint": "/far", "backend": [{ "url_pattern": "/b" }] }],
        "extra_config": { "router": { "return_error_msg": true } }
    });
    let baton = Starter::new(&config).environment("HTTPS_PROXY", &proxy.host()).start();
    let expected = "Get \"https://backend.example/b\": Say who you are";
    assert_eq!(ask(&baton, "/far"), (500, expected.to_owned()));
}

/// `/via` asks the host through the proxy, `/own` directly, `/ws` opens a WebSocket through it.
fn with_address(backend: &Backend, proxy: &Backend) -> Value {
    let via = json!({ "backend/http/client": {
        "proxy_address": proxy.host().replace("http://", "http://user:pass@")
    } });
    let endpoint = |path: &str, extra: &Value| {
        let backend =
            json!({ "url_pattern": "/b", "host": [backend.host()], "extra_config": extra });
        json!({ "endpoint": path, "backend": [backend] })
    };
    let mut socket = endpoint("/ws", &via);
    socket["extra_config"] = json!({ "websocket": { "enable_direct_communication": true } });
    json!({ "endpoints": [endpoint("/via", &via), endpoint("/own", &json!({})), socket] })
}

#[test]
fn a_backend_with_a_proxy_of_its_own_is_called_through_it_and_shares_no_connection() {
    let (proxy, backend) =
        (Backend::start(|_| ok("{\"by\":\"proxy\"}")), Backend::start(|_| ok("{}")));
    let baton = Starter::new(&with_address(&backend, &proxy))
        .environment("NO_PROXY", "*")
        .argument("--threads")
        .argument("1")
        .start();
    for _ in 0..3 {
        assert_eq!(ask(&baton, "/via"), (200, "{\"by\":\"proxy\"}".to_owned()));
        assert_eq!(ask(&baton, "/own"), (200, "{}".to_owned()));
    }
    assert_eq!(proxy.last().line, format!("GET {}/b HTTP/1.1", backend.host()));
    assert_eq!(proxy.last().fields.first("proxy-authorization"), Some("Basic dXNlcjpwYXNz"));
    assert_eq!((proxy.count(), backend.count()), (3, 3));
    assert_eq!((proxy.connections(), backend.connections()), (1, 1));
}

#[test]
fn a_websocket_goes_through_the_proxy_too() {
    let far = baton_tests::ws::backend("", |socket, _| baton_tests::ws::echo(socket));
    let (proxy, asked) = opener(far.address());
    let baton = Starter::new(&with_address(&far, &proxy)).start();
    let mut client = Client::connect(baton.address());
    assert_eq!(baton_tests::ws::open(&mut client, "/ws", "").status(), 101);
    let line = format!("CONNECT {} HTTP/1.1", far.address());
    assert_eq!(asked.lock().unwrap()[0].line, line);
}
