//! Several backends: who is asked, what is merged, what a failure means.

use std::net::SocketAddr;
use std::rc::Rc;

use baton_shared::config::model::{GoDuration, ServiceConfig};
use baton_shared::config::node::Value;
use bytes::Bytes;
use http::StatusCode;
use tokio::join;

use crate::harness::{
    Backend, Conversation, ask, endpoint, get, on_a_thread, read, request, service, serving, set,
};
use crate::message::{RequestBody, Response};
use crate::plan::ThreadState;

pub(super) fn json(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(super) const BAD: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno";

/// `/a`, answered by `/b0`, `/b1` … of these hosts; errors are told.
pub(super) fn config(hosts: &[SocketAddr]) -> ServiceConfig {
    let mut endpoint = endpoint("json", hosts);
    let one = endpoint.backend.remove(0);
    for (index, host) in hosts.iter().enumerate() {
        let mut backend = one.clone();
        backend.url_pattern = format!("/b{index}");
        backend.host = vec![format!("http://{host}")];
        endpoint.backend.push(backend);
    }
    let mut config = service(endpoint);
    set(&mut config.extra_config, "router", "return_error_msg", Value::Bool(true));
    config
}

fn sequential(config: &mut ServiceConfig) {
    let settings = &mut config.endpoints[0].extra_config;
    set(settings, "proxy", "sequential", Value::Bool(true));
}

/// The next request of each, in the order of their backends; nobody has an answer yet.
async fn both(one: &Backend, other: &Backend) -> (Conversation, Conversation) {
    let (mut one, mut other) = join!(one.accept(), other.accept());
    join!(one.read(), other.read());
    (one, other)
}

pub(super) async fn text(response: Response) -> String {
    String::from_utf8(read(response).await.unwrap().to_vec()).unwrap()
}

pub(super) fn is_complete(response: &Response) -> bool {
    String::from_utf8_lossy(&response.lines).contains("X-Krakend-Completed: true")
}

pub(super) async fn two() -> (Backend, Backend, ServiceConfig) {
    let (one, other) = (Backend::start().await, Backend::start().await);
    let config = config(&[one.address, other.address]);
    (one, other, config)
}

/// Asks, and has both backends answer at once, the second first.
pub(super) async fn asked(
    config: &ServiceConfig,
    backends: (&Backend, &Backend),
    say: [&str; 2],
) -> Response {
    let thread = serving(config);
    let (response, _open) = join!(ask(&thread, get()), async {
        let (mut one, mut other) = both(backends.0, backends.1).await;
        other.write(say[1]).await;
        one.write(say[0]).await;
        (one, other)
    });
    response
}

#[test]
fn both_are_asked_at_once_and_the_later_answer_lies_over_the_earlier() {
    on_a_thread(async {
        let (one, other, config) = two().await;
        let thread = serving(&config);
        let (response, _open) = join!(ask(&thread, get()), async {
            let (mut one, mut other) = both(&one, &other).await;
            other.write(json(r#"{"x":{"o":1},"b":2}"#)).await;
            arrived(&thread).await;
            one.write(json(r#"{"x":{"p":1},"a":1}"#)).await;
            (one, other)
        });
        assert!(is_complete(&response));
        assert_eq!(text(response).await, r#"{"a":1,"b":2,"x":{"p":1}}"#);
        assert_eq!(thread.client.pool.idle(), 2);
    });
}

/// Waits until the first answer was read to its end: its connection is idle again.
async fn arrived(thread: &Rc<ThreadState>) {
    while thread.client.pool.idle() == 0 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn one_failure_makes_it_incomplete_and_without_cache_control() {
    on_a_thread(async {
        let (one, other, mut config) = two().await;
        config.endpoints[0].cache_ttl = GoDuration::seconds(60);
        let good = json(r#"{"a":1}"#);
        let response = asked(&config, (&one, &other), [BAD, &good]).await;
        assert_eq!(response.status, StatusCode::OK);
        let lines = String::from_utf8_lossy(&response.lines).into_owned();
        assert!(lines.contains("X-Krakend-Completed: false"), "{lines}");
        assert!(!lines.contains("Cache-Control"), "{lines}");
        assert_eq!(text(response).await, r#"{"a":1}"#);
        let response = asked(&config, (&one, &other), [&good, &good]).await;
        assert!(String::from_utf8_lossy(&response.lines).contains("max-age=60"));
    });
}

#[test]
fn when_all_fail_the_client_is_told_of_each() {
    on_a_thread(async {
        let (one, other, config) = two().await;
        let response = asked(&config, (&one, &other), [BAD, BAD]).await;
        assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
        let told = text(response).await;
        let line = |index: usize, address| {
            format!("invalid status code 404 [GET /b{index}]: http://{address}/b{index}")
        };
        let mut lines: Vec<&str> = told.split('\n').collect();
        lines.sort_unstable();
        assert_eq!(lines, [line(0, one.address), line(1, other.address)]);
    });
}

#[test]
fn null_adds_nothing_and_two_of_them_are_an_empty_object() {
    on_a_thread(async {
        let (one, other, config) = two().await;
        for (say, expected, complete) in [
            (["null", r#"{"a":1}"#], r#"{"a":1}"#, false),
            (["{}", r#"{"a":1}"#], r#"{"a":1}"#, true),
            (["null", "null"], "{}", false),
            (["{}", "{}"], "{}", false),
        ] {
            let say = say.map(json);
            let response = asked(&config, (&one, &other), [&say[0], &say[1]]).await;
            assert_eq!(is_complete(&response), complete, "{say:?}");
            assert_eq!(text(response).await, expected, "{say:?}");
        }
        let response = asked(&config, (&one, &other), [&json("null"), BAD]).await;
        assert_eq!(text(response).await, "null", "nothing was merged");
    });
}

#[test]
fn what_is_late_at_85_percent_of_the_timeout_is_missing() {
    on_a_thread(async {
        let (one, other, mut config) = two().await;
        config.endpoints[0].timeout = GoDuration(100_000_000);
        let thread = serving(&config);
        let begun = tokio::time::Instant::now();
        let (response, ()) = join!(ask(&thread, get()), async {
            let (mut one, mut late) = both(&one, &other).await;
            one.write(json(r#"{"a":1}"#)).await;
            assert!(late.is_closed().await);
            let took = begun.elapsed().as_millis();
            assert!((80..100).contains(&took), "{took} ms");
        });
        assert!(!is_complete(&response));
        assert_eq!(text(response).await, r#"{"a":1}"#);
        let (response, ()) = join!(ask(&thread, get()), async {
            let mut late = other.accept().await;
            late.read().await;
            assert!(late.is_closed().await);
        });
        assert_eq!(text(response).await, "context deadline exceeded\ncontext deadline exceeded");
    });
}

#[test]
fn every_backend_gets_the_whole_body_whatever_its_method() {
    on_a_thread(async {
        for methods in [["GET", "GET"], ["GET", "POST"]] {
            let (one, other, mut config) = two().await;
            for (backend, method) in config.endpoints[0].backend.iter_mut().zip(methods) {
                backend.method = method.to_owned();
            }
            let thread = serving(&config);
            let body = RequestBody::Held(Bytes::from_static(b"body"));
            let (response, _open) = join!(ask(&thread, request("GET", &[], body)), async {
                let (mut one, mut other) = join!(one.accept(), other.accept());
                let end = "4\r\nbody\r\n0\r\n\r\n";
                let (first, second) = join!(one.read_until(end), other.read_until(end));
                for (seen, method) in [(first, methods[0]), (second, methods[1])] {
                    assert!(seen.starts_with(method), "{seen}");
                    assert!(seen.contains("Transfer-Encoding: chunked\r\n"), "{seen}");
                    assert!(seen.ends_with(end), "{seen}");
                }
                one.write(json("{}")).await;
                other.write(json("{}")).await;
                (one, other)
            });
            assert_eq!(response.status, StatusCode::OK);
        }
    });
}

#[test]
fn a_body_that_does_not_come_in_time_is_a_failure() {
    on_a_thread(async {
        let (_one, _other, mut config) = two().await;
        config.endpoints[0].timeout = GoDuration(50_000_000);
        let (body, _client) = crate::harness::upload().await;
        let response = ask(&serving(&config), request("GET", &[], body)).await;
        assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(text(response).await, "context deadline exceeded");
    });
}

#[test]
fn a_chain_is_called_with_fields_of_earlier_answers_and_stops_at_a_failure() {
    on_a_thread(async {
        let (one, other, mut config) = two().await;
        sequential(&mut config);
        let again = config.endpoints[0].backend[0].clone();
        config.endpoints[0].backend.push(again);
        config.endpoints[0].backend[1].url_pattern = "/n/{resp0_id}/{resp1_id}".to_owned();
        config.endpoints[0].backend[2].url_pattern = "/l/{resp0_id}/{resp1_x}?{resp0_y}".to_owned();
        let thread = serving(&config);
        let (response, ()) = join!(ask(&thread, get()), async {
            let mut first = one.accept().await;
            first.answer(json(r#"{"id":7,"y":"old"}"#)).await;
            let mut second = other.accept().await;
            let seen = second.answer(json(r#"{"id":8,"x":[1,"b"],"y":"new"}"#)).await;
            // What stands of a later or the same answer stays as it is.
            assert!(seen.starts_with("GET /n/7/%7B%7B.Resp1_id%7D%7D HTTP"), "{seen}");
            // The first answer is what others are merged into; what was found before stays.
            let seen = first.answer(BAD).await;
            assert!(seen.starts_with("GET /l/7/1,b?new HTTP"), "{seen}");
        });
        assert!(!is_complete(&response));
        assert_eq!(text(response).await, r#"{"id":8,"x":[1,"b"],"y":"new"}"#);
    });
}

#[test]
fn the_first_failure_of_a_chain_is_the_endpoints_own() {
    on_a_thread(async {
        let (one, other, mut config) = two().await;
        sequential(&mut config);
        let settings = &mut config.endpoints[0].backend[0].extra_config;
        set(settings, "backend/http", "return_error_code", Value::Bool(true));
        let thread = serving(&config);
        let (response, ()) = join!(ask(&thread, get()), async {
            let mut only = one.accept().await;
            only.answer(BAD).await;
        });
        assert_eq!(response.status, StatusCode::NOT_FOUND);
        assert_eq!(text(response).await, "no");
        drop(other);
    });
}

#[test]
fn a_dot_segment_calls_nobody() {
    on_a_thread(async {
        let (one, other, mut config) = two().await;
        for endpoint in &mut config.endpoints {
            (endpoint.endpoint, endpoint.route) = ("/{a}".to_owned(), "/:a".to_owned());
            endpoint.backend[1].url_pattern = "/{a}.".to_owned();
        }
        let thread = serving(&config);
        let mut dotted = request("GET", &[], RequestBody::Empty);
        dotted.head = crate::harness::head("GET", "/.", &[]);
        let response = ask(&thread, dotted).await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST);
        drop((one, other));
    });
}

#[test]
fn the_first_complete_answer_of_concurrent_calls_wins() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = service(endpoint("json", &[backend.address]));
        config.endpoints[0].concurrent_calls = 3;
        let thread = serving(&config);
        let (response, ()) = join!(ask(&thread, get()), async {
            let mut calls =
                [backend.accept().await, backend.accept().await, backend.accept().await];
            for call in &mut calls {
                call.read().await;
            }
            let [bad, good, slow] = &mut calls;
            bad.write(BAD).await;
            good.write(json(r#"{"a":1}"#)).await;
            assert!(slow.is_closed().await, "the others are ended");
        });
        assert!(is_complete(&response));
        assert_eq!(text(response).await, r#"{"a":1}"#);
    });
}

#[test]
fn concurrent_calls_that_all_fail_are_one_failure() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = config(&[backend.address]);
        config.endpoints[0].concurrent_calls = 2;
        let thread = serving(&config);
        let (response, _open) = join!(ask(&thread, get()), async {
            let mut calls = [backend.accept().await, backend.accept().await];
            for call in &mut calls {
                call.answer(BAD).await;
            }
            calls
        });
        let line = format!("invalid status code 404 [GET /b0]: http://{}/b0", backend.address);
        assert_eq!(text(response).await, line);
    });
}
