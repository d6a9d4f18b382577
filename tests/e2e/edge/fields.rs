//! Header fields (RFC 9110 §5, RFC 9112 §5): what is not a field is refused, never repaired.

use super::{plain, refused};

fn get(fields: &[u8]) -> Vec<u8> {
    [b"GET /all HTTP/1.1\r\nHost: gw.test\r\n", fields, b"\r\n"].concat()
}

#[test]
fn a_name_that_is_no_token_is_refused() {
    let gateway = plain();
    for fields in [
        "X : 1\r\n",
        "X\t: 1\r\n",
        ": 1\r\n",
        "X Y: 1\r\n",
        "X\u{0}Y: 1\r\n",
        "X(Y): 1\r\n",
        "X\u{7f}: 1\r\n",
        "X;Y: 1\r\n",
        "Ünicode: 1\r\n",
        "no colon\r\n",
        "X/Y: 1\r\n",
        "\"X\": 1\r\n",
    ] {
        refused(&gateway, &get(fields.as_bytes()), 400);
    }
}

#[test]
fn nul_and_bare_cr_in_a_value_are_refused() {
    let gateway = plain();
    for fields in [
        b"X: a\0b\r\n".as_slice(),
        b"X: a\rb\r\n",
        b"X: \r\r\n",
        b"X: a\r\rY: b\r\n",
        b"X: a\x01b\r\n",
        b"X: a\x7fb\r\n",
    ] {
        refused(&gateway, &get(fields), 400);
    }
}

#[test]
fn a_folded_value_is_refused() {
    let gateway = plain();
    for fields in ["X: a\r\n b\r\n", "X: a\r\n\tb\r\n", "X:\r\n b\r\n", " X: a\r\n"] {
        refused(&gateway, &get(fields.as_bytes()), 400);
    }
}

#[test]
fn a_first_line_that_begins_with_a_blank_is_no_field() {
    let gateway = plain();
    refused(&gateway, b"GET /all HTTP/1.1\r\n Host: gw.test\r\n\r\n", 400);
}

#[test]
fn a_bare_lf_may_end_a_line_and_is_never_forwarded() {
    let gateway = plain();
    let answer = gateway.ask("GET /all HTTP/1.1\nHost: gw.test\nX-A: 1\n\n");
    assert_eq!(answer.status(), 200);
    let seen = gateway.backend.last();
    assert_eq!(seen.fields.first("x-a"), Some("1"));
    let bare = seen.head.windows(2).any(|pair| pair != b"\r\n" && pair.ends_with(b"\n"));
    assert!(!bare, "a bare LF went out: {:?}", String::from_utf8_lossy(&seen.head));
}

#[test]
fn there_is_exactly_one_valid_host() {
    let gateway = plain();
    let request = |fields: &str| format!("GET /all HTTP/1.1\r\n{fields}\r\n").into_bytes();
    for fields in [
        "",
        "Host: a\r\nHost: b\r\n",
        "Host: a\r\nHost: a\r\n",
        "Host: user@gw.test\r\n",
        "Host: gw test\r\n",
        "Host: gw.test/path\r\n",
        "Host: gw.test?x\r\n",
        "Host: gw.test#x\r\n",
        "Host: gw.test:port\r\n",
        "Host: gw\\test\r\n",
        "Host: [::1\r\n",
        "Host: gw.test:99999999\r\n",
    ] {
        refused(&gateway, &request(fields), 400);
    }
    for host in ["gw.test", "gw.test:8080", "127.0.0.1", "[::1]:80"] {
        let answer = gateway.ask(request(&format!("Host: {host}\r\n")));
        assert_eq!(answer.status(), 200, "{host}");
        assert_eq!(gateway.backend.last().fields.first("x-forwarded-host"), Some(host));
    }
}

#[test]
fn http_1_0_may_come_without_host_and_the_forwarded_host_is_empty() {
    let gateway = plain();
    let answer = gateway.ask("GET /strict HTTP/1.0\r\n\r\n");
    assert_eq!(answer.status(), 200);
    assert_eq!(gateway.backend.last().fields.first("x-forwarded-host"), Some(""));
}

#[test]
fn the_proxy_field_is_dropped() {
    let gateway = plain();
    let answer = gateway.ask(get(b"Proxy: http://evil.test\r\nX-A: 1\r\n"));
    assert_eq!(answer.status(), 200);
    let seen = gateway.backend.last();
    assert_eq!(seen.fields.first("proxy"), None);
    assert_eq!(seen.fields.first("x-a"), Some("1"));
}

#[test]
fn an_absolute_form_wins_over_host() {
    let gateway = plain();
    let answer = gateway.ask("GET http://other.test/all?a=1 HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    assert_eq!(answer.status(), 200);
    let seen = gateway.backend.last();
    assert_eq!(seen.fields.first("x-forwarded-host"), Some("other.test"));
    assert_eq!(seen.word(1), "/b/all?a=1");
}

#[test]
fn userinfo_in_an_absolute_form_is_refused() {
    let gateway = plain();
    refused(&gateway, b"GET http://u:p@other.test/all HTTP/1.1\r\nHost: gw.test\r\n\r\n", 400);
}

#[test]
fn a_request_line_is_three_words_with_single_blanks() {
    let gateway = plain();
    for line in [
        "GET /all",
        "GET  /all HTTP/1.1",
        "GET /all  HTTP/1.1",
        "GET /all HTTP/1.1 ",
        " GET /all HTTP/1.1",
        "GET\t/all\tHTTP/1.1",
        "GET /a b HTTP/1.1",
        "G(T /all HTTP/1.1",
        "GET /all HTTP/1.1x",
        "GET /all HTTP/x.1",
        "GET /all http/1.1",
        "GET /\u{0}all HTTP/1.1",
        "GET /\u{7f} HTTP/1.1",
    ] {
        refused(&gateway, format!("{line}\r\nHost: gw.test\r\n\r\n").as_bytes(), 400);
    }
}

#[test]
fn another_major_version_is_505() {
    let gateway = plain();
    for version in ["HTTP/2.0", "HTTP/3.0", "HTTP/0.9"] {
        refused(&gateway, format!("GET /all {version}\r\nHost: gw.test\r\n\r\n").as_bytes(), 505);
    }
}

#[test]
fn an_error_text_never_repeats_what_the_client_sent() {
    let gateway = plain();
    let answer = refused(&gateway, &get(b"X<script>: 1\r\n"), 400);
    assert!(!answer.text().contains("script"));
    assert!(!String::from_utf8_lossy(&answer.head).contains("script"));
}
