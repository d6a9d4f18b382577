//! What may be sent twice: what no backend has looked at, and nothing else.

use bytes::Bytes;
use http::StatusCode;
use tokio::join;

use super::peer::{HEADERS, Peer, Raw, get_a, thread, whole};
use crate::harness::{Backend, ask, get, on_a_thread, request, upload};
use crate::message::RequestBody;

#[test]
fn a_refused_request_goes_elsewhere_whole_whatever_its_method() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = thread(&backend);
        let (body, mut client) = upload().await;
        let serve = async {
            client.write("3\r\none\r\n").await;
            let mut first = Peer::accept(&backend).await;
            let mut stream = first.next().await;
            assert_eq!(stream.request.body_mut().data().await.unwrap().unwrap(), "one");
            stream.refuse();
            let mut second = Peer::accept(&backend).await;
            let mut stream = second.next().await;
            client.write("3\r\ntwo\r\n0\r\n\r\n").await;
            assert_eq!(stream.body().await.0, "onetwo");
            stream.answer("done");
            (first, second)
        };
        let (response, _peers) = join!(ask(&thread, request("POST", &[], body)), serve);
        assert_eq!(whole(response).await, (StatusCode::OK, Bytes::from_static(b"done")));
    });
}

#[test]
fn more_than_is_kept_of_a_body_cannot_go_elsewhere() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = thread(&backend);
        let serve = async {
            let mut peer = Peer::accept(&backend).await;
            let stream = peer.next().await;
            stream.refuse();
            peer
        };
        let body = RequestBody::Held(Bytes::from(vec![b'x'; 65 << 10]));
        let (response, _peer) = join!(ask(&thread, request("POST", &[], body)), serve);
        assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    });
}

#[test]
fn a_backend_that_refuses_everything_is_asked_four_times() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = thread(&backend);
        let serve = async {
            let mut peers = Vec::new();
            for _ in 0..4 {
                let mut peer = Peer::accept(&backend).await;
                peer.next().await.refuse();
                peers.push(peer);
            }
            peers
        };
        let (answered, _peers) = join!(get_a(&thread), serve);
        assert_eq!(answered.0, StatusCode::INTERNAL_SERVER_ERROR);
    });
}

#[test]
fn what_came_behind_the_last_stream_of_a_goodbye_goes_elsewhere() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = thread(&backend);
        let serve = async {
            let mut first = Raw::accept(&backend).await;
            assert_eq!(first.frame(HEADERS).await.0, 1);
            first.go_away(0).await;
            let mut second = Peer::accept(&backend).await;
            let mut stream = second.next().await;
            assert_eq!(stream.body().await.0, "abc");
            stream.answer("done");
            (first, second)
        };
        let body = RequestBody::Held(Bytes::from_static(b"abc"));
        let (response, _peers) = join!(ask(&thread, request("POST", &[], body)), serve);
        assert_eq!(whole(response).await.1, "done");
    });
}

/// A connection that has served, with a request on it that the backend has seen.
async fn cut_when_seen(method: &str) -> (StatusCode, bool) {
    let backend = Backend::start().await;
    let thread = thread(&backend);
    let serve = async {
        let mut first = Peer::accept(&backend).await;
        first.next().await.answer("hello");
        drop(first.next().await);
        first.cut();
        tokio::select! {
            mut second = Peer::accept(&backend) => {
                second.next().await.answer("again");
                second.ended().await;
                true
            },
            () = std::future::pending() => false,
        }
    };
    let asked = async {
        ask(&thread, get()).await;
        ask(&thread, request(method, &[], RequestBody::Empty)).await.status
    };
    tokio::pin!(serve);
    tokio::select! {
        again = &mut serve => panic!("answered: {again}"),
        status = asked => (status, status == StatusCode::OK),
    }
}

#[test]
fn a_connection_that_dies_takes_only_what_changes_nothing_once_more() {
    on_a_thread(async {
        assert_eq!(cut_when_seen("GET").await, (StatusCode::OK, true));
        assert_eq!(cut_when_seen("POST").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    });
}
