//! What backends get, line by line.

use super::*;
use crate::backend::exchange::Reuse;
use crate::harness;

const CLIENT: &[(&str, &str)] = &[
    ("user-agent", "curl"),
    ("X-One", "1"),
    ("X-One", "2"),
    ("Content-Type", "a/b"),
    ("X-Forwarded-For", "6.6.6.6"),
    ("X-Forwarded-Via", "forged"),
    ("Connection", "close, X-Secret"),
    ("Connection", "X-Forwarded-Host, X-Other"),
    ("X-Secret", "s"),
    ("X-Other", "o"),
    ("TE", "trailers"),
    ("TE", "gzip"),
    ("Keep-Alive", "timeout=5"),
    ("Upgrade", "h2c"),
    ("HTTP2-Settings", "AAA"),
    ("Proxy", "http://evil"),
    ("Proxy-Authorization", "p"),
    ("Transfer-Encoding", "chunked"),
    ("Content-Length", "4"),
    ("Trailer", "X-One, Authorization"),
];

/// What a backend gets besides `Host`, sorted, without what hyper would add.
fn sent(
    endpoint: &[&str],
    backend: &[&str],
    method: &Method,
    fields: &[(&str, &str)],
    body: RequestBody,
) -> String {
    let owned = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let (endpoint, backend) = (owned(endpoint), owned(backend));
    let plan = HeaderPlan::compile(&endpoint, &backend, Compression::Gzip, Reuse::KeepAlive);
    let head = harness::head(method.as_str(), "/a", fields);
    let agent = HeaderValue::from_static("KrakenD");
    let own = Own {
        agent: &agent,
        client: HeaderValue::from_static("192.0.2.1"),
        host: &HeaderValue::from_static("h:1"),
    };
    let uri = Uri::from_static("/b");
    let (request, _) = plan.build(&head, body, Line { method, uri }, own);
    let lines = request.headers().iter().filter(|(name, _)| *name != HOST);
    let mut lines: Vec<_> =
        lines.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines.join("\n")
}

#[track_caller]
fn check(endpoint: &[&str], backend: &[&str], expected: &str) {
    assert_eq!(sent(endpoint, backend, &Method::GET, CLIENT, RequestBody::Empty), expected);
}

#[test]
fn without_lists_only_the_content_type_passes() {
    let expected = "accept-encoding: gzip\ncontent-type: a/b\nuser-agent: KrakenD\n\
                    x-forwarded-for: 192.0.2.1\nx-forwarded-host: gw.test";
    check(&[], &[], expected);
}

#[test]
fn a_list_replaces_the_content_type_and_keeps_the_order_of_values() {
    let expected = "accept-encoding: gzip\nuser-agent: KrakenD\nx-forwarded-for: 192.0.2.1\n\
                    x-forwarded-host: gw.test\nx-one: 1\nx-one: 2";
    check(&["X-One"], &[], expected);
}

#[test]
fn with_a_star_everything_passes_but_hop_by_hop_fields_and_what_connection_names() {
    let expected = "accept-encoding: gzip\ncontent-type: a/b\nte: trailers\n\
                    user-agent: curl\nx-forwarded-for: 192.0.2.1\nx-forwarded-host: gw.test\n\
                    x-forwarded-via: KrakenD\nx-one: 1\nx-one: 2";
    check(&["*"], &[], expected);
}

#[test]
fn the_backends_list_filters_the_gateways_own_fields_too_and_has_no_star() {
    let go = "accept-encoding: gzip\nuser-agent: Go-http-client/1.1";
    check(&["*"], &["*"], go);
    check(&["X-One", "X-Two"], &["x-one"], &format!("{go}\nx-one: 1\nx-one: 2"));
    let expected = "accept-encoding: gzip\nuser-agent: curl\nx-forwarded-for: 192.0.2.1";
    check(&["*"], &["User-Agent", "X-Forwarded-For"], expected);
    check(&[], &["X-Forwarded-Via"], go);
    check(&["User-Agent"], &["X-Forwarded-Via"], &format!("{go}\nx-forwarded-via: KrakenD"));
}

#[test]
fn the_old_word_for_no_cache_is_told_in_the_new_one_too() {
    let told = |endpoint: &[&str], fields: &[(&str, &str)]| {
        sent(endpoint, &[], &Method::GET, fields, RequestBody::Empty)
            .contains("cache-control: no-cache")
    };
    let old = ("Pragma", "no-cache");
    assert!(told(&["*"], &[old]));
    assert!(told(&["Cache-Control"], &[old]));
    assert!(!told(&["Pragma"], &[old]));
    assert!(!told(&["*"], &[old, ("Cache-Control", "x")]));
    assert!(!told(&["*"], &[("Pragma", "No-Cache")]));
}

#[test]
fn what_frames_a_body_is_the_gateways_choice() {
    let held = || RequestBody::Held(bytes::Bytes::from_static(b"body"));
    let framing = |endpoint: &[&str], method: &Method, body| {
        let sent = sent(endpoint, &[], method, CLIENT, body);
        let framing = |line: &&str| {
            line.starts_with("content-length") || line.starts_with("transfer-encoding")
        };
        sent.lines().filter(framing).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(framing(&["*"], &Method::GET, RequestBody::Empty), "");
    assert_eq!(framing(&[], &Method::POST, RequestBody::Empty), "content-length: 0");
    assert_eq!(framing(&[], &Method::DELETE, RequestBody::Empty), "");
    assert_eq!(framing(&[], &Method::POST, held()), "content-length: 4");
}

#[test]
fn the_gateway_asks_for_gzip_unless_the_client_asked_for_something() {
    let asked = |fields: &[(&str, &str)], method: &Method| {
        let sent = sent(&["*"], &[], method, fields, RequestBody::Empty);
        let line = sent.lines().find(|line| line.starts_with("accept-encoding"));
        line.unwrap_or_default().to_owned()
    };
    assert_eq!(asked(&[], &Method::GET), "accept-encoding: gzip");
    assert_eq!(asked(&[("Accept-Encoding", "br")], &Method::GET), "accept-encoding: br");
    assert_eq!(asked(&[("Range", "bytes=0-1")], &Method::GET), "");
    assert_eq!(asked(&[], &Method::HEAD), "");
    // Go looks whether the first line says something.
    assert_eq!(asked(&[("Range", "")], &Method::GET), "accept-encoding: gzip");
    let both = sent(&["*"], &[], &Method::GET, &[("Accept-Encoding", "")], RequestBody::Empty);
    assert!(both.starts_with("accept-encoding: \naccept-encoding: gzip\n"), "{both}");
}

#[test]
fn an_agent_without_a_name_is_none() {
    let unnamed = sent(&["*"], &[], &Method::GET, &[("User-Agent", "")], RequestBody::Empty);
    assert!(!unnamed.contains("user-agent"), "{unnamed}");
    assert!(unnamed.contains("x-forwarded-via: KrakenD"), "{unnamed}");
}
