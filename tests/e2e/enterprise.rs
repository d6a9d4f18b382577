//! What KrakenD has in its Enterprise edition only, by its published form: `/path/*`, `/__catchall`,
//! `max_payload`, `decompress_gzip`.

use std::io::Write as _;

use baton_tests::Baton;
use baton_tests::backend::{Backend, ok};
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use baton_tests::http::Message;
use baton_tests::until::PATIENCE;
use serde_json::{Value, json};

struct Pair {
    baton: Baton,
    backend: Backend,
}

/// Before a backend that says how it was asked.
fn start(make: impl FnOnce(&Backend) -> Value) -> Pair {
    let backend = Backend::start(|request| ok(&format!("{} {}", request.word(0), request.word(1))));
    Pair { baton: Baton::start(&make(&backend)), backend }
}

impl Pair {
    fn ask(&self, method: &str, target: &str) -> Message {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: gw.test\r\nX-A: 1\r\n\r\n");
        Client::connect(self.baton.address()).send(request).answer()
    }

    #[track_caller]
    fn check(&self, method: &str, target: &str, status: u16, body: &str) {
        let answer = self.ask(method, target);
        assert_eq!((answer.status(), &*answer.text()), (status, body), "{method} {target}");
    }
}

fn endpoint(path: &str, pattern: &str, backend: &Backend) -> Value {
    json!({
        "endpoint": path, "output_encoding": "no-op", "input_query_strings": ["q"],
        "backend": [{ "url_pattern": pattern, "host": [backend.host()] }]
    })
}

#[test]
fn what_follows_a_wildcard_follows_the_backends_path_and_more_precise_endpoints_win() {
    let pair = start(|backend| {
        json!({ "endpoints": [
            endpoint("/v1/*", "/", backend),
            endpoint("/v2/*", "/two/*", backend),
            endpoint("/v2/known", "/known", backend),
            endpoint("/v2/{id}/x", "/by/{id}", backend),
            endpoint("/v3/{id}/*", "/three/{id}/?fix=1", backend),
            endpoint("/v3/{id}", "/one/{id}", backend),
        ]})
    });
    for (target, asked) in [
        ("/v1/hello", "/hello"),
        ("/v1/", "/"),
        ("/v1/a/b%20c/", "/a/b%20c/"),
        ("/v1/a%2Fb?q=1&x=2", "/a/b?q=1"),
        ("/v2/other/deep?q=1", "/two/other/deep?q=1"),
        ("/v2/known", "/known"),
        ("/v2/known/more", "/two/known/more"),
        ("/v2/7/x", "/by/7"),
        ("/v2/7/y", "/two/7/y"),
        ("/v2/knowx", "/two/knowx"),
        ("/v3/7", "/one/7"),
        ("/v3/7/a/b", "/three/7/a/b?fix=1"),
    ] {
        pair.check("GET", target, 200, &format!("GET {asked}"));
    }
    for (target, location) in [("/v1", "/v1/"), ("/V1/a", "/v1/a")] {
        let answer = pair.ask("GET", target);
        assert_eq!((answer.status(), answer.fields.first("location")), (301, Some(location)));
    }
    let before = pair.backend.count();
    for target in ["/v1/..%2fx", "/v1/%2e%2e/x", "/v1/a%5cb"] {
        assert_eq!(pair.ask("GET", target).status(), 400, "{target}");
    }
    assert_eq!(pair.ask("POST", "/v1/a").status(), 405);
    assert_eq!(pair.backend.count(), before);
}

#[test]
fn a_wildcard_whose_backend_takes_nothing_more_is_refused_as_in_the_community_edition() {
    let backend = Backend::start(|_| ok("x"));
    for (path, pattern) in [("/a/*", "/b"), ("/*", "/")] {
        let config = json!({ "endpoints": [endpoint(path, pattern, &backend)] });
        let mut baton = Starter::new(&config).spawn();
        assert_eq!(baton.wait_end(PATIENCE).code(), Some(255), "{path} {pattern}");
        assert!(baton.log().contains(&format!("{path}`")), "{}", baton.log());
    }
}

#[test]
fn the_endpoint_for_everything_gets_what_no_other_takes_with_all_it_has() {
    let pair = start(|backend| {
        let mut all = endpoint("/__catchall", "/", backend);
        all["input_headers"] = json!(["X-B"]);
        let mut posted = endpoint("/known", "/known", backend);
        posted["method"] = json!("POST");
        json!({ "endpoints": [endpoint("/known", "/k", backend), all, posted] })
    });
    pair.check("GET", "/known", 200, "GET /k");
    pair.check("POST", "/known", 200, "POST /known");
    pair.check("DELETE", "/known", 200, "DELETE /known");
    pair.check("GET", "/any/thing?a=1&q=2", 200, "GET /any/thing?a=1&q=2");
    pair.check("PROPFIND", "/__catchall", 200, "PROPFIND /__catchall");
    assert_eq!(pair.backend.last().fields.first("x-a"), Some("1"));
    assert_eq!(pair.ask("GET", "/__health").status(), 200);
    assert_eq!(pair.ask("GET", "/known/").status(), 301, "a redirect comes first, as in KrakenD");
    assert!(pair.baton.log().contains("/endpoints/1/input_headers"), "{}", pair.baton.log());
}

