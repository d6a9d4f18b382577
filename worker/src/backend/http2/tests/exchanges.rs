//! One exchange: what the backend sees, what comes back.

use baton_shared::config::model::GoDuration;
use bytes::Bytes;
use http::StatusCode;
use tokio::join;

use super::peer::{Peer, config, get_a, thread, whole};
use crate::harness::{Backend, ask, frame, get, on_a_thread, request, serving, upload};
use crate::message::{RequestBody, ResponseBody};

#[test]
fn a_backend_is_asked_in_its_own_terms() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = thread(&backend);
        let seen = async {
            let mut peer = Peer::accept(&backend).await;
            let stream = peer.next().await;
            let (head, ()) = (stream.request.headers().clone(), ());
            let uri = stream.request.uri().clone();
            stream.answer("hello");
            (uri, head, peer)
        };
        let body = RequestBody::Held(Bytes::from_static(b"abc"));
        let asked = ask(&thread, request("GET", &[("Cookie", "a=b")], body));
        let (response, (uri, head, _peer)) = join!(asked, seen);
        assert_eq!(uri.to_string(), format!("http://{}/b", backend.address));
        let fields: Vec<_> = head
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(
            fields,
            [
                "content-length: 3",
                "user-agent: KrakenD Version 2.13.8",
                "x-forwarded-for: 192.0.2.7",
                "x-forwarded-host: gw.test",
                "accept-encoding: gzip",
            ]
        );
        assert_eq!(whole(response).await, (StatusCode::OK, Bytes::from_static(b"hello")));
    });
}

#[test]
fn bodies_and_trailers_stream_both_ways_at_once() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = config(&backend);
        config.endpoints[1].input_headers = vec!["X-Sum".to_owned()];
        let thread = serving(&config);
        let (body, mut client) = upload().await;
        let fields = [("Trailer", "X-Sum, X-Other, Authorization")];
        let begin = async {
            client.write("3\r\none\r\n").await;
            let mut peer = Peer::accept(&backend).await;
            let mut stream = peer.next().await;
            let first = stream.request.body_mut().data().await.unwrap().unwrap();
            assert_eq!(first, "one");
            let mut answer = stream.begin(&[("content-type", "a/b"), ("connection-x", "1")]);
            answer.send_data(Bytes::from_static(b"abc"), false).unwrap();
            (peer, stream, answer)
        };
        let asked = ask(&thread, request("POST", &fields, body));
        let (response, (_peer, mut stream, mut answer)) = join!(asked, begin);
        assert_eq!(response.status, StatusCode::OK);
        client.write("3\r\ntwo\r\n0\r\nX-Sum: 7\r\nX-Other: 8\r\nAuthorization: x\r\n\r\n").await;
        let (rest, trailers) = stream.body().await;
        assert_eq!(rest, "two");
        let trailers = trailers.unwrap();
        assert_eq!((trailers.len(), &trailers["x-sum"]), (1, &"7".parse().unwrap()));
        let ResponseBody::Stream(mut body) = response.body else { panic!("it streams") };
        assert_eq!(frame(&mut body).await.unwrap().unwrap().into_data().unwrap(), "abc");
        answer
            .send_trailers([("x-t".parse().unwrap(), "v".parse().unwrap())].into_iter().collect())
            .unwrap();
        let end = frame(&mut body).await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(end["x-t"], "v");
        assert!(frame(&mut body).await.is_none());
    });
}

#[test]
fn a_client_that_takes_nothing_holds_up_no_other() {
    const LARGE: usize = 200 << 10;
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = config(&backend);
        config.endpoints[0].timeout = GoDuration::seconds(60);
        let thread = serving(&config);
        let serve = async {
            let mut peer = Peer::accept(&backend).await;
            let mut streams = Vec::new();
            for _ in 0..20 {
                let mut stream = peer.next().await;
                let mut answer = stream.begin(&[("content-type", "a/b")]);
                answer.send_data(Bytes::from(vec![b'x'; LARGE]), true).unwrap();
                streams.push((stream, answer));
            }
            (peer, streams)
        };
        let ask_all = async {
            let mut slow = Vec::new();
            for _ in 0..19 {
                slow.push(ask(&thread, get()).await);
            }
            let (status, body) = get_a(&thread).await;
            assert_eq!((status, body.len()), (StatusCode::OK, LARGE));
            slow
        };
        let (slow, _peer) = join!(ask_all, serve);
        for response in slow {
            assert_eq!(whole(response).await.1.len(), LARGE, "it only waited");
        }
    });
}

