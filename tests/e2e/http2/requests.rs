//! A request is a request, however it comes.

use std::time::Duration;

use baton_tests::backend::{Step, ok, raw as bytes};
use baton_tests::h2::{Client, Frame, kind};
use baton_tests::{Baton, until};
use serde_json::json;

use super::{client, raw, request, start, with};
use crate::fixture::Gateway;

const SOON: Duration = Duration::from_secs(5);

#[test]
fn a_request_passes_and_its_answer_comes_back() {
    let gateway = start(|_| ok("hello"));
    let mut client = client(&gateway);
    let answer = client.get("/all?x=1");
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
    assert_eq!(answer.field("content-length"), "5");
    assert!(answer.field("date").ends_with("GMT"), "{answer:?}");
    assert!(answer.field("x-krakend").starts_with("Version"), "{answer:?}");
    assert_eq!(gateway.backend.last().word(1), "/b/all?x=1");
    assert_eq!(client.get("/json").status, 500, "what is not JSON is no answer");
    assert_eq!(client.get("/nothing").status, 404);
    assert_eq!(client.ask(request("HEAD", "/nothing", &[]), b"").unwrap().body, b"");
}

#[test]
fn bodies_stream_both_ways_and_trailers_pass() {
    let gateway = start(|request| {
        let body = &request.body;
        let mut answer =
            b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for piece in body.chunks(10_000) {
            answer.extend(format!("{:x}\r\n", piece.len()).as_bytes());
            answer.extend(piece);
            answer.extend(b"\r\n");
        }
        answer.extend(b"0\r\nX-Sum: all of it\r\n\r\n");
        bytes(answer)
    });
    let mut client = client(&gateway);
    let body: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_be_bytes()[3]).collect();
    for fields in [&[][..], &[("content-length", "3000000")]] {
        let answer = client.ask(request("POST", "/all", fields), &body).unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.body == body, "{} bytes came back", answer.body.len());
        let sum = answer.trailers.as_ref().and_then(|fields| fields.get("x-sum"));
        assert_eq!(sum.unwrap(), "all of it");
    }
}

#[test]
fn a_body_in_a_thousand_small_pieces_is_a_body() {
    let gateway = start(|request| ok(&request.body.len().to_string()));
    let mut raw = raw(&gateway);
    let mut bytes = Frame::headers(1, "POST", "/all", &[], false).bytes();
    for _ in 0..1_000 {
        bytes.extend(Frame::new(kind::DATA, 0, 1, b"piece").bytes());
    }
    bytes.extend(Frame::new(kind::DATA, 1, 1, b"").bytes());
    raw.send_bytes(&bytes);
    assert_eq!(raw.until(kind::DATA).payload, b"5000");
}

#[test]
fn many_streams_of_one_connection_are_answered_at_once_and_none_waits_for_another() {
    let gateway = start(|request| match request.word(1) {
        "/b/slow/end" => vec![Step::Wait(Duration::from_millis(700)), bytes(SLOW).remove(0)],
        _ => ok("fast"),
    });
    let mut client = client(&gateway);
    let slow: Vec<_> =
        (0..20).map(|_| client.begin(request("GET", "/path/slow", &[]), true).unwrap()).collect();
    assert_eq!(client.get("/all").text(), "fast");
    for pending in slow {
        assert_eq!(pending.answer().unwrap().text(), "slow");
    }
    assert_eq!(gateway.backend.count(), 21);
}

const SLOW: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow";

#[test]
fn crumbs_of_a_cookie_arrive_as_one_and_fields_of_connections_do_not() {
    let gateway = start(|_| ok("ok"));
    let mut client = client(&gateway);
    let fields = [("cookie", "a=1"), ("x-own", "v"), ("cookie", "b=2"), ("te", "trailers")];
    assert_eq!(client.ask(request("GET", "/all", &fields), b"").unwrap().status, 200);
    let seen = gateway.backend.last();
    assert_eq!(seen.fields.all("cookie").collect::<Vec<_>>(), ["a=1; b=2"]);
    assert_eq!(seen.fields.first("x-own"), Some("v"));
    for field in [("connection", "x"), ("transfer-encoding", "chunked"), ("upgrade", "h2c")] {
        let mut raw = raw(&gateway);
        raw.send(&Frame::headers(1, "GET", "/all", &[field], true));
        assert_eq!(raw.until(kind::RST_STREAM).number(0), 1, "{field:?}");
    }
    assert_eq!(gateway.backend.count(), 1);
}

