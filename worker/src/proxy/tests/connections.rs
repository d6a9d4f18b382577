//! Connections kept and not kept, and what may be sent once more.

use std::rc::Rc;
use std::time::Duration;

use baton_shared::config::model::ServiceConfig;
use bytes::Bytes;
use http::StatusCode;
use tokio::join;

use crate::harness::{Backend, ask, endpoint, get, on_a_thread, read, request, service, serving};
use crate::message::RequestBody;
use crate::plan::ThreadState;

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-B: 1\r\n\r\nhello";

fn no_op(backend: &Backend) -> ServiceConfig {
    service(endpoint("no-op", &[backend.address]))
}

#[test]
fn a_request_that_waits_for_a_connection_takes_one_that_comes_back() {
    on_a_thread(async {
        let backend = Backend::start().await;
        // Room for one connection that nobody has accepted: the kernel lets no more in.
        backend.queue_at_most(0);
        let thread = serving(&no_op(&backend));
        let serve = async {
            let mut only = backend.accept().await;
            only.read().await;
            let _in_the_way = tokio::net::TcpStream::connect(backend.address).await.unwrap();
            let second = ask(&thread, get());
            let answers = async {
                tokio::task::yield_now().await;
                only.write(HELLO).await;
                only.answer(HELLO).await;
            };
            join!(second, answers).0.status
        };
        let (first, second) = join!(ask(&thread, get()), serve);
        assert_eq!((first.status, second), (StatusCode::OK, StatusCode::OK));
        assert_eq!(thread.client.pool.idle(), 1);
    });
}

#[test]
fn a_connection_serves_one_request_after_another() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = serving(&no_op(&backend));
        let answers = async {
            let mut only = backend.accept().await;
            for _ in 0..3 {
                only.answer(HELLO).await;
            }
            only
        };
        let requests = async {
            for _ in 0..3 {
                assert_eq!(read(ask(&thread, get()).await).await.unwrap(), "hello");
                assert_eq!(thread.client.pool.idle(), 1);
            }
        };
        join!(requests, answers);
    });
}

/// A request is answered, its connection is kept, and then the backend closes it.
async fn one_idle_connection_that_ends(backend: &Backend, thread: &Rc<ThreadState>) {
    let first = async {
        let mut peer = backend.accept().await;
        peer.answer(HELLO).await;
        peer
    };
    let (_, peer) = join!(ask(thread, get()), first);
    assert_eq!(thread.client.pool.idle(), 1);
    drop(peer);
}

#[test]
fn a_connection_that_the_backend_closed_while_idle_costs_nothing_whatever_the_method() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = serving(&no_op(&backend));
        one_idle_connection_that_ends(&backend, &thread).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let body = RequestBody::Held(Bytes::from_static(b"once"));
        let second = async { backend.accept().await.answer(HELLO).await };
        let (response, seen) = join!(ask(&thread, request("POST", &[], body)), second);
        assert_eq!(response.status, StatusCode::OK);
        assert!(seen.contains("Content-Length: 4"), "{seen}");
    });
}

#[test]
fn idle_connections_that_the_backend_closed_are_let_go() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = serving(&no_op(&backend));
        one_idle_connection_that_ends(&backend, &thread).await;
        while thread.client.pool.idle() > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}

#[test]
fn a_safe_request_is_sent_once_more_when_a_reused_connection_dies_unanswered_and_only_once() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = serving(&no_op(&backend));
        let backends = async {
            let mut first = backend.accept().await;
            first.answer(HELLO).await;
            first.read().await;
            drop(first);
            let mut second = backend.accept().await;
            second.read().await;
            drop(second);
        };
        let requests = async {
            assert_eq!(ask(&thread, get()).await.status, StatusCode::OK);
            assert_eq!(ask(&thread, get()).await.status, StatusCode::INTERNAL_SERVER_ERROR);
        };
        join!(requests, backends);
    });
}

#[test]
fn a_request_with_a_body_is_never_sent_twice() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = serving(&no_op(&backend));
        let backends = async {
            let mut only = backend.accept().await;
            only.answer(HELLO).await;
            only.read().await;
        };
        let requests = async {
            assert_eq!(ask(&thread, get()).await.status, StatusCode::OK);
            let body = RequestBody::Held(Bytes::from_static(b"once"));
            let answer = ask(&thread, request("POST", &[], body)).await;
            assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        };
        join!(requests, backends);
    });
}

#[test]
fn once_a_byte_of_an_answer_came_nothing_is_sent_again() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = serving(&no_op(&backend));
        let backends = async {
            let mut only = backend.accept().await;
            only.answer(HELLO).await;
            only.answer("HTTP/1.1 2").await;
        };
        let requests = async {
            assert_eq!(ask(&thread, get()).await.status, StatusCode::OK);
            assert_eq!(ask(&thread, get()).await.status, StatusCode::INTERNAL_SERVER_ERROR);
        };
        join!(requests, backends);
    });
}

#[test]
fn a_connection_with_extra_bytes_behind_an_answer_is_not_used_again() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = serving(&no_op(&backend));
        let extra = format!("{HELLO}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
        let (response, _) = join!(ask(&thread, get()), async {
            let mut first = backend.accept().await;
            first.answer(extra).await;
            assert!(first.is_closed().await);
        });
        assert_eq!(read(response).await.unwrap(), "hello");
        assert_eq!(thread.client.pool.idle(), 0);
    });
}
