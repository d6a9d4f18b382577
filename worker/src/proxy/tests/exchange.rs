//! One exchange: what is asked, answers whole and not whole, time.

use std::time::Duration;

use baton_shared::config::model::{BatonEndpoint, GoDuration, ServiceConfig, Wait};
use http::StatusCode;
use tokio::join;

use crate::harness::{
    Backend, ask, endpoint, frame, get, on_a_thread, read, request, service, serving,
};
use crate::message::{RequestBody, ResponseBody};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-B: 1\r\n\r\nhello";

fn no_op(backend: &Backend) -> ServiceConfig {
    service(endpoint("no-op", &[backend.address]))
}

#[test]
fn a_backend_sees_what_the_gateway_says_and_nothing_of_the_client() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = serving(&no_op(&backend));
        let fields = [("Cookie", "a=b"), ("User-Agent", "curl"), ("X-Forwarded-For", "1.1.1.1")];
        let seen = async { backend.accept().await.answer(HELLO).await };
        let (response, seen) =
            join!(ask(&thread, request("GET", &fields, RequestBody::Empty)), seen);
        let host = backend.address;
        assert_eq!(
            seen,
            format!(
                "GET /b HTTP/1.1\r\nHost: {host}\r\nUser-Agent: KrakenD Version 2.13.8\r\n\
                 X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Host: gw.test\r\n\
                 Accept-Encoding: gzip\r\n\r\n"
            )
        );
        assert_eq!(
            (response.status, &response.headers["x-b"]),
            (StatusCode::OK, &"1".parse().unwrap())
        );
        assert!(
            !response.headers.contains_key("content-length"),
            "the connection writes the framing"
        );
        assert!(matches!(response.body, ResponseBody::Full(body) if body == "hello"));
    });
}

#[test]
fn parts_of_a_request_choose_the_path_and_a_request_without_them_is_refused() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = no_op(&backend);
        config.endpoints[0].backend[0].url_pattern = "/t/{input_headers.X-T}".to_owned();
        let thread = serving(&config);
        let asked = request("GET", &[("x-t", "a/b c")], RequestBody::Empty);
        let seen = async { backend.accept().await.answer(HELLO).await };
        let (_, seen) = join!(ask(&thread, asked), seen);
        assert!(seen.starts_with("GET /t/a%2Fb%20c HTTP/1.1\r\n"), "{seen}");
        assert_eq!(ask(&thread, get()).await.status, StatusCode::BAD_REQUEST);
        let dots = request("GET", &[("x-t", "..")], RequestBody::Empty);
        assert_eq!(ask(&thread, dots).await.status, StatusCode::BAD_REQUEST);
    });
}

#[test]
fn the_head_of_an_answer_is_bounded_as_the_file_says() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = no_op(&backend);
        config.baton.limits.answer_header_bytes = Some(1000);
        let thread = serving(&config);
        for (bytes, status) in [(500, 200), (2000, 500)] {
            let serve = async {
                let mut peer = backend.accept().await;
                peer.read().await;
                let padding = "x".repeat(bytes);
                peer.write(format!("HTTP/1.1 200 OK\r\nX-Padding: {padding}\r\n")).await;
                tokio::task::yield_now().await;
                peer.try_write("Content-Length: 0\r\nConnection: close\r\n\r\n").await;
                peer
            };
            let (response, _peer) = join!(ask(&thread, get()), serve);
            assert_eq!(response.status, status, "{bytes}");
        }
    });
}

#[test]
fn an_answer_that_does_not_say_what_it_is_is_named_after_what_comes_first() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = serving(&no_op(&backend));
        let begins = async {
            let mut only = backend.accept().await;
            only.answer("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<ht").await;
            only
        };
        let (response, _open) = join!(ask(&thread, get()), begins);
        assert_eq!(response.headers["content-type"], "text/plain; charset=utf-8");
    });
}

