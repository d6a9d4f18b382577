//! `backend/graphql` where Baton is not KrakenD, and what is read from files.

use baton_tests::Baton;
use baton_tests::backend::{Backend, ok};
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use baton_tests::until::PATIENCE;
use serde_json::{Value, json};

fn config(backend: &Backend, settings: &Value) -> Value {
    let endpoint = |path: &str, method: &str| {
        json!({
            "endpoint": path, "method": method, "input_query_strings": ["keep"],
            "backend": [{
                "url_pattern": "/g?own=1", "host": [backend.host()],
                "extra_config": { "backend/graphql": settings }
            }]
        })
    };
    json!({
        "endpoints": [endpoint("/q/{id}", "GET"), endpoint("/m", "POST")],
        "extra_config": { "router": { "return_error_msg": true } }
    })
}

fn ask(baton: &Baton, request: &str) -> (u16, String) {
    let answer = Client::connect(baton.address()).send(request).answer();
    (answer.status(), answer.text())
}

#[test]
fn a_query_over_get_is_sent_in_the_url_among_the_other_parameters() {
    let backend = Backend::start(|_| ok("{}"));
    let settings = json!({
        "type": "query", "method": "get", "query": "{ a(id: $id) }", "operationName": "op",
        "variables": { "id": "{id}", "n": 1 }
    });
    let baton = Baton::start(&config(&backend, &settings));
    assert_eq!(ask(&baton, "GET /q/7%20a?keep=2&drop=3 HTTP/1.1\r\nHost: gw.test\r\n\r\n").0, 200);
    let seen = backend.last();
    assert_eq!(
        format!("{} {}", seen.word(0), seen.word(1)),
        "GET /g?own=1&keep=2&operationName=op&query=%7B+a%28id%3A+%24id%29+%7D\
         &variables=%7B%22id%22%3A%227+a%22%2C%22n%22%3A1%7D"
    );
    assert_eq!(seen.fields.first("content-type"), Some("application/json"));
    assert!(seen.body.is_empty());
}

#[test]
fn a_mutation_over_get_takes_its_variables_from_the_body() {
    let backend = Backend::start(|_| ok("{}"));
    let settings = json!({
        "type": "mutation", "method": "GET", "query": "m", "variables": { "z": "{id}", "a": 1 }
    });
    let baton = Baton::start(&config(&backend, &settings));
    let request = "POST /m HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 9\r\n\r\n{\"a\":[2]}";
    assert_eq!(ask(&baton, request).0, 200);
    let seen = backend.last();
    assert_eq!(
        format!("{} {}", seen.word(0), seen.word(1)),
        "GET /g?own=1&query=m&variables=%7B%22a%22%3A%5B2%5D%2C%22z%22%3A%22%7Bid%7D%22%7D"
    );
    let empty = "POST /m HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(ask(&baton, empty), (500, "unexpected end of JSON input".to_owned()));
    assert_eq!(backend.count(), 1);
}

#[test]
fn a_mutation_of_nothing_has_the_configured_variables() {
    let backend = Backend::start(|_| ok("{}"));
    let settings = json!({ "type": "mutation", "query": "m", "variables": { "a": 1 } });
    let baton = Baton::start(&config(&backend, &settings));
    let request = "POST /m HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 4\r\n\r\nnull";
    assert_eq!(ask(&baton, request).0, 200);
    let sent = String::from_utf8(backend.last().body).unwrap();
    assert_eq!(sent, r#"{"query":"m","variables":{"a":1}}"#);
}

#[test]
fn a_query_may_stand_in_a_file_and_without_it_the_backend_is_a_plain_one() {
    let backend = Backend::start(|_| ok("{}"));
    let settings = json!({ "type": "query", "query_path": "query.graphql" });
    let starter = Starter::new(&config(&backend, &settings));
    std::fs::write(starter.folder().join("query.graphql"), "{ \"a\" }").unwrap();
    let baton = starter.start();
    assert_eq!(ask(&baton, "GET /q/7 HTTP/1.1\r\nHost: gw.test\r\n\r\n").0, 200);
    let seen = backend.last();
    assert_eq!(seen.word(0), "POST");
    assert_eq!(String::from_utf8_lossy(&seen.body), r#"{"query":"{ \"a\" }"}"#);
    let baton = Baton::start(&config(&backend, &settings));
    assert_eq!(ask(&baton, "GET /q/7 HTTP/1.1\r\nHost: gw.test\r\n\r\n").0, 200);
    assert_eq!(backend.last().word(0), "GET");
    assert!(
        baton.log().contains("open query.graphql: no such file or directory"),
        "{}",
        baton.log()
    );
}

#[test]
fn an_empty_variable_refuses_the_file() {
    let backend = Backend::start(|_| ok("{}"));
    let settings = json!({ "type": "query", "query": "q", "variables": { "a": "" } });
    let mut baton = Starter::new(&config(&backend, &settings)).spawn();
    assert_eq!(baton.wait_end(PATIENCE).code(), Some(255));
    let log = baton.log();
    assert!(log.contains("the variable `a` of `backend/graphql` is empty"), "{log}");
}
