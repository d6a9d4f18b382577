//! What a client gets of a backend that fails.

use baton_tests::Baton;
use baton_tests::backend::{Backend, answer, raw_then_close};
use baton_tests::client::Client;
use baton_tests::http::Message;
use serde_json::{Value, json};

/// `/a` before a backend that answers with this status and these fields, without a body.
fn ask(status: &'static str, fields: &'static str, backend: &Value, output: &str) -> Message {
    let behind = Backend::start(move |_| answer(status, fields, ""));
    let mut backend = backend.clone();
    backend["url_pattern"] = json!("/b");
    backend["host"] = json!([behind.host()]);
    let baton = Baton::start(&json!({
        "endpoints": [{ "endpoint": "/a", "output_encoding": output, "backend": [backend] }],
        "extra_config": { "router": { "return_error_msg": true } }
    }));
    Client::connect(baton.address()).get("/a")
}

#[test]
fn the_method_is_told_as_it_is_written_and_sent_in_capitals() {
    let told = ask("404 Not Found", "", &json!({ "method": "put" }), "json").text();
    assert!(told.starts_with("invalid status code 404 [put /b]: http://"), "{told}");
}

#[test]
fn a_code_that_passes_without_a_body_has_no_type_unless_the_backend_says_one() {
    let passes = json!({ "extra_config": { "backend/http": { "return_error_code": true } } });
    for (status, code) in [("404 Not Found", 404), ("302 Found", 302)] {
        let answer = ask(status, "", &passes, "json");
        assert_eq!((answer.status(), answer.fields.first("content-type")), (code, None));
    }
    let answer = ask("404 Not Found", "Content-Type: a/b\r\n", &passes, "json");
    assert_eq!(answer.fields.first("content-type"), Some("a/b"));
}

#[test]
fn a_304_has_no_type_as_with_gos_server() {
    let fields = "Content-Type: text/plain\r\nETag: \"e\"\r\n";
    let answer = ask("304 Not Modified", fields, &json!({}), "no-op");
    assert_eq!((answer.status(), answer.fields.first("content-type")), (304, None));
    assert_eq!(answer.fields.first("etag"), Some("\"e\""));
}

#[test]
fn an_answer_that_breaks_off_behind_its_first_json_value_is_no_whole_one() {
    for (head, body) in
        [("Content-Length: 9", "{\"a\":1}"), ("Transfer-Encoding: chunked", "7\r\n{\"a\":1}\r\n")]
    {
        let cut: String = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}");
        let behind = Backend::start(move |_| raw_then_close(cut.clone()));
        let baton = Baton::start(&json!({
            "endpoints": [{ "endpoint": "/a", "backend": [{ "url_pattern": "/b", "host": [behind.host()] }] }],
            "extra_config": { "router": { "return_error_msg": true } }
        }));
        let told = Client::connect(baton.address()).get("/a");
        assert_eq!((told.status(), told.text().as_str()), (500, "unexpected EOF"), "{head}");
    }
}
