//! What caches keep goes along: a reload does not send everybody to the backends at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use baton_tests::backend::{Backend, answer};
use baton_tests::client::Client;
use baton_tests::{Baton, until};
use serde_json::{Value, json};

/// Fresh for longer than any test.
const FRESH: &str = "Cache-Control: max-age=1000\r\nDate: Mon, 23 Nov 2036 18:05:18 GMT\r\n";

/// Tells how often it was asked.
fn counting() -> Backend {
    let count = AtomicUsize::new(0);
    Backend::start(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        answer("200 OK", FRESH, &format!("{{\"asked\":{number}}}"))
    })
}

/// `/plain`, `/shared` and `/few`: each with another kind of cache. Lines above them move with `number`.
fn config(backend: &Backend, number: usize) -> Value {
    let endpoint = |path: &str, cache: Value| {
        json!({
            "endpoint": path,
            "backend": [{ "url_pattern": path, "extra_config": { "qos/http-cache": cache } }]
        })
    };
    let other = json!({ "endpoint": "/other", "backend": [{ "url_pattern": "/o" }] });
    let others: Vec<Value> = (0..number)
        .map(|at| {
            let mut other = other.clone();
            other["endpoint"] = json!(format!("/other/{at}"));
            other
        })
        .collect();
    let cached = [
        endpoint("/plain", json!({})),
        endpoint("/shared", json!({ "shared": true })),
        endpoint("/few", json!({ "max_items": 2, "max_size": 10_000 })),
    ];
    let endpoints = [others, cached.to_vec()].concat();
    json!({ "host": [backend.host()], "endpoints": endpoints })
}

fn ask(baton: &Baton) -> Vec<String> {
    let mut client = Client::connect(baton.address());
    ["/plain", "/shared", "/few"].map(|path| client.get(path).text()).to_vec()
}

/// Reloads, and waits for what comes along beside it.
fn reload(baton: &Baton, config: &Value, answers: usize) {
    let line = format!("[SERVICE: Cache] answers that came along: {answers}");
    let told = || baton.log().matches(&line).count();
    let before = told();
    baton.reload_with(config);
    until("what was cached came along", Duration::from_secs(10), || told() > before);
}

#[test]
fn what_is_fresh_is_not_asked_for_again_however_often_it_is_reloaded() {
    let backend = counting();
    let baton = Baton::start(&config(&backend, 0));
    let first = ask(&baton);
    for number in 1..=3 {
        reload(&baton, &config(&backend, number), 3);
        assert_eq!(ask(&baton), first, "reload {number}");
    }
    assert_eq!(backend.count(), 3);
}

#[test]
fn a_backend_that_is_another_now_begins_with_an_empty_cache() {
    let backend = counting();
    let mut changed = config(&backend, 0);
    let baton = Baton::start(&changed);
    let first = ask(&baton);
    changed["endpoints"][0]["backend"][0]["deny"] = json!(["x"]);
    changed["endpoints"][1]["backend"][0]["input_headers"] = json!(["X-A"]);
    reload(&baton, &changed, 1);
    let second = ask(&baton);
    assert_ne!(first[..2], second[..2]);
    assert_eq!(first[2], second[2]);
    assert_eq!(backend.count(), 5);
}

#[test]
fn what_cannot_be_used_any_more_stays_behind() {
    let backend = Backend::start(|request| match request.word(1) {
        "/plain" => answer(
            "200 OK",
            "Cache-Control: max-age=1\r\nDate: Mon, 23 Nov 2020 18:05:18 GMT\r\n",
            "{}",
        ),
        _ => answer("200 OK", FRESH, "{}"),
    });
    let baton = Baton::start(&config(&backend, 0));
    ask(&baton);
    reload(&baton, &config(&backend, 1), 2);
    ask(&baton);
    assert_eq!(backend.count(), 4);
}
