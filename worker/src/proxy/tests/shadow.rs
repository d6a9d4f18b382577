//! Shadow backends: they get the request, and nobody waits for them.

use std::rc::Rc;
use std::time::Duration;

use baton_shared::config::model::{GoDuration, ServiceConfig};
use baton_shared::config::node::Value;
use bytes::Bytes;
use http::StatusCode;
use tokio::join;

use crate::harness::{
    Backend, Conversation, ask, endpoint, get, on_a_thread, read, request, service, serving, set,
};
use crate::message::RequestBody;
use crate::plan::ThreadState;

const DONE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}";

/// `/a`, answered by the first backend; the others are shadows.
async fn with_shadows(shadows: usize) -> (Backend, Vec<Backend>, ServiceConfig) {
    let regular = Backend::start().await;
    let mut config = service(endpoint("json", &[regular.address]));
    let mut others = Vec::new();
    for _ in 0..shadows {
        let other = Backend::start().await;
        for endpoint in &mut config.endpoints {
            let mut backend = endpoint.backend[0].clone();
            backend.host = vec![format!("http://{}", other.address)];
            set(&mut backend.extra_config, "proxy", "shadow", Value::Bool(true));
            endpoint.backend.push(backend);
        }
        others.push(other);
    }
    (regular, others, config)
}

fn timeout(config: &mut ServiceConfig, backend: usize, text: &str) {
    let settings = &mut config.endpoints[0].backend[backend].extra_config;
    set(settings, "proxy", "shadow_timeout", Value::String(text.to_owned()));
}

async fn answered(thread: &Rc<ThreadState>, regular: &Backend) -> Conversation {
    let (response, peer) = join!(ask(thread, get()), async {
        let mut peer = regular.accept().await;
        peer.answer(DONE).await;
        peer
    });
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(read(response).await.unwrap(), "{\"a\":1}");
    peer
}

async fn ended(thread: &ThreadState) {
    while thread.background.running() > 0 {
        thread.background.ended.notified().await;
    }
}

#[test]
fn the_client_has_its_answer_while_the_shadow_still_runs_and_is_counted() {
    on_a_thread(async {
        let (regular, shadows, config) = with_shadows(1).await;
        let thread = serving(&config);
        answered(&thread, &regular).await;
        assert_eq!(thread.background.running(), 1);
        let mut shadow = shadows[0].accept().await;
        let seen = shadow.answer(DONE).await;
        assert!(seen.starts_with("GET /b HTTP/1.1\r\n"), "{seen}");
        assert!(seen.contains("X-Forwarded-For: 192.0.2.7\r\n"), "{seen}");
        ended(&thread).await;
        assert_eq!(thread.client.pool.idle(), 2, "both connections can be used again");
    });
}

#[test]
fn both_get_the_whole_body() {
    on_a_thread(async {
        let (regular, shadows, config) = with_shadows(1).await;
        let thread = serving(&config);
        let body = RequestBody::Held(Bytes::from_static(b"body"));
        let (response, _open) = join!(ask(&thread, request("POST", &[], body)), async {
            let (mut one, mut other) = join!(regular.accept(), shadows[0].accept());
            let end = "4\r\nbody\r\n0\r\n\r\n";
            for peer in [&mut one, &mut other] {
                assert!(peer.read_until(end).await.ends_with(end));
                peer.write(DONE).await;
            }
            (one, other)
        });
        assert_eq!(response.status, StatusCode::OK);
    });
}

#[test]
fn a_shadow_ends_at_its_own_timeout() {
    on_a_thread(async {
        let (regular, shadows, mut config) = with_shadows(1).await;
        config.endpoints[0].timeout = GoDuration::seconds(30);
        timeout(&mut config, 1, "50ms");
        let thread = serving(&config);
        let begun = tokio::time::Instant::now();
        answered(&thread, &regular).await;
        let mut shadow = shadows[0].accept().await;
        shadow.read().await;
        assert!(shadow.is_closed().await);
        ended(&thread).await;
        assert!(begun.elapsed() >= Duration::from_millis(50));
    });
}

#[test]
fn of_several_the_longest_timeout_counts_and_a_negative_one_calls_nobody() {
    on_a_thread(async {
        let (regular, shadows, mut config) = with_shadows(2).await;
        timeout(&mut config, 1, "1ns");
        timeout(&mut config, 2, "1s");
        let thread = serving(&config);
        answered(&thread, &regular).await;
        for shadow in &shadows {
            shadow.accept().await.answer(DONE).await;
        }
        ended(&thread).await;

        let (regular, _shadows, mut config) = with_shadows(1).await;
        timeout(&mut config, 1, "-1s");
        let thread = serving(&config);
        answered(&thread, &regular).await;
        ended(&thread).await;
        assert_eq!(thread.client.pool.idle(), 1, "the shadow was not called");
    });
}

#[test]
fn a_shadow_that_fails_changes_nothing() {
    on_a_thread(async {
        let (regular, shadows, config) = with_shadows(1).await;
        drop(shadows);
        let thread = serving(&config);
        answered(&thread, &regular).await;
        ended(&thread).await;
    });
}

#[test]
fn an_endpoint_of_shadows_alone_answers_500_and_says_nothing_of_itself() {
    on_a_thread(async {
        let (_regular, _shadows, mut config) = with_shadows(1).await;
        for endpoint in &mut config.endpoints {
            endpoint.backend.remove(0);
        }
        let thread = serving(&config);
        let notices = &thread.plan.notices;
        assert!(notices.iter().any(|notice| notice.text.contains("shadows")), "{notices:?}");
        let response = ask(&thread, get()).await;
        assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(response.lines.is_empty(), "{:?}", response.lines);
        assert_eq!(thread.background.running(), 0);
    });
}
