//! `auth/client-credentials`: tokens that the gateway fetches for its backends.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use baton_tests::Baton;
use baton_tests::backend::{Backend, Step, answer, ok};
use baton_tests::client::Client;
use serde_json::{Value, json};

/// Tokens T1, T2 … each after a moment.
fn token_server(wait: Duration) -> Backend {
    let count = AtomicUsize::new(0);
    Backend::start(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let token =
            format!(r#"{{"access_token":"T{number}","token_type":"bearer","expires_in":3600}}"#);
        [vec![Step::Wait(wait)], answer("200 OK", "Content-Type: application/json\r\n", &token)]
            .concat()
    })
}

fn config(backend: &str, token_url: &str) -> Value {
    let credentials =
        json!({ "client_id": "id", "client_secret": "secret", "token_url": token_url });
    json!({
        "timeout": "1s",
        "extra_config": { "router": { "return_error_msg": true } },
        "endpoints": [{
            "endpoint": "/a",
            "backend": [{ "url_pattern": "/b", "host": [backend],
                          "extra_config": { "auth/client-credentials": credentials } }]
        }]
    })
}

#[test]
fn many_who_need_a_token_wait_for_one_fetch() {
    let (backend, tokens) =
        (Backend::start(|_| ok("{}")), token_server(Duration::from_millis(200)));
    let baton = Baton::start(&config(&backend.host(), &tokens.host()));
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert_eq!(Client::connect(baton.address()).get("/a").status(), 200));
        }
    });
    assert_eq!((tokens.count(), backend.count()), (1, 20));
}

#[test]
fn a_backend_that_forgot_the_token_gets_another_once() {
    // Each token is good for one request.
    let used = std::sync::Mutex::new(BTreeSet::new());
    let backend = Backend::start(move |request| {
        let token = request.fields.first("authorization").unwrap_or_default().to_owned();
        if used.lock().unwrap().insert(token) {
            ok("{}")
        } else {
            answer("401 Unauthorized", "", "")
        }
    });
    let tokens = token_server(Duration::ZERO);
    let baton = Baton::start(&config(&backend.host(), &tokens.host()));
    for _ in 0..3 {
        assert_eq!(Client::connect(baton.address()).get("/a").status(), 200);
    }
    assert_eq!((tokens.count(), backend.count()), (3, 5));
}

#[test]
fn a_token_server_that_hangs_holds_nobody_beyond_the_timeout() {
    let (backend, tokens) = (Backend::start(|_| ok("{}")), Backend::start(|_| vec![Step::Stall]));
    let baton = Baton::start(&config(&backend.host(), &tokens.host()));
    let begun = Instant::now();
    let answer = Client::connect(baton.address()).get("/a");
    assert_eq!((answer.status(), answer.text().as_str()), (500, "context deadline exceeded"));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn the_token_does_not_follow_a_redirect_to_another_host() {
    let elsewhere = Backend::start(|_| ok("{}"));
    let location = format!("Location: {}/x\r\n", elsewhere.host());
    let backend = Backend::start(move |_| answer("302 Found", &location, ""));
    let tokens = token_server(Duration::ZERO);
    let baton = Baton::start(&config(&backend.host(), &tokens.host()));
    assert_eq!(Client::connect(baton.address()).get("/a").status(), 200);
    assert_eq!(backend.last().fields.first("authorization"), Some("Bearer T1"));
    assert_eq!(elsewhere.last().fields.first("authorization"), None);
}

#[test]
fn a_token_serves_on_after_a_reload_while_its_server_is_down() {
    let (backend, count) = (Backend::start(|_| ok("{}")), AtomicUsize::new(0));
    let tokens = Backend::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => {
            let token = r#"{"access_token":"T1","expires_in":3600}"#;
            answer("200 OK", "Content-Type: application/json\r\n", token)
        },
        _ => vec![Step::Stall],
    });
    let mut config = config(&backend.host(), &tokens.host());
    let baton = Baton::start(&config);
    assert_eq!(Client::connect(baton.address()).get("/a").status(), 200);
    config["timeout"] = json!("2s");
    assert_eq!(baton.reload_with(&config)["outcome"]["result"], "committed");
    assert_eq!(Client::connect(baton.address()).get("/a").status(), 200);
    assert_eq!(backend.last().fields.first("authorization"), Some("Bearer T1"));
    assert_eq!((tokens.count(), backend.count()), (1, 2));
}
