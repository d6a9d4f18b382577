//! Redirects followed: what the next host sees, and what it does not.

use baton_shared::config::model::ServiceConfig;
use baton_shared::config::node::Value;
use bytes::Bytes;
use http::StatusCode;
use tokio::join;

use crate::harness::{
    Backend, Conversation, ask, endpoint, on_a_thread, read, request, service, serving, set,
};
use crate::message::RequestBody;

const DONE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

fn everything(config: &mut ServiceConfig) {
    config.endpoints[0].input_headers = vec!["*".to_owned()];
    config.endpoints[0].backend[0].method = "POST".to_owned();
    set(&mut config.extra_config, "router", "return_error_msg", Value::Bool(true));
}

fn body() -> RequestBody {
    RequestBody::Held(Bytes::from_static(b"body"))
}

/// Two requests that the gateway makes of one; what the backends saw of the second.
async fn second(
    first: &Backend,
    other: &Backend,
    answer: &str,
    change: impl FnOnce(&mut ServiceConfig),
    body: RequestBody,
) -> String {
    let mut config = service(endpoint("json", &[first.address]));
    everything(&mut config);
    change(&mut config);
    let thread = serving(&config);
    let fields =
        [("Cookie", "a=b"), ("Content-Type", "a/b"), ("Authorization", "x"), ("X-Kept", "y")];
    let backends = async {
        let mut one = first.accept().await;
        one.answer(answer).await;
        let mut two = if other.address == first.address { one } else { other.accept().await };
        (two.answer(DONE).await, two)
    };
    let (response, (seen, _two)): (_, (String, Conversation)) =
        join!(ask(&thread, request("GET", &fields, body)), backends);
    assert_eq!(response.status, StatusCode::OK);
    seen
}

#[test]
fn a_post_becomes_a_get_without_body_on_the_same_connection() {
    on_a_thread(async {
        let backend = Backend::start().await;
        for status in [301, 302, 303] {
            let answer = redirect(status, "/end?x=1");
            let seen = second(&backend, &backend, &answer, |_| (), body()).await;
            assert!(seen.starts_with("GET /end?x=1 HTTP/1.1\r\n"), "{seen}");
            let referer = format!("Referer: http://{}/b\r\n", backend.address);
            assert!(seen.contains(&referer) && seen.contains("Cookie: a=b\r\n"), "{seen}");
            for gone in ["Content-Type", "Content-Length", "Transfer-Encoding"] {
                assert!(!seen.contains(gone), "{gone} in {seen}");
            }
        }
    });
}

#[test]
fn secrets_do_not_go_to_another_host() {
    on_a_thread(async {
        let (first, other) = (Backend::start().await, Backend::start().await);
        let elsewhere = redirect(302, &format!("http://localhost:{}/x", other.address.port()));
        let seen = second(&first, &other, &elsewhere, |_| (), RequestBody::Empty).await;
        assert!(seen.contains(&format!("Host: localhost:{}\r\n", other.address.port())), "{seen}");
        assert!(seen.contains("X-Kept: y\r\n"), "{seen}");
        assert!(!seen.contains("Cookie") && !seen.contains("Authorization"), "{seen}");
        let other_port = redirect(302, &format!("http://{}/x", other.address));
        let seen = second(&first, &other, &other_port, |_| (), RequestBody::Empty).await;
        assert!(seen.contains("Cookie: a=b") && seen.contains("Authorization: x"), "{seen}");
    });
}

#[test]
fn a_body_is_sent_once_more_only_where_it_is_held_for_that() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let held = |config: &mut ServiceConfig| {
            let settings = &mut config.endpoints[0].backend[0].extra_config;
            set(settings, "backend/http/client", "send_body_on_redirect", Value::Bool(true));
        };
        let seen = second(&backend, &backend, &redirect(307, "/end"), held, body()).await;
        assert!(seen.starts_with("POST /end HTTP/1.1\r\n"), "{seen}");
        assert!(
            seen.contains("Content-Length: 4\r\n") && seen.contains("Content-Type: a/b"),
            "{seen}"
        );

        let mut config = service(endpoint("json", &[backend.address]));
        everything(&mut config);
        let thread = serving(&config);
        let answer = redirect(308, "/end");
        let (response, _) = join!(ask(&thread, request("GET", &[], body())), async {
            let mut only = backend.accept().await;
            only.answer(&answer).await;
            only
        });
        let text = format!("invalid status code 308 [POST /b]: http://{}/b", backend.address);
        assert_eq!(read(response).await.unwrap(), text);
    });
}

#[test]
fn with_no_redirect_the_redirect_is_the_answer() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = service(endpoint("no-op", &[backend.address]));
        let settings = &mut config.endpoints[0].backend[0].extra_config;
        set(settings, "backend/http/client", "no_redirect", Value::Bool(true));
        let thread = serving(&config);
        let answer = redirect(302, "/elsewhere");
        let (response, _) = join!(ask(&thread, crate::harness::get()), async {
            let mut only = backend.accept().await;
            only.answer(&answer).await;
            only
        });
        assert_eq!(response.status.as_u16(), 302);
        assert_eq!(response.headers["location"], "/elsewhere");
    });
}

#[test]
fn ten_requests_are_enough_for_one() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = service(endpoint("no-op", &[backend.address]));
        set(&mut config.extra_config, "router", "return_error_msg", Value::Bool(true));
        let thread = serving(&config);
        let circle = redirect(302, "/b");
        let (response, mut peer) = join!(ask(&thread, crate::harness::get()), async {
            let mut only = backend.accept().await;
            for _ in 0..10 {
                only.answer(&circle).await;
            }
            only
        });
        assert_eq!(read(response).await.unwrap(), "Get \"/b\": stopped after 10 redirects");
        drop(thread);
        assert!(peer.is_closed().await, "an eleventh request was sent");
    });
}