#[test]
fn what_http1_refuses_is_refused_here() {
    let gateway = start(|_| ok("ok"));
    let mut client = client(&gateway);
    for (path, fields, status) in [
        ("/all", &[("host", "other.test")][..], 400),
        ("/all%5Cx", &[], 400),
        ("/all/%zz", &[], 400),
        ("/all", &[("expect", "200-ok")], 417),
    ] {
        let answer = client.ask(request("GET", path, fields), b"").unwrap();
        assert_eq!(answer.status, status, "{path} {fields:?}: {}", answer.text());
    }
    let many: Vec<_> = (0..1_001).map(|_| ("cookie", "a")).collect();
    assert_eq!(client.ask(request("GET", "/all", &many), b"").unwrap().status, 431);
    assert_eq!(gateway.backend.count(), 0);
    assert_eq!(client.get("/all").status, 200, "the connection lives on");
}

#[test]
fn a_body_has_its_bounds_and_its_length_is_what_was_said() {
    let root = json!({ "@baton": { "limits": { "body_bytes": 1000 } } });
    let gateway = with(&root, |_| ok("ok"));
    let mut client = client(&gateway);
    let announced = request("POST", "/all", &[("content-length", "1001")]);
    assert_eq!(client.begin(announced, false).unwrap().answer().unwrap().status, 413);
    let answer = client.ask(request("POST", "/all", &[]), &[b'x'; 1001]);
    assert!(answer.as_ref().is_ok_and(|answer| answer.status == 413), "{answer:?}");
    let mut raw = raw(&gateway);
    raw.send(&Frame::headers(1, "POST", "/all", &[("content-length", "5")], false));
    raw.send(&Frame::new(kind::DATA, 1, 1, b"four"));
    assert_eq!(raw.until(kind::RST_STREAM).number(0), 1, "PROTOCOL_ERROR");
}

#[test]
fn a_client_that_gives_up_frees_the_backend() {
    let (told, closed) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let backend = baton_tests::backend::Backend::by_connection(move |socket| {
        let mut stream = baton_tests::http::Stream::new(socket);
        while let Ok(Some(_)) = stream.message(baton_tests::http::Reading::Request) {}
        told.lock().unwrap().send(()).unwrap_or_default();
    });
    let mut config = crate::fixture::endpoints(&backend.host());
    crate::fixture::merge(&mut config, &json!({ "use_h2c": true }));
    let baton = Baton::start(&config);
    let mut client = Client::connect(baton.address());
    let mut pending = client.begin(request("GET", "/all", &[]), true).unwrap();
    until("the backend is asked", SOON, || backend.connections() == 1);
    pending.upload().send_reset(h2::Reason::CANCEL);
    drop(pending);
    closed.recv_timeout(SOON).expect("the exchange with the backend ends");
}

#[test]
fn requests_stand_in_the_access_log_and_are_counted() {
    let gateway = start(|_| ok("ok"));
    let mut client = client(&gateway);
    client.get("/all?over=http2");
    until("the access log is written", SOON, || {
        gateway
            .baton
            .log()
            .lines()
            .any(|line| line.contains("| 200 |") && line.contains("over=http2"))
    });
}

#[test]
fn both_protocols_are_served_on_one_port_and_http2_only_when_asked_for() {
    let gateway = start(|_| ok("ok"));
    assert_eq!(gateway.ask("GET /all HTTP/1.1\r\nHost: a\r\n\r\n").status(), 200);
    assert_eq!(client(&gateway).get("/all").status, 200);
    let upgrade = "GET /all HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n\
                   Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    let answer = gateway.ask(upgrade);
    assert_eq!(answer.status(), 200, "an upgrade is not taken: {}", answer.text());
    let seen = gateway.backend.last();
    assert_eq!((seen.fields.first("http2-settings"), seen.fields.first("upgrade")), (None, None));
    let without = Gateway::start(|_| ok("ok"));
    assert!(
        Client::try_connect(without.baton.address())
            .is_ok_and(|mut client| { client.ask(request("GET", "/all", &[]), b"").is_err() })
    );
    let by_router = json!({ "extra_config": { "router": { "use_h2c": true } } });
    let by_router = Gateway::with(&by_router, |_| ok("ok"));
    assert_eq!(client(&by_router).get("/all").status, 200);
}

#[test]
fn a_cut_answer_is_never_whole_for_the_client() {
    let gateway = start(|_| {
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
        baton_tests::backend::raw_then_close(cut)
    });
    let answer = client(&gateway).ask(request("GET", "/all", &[]), b"");
    assert!(answer.is_err(), "{answer:?}");
}
