//! `qos/http-cache`: what is served from memory.

use baton_tests::Baton;
use baton_tests::backend::{Backend, Step, answer, raw};
use baton_tests::client::Client;
use baton_tests::http::Message;
use serde_json::{Value, json};

/// Fresh for longer than any test: `Date` lies ahead.
const FRESH: &str = "Cache-Control: max-age=1000\r\nDate: Mon, 23 Nov 2036 18:05:18 GMT\r\n";

/// `/j/{x}` decoded and `/n/{x}` as it is, both answered by `/{x}`.
fn config(backend: &Backend, cache: &Value) -> Value {
    let endpoint = |path: &str, encoding: &str| {
        json!({
            "endpoint": format!("{path}/{{x}}"), "output_encoding": encoding,
            "input_headers": ["If-None-Match", "Accept-Encoding", "X-A"],
            "backend": [{
                "url_pattern": "/{x}", "host": [backend.host()], "encoding": encoding,
                "extra_config": { "qos/http-cache": cache }
            }]
        })
    };
    json!({ "endpoints": [endpoint("/j", "json"), endpoint("/n", "no-op")] })
}

/// Everything is fresh, and tells how often the backend was asked.
fn counting() -> Backend {
    let count = std::sync::atomic::AtomicUsize::new(0);
    Backend::start(move |_| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        answer("200 OK", FRESH, &format!("{{\"asked\":{number}}}"))
    })
}

fn ask(baton: &Baton, target: &str, fields: &str) -> Message {
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n{fields}\r\n");
    Client::connect(baton.address()).send(request).answer()
}

fn bodies(baton: &Baton, targets: &[&str]) -> String {
    let numbers = targets.iter().map(|target| {
        let body = ask(baton, target, "").text();
        body.trim_start_matches("{\"asked\":").trim_end_matches('}').to_owned()
    });
    numbers.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_fresh_answer_serves_every_thread_and_connection() {
    let backend = counting();
    let baton = Baton::start(&config(&backend, &json!({})));
    assert_eq!(bodies(&baton, &["/j/a"; 40]), ["1"; 40].join(" "));
    assert_eq!(bodies(&baton, &["/n/a", "/n/a", "/j/b", "/j/a"]), "2 2 3 1");
    assert_eq!(backend.count(), 3, "each backend entry has a cache of its own");
}

#[test]
fn shared_caches_are_one() {
    let backend = counting();
    let baton = Baton::start(&config(&backend, &json!({ "shared": true })));
    assert_eq!(bodies(&baton, &["/j/a", "/n/a", "/n/b", "/j/b"]), "1 1 2 2");
}

#[test]
fn the_least_recently_used_answer_makes_room_where_there_are_bounds() {
    let backend = counting();
    let bounds = json!({ "max_items": 2, "max_size": 10000 });
    let baton = Baton::start(&config(&backend, &bounds));
    assert_eq!(bodies(&baton, &["/j/a", "/j/b", "/j/a", "/j/c", "/j/a", "/j/b"]), "1 2 1 3 1 4");
}

#[test]
fn an_answer_that_is_larger_than_the_cache_is_not_stored() {
    let backend = Backend::start(|request| {
        let length = if request.word(1) == "/big" { 900 } else { 100 };
        answer("200 OK", FRESH, &format!("{{\"a\":\"{}\"}}", "x".repeat(length)))
    });
    let bounds = json!({ "max_items": 9, "max_size": 800 });
    let baton = Baton::start(&config(&backend, &bounds));
    for _ in 0..3 {
        ask(&baton, "/j/big", "");
        ask(&baton, "/j/small", "");
    }
    assert_eq!(backend.count(), 4);
}

#[test]
fn an_answer_that_broke_off_is_not_stored() {
    let backend = Backend::start(|_| {
        let cut = format!("HTTP/1.1 200 OK\r\n{FRESH}Content-Length: 100\r\n\r\n{{\"a\":1");
        vec![Step::Send(cut.into_bytes()), Step::Close]
    });
    let baton = Baton::start(&config(&backend, &json!({})));
    for _ in 0..2 {
        assert_eq!(ask(&baton, "/j/a", "").status(), 500);
    }
    assert_eq!(backend.count(), 2);
}

#[test]
fn a_304_that_one_client_asked_for_answers_nobody_else() {
    let backend = Backend::start(|request| match request.fields.first("if-none-match") {
        Some(_) => raw(format!("HTTP/1.1 304 Not Modified\r\n{FRESH}ETag: \"e\"\r\n\r\n")),
        None => answer("200 OK", FRESH, "{\"a\":1}"),
    });
    let baton = Baton::start(&config(&backend, &json!({})));
    assert_eq!(ask(&baton, "/n/a", "If-None-Match: \"e\"\r\n").status(), 304);
    let other = ask(&baton, "/n/a", "");
    assert_eq!((other.status(), other.text()), (200, "{\"a\":1}".to_owned()));
}

#[test]
fn what_an_answer_varies_by_is_noted_beside_it_as_krakend_does() {
    let backend = Backend::start(|_| answer("200 OK", &format!("{FRESH}Vary: x-a, X-B\r\n"), "{}"));
    let baton = Baton::start(&config(&backend, &json!({})));
    for _ in 0..2 {
        let answer = ask(&baton, "/n/a", "X-A: 1\r\n");
        assert_eq!(answer.fields.first("X-Varied-X-A"), Some("1"));
        assert_eq!(answer.fields.first("X-Varied-X-B"), None);
    }
    assert_eq!(backend.count(), 1);
    ask(&baton, "/n/a", "X-A: 2\r\n");
    assert_eq!(backend.count(), 2);
}
