//! Backends that are asked in HTTP/2 (`"@baton".http2`): nginx in clear text and over TLS.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use baton_tests::backend::{Backend, ok};
use baton_tests::client::Client;
use baton_tests::nginx::Nginx;
use baton_tests::tls::Authority;
use baton_tests::{Baton, port, until};
use serde_json::{Value, json};

/// `/a` passes what `host` says in HTTP/2.
fn config(host: &str, root: &Value) -> Value {
    let endpoint = |method: &str| {
        json!({
            "endpoint": "/a", "method": method, "output_encoding": "no-op",
            "input_query_strings": ["*"], "input_headers": ["Content-Type"],
            "backend": [{
                "url_pattern": "/b", "host": [host], "encoding": "no-op", "method": method,
                "@baton": { "http2": true }
            }]
        })
    };
    let mut config = json!({
        "version": 3, "timeout": "10s",
        "extra_config": { "router": { "return_error_msg": true } },
        "endpoints": [endpoint("GET"), endpoint("POST")]
    });
    crate::fixture::merge(&mut config, root);
    config
}

/// nginx in front of `backend`; it says by which connection and in what it was asked.
fn nginx(address: SocketAddr, listen: &str, directives: &str, backend: &Backend) -> Nginx {
    let backend = backend.address();
    let nginx = Nginx::start(&format!(
        "upstream counted {{ server {backend}; keepalive 64; }}
         server {{
           listen {address} {listen};
           {directives}
           location / {{
             add_header X-Connection $connection; add_header X-Protocol $server_protocol;
             add_header X-Asked-For $http_host;
             proxy_http_version 1.1; proxy_set_header Connection \"\";
             proxy_request_buffering off;
             proxy_pass http://counted;
           }}
         }}"
    ));
    until("nginx listens", Duration::from_secs(10), || {
        std::net::TcpStream::connect(address).is_ok()
    });
    nginx
}

fn free() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port::free()))
}

#[test]
fn a_backend_that_ends_its_connections_sees_each_request_once_and_none_is_lost() {
    const CLIENTS: usize = 8;
    const REQUESTS: usize = 100;
    let backend = Backend::start(|request| ok(&request.text()));
    let address = free();
    let nginx = nginx(address, "http2", "keepalive_requests 20;", &backend);
    let baton = Baton::start(&config(&format!("http://{address}"), &json!({})));
    let connections = Mutex::new(HashSet::new());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (baton, connections) = (&baton, &connections);
            scope.spawn(move || {
                let mut http = Client::connect(baton.address());
                for number in 0..REQUESTS {
                    let body = format!("{client}-{number}");
                    let length = body.len();
                    let request = format!(
                        "POST /a HTTP/1.1\r\nHost: gw.test\r\nContent-Length: {length}\r\n\r\n{body}"
                    );
                    let answer = http.send(request).answer();
                    assert_eq!((answer.status(), answer.text()), (200, body));
                    assert_eq!(answer.fields.first("x-protocol"), Some("HTTP/2.0"));
                    let connection = answer.fields.first("x-connection").unwrap();
                    connections.lock().unwrap().insert(connection.to_owned());
                }
            });
        }
    });
    let bodies: Vec<_> = backend.seen().iter().map(|request| request.text()).collect();
    let once: HashSet<_> = bodies.iter().collect();
    assert_eq!((bodies.len(), once.len()), (CLIENTS * REQUESTS, CLIENTS * REQUESTS));
    let connections = connections.into_inner().unwrap().len();
    assert!((20..CLIENTS * REQUESTS / 4).contains(&connections), "{connections} connections");
    assert!(!nginx.log().contains("[error]"), "{}", nginx.log());
}

#[test]
fn over_tls_a_backend_chooses_what_it_is_asked_in() {
    let authority = Authority::new();
    let pair = authority.issue("backend");
    let keys = format!(
        "ssl_protocols TLSv1.3; ssl_certificate {}; ssl_certificate_key {};",
        pair.public.display(),
        pair.private.display()
    );
    let root = json!({ "client_tls": { "ca_certs": [authority.certificate()] } });
    for (listen, spoken) in [("ssl http2", "HTTP/2.0"), ("ssl", "HTTP/1.1")] {
        let backend = Backend::start(|_| ok("hello"));
        let address = free();
        let _nginx = nginx(address, listen, &keys, &backend);
        let baton = Baton::start(&config(&format!("https://{address}"), &root));
        let mut client = Client::connect(baton.address());
        let mut connections = HashSet::new();
        for _ in 0..10 {
            let answer = client.get("/a?x=1");
            assert_eq!((answer.status(), answer.text().as_str()), (200, "hello"), "{listen}");
            assert_eq!(answer.fields.first("x-protocol"), Some(spoken), "{listen}");
            connections.insert(answer.fields.first("x-connection").unwrap().to_owned());
        }
        assert!(connections.len() <= 2, "{connections:?}");
        assert_eq!(backend.last().line, "GET /b?x=1 HTTP/1.1");
    }
}

#[test]
fn a_backend_in_clear_text_that_does_not_know_http2_is_told_apart() {
    let backend = Backend::start(|_| ok("hello"));
    let baton = Baton::start(&config(&backend.host(), &json!({})));
    let answer = Client::connect(baton.address()).get("/a");
    assert_eq!(answer.status(), 500);
    let text = "http2: the backend does not speak HTTP/2";
    assert!(answer.text().contains(text), "{}", answer.text());
}
