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
        let far = TcpStream::connect(target).unwrap();
        let near = stream.socket().try_clone().unwrap();
        let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        let up = std::thread::spawn(move || {
            drop(io::copy(&mut from, &mut to));
            drop(to.shutdown(Shutdown::Write));
        });
        drop(io::copy(&mut &far, &mut &near));
        drop(near.shutdown(Shutdown::Both));
        drop(up.join());
    });
    (proxy, asked)
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