async fn fails(answer: &str) {
    let backend = Backend::start().await;
    let thread = serving(&no_op(&backend));
    let answers = async { backend.accept().await.answer(answer).await };
    let (response, _) = join!(ask(&thread, get()), answers);
    let failed = response.status.is_server_error();
    assert!(failed || read(response).await.is_err(), "{answer:?}");
    assert_eq!(thread.client.pool.idle(), 0, "{answer:?}");
}

#[test]
fn what_is_no_unambiguous_answer_fails_and_its_connection_is_not_used_again() {
    on_a_thread(async {
        fails("").await;
        fails("NOT HTTP\r\n\r\n").await;
        fails("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
            .await;
        fails(
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        )
        .await;
        fails("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n").await;
        fails("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nabc").await;
        fails("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd").await;
    });
}

#[test]
fn a_cut_answer_is_never_complete() {
    on_a_thread(async {
        fails("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nabc").await;
        fails("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n").await;
        fails("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc").await;
        fails("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
        fails("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n")
            .await;
    });
}

#[test]
fn interim_answers_are_skipped_and_bounded() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = serving(&no_op(&backend));
        let interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
        let some = format!("{}{HELLO}", interim.repeat(3));
        let (response, _) = join!(ask(&thread, get()), async {
            let mut only = backend.accept().await;
            only.answer(some).await;
            only
        });
        assert_eq!(read(response).await.unwrap(), "hello");
        let endless = async {
            let mut other = backend.accept().await;
            other.read().await;
            let many = interim.repeat(1000);
            while other.try_write(&many).await {}
        };
        let (response, ()) = join!(ask(&thread, get()), endless);
        assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    });
}

#[test]
fn chunks_flow_as_they_come_and_trailers_survive() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = serving(&no_op(&backend));
        let mut peer = None;
        let (response, ()) = join!(ask(&thread, get()), async {
            let mut only = backend.accept().await;
            let head = "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nTransfer-Encoding: chunked\r\n\r\n";
            only.answer(head).await;
            peer = Some(only);
        });
        let (ResponseBody::Stream(mut body), Some(mut peer)) = (response.body, peer) else {
            panic!("it streams")
        };
        for text in ["one", "two"] {
            peer.write(format!("3\r\n{text}\r\n")).await;
            let piece = frame(&mut body).await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(piece, text);
        }
        peer.write("0\r\nX-Sum: 7\r\nTransfer-Encoding: x\r\n\r\n").await;
        let trailers = frame(&mut body).await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers.len(), 1, "{trailers:?}");
        assert_eq!(trailers["x-sum"], "7");
        assert!(frame(&mut body).await.is_none());
        assert_eq!(thread.client.pool.idle(), 1);
    });
}

#[test]
fn the_timeout_bounds_head_and_body() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = no_op(&backend);
        config.endpoints[0].timeout = GoDuration(50_000_000);
        let thread = serving(&config);
        let (late, mut held) = join!(ask(&thread, get()), backend.accept());
        assert_eq!(late.status, StatusCode::INTERNAL_SERVER_ERROR);
        held.read().await;
        assert!(held.is_closed().await);

        let (response, _held) = join!(ask(&thread, get()), async {
            let mut peer = backend.accept().await;
            peer.answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await;
            peer
        });
        assert_eq!(response.status, StatusCode::OK);
        assert_eq!(read(response).await.unwrap_err().to_string(), "context deadline exceeded");
    });
}

#[test]
fn an_endpoint_with_a_stream_timeout_of_its_own_outlives_its_timeout() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = no_op(&backend);
        config.endpoints[0].timeout = GoDuration(100_000_000);
        config.endpoints[0].baton = BatonEndpoint { stream_timeout: Some(Wait::Unbounded) };
        let thread = serving(&config);
        let (response, mut peer) = join!(ask(&thread, get()), async {
            let mut peer = backend.accept().await;
            peer.answer("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc").await;
            peer
        });
        let (whole, ()) = join!(read(response), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            peer.write("def").await;
        });
        assert_eq!(whole.unwrap(), "abcdef");
    });
}
