//! One backend, decoded: statuses, `X-Krakend-Completed`, errors told and not told.

use std::time::Duration;

use baton_shared::config::model::{EndpointConfig, GoDuration, ServiceConfig};
use baton_shared::config::node::Value;
use http::StatusCode;
use tokio::join;

use crate::harness::{Backend, ask, endpoint, get, on_a_thread, read, service, serving, set};

const COMPLETE: &str = "Content-Type: application/json; charset=utf-8\r\n\
                        X-Krakend: Version 2.13.8\r\nX-Krakend-Completed: true\r\n";
const PARTIAL: &str = "Content-Type: application/json; charset=utf-8\r\n\
                       X-Krakend: Version 2.13.8\r\nX-Krakend-Completed: false\r\n";
const EMPTY: &str = "X-Krakend: Version 2.13.8\r\nX-Krakend-Completed: false\r\n";
const TOLD: &str = "Content-Type: text/plain; charset=utf-8\r\n\
                    X-Krakend: Version 2.13.8\r\nX-Krakend-Completed: false\r\n";

fn answer(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Asks once; the backend gives `answer`.
async fn asked(
    change: impl FnOnce(&mut ServiceConfig),
    answer: &str,
) -> (StatusCode, String, String, String) {
    let backend = Backend::start().await;
    let mut config = service(endpoint("json", &[backend.address]));
    change(&mut config);
    let thread = serving(&config);
    let mut peer = None;
    // A backend that answers nothing closes; others stay.
    let (response, ()) = join!(ask(&thread, get()), async {
        let mut only = backend.accept().await;
        only.answer(answer).await;
        peer = (!answer.is_empty()).then_some(only);
    });
    let lines = String::from_utf8(response.lines.to_vec()).unwrap();
    let content_type = response.headers.get("content-type");
    let content_type = content_type.map_or("", |value| value.to_str().unwrap()).to_owned();
    let status = response.status;
    let body = String::from_utf8(read(response).await.unwrap().to_vec()).unwrap();
    let port = backend.address.to_string();
    (status, lines, content_type, body.replace(&port, "HOST"))
}

async fn check(
    change: impl FnOnce(&mut ServiceConfig),
    answer: &str,
    expected: (u16, &str, &str, &str),
) {
    let (status, lines, content_type, body) = asked(change, answer).await;
    let got = (status.as_u16(), &*lines, &*content_type, &*body);
    assert_eq!(got, expected, "for {answer:?}");
}

fn backend_setting(config: &mut ServiceConfig, key: &str, value: Value) {
    set(&mut config.endpoints[0].backend[0].extra_config, "backend/http", key, value);
}

fn told(config: &mut ServiceConfig) {
    set(&mut config.extra_config, "router", "return_error_msg", Value::Bool(true));
}

const JSON: &str = "application/json";

#[test]
fn only_200_and_201_are_answers_and_both_become_200() {
    on_a_thread(async {
        check(
            |_| (),
            &answer("200 OK", JSON, "{\"b\": 1, \"a\": 2}"),
            (200, COMPLETE, "", "{\"a\":2,\"b\":1}"),
        )
        .await;
        check(|_| (), &answer("201 Created", JSON, "{\"a\":1}"), (200, COMPLETE, "", "{\"a\":1}"))
            .await;
        for status in ["202 A", "204 B", "206 C", "304 D", "404 E", "503 F"] {
            let answer = answer(status, JSON, if status.starts_with("20") { "" } else { "x" });
            check(|_| (), &answer, (500, EMPTY, "", "")).await;
        }
    });
}

#[test]
fn what_is_empty_or_null_is_not_complete() {
    on_a_thread(async {
        check(|_| (), &answer("200 OK", JSON, "{}"), (200, PARTIAL, "", "{}")).await;
        check(|_| (), &answer("200 OK", JSON, "null"), (200, PARTIAL, "", "null")).await;
    });
}

#[test]
fn complete_data_is_cached_for_whole_seconds() {
    on_a_thread(async {
        let cached = |config: &mut ServiceConfig| {
            config.endpoints[0].cache_ttl = GoDuration(1_500_000_000);
        };
        let lines = format!("Cache-Control: public, max-age=1\r\n{COMPLETE}");
        check(cached, &answer("200 OK", JSON, "{\"a\":1}"), (200, &lines, "", "{\"a\":1}")).await;
        check(cached, &answer("200 OK", JSON, "{}"), (200, PARTIAL, "", "{}")).await;
        // KrakenD looks whether it is zero.
        let negative = |config: &mut ServiceConfig| {
            config.endpoints[0].cache_ttl = GoDuration(-1_500_000_000);
        };
        let lines = format!("Cache-Control: public, max-age=-1\r\n{COMPLETE}");
        check(negative, &answer("200 OK", JSON, "{\"a\":1}"), (200, &lines, "", "{\"a\":1}")).await;
    });
}

#[test]
fn why_it_failed_is_told_only_where_it_is_asked_for() {
    on_a_thread(async {
        let bad = answer("404 Not Found", JSON, "{}");
        let text = "invalid status code 404 [GET /b]: http://HOST/b";
        check(told, &bad, (500, TOLD, "", text)).await;
        check(|_| (), &bad, (500, EMPTY, "", "")).await;
        check(told, &answer("200 OK", JSON, ""), (500, TOLD, "", "EOF")).await;
        check(told, "", (500, TOLD, "", "Get \"http://HOST/b\": EOF")).await;
    });
}

#[test]
fn return_error_code_passes_the_status_and_the_body_only_where_errors_are_told() {
    on_a_thread(async {
        let code = |config: &mut ServiceConfig| {
            backend_setting(config, "return_error_code", Value::Bool(true));
        };
        let bad = answer("418 Teapot", "a/b", "short and stout");
        check(code, &bad, (418, EMPTY, "", "")).await;
        let both = |config: &mut ServiceConfig| {
            code(config);
            told(config);
        };
        check(both, &bad, (418, EMPTY, "a/b", "short and stout")).await;
        let untyped = "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\n<p>";
        check(both, untyped, (404, EMPTY, "text/html; charset=utf-8", "<p>")).await;
    });
}

#[test]
fn return_error_details_is_a_200_and_beats_the_code() {
    on_a_thread(async {
        let details = |config: &mut ServiceConfig| {
            backend_setting(config, "return_error_code", Value::Bool(true));
            let name = Value::String("be".to_owned());
            backend_setting(config, "return_error_details", name);
            config.endpoints[0].backend[0].group = "unused".to_owned();
        };
        let body = "{\"error_be\":{\"http_status_code\":404,\"http_body\":\"no\",\
                    \"http_body_encoding\":\"text/plain\"}}";
        check(details, &answer("404 X", "text/plain", "no"), (200, PARTIAL, "", body)).await;
    });
}

#[test]
fn return_error_details_that_are_no_name_disable_the_code_too() {
    on_a_thread(async {
        for details in [Value::String(String::new()), Value::Number("5".to_owned()), Value::Null] {
            let neither = |config: &mut ServiceConfig| {
                backend_setting(config, "return_error_code", Value::Bool(true));
                backend_setting(config, "return_error_details", details);
            };
            check(neither, &answer("404 X", "text/plain", "no"), (500, EMPTY, "", "")).await;
        }
    });
}

#[test]
fn a_negative_timeout_is_over_before_a_call_is_made() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = service(endpoint("json", &[backend.address]));
        config.endpoints[0].timeout = GoDuration(-1);
        told(&mut config);
        for concurrent_calls in [1, 3] {
            config.endpoints[0].concurrent_calls = concurrent_calls;
            let response = ask(&serving(&config), get()).await;
            assert_eq!(read(response).await.unwrap(), "context deadline exceeded");
        }
        let called = tokio::time::timeout(Duration::ZERO, backend.accept()).await;
        assert!(called.is_err(), "the backend was called");
    });
}

#[test]
fn a_backend_without_hosts_fails_each_request_and_says_so() {
    on_a_thread(async {
        let mut config = service(EndpointConfig { ..endpoint("json", &[]) });
        told(&mut config);
        let response = ask(&serving(&config), get()).await;
        assert_eq!(read(response).await.unwrap(), "no hosts available");
    });
}

#[test]
fn a_host_that_cannot_be_called_fails_its_requests_and_is_told_at_start() {
    on_a_thread(async {
        let mut config = service(endpoint("json", &[]));
        config.endpoints[0].backend[0].host = vec!["ftp://x".to_owned()];
        told(&mut config);
        let thread = serving(&config);
        let mut pointers = thread.plan.notices.iter().map(|notice| notice.pointer.as_str());
        assert!(pointers.any(|pointer| pointer == "/endpoints/0/backend/0/host/0"));
        let response = ask(&thread, get()).await;
        let text = "Get \"ftp://x/b\": unsupported protocol scheme \"ftp\"";
        assert_eq!(read(response).await.unwrap(), text);
    });
}
