//! The path that is routed is the path that is sent.

use super::{plain, refused};
use crate::fixture::Gateway;

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\n\r\n").into_bytes()
}

/// What the backend was asked for `target`, or the status without it.
fn asked(gateway: &Gateway, target: &str) -> Result<String, u16> {
    let before = gateway.backend.count();
    let answer = gateway.ask(get(target));
    let seen = gateway.backend.seen();
    if seen.len() > before {
        Ok(seen.last().map(|seen| seen.word(1).to_owned()).unwrap_or_default())
    } else {
        Err(answer.status())
    }
}

#[test]
fn a_backslash_in_the_path_is_refused() {
    let gateway = plain();
    for target in ["/path/a\\b", "/path/a%5Cb", "/path/a%5cb", "/all\\", "/path/..%5C..", "\\all"] {
        assert_eq!(asked(&gateway, target), Err(400), "{target}");
    }
}

#[test]
fn a_hash_is_refused_before_routing() {
    let gateway = plain();
    for target in ["/all#x", "/path/a#b", "/nothing#x", "/all?a=1#b", "/#"] {
        refused(&gateway, &get(target), 400);
    }
}

#[test]
fn what_is_no_path_is_refused_before_routing() {
    let gateway = plain();
    for target in ["@host", ":80", "gw.test:80", "all", "?a=1", "@gw.test/all", "*/all"] {
        refused(&gateway, &get(target), 400);
    }
}

#[test]
fn connect_and_a_star_find_nothing() {
    let gateway = plain();
    for line in ["CONNECT gw.test:80", "GET *"] {
        let request = format!("{line} HTTP/1.1\r\nHost: gw.test\r\n\r\n");
        assert_eq!(gateway.ask(request).status(), 404, "{line}");
    }
    assert_eq!(gateway.backend.count(), 0);
}

#[test]
fn two_slashes_are_never_an_authority() {
    let gateway = plain();
    for target in ["//evil.test/all", "//evil.test", "///all"] {
        let asked = asked(&gateway, target);
        assert!(asked.is_err(), "{target}: {asked:?}");
    }
}

#[test]
fn a_dot_segment_never_lands_in_a_pattern() {
    let gateway = plain();
    for target in [
        "/path/..",
        "/path/.",
        "/path/%2e%2e",
        "/path/%2E%2E",
        "/path/.%2e",
        "/path/%2e",
        "/query/..",
        "/path/%2e%2e%2f%2e%2e",
        "/path/..%2fadmin",
        "/path/a%2f..",
    ] {
        let asked = asked(&gateway, target);
        assert!(asked.is_err(), "{target}: the backend was asked {asked:?}");
    }
    assert_eq!(asked(&gateway, "/path/%2e%2e"), Err(400));
    assert_eq!(asked(&gateway, "/path/..."), Ok("/b/.../end".to_owned()), "three dots are a name");
    assert_eq!(asked(&gateway, "/path/a..b"), Ok("/b/a..b/end".to_owned()));
}

#[test]
fn an_encoded_slash_splits_segments() {
    let gateway = plain();
    assert_eq!(asked(&gateway, "/path/a%2Fb"), Err(404));
    assert_eq!(asked(&gateway, "/%61ll"), Ok("/b/all".to_owned()));
    assert_eq!(asked(&gateway, "/path%2Fa"), Ok("/b/a/end".to_owned()));
}

#[test]
fn a_path_is_decoded_once() {
    let gateway = plain();
    // Twice encoded, dots would be a segment for a backend that decodes twice.
    assert_eq!(asked(&gateway, "/path/%252e%252e"), Err(400));
    // KrakenD refuses a value that is still encoded, or that would begin a query or a fragment.
    for target in ["/path/a%2525", "/path/a%25b", "/path/a%3Fb", "/path/a%23b"] {
        assert_eq!(asked(&gateway, target), Err(400), "{target}");
    }
}

#[test]
fn a_control_byte_in_a_value_is_never_forwarded() {
    let gateway = plain();
    for target in ["/path/a%0d%0ab", "/path/%00", "/query/a%0ab", "/path/%1f", "/query/%7f"] {
        assert_eq!(asked(&gateway, target), Err(500), "{target}");
    }
}

#[test]
fn a_value_is_encoded_for_the_place_where_it_lands() {
    let gateway = plain();
    for (target, want) in [
        ("/path/a%20b", "/b/a%20b/end"),
        ("/path/%C3%A9", "/b/%C3%A9/end"),
        ("/path/a&b=c", "/b/a&b=c/end"),
        ("/query/a&b=c", "/b?v=a%26b%3Dc"),
        ("/query/a+b;c", "/b?v=a%2Bb%3Bc"),
        ("/query/%C3%A9", "/b?v=%C3%A9"),
    ] {
        assert_eq!(asked(&gateway, target).as_deref(), Ok(want), "{target}");
    }
    let blank = asked(&gateway, "/query/a%20b").unwrap_or_default();
    assert!(matches!(blank.as_str(), "/b?v=a%20b" | "/b?v=a+b"), "{blank}");
}

#[test]
fn a_bad_escape_is_refused() {
    let gateway = plain();
    for target in ["/path/%zz", "/path/%4", "/path/%", "/%"] {
        assert_eq!(asked(&gateway, target), Err(400), "{target}");
    }
}

#[test]
fn the_redirect_of_an_absolute_target_is_a_path() {
    let gateway = plain();
    let answer = gateway.ask(get("http://evil.test/ALL?x=1"));
    assert_eq!((answer.status(), answer.fields.first("location")), (301, Some("/all?x=1")));
}
