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

#[test]
fn a_backend_that_takes_no_token_is_asked_once_more_and_not_again() {
    let backend = Backend::start(|_| answer("401 Unauthorized", "", ""));
    let tokens = token_server(Duration::ZERO);
    let baton = Baton::start(&config(&backend.host(), &tokens.host()));
    let mut counts = Vec::new();
    for _ in 0..3 {
        assert_eq!(Client::connect(baton.address()).get("/a").status(), 500);
        counts.push((tokens.count(), backend.count()));
    }
    // A new token is not doubted; a kept one is, and its successor is not.
    assert_eq!(counts, [(1, 1), (2, 3), (3, 5)]);
}

#[test]
fn a_token_is_renewed_ten_seconds_before_its_end() {
    let lives = AtomicUsize::new(0);
    let tokens = Backend::start(move |_| {
        let seconds = [10, 11 + 3600][lives.fetch_add(1, Ordering::SeqCst).min(1)];
        let token = format!(r#"{{"access_token":"T","expires_in":{seconds}}}"#);
        answer("200 OK", "Content-Type: application/json\r\n", &token)
    });
    let backend = Backend::start(|_| ok("{}"));
    let baton = Baton::start(&config(&backend.host(), &tokens.host()));
    for asked in [1, 2, 2] {
        assert_eq!(Client::connect(baton.address()).get("/a").status(), 200);
        assert_eq!(tokens.count(), asked);
    }
}

#[test]
fn a_token_server_that_is_down_is_told_and_asked_again_by_the_next_request() {
    let is_up = std::sync::Arc::new(AtomicUsize::new(0));
    let up = std::sync::Arc::clone(&is_up);
    let tokens = Backend::start(move |_| match up.load(Ordering::SeqCst) {
        0 => vec![Step::Close],
        1 => answer("503 Service Unavailable", "", "later"),
        _ => answer(
            "200 OK",
            "Content-Type: application/json\r\n",
            r#"{"access_token":"T1","expires_in":3600}"#,
        ),
    });
    let backend = Backend::start(|_| ok("{}"));
    let baton = Baton::start(&config(&backend.host(), &tokens.host()));
    for (state, status, told) in [
        (0, 500, format!("Post \"{}\": EOF", tokens.host())),
        (1, 500, "oauth2: cannot fetch token: 503 Service Unavailable\nResponse: later".to_owned()),
        (2, 200, String::new()),
    ] {
        is_up.store(state, Ordering::SeqCst);
        let answer = Client::connect(baton.address()).get("/a");
        assert_eq!(answer.status(), status);
        assert!(answer.text().contains(&told), "{}", answer.text());
    }
    assert_eq!(backend.count(), 1, "nobody is asked without a token");
}

#[test]
fn keys_of_its_block_are_exact_and_null_is_no_value() {
    let (backend, tokens) = (Backend::start(|_| ok("{}")), token_server(Duration::ZERO));
    let mut config = config(&backend.host(), &tokens.host());
    let at = "/endpoints/0/backend/0/extra_config/auth~1client-credentials";
    let block = config.pointer_mut(at).unwrap();
    block.as_object_mut().unwrap().remove("client_id");
    block["Client_Id"] = json!("other");
    block["SCOPES"] = json!(["of", "any", "type"]);
    let baton = Baton::start(&config);
    assert_eq!(Client::connect(baton.address()).get("/a").status(), 200);
    let asked = tokens.last();
    assert_eq!(asked.fields.first("authorization"), Some("Basic OnNlY3JldA=="), "no id");
    assert_eq!(asked.text(), "grant_type=client_credentials&scope=");
    for (key, value) in [
        ("client_id", json!(null)),
        ("scopes", json!(["a"])),
        ("endpoint_params", json!({ "a": null })),
        ("endpoint_params", json!({ "a": ["b", null] })),
    ] {
        let mut config = config.clone();
        config.pointer_mut(at).unwrap()[key] = value;
        baton.write_config(&config);
        let refused = baton.try_reload(&[]).unwrap_err();
        assert!(refused.contains(&format!("auth~1client-credentials/{key}")), "{refused}");
    }
}

#[test]
fn a_token_server_may_lead_on_within_itself_and_credentials_go_to_nobody_else() {
    let elsewhere = Backend::start(|_| ok(r#"{"access_token":"stolen"}"#));
    let other = format!("Location: {}/token\r\n", elsewhere.host());
    let tokens = Backend::start(move |request| match request.word(1) {
        "/other" => answer("307 Temporary Redirect", &other, ""),
        "/post" => answer("307 Temporary Redirect", "Location: /token\r\n", ""),
        "/get" => answer("302 Found", "Location: token?a=1\r\n", ""),
        "/circle" => answer("302 Found", "Location: /circle\r\n", ""),
        _ => answer("200 OK", "Content-Type: application/json\r\n", r#"{"access_token":"T1"}"#),
    });
    let backend = Backend::start(|_| ok("{}"));
    for (path, status, sent) in [
        ("/post", 200, Some(("POST", "/token", "grant_type=client_credentials&scope="))),
        ("/get", 200, Some(("GET", "/token?a=1", ""))),
        ("/circle", 500, None),
        ("/other", 500, None),
    ] {
        let baton = Baton::start(&config(&backend.host(), &format!("{}{path}", tokens.host())));
        assert_eq!(Client::connect(baton.address()).get("/a").status(), status, "{path}");
        let Some((method, target, body)) = sent else { continue };
        let last = tokens.last();
        assert_eq!((last.word(0), last.word(1), last.text().as_str()), (method, target, body));
        assert_eq!(last.fields.first("authorization"), Some("Basic aWQ6c2VjcmV0"));
        assert_eq!(last.fields.first("content-type").is_some(), method == "POST");
    }
    assert_eq!((elsewhere.connections(), backend.count()), (0, 2));
}
