//! Bounds of a request, each configurable.

use baton_tests::backend::ok;
use serde_json::json;

use super::{SOON, plain};
use crate::fixture::Gateway;

fn limited(limits: &serde_json::Value) -> Gateway {
    Gateway::with(&json!({ "@baton": { "limits": limits } }), |_| ok("ok"))
}

/// Answered with one of `statuses`, closed, unseen by the backend.
fn too_much(gateway: &Gateway, request: &[u8], statuses: &[u16]) {
    let mut client = gateway.client();
    client.send(request);
    match client.try_answer() {
        Ok(answer) => assert!(statuses.contains(&answer.status()), "{}", answer.status()),
        // The client may still be sending when the gateway closes.
        Err(said) => assert!(said.contains("reset"), "{said}"),
    }
    client.expect_closed(SOON);
    assert_eq!(gateway.backend.count(), 0);
}

#[test]
fn a_head_beyond_a_mebibyte_is_431() {
    let gateway = plain();
    let long = "x".repeat((1 << 20) + 8_192);
    let request = format!("GET /all HTTP/1.1\r\nHost: gw.test\r\nX-A: {long}\r\n\r\n");
    too_much(&gateway, request.as_bytes(), &[431]);
}

#[test]
fn a_head_that_never_ends_is_431_and_bounded_in_memory() {
    let gateway = plain();
    let worker = gateway.baton.serving_worker();
    let before = baton_tests::process::rss_kib(worker);
    for _ in 0..20 {
        let mut client = gateway.client();
        client.send("GET /all HTTP/1.1\r\nHost: gw.test\r\nX-A: ");
        let piece = vec![b'x'; 64 * 1024];
        let sent = (0..1_000).take_while(|_| client.try_send(&piece).is_ok()).count();
        assert!(sent < 1_000, "64 MB of one field were read");
    }
    let grown = baton_tests::process::rss_kib(worker).saturating_sub(before);
    assert!(grown < 96 * 1024, "grown by {grown} KiB");
}

#[test]
fn max_header_bytes_of_the_file_counts() {
    let gateway = Gateway::with(&json!({ "max_header_bytes": 1_000 }), |_| ok("ok"));
    let request = |size: usize| {
        let long = "x".repeat(size);
        format!("GET /all HTTP/1.1\r\nHost: gw.test\r\nX-A: {long}\r\n\r\n")
    };
    too_much(&gateway, request(8_000).as_bytes(), &[431]);
    assert_eq!(gateway.ask(request(3_000)).status(), 200, "within Go's slack of 4,096");
}

#[test]
fn the_number_of_fields_is_bounded() {
    let gateway = limited(&json!({ "header_fields": 50 }));
    let request = |count: usize| {
        let fields = "X-A: b\r\n".repeat(count);
        format!("GET /all HTTP/1.1\r\nHost: gw.test\r\n{fields}\r\n")
    };
    too_much(&gateway, request(51).as_bytes(), &[431]);
    assert_eq!(gateway.ask(request(40)).status(), 200);
}

#[test]
fn the_lines_of_cookies_count_as_fields() {
    let gateway = limited(&json!({ "header_fields": 50 }));
    let crumbs = "Cookie: a=b\r\n".repeat(60);
    let request = format!("GET /all HTTP/1.1\r\nHost: gw.test\r\n{crumbs}\r\n");
    too_much(&gateway, request.as_bytes(), &[431]);
}

#[test]
fn the_request_line_is_bounded() {
    let gateway = limited(&json!({ "request_line_bytes": 1_000 }));
    let long = "x".repeat(2_000);
    let request = format!("GET /all?{long} HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    too_much(&gateway, request.as_bytes(), &[414]);
}

#[test]
fn an_announced_body_beyond_the_bound_is_413() {
    let gateway = limited(&json!({ "body_bytes": 1_000 }));
    let request = "POST /all HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 1001\r\n\r\n";
    too_much(&gateway, request.as_bytes(), &[413]);
    let body = "x".repeat(1_000);
    let request =
        format!("POST /all HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 1000\r\n\r\n{body}");
    assert_eq!(gateway.ask(request).status(), 200);
}

#[test]
fn a_chunked_body_beyond_the_bound_is_413_and_the_backend_gets_no_whole_one() {
    let gateway = limited(&json!({ "body_bytes": 1_000 }));
    let chunk = format!("64\r\n{}\r\n", "x".repeat(100));
    let request = format!(
        "POST /all HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunk.repeat(11)
    );
    let mut client = gateway.client();
    client.send(request);
    assert_eq!(client.answer().status(), 413);
    client.expect_closed(SOON);
    assert_eq!(gateway.backend.count(), 0, "{:?}", gateway.backend.seen());
}
