//! Request bodies that stream: as they come, beside an answer, and broken off.

use http::StatusCode;
use tokio::join;

use crate::harness::{Backend, ask, endpoint, on_a_thread, request, service, serving, upload};
use crate::message::ResponseBody;

#[test]
fn a_body_reaches_the_backend_as_it_comes_with_the_trailers_that_pass() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = service(endpoint("no-op", &[backend.address]));
        config.endpoints[1].input_headers = vec!["X-Sum".to_owned()];
        let thread = serving(&config);
        let (body, mut client) = upload().await;
        let fields = [("Trailer", "X-Sum, X-Other, Authorization")];
        let exchange = async {
            client.write("3\r\none\r\n").await;
            let mut peer = backend.accept().await;
            let head = peer.read_until("3\r\none\r\n").await;
            assert!(head.contains("Trailer: x-sum\r\n"), "{head}");
            client.write("3\r\ntwo\r\n").await;
            assert_eq!(peer.read_until("3\r\ntwo\r\n").await, "3\r\ntwo\r\n");
            client.write("0\r\nX-Sum: 7\r\nX-Other: 8\r\nAuthorization: x\r\n\r\n").await;
            assert_eq!(peer.read_until("\r\n\r\n").await, "0\r\nX-Sum: 7\r\n\r\n");
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            peer
        };
        let (response, _peer) = join!(ask(&thread, request("POST", &fields, body)), exchange);
        assert_eq!(response.status, StatusCode::OK);
        assert_eq!(thread.client.pool.idle(), 1);
    });
}

#[test]
fn an_upload_goes_on_while_nobody_takes_the_answer_that_has_begun() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = serving(&service(endpoint("no-op", &[backend.address])));
        let (body, mut client) = upload().await;
        let begin = async {
            client.write("3\r\none\r\n").await;
            let mut peer = backend.accept().await;
            peer.read_until("one\r\n").await;
            let head = "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 6\r\n\r\n";
            peer.write(format!("{head}abc")).await;
            peer
        };
        let (response, mut peer) = join!(ask(&thread, request("POST", &[], body)), begin);
        assert!(matches!(response.body, ResponseBody::Stream(_)));
        client.write("3\r\ntwo\r\n0\r\n\r\n").await;
        assert_eq!(peer.read_until("0\r\n\r\n").await, "3\r\ntwo\r\n0\r\n\r\n");
        peer.write("def").await;
        assert_eq!(crate::harness::read(response).await.unwrap(), "abcdef");
        assert_eq!(thread.client.pool.idle(), 0, "the connection had a task of its own");
    });
}

#[test]
fn a_client_that_breaks_off_never_ends_the_request_at_the_backend() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = serving(&service(endpoint("no-op", &[backend.address])));
        let (body, mut client) = upload().await;
        let break_off = async {
            client.write("3\r\none\r\n").await;
            let mut peer = backend.accept().await;
            peer.read_until("one\r\n").await;
            drop(client);
            assert_eq!(peer.read_until("\0").await, "", "closed without a last chunk");
        };
        let (response, ()) = join!(ask(&thread, request("POST", &[], body)), break_off);
        assert_eq!(response.status, StatusCode::BAD_REQUEST);
        assert_eq!(thread.client.pool.idle(), 0);
    });
}