#[test]
fn a_catchall_that_is_decoded_is_a_path_like_any_other() {
    let backend = Backend::start(|_| ok(r#"{"a":1}"#));
    let baton = Baton::start(&json!({ "endpoints": [{
        "endpoint": "/__catchall", "backend": [{ "url_pattern": "/x", "host": [backend.host()] }]
    }]}));
    let mut client = Client::connect(baton.address());
    assert_eq!(client.get("/__catchall").text(), r#"{"a":1}"#);
    assert_eq!(client.get("/other").status(), 404);
}

/// One endpoint per kind of bound; the service allows 2,000 bytes.
fn payloads() -> Pair {
    start(|backend| {
        let posted = |path: &str, proxy: Value| {
            let mut one = endpoint(path, "/x", backend);
            one["method"] = json!("POST");
            one["input_headers"] = json!(["Content-Encoding", "Content-Length", "Content-Type"]);
            one["extra_config"] = json!({ "proxy": proxy });
            one
        };
        json!({
            "extra_config": { "router": { "max_payload": 2000 } },
            "endpoints": [
                posted("/any", json!({})),
                posted("/small", json!({ "max_payload": 10 })),
                posted("/unpacked", json!({ "decompress_gzip": true })),
                posted("/both", json!({ "decompress_gzip": true, "max_payload": 100 })),
            ]
        })
    })
}

fn post(pair: &Pair, target: &str, fields: &str, body: &[u8]) -> Message {
    let length = body.len();
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: gw.test\r\n{fields}Content-Length: {length}\r\n\r\n"
    );
    Client::connect(pair.baton.address()).send([head.as_bytes(), body].concat()).answer()
}

fn post_chunks(pair: &Pair, target: &str, chunks: &[&[u8]]) -> Message {
    let mut bytes =
        format!("POST {target} HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n")
            .into_bytes();
    for chunk in chunks {
        write!(bytes, "{:x}\r\n", chunk.len()).unwrap();
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    Client::connect(pair.baton.address()).send(bytes).answer()
}

#[test]
fn bodies_beyond_max_payload_are_413_and_reach_no_backend_as_a_whole() {
    let pair = payloads();
    assert_eq!(post(&pair, "/any", "", &[b'x'; 2000]).status(), 200);
    assert_eq!(post(&pair, "/any", "", &[b'x'; 2001]).status(), 413);
    assert_eq!(post(&pair, "/small", "", &[b'x'; 10]).status(), 200);
    assert_eq!(post(&pair, "/small", "", &[b'x'; 11]).status(), 413);
    assert_eq!(post_chunks(&pair, "/any", &[&[b'x'; 1000], &[b'x'; 1001]]).status(), 413);
    assert_eq!(post_chunks(&pair, "/small", &[b"12345", b"67890"]).status(), 200);
    assert_eq!(post_chunks(&pair, "/small", &[b"12345", b"678901"]).status(), 413);
    assert!(pair.backend.seen().iter().all(|seen| seen.body.len() <= 2000));
    assert_eq!(pair.backend.count(), 3, "{:?}", pair.backend.seen());
}

/// `printf 'hello hello hello' | gzip -n`.
const PACKED: &[u8] = &[
    0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0x57,
    0xC8, 0x40, 0x90, 0x00, 0x80, 0x88, 0xF9, 0xE5, 0x11, 0x00, 0x00, 0x00,
];

#[test]
fn packed_bodies_are_unpacked_where_an_endpoint_asks_for_it() {
    let pair = payloads();
    let gzip = "Content-Encoding: gzip\r\n";
    assert_eq!(post(&pair, "/any", gzip, PACKED).status(), 200);
    let seen = pair.backend.last();
    assert_eq!((&*seen.body, seen.fields.first("content-encoding")), (PACKED, Some("gzip")));
    let answer = post(&pair, "/unpacked", gzip, PACKED);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let seen = pair.backend.last();
    assert_eq!(
        (seen.text().as_str(), seen.fields.first("content-encoding")),
        ("hello hello hello", None)
    );
    assert_eq!(post(&pair, "/unpacked", "", b"plain").status(), 200);
    assert_eq!(pair.backend.last().text(), "plain");
    assert_eq!(post(&pair, "/unpacked", gzip, b"no gzip at all").status(), 400);
    assert_eq!(post(&pair, "/both", gzip, PACKED).status(), 200);
}

#[test]
fn what_is_unpacked_is_counted_unpacked() {
    let pair = payloads();
    // A thousand zeros in 29 bytes.
    let bomb = &[
        0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x63, 0x60, 0x18, 0x05, 0xA3,
        0x60, 0x14, 0x0C, 0x77, 0x00, 0x00, 0x80, 0x17, 0x0B, 0x06, 0xE8, 0x03, 0x00, 0x00,
    ];
    assert_eq!(post(&pair, "/both", "Content-Encoding: gzip\r\n", bomb).status(), 413);
}

#[test]
fn answers_are_packed_only_where_the_file_says_so_and_the_client_takes_it() {
    let body = "hello ".repeat(100);
    for (flag, packed) in [(json!(false), true), (json!(true), false), (Value::Null, false)] {
        let answer = body.clone();
        let backend = Backend::start(move |_| ok(&answer));
        let mut config = json!({ "endpoints": [endpoint("/x", "/x", &backend)] });
        config["extra_config"] = json!({ "router": { "disable_gzip": flag } });
        let baton = Baton::start(&config);
        let get = |fields: &str| {
            let request = format!("GET /x HTTP/1.1\r\nHost: gw.test\r\n{fields}\r\n");
            Client::connect(baton.address()).send(request).answer()
        };
        assert_eq!(get("").text(), body);
        assert_eq!(get("Accept-Encoding: gzip\r\nAccept: text/event-stream\r\n").text(), body);
        let answer = get("Accept-Encoding: br, gzip\r\n");
        let coding = answer.fields.first("content-encoding");
        assert_eq!((coding, answer.body.len() < 100), (packed.then_some("gzip"), packed));
        assert_eq!(answer.body.starts_with(&[0x1F, 0x8B]), packed);
    }
}
