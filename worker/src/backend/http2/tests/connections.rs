//! The connections of a host: few of them, made once, left in time.

use std::rc::Rc;
use std::task::{Context, Waker};

use baton_shared::config::model::GoDuration;
use bytes::Bytes;
use futures_util::future::join_all;
use http::StatusCode;
use tokio::join;
use tokio::task::spawn_local;

use super::peer::{Peer, Raw, config, get_a, thread};
use crate::harness::{Backend, ask, get, on_a_thread, serving};
use crate::plan::ThreadState;

/// So many at once.
async fn many(thread: &Rc<ThreadState>, count: usize) -> Vec<(StatusCode, Bytes)> {
    join_all((0..count).map(|_| get_a(thread))).await
}

/// Answers so many requests at once, and no sooner than all of them have come.
async fn answer(peer: &mut Peer, count: usize) {
    let mut streams = Vec::new();
    while streams.len() < count {
        streams.push(peer.next().await);
    }
    streams.into_iter().for_each(|stream| stream.answer("hello"));
}

#[test]
fn requests_at_once_share_one_connection_and_more_than_it_takes_get_another() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = thread(&backend);
        let serve = async {
            let mut first = Peer::accept(&backend).await;
            let mut second = Peer::accept(&backend).await;
            join!(answer(&mut first, 100), answer(&mut second, 20));
            (first, second)
        };
        let (answers, (mut first, _second)) = join!(many(&thread, 120), serve);
        assert!(answers.iter().all(|(status, body)| *status == 200 && body == "hello"));
        // Where few are asked for, the first is enough.
        join!(many(&thread, 30), answer(&mut first, 30));
    });
}

#[test]
fn a_backend_that_takes_few_streams_is_sent_no_more() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = thread(&backend);
        let serve = async {
            let mut peers = Vec::new();
            for _ in 0..3 {
                let mut builder = h2::server::Builder::new();
                peers.push(Peer::accept_with(&backend, builder.max_concurrent_streams(2)).await);
            }
            join_all(peers.iter_mut().map(|peer| answer(peer, 2))).await;
            peers
        };
        let (answers, _peers) = join!(many(&thread, 6), serve);
        assert!(answers.iter().all(|(status, _)| *status == 200));
    });
}

#[test]
fn all_who_wait_are_told_when_there_is_no_connection() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = config(&backend);
        drop(backend);
        config.extra_config.namespaces.clear();
        let thread = serving(&config);
        let answers = many(&thread, 10).await;
        assert!(answers.iter().all(|(status, _)| *status == 500), "{answers:?}");
    });
}

#[test]
fn a_backend_that_does_not_know_the_protocol_is_found_out_before_it_is_asked_anything() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = thread(&backend);
        let serve = async {
            let mut peer = backend.accept().await;
            let said = peer.read_until("SM\r\n\r\n").await;
            peer.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
            assert_eq!(said, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
            peer
        };
        let (response, _peer) = join!(ask(&thread, get()), serve);
        assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    });
}

#[test]
fn a_backend_that_closes_at_once_is_not_knocked_at_again_and_again() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = thread(&backend);
        let serve = async {
            let mut accepted = 0;
            loop {
                let mut peer = backend.accept().await;
                accepted += 1;
                assert_eq!(accepted, 1, "once is enough");
                peer.read_until("SM\r\n\r\n").await;
            }
        };
        tokio::select! {
            () = serve => {},
            (status, _) = get_a(&thread) => assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR),
        }
    });
}

#[test]
fn an_idle_connection_is_closed_in_time_with_a_goodbye() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = config(&backend);
        config.idle_connection_timeout = GoDuration(1_000_000);
        let thread = serving(&config);
        let serve = async {
            let mut peer = Peer::accept(&backend).await;
            peer.next().await.answer("hello");
            assert!(peer.next_if_any().await.is_none());
            peer.ended().await;
        };
        join!(get_a(&thread), serve);
    });
}

