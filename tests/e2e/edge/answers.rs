//! Answers of backends: what is not whole and unambiguous is not passed on as if it were, and its
//! connection is not used again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use baton_tests::backend::{Step, answer, ok, raw, raw_then_close};
use baton_tests::http::Framing;
use serde_json::json;

use super::SOON;
use crate::fixture::Gateway;

/// The first request gets `bytes`, every later one `ok`.
fn first_answer(bytes: &'static str) -> Gateway {
    let count = AtomicUsize::new(0);
    Gateway::start(
        move |_| {
            if count.fetch_add(1, Ordering::SeqCst) == 0 { raw(bytes) } else { ok("later") }
        },
    )
}

#[test]
fn an_answer_with_both_framings_is_refused_or_not_reused() {
    let gateway = first_answer(
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhidden",
    );
    let mut client = gateway.client();
    client.get("/all");
    assert_eq!(gateway.client().get("/all").text(), "later");
    assert_eq!(gateway.backend.connections(), 2, "the connection was used again");
}

#[test]
fn an_answer_that_can_be_read_in_two_ways_is_a_failure() {
    for bytes in [
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 6\r\n\r\nhidden",
        "HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nX : 1\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/2.0 200 OK\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1  200 OK\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 099 OK\r\nContent-Length: 4\r\n\r\nabcd",
        "nonsense\r\n\r\n",
    ] {
        let gateway = first_answer(bytes);
        let status = gateway.client().get("/all").status();
        assert!(matches!(status, 500 | 502), "{bytes:?}: {status}");
        assert_eq!(gateway.client().get("/all").text(), "later");
        assert_eq!(gateway.backend.connections(), 2, "{bytes:?}: the connection was used again");
    }
}

#[test]
fn bytes_behind_an_answer_end_the_connection_to_the_backend() {
    let gateway = first_answer(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhidden",
    );
    let mut client = gateway.client();
    assert_eq!(client.get("/all").text(), "ok");
    assert_eq!(client.get("/all").text(), "later", "an answer nobody asked for was passed on");
}