#[test]
fn a_cut_answer_is_never_whole() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = thread(&backend);
        let serve = async {
            let mut peer = Peer::accept(&backend).await;
            let mut stream = peer.next().await;
            let mut answer = stream.begin(&[("content-type", "a/b")]);
            answer.send_data(Bytes::from_static(b"abc"), false).unwrap();
            (peer, answer)
        };
        let (response, (_peer, mut answer)) = join!(ask(&thread, get()), serve);
        let ResponseBody::Stream(mut body) = response.body else { panic!("it streams") };
        assert_eq!(frame(&mut body).await.unwrap().unwrap().into_data().unwrap(), "abc");
        answer.send_reset(h2::Reason::NO_ERROR);
        assert!(frame(&mut body).await.unwrap().is_err());
    });
}

#[test]
fn a_client_that_breaks_off_its_body_ends_the_stream_and_nothing_else() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = thread(&backend);
        let (body, mut client) = upload().await;
        let serve = async {
            client.write("3\r\none\r\n").await;
            let mut peer = Peer::accept(&backend).await;
            let mut stream = peer.next().await;
            assert_eq!(stream.request.body_mut().data().await.unwrap().unwrap(), "one");
            drop(client);
            let error = stream.request.body_mut().data().await.unwrap().unwrap_err();
            assert_eq!(error.reason(), Some(h2::Reason::CANCEL));
            peer
        };
        let (response, mut peer) = join!(ask(&thread, request("POST", &[], body)), serve);
        assert_eq!(response.status, StatusCode::BAD_REQUEST);
        let (answered, ()) =
            join!(get_a(&thread), async { peer.next().await.answer("on the same connection") });
        assert_eq!(answered.0, StatusCode::OK);
    });
}

#[test]
fn a_body_that_is_to_wait_goes_when_the_backend_asks_for_it() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = config(&backend);
        config.expect_continue_timeout = GoDuration::seconds(60);
        config.endpoints[1].input_headers = vec!["Expect".to_owned()];
        let thread = serving(&config);
        let serve = async {
            let mut peer = Peer::accept(&backend).await;
            let mut stream = peer.next().await;
            let interim = |status: u16| http::Response::builder().status(status).body(()).unwrap();
            for _ in 0..3 {
                stream.respond.send_informational(interim(103)).unwrap();
            }
            stream.respond.send_informational(interim(100)).unwrap();
            assert_eq!(stream.body().await.0, "abc");
            stream.answer("done");
            peer
        };
        let body = RequestBody::Held(Bytes::from_static(b"abc"));
        let asked = ask(&thread, request("POST", &[("Expect", "100-continue")], body));
        let (response, _peer) = join!(asked, serve);
        assert_eq!(whole(response).await.1, "done");
    });
}

#[test]
fn the_head_of_an_answer_is_bounded_as_the_file_says() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = config(&backend);
        config.baton.limits.answer_header_bytes = Some(1000);
        let thread = serving(&config);
        let serve = async {
            let mut peer = Peer::accept(&backend).await;
            for bytes in [500, 2000] {
                let padding = "x".repeat(bytes);
                let mut stream = peer.next().await;
                let mut answer = stream.begin(&[("x-padding", &padding)]);
                answer.send_data(Bytes::new(), true).unwrap();
            }
            peer
        };
        let asked = async { (get_a(&thread).await.0, get_a(&thread).await.0) };
        let ((small, large), _peer) = join!(asked, serve);
        assert_eq!((small.as_u16(), large.as_u16()), (200, 500));
    });
}

#[test]
fn interim_answers_without_end_are_no_answer() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = thread(&backend);
        let serve = async {
            let mut peer = Peer::accept(&backend).await;
            let mut stream = peer.next().await;
            for _ in 0..1000 {
                let interim = http::Response::builder().status(103).body(()).unwrap();
                if stream.respond.send_informational(interim).is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            peer
        };
        let (response, _peer) = join!(ask(&thread, get()), serve);
        assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    });
}