#[test]
fn nothing_new_goes_to_a_backend_that_has_said_goodbye_and_what_it_has_goes_on() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = thread(&backend);
        let of_thread = Rc::clone(&thread);
        let first = spawn_local(async move { get_a(&of_thread).await });
        let mut old = Peer::accept(&backend).await;
        let stream = old.next().await;
        old.say_goodbye().await;
        // The library says the second half once the gateway has heard the first.
        let fresh = async {
            let mut new = Peer::accept(&backend).await;
            new.next().await.answer("new");
            new
        };
        let late = async {
            loop {
                tokio::select! {
                    answered = get_a(&thread) => break answered,
                    Some(seen) = old.next_if_any() => seen.answer("not yet"),
                }
            }
        };
        let ((status, body), _new) = join!(late, fresh);
        assert_eq!((status, body), (StatusCode::OK, Bytes::from_static(b"new")));
        stream.answer("old");
        assert_eq!(first.await.unwrap().1, "old");
        old.ended().await;
    });
}

#[test]
fn of_many_exchanges_that_are_left_few_are_reset_at_once_and_the_others_end_by_themselves() {
    const LEFT: usize = 60;
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = thread(&backend);
        let of_thread = Rc::clone(&thread);
        let patient = spawn_local(async move { get_a(&of_thread).await });
        let mut peer = Peer::accept(&backend).await;
        let kept = peer.next().await;
        let mut left = Vec::new();
        for _ in 0..LEFT {
            let mut asked = Box::pin(ask(&thread, get()));
            tokio::select! {
                _answered = &mut asked => panic!("nobody answers"),
                seen = peer.next() => left.push(seen),
            }
        }
        // What comes behind the resets on the same connection has seen them.
        join!(get_a(&thread), async { peer.next().await.answer("same connection") });
        let mut context = Context::from_waker(Waker::noop());
        left.retain_mut(|stream| stream.respond.poll_reset(&mut context).is_pending());
        assert!((LEFT - 15..=LEFT - 5).contains(&left.len()), "{} are not reset", left.len());
        left.into_iter().for_each(|stream| stream.answer("for nobody"));
        kept.answer("still here");
        assert_eq!(patient.await.unwrap().1, "still here");
        // Those that ended have made room.
        let serve = async {
            for _ in 0..3 {
                answer(&mut peer, 90).await;
            }
        };
        let ask_much = async {
            for _ in 0..3 {
                many(&thread, 90).await;
            }
        };
        join!(ask_much, serve);
    });
}

#[test]
fn what_is_left_in_the_middle_of_a_large_answer_is_reset_in_the_end() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let thread = thread(&backend);
        let serve = async {
            let mut peer = Peer::accept(&backend).await;
            let mut streams = Vec::new();
            for _ in 0..12 {
                let mut stream = peer.next().await;
                let mut answer = stream.begin(&[("content-type", "a/b")]);
                answer.send_data(Bytes::from(vec![b'x'; 1 << 20]), false).unwrap();
                streams.push((stream, answer));
            }
            (peer, streams)
        };
        let leave = async {
            for _ in 0..12 {
                drop(ask(&thread, get()).await);
            }
        };
        let ((_peer, streams), ()) = join!(serve, leave);
        for (_, mut answer) in streams {
            let reason = std::future::poll_fn(|context| answer.poll_reset(context)).await.unwrap();
            assert_eq!(reason, h2::Reason::CANCEL);
        }
    });
}

#[test]
fn a_connection_on_which_nothing_is_heard_is_left() {
    on_a_thread(async {
        let backend = Backend::start().await;
        let mut config = config(&backend);
        config.endpoints[0].timeout = GoDuration(200_000_000);
        let thread = serving(&config);
        let serve = async {
            let mut silent = Raw::accept(&backend).await;
            silent.frame(super::peer::HEADERS).await;
            let mut next = Peer::accept(&backend).await;
            next.next().await.answer("hello");
            (silent, next)
        };
        let asked = async {
            let late = get_a(&thread).await.0;
            (late, get_a(&thread).await.1)
        };
        let ((late, body), _peers) = join!(asked, serve);
        assert_eq!((late.as_u16(), &*body), (500, &b"hello"[..]));
    });
}