#[test]
fn an_answer_cut_within_its_length_is_cut_for_the_client_too() {
    let gateway = Gateway::start(|_| {
        raw_then_close("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
    });
    let mut client = gateway.client();
    client.send("GET /all HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    match client.try_answer() {
        Ok(reply) => assert_eq!(reply.framing, Framing::Cut, "{}", reply.text()),
        Err(said) => assert!(!said.contains("timed out"), "{said}"),
    }
    client.expect_closed(SOON);
}

#[test]
fn an_answer_cut_within_its_chunks_never_ends_with_a_last_chunk() {
    let gateway = Gateway::start(|_| {
        raw_then_close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nonly\r\n5\r\nth")
    });
    let mut client = gateway.client();
    client.send("GET /all HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    if let Ok(reply) = client.try_answer() {
        assert_eq!(reply.framing, Framing::Cut, "{}", reply.text());
    }
    client.expect_closed(SOON);
}

#[test]
fn an_answer_cut_at_any_byte_of_its_head_is_a_failure() {
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\n";
    let cut = AtomicUsize::new(0);
    let gateway = Gateway::start(move |_| {
        let at = cut.fetch_add(1, Ordering::SeqCst) / 2 % whole.len();
        raw_then_close(whole.get(..at).unwrap_or_default())
    });
    for at in 0..whole.len() {
        let status = gateway.client().get("/all").status();
        assert!(matches!(status, 500 | 502), "cut at {at}: {status}");
    }
}

#[test]
fn an_answer_without_framing_ends_with_its_connection() {
    let gateway = Gateway::start(|_| raw_then_close("HTTP/1.1 200 OK\r\n\r\nuntil the end"));
    let mut client = gateway.client();
    let reply = client.get("/all");
    assert_eq!(reply.text(), "until the end");
    assert_ne!(reply.framing, Framing::Close, "an HTTP/1.1 client gets it framed");
    assert_eq!(client.get("/all").text(), "until the end");
}

#[test]
fn answers_of_1xx_are_handled_and_bounded() {
    let gateway = Gateway::start(|_| {
        raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
             HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    });
    let mut client = gateway.client();
    client.send("GET /all HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    let reply = loop {
        let reply = client.answer();
        if reply.status() >= 200 {
            break reply;
        }
        assert_eq!(reply.status(), 103, "only hints may pass");
    };
    assert_eq!(reply.text(), "ok");

    let gateway =
        Gateway::start(|_| raw("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(100_000)));
    let mut client = gateway.client();
    client.send("GET /strict HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    let reply = loop {
        let reply = client.answer();
        if reply.status() >= 200 {
            break reply;
        }
    };
    assert!(matches!(reply.status(), 500 | 502), "{}", reply.status());
}

#[test]
fn the_heads_of_answers_are_bounded() {
    let gateway = Gateway::start(|_| {
        let long = "x".repeat(8 << 20);
        raw(format!("HTTP/1.1 200 OK\r\nX-A: {long}\r\nContent-Length: 2\r\n\r\nok"))
    });
    let status = gateway.client().get("/all").status();
    assert!(matches!(status, 500 | 502), "{status}");
}

#[test]
fn trailers_of_a_stream_survive() {
    let gateway = Gateway::start(|_| {
        raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
             5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n")
    });
    let mut client = gateway.client();
    client.send("GET /all HTTP/1.1\r\nHost: gw.test\r\nTE: trailers\r\n\r\n");
    let reply = client.answer();
    assert_eq!(reply.text(), "hello");
    assert_eq!(reply.trailers.first("x-sum"), Some("7"));
}

#[test]
fn answers_204_and_304_have_no_body_and_keep_the_connection() {
    let gateway = Gateway::start(|request| {
        if request.fields.first("x-want") == Some("204") {
            raw("HTTP/1.1 204 No Content\r\n\r\n")
        } else {
            raw("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 100\r\n\r\n")
        }
    });
    let mut client = gateway.client();
    for want in ["204", "304", "204"] {
        client.send(format!("GET /all HTTP/1.1\r\nHost: gw.test\r\nX-Want: {want}\r\n\r\n"));
        assert_eq!(client.answer().status().to_string(), want);
    }
    client.expect_open();
    assert_eq!(gateway.backend.connections(), 1);
}

#[test]
fn a_request_reaches_a_backend_at_most_once() {
    let gateway = Gateway::start(|_| vec![Step::Reset]);
    for _ in 0..3 {
        let before = gateway.backend.count();
        let reply =
            gateway.ask("POST /all HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 2\r\n\r\nhi");
        assert!(reply.status() >= 500);
        assert_eq!(gateway.backend.count(), before + 1);
    }
}

#[test]
fn a_post_on_a_connection_that_died_unseen_is_not_sent_twice() {
    let gateway = Gateway::start(|request| {
        let mut steps = ok("ok");
        if request.fields.first("x-die").is_some() {
            steps = vec![Step::Close];
        }
        steps
    });
    assert_eq!(gateway.client().get("/all").status(), 200);
    let reply = gateway
        .ask("POST /all HTTP/1.1\r\nHost: gw.test\r\nX-Die: 1\r\nContent-Length: 2\r\n\r\nhi");
    assert!(reply.status() >= 500);
    assert_eq!(gateway.backend.count(), 2);
}

#[test]
fn a_get_on_a_kept_connection_that_the_backend_closed_is_sent_again() {
    let gateway = Gateway::start(|_| {
        let mut steps = ok("ok");
        steps.push(Step::Wait(Duration::from_millis(30)));
        steps.push(Step::Close);
        steps
    });
    for round in 0..20_u64 {
        assert_eq!(gateway.client().get("/all").status(), 200, "round {round}");
        baton_tests::pause(Duration::from_millis(20 + round));
    }
}

#[test]
fn a_slow_answer_beyond_the_timeout_fails_and_its_connection_is_not_reused() {
    let root = json!({ "timeout": "300ms" });
    let gateway = Gateway::with(&root, |request| {
        let mut steps = Vec::new();
        if request.word(1).contains("slow") {
            steps.push(Step::Wait(Duration::from_millis(900)));
        }
        steps.extend(answer("200 OK", "", request.word(1)));
        steps
    });
    let reply = gateway.client().get("/all?slow=1");
    assert!(reply.status() >= 500, "{}", reply.status());
    let reply = gateway.client().get("/all?q=2");
    assert_eq!(reply.text(), "/b/all?q=2", "an answer to another request");
}

#[test]
fn a_gzip_answer_is_read_as_far_as_its_data_goes_and_a_cut_one_is_never_whole() {
    // {"a":1} in one member, its checksum changed (RFC 1952 §2.3.1).
    let member = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xabVJT\xb22\xac\x05\0\xc6\x8a\x19\xe3\x07\0\0\0";
    let serve = |member: &'static [u8]| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n\
             Content-Length: {}\r\n\r\n",
            member.len()
        );
        let answer = [head.as_bytes(), member].concat();
        Gateway::start(move |_| raw(answer.clone()))
    };
    // As KrakenD: the document was complete before the checksum came.
    let reply = serve(member).client().get("/json");
    assert_eq!((reply.status(), reply.text()), (200, "{\"a\":1}".to_owned()));
    let cut = member.get(..14).unwrap();
    assert_eq!(serve(cut).client().get("/json").status(), 500);
}

#[test]
fn an_empty_answer_keeps_the_name_of_its_coding() {
    let gateway = Gateway::start(|_| answer("200 OK", "Content-Encoding: gzip\r\n", ""));
    let reply = gateway.client().get("/all");
    assert_eq!((reply.status(), reply.fields.first("content-encoding")), (200, Some("gzip")));
}
