//! KrakenD's own endpoints: `/__health`, `/__debug/`, `/__echo/`.
//!
//! On the way: instead of guards and proxy. Functions from plain inputs to a response; the clock is
//! read by the caller. KrakenD: none of them carries `X-Krakend`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use baton_shared::log::Civil;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use super::percent;
use crate::backend::query;
use crate::encode::json_string;
use crate::message::{Head, Response};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// The time as Go's `time.Now()` holds it: both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoTime {
    /// Since 1970, UTC.
    pub since_epoch: Duration,
    /// Since the process began.
    pub since_start: Duration,
}

/// `/__health`: alive, and when.
#[must_use]
pub fn health(now: GoTime) -> Response {
    ok(format!("{{\"agents\":{{}},\"now\":\"{}\",\"status\":\"ok\"}}", go_time(now)).into())
}

/// `/__debug/`: the caller logs what came.
#[must_use]
pub fn debug() -> Response {
    ok(Bytes::from_static(b"{\"message\":\"pong\"}"))
}

/// What KrakenD logs of a request to `/__debug/`; `rest` is what follows that path. Values that let
/// somebody in are left out (http-edge §5).
#[must_use]
pub fn debug_lines(head: &Head, rest: &[u8], body: &[u8]) -> [String; 6] {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pairs = query::pairs(head.query().unwrap_or_default());
    let query = by_key(&pairs).into_iter().map(|(key, values)| (text(key), values));
    let headers = fields(head).into_iter().map(|(name, values)| {
        let hidden = SECRETS.contains(&name.as_str());
        let values = if hidden { vec![b"...".as_slice(); values.len()] } else { values };
        (name, values)
    });
    [
        format!("Method: {}", head.method()),
        format!("URL: {}", text(&target(head))),
        format!("Query: {}", go_map(query)),
        format!("Params: [{{param {}}}]", text(rest)),
        format!("Headers: {}", go_map(headers)),
        format!("Body: {}", text(body.get(..LOGGED_BYTES_MAX).unwrap_or(body))),
    ]
}

/// Header fields whose values no log shows.
const SECRETS: [&str; 5] =
    ["Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "X-Auth-Token"];
/// So much of a body is logged.
const LOGGED_BYTES_MAX: usize = 16 * 1024;

/// `map[a:[1 2] b:[3]]`
fn go_map<K: AsRef<[u8]>>(members: impl Iterator<Item = (String, Vec<K>)>) -> String {
    let member = |(key, values): (String, Vec<K>)| {
        let text = |value: &K| String::from_utf8_lossy(value.as_ref()).into_owned();
        let values: Vec<_> = values.iter().map(text).collect();
        format!("{key}:[{}]", values.join(" "))
    };
    format!("map[{}]", members.map(member).collect::<Vec<_>>().join(" "))
}

/// `/__echo/`: the request as JSON. `body` is complete and within the bound for bodies.
#[must_use]
pub fn echo(head: &Head, body: &[u8]) -> Response {
    let decoded = percent::decode(head.path());
    let path = decoded.as_deref().unwrap_or_else(|_| head.path());
    let pairs = query::pairs(head.query().unwrap_or_default());
    let mut encoded = Vec::new();
    query::write_pairs(&pairs, &mut encoded);

    let mut out = b"{\"req_uri\":".to_vec();
    json_string(&target(head), &mut out);
    out.extend_from_slice(b",\"req_uri_details\":");
    let details: [(&str, &[u8]); 5] = [
        ("fragment", b""),
        ("host", head.host().as_bytes()),
        ("path", path),
        ("query", &encoded),
        ("user", b""),
    ];
    write_object(details, &mut out, json_string);
    out.extend_from_slice(b",\"req_method\":");
    json_string(head.method().as_str().as_bytes(), &mut out);
    out.extend_from_slice(b",\"req_querystring\":");
    write_object(by_key(&pairs), &mut out, write_strings);
    out.extend_from_slice(b",\"req_body\":");
    json_string(body, &mut out);
    out.extend_from_slice(b",\"req_headers\":");
    write_object(fields(head), &mut out, write_strings);
    out.push(b'}');
    ok(out.into())
}

fn ok(json: Bytes) -> Response {
    let mut response = Response::new(StatusCode::OK, json);
    response.headers.insert(CONTENT_TYPE, JSON);
    response
}

/// `{"key":…}`, each value by `member`; the keys come sorted.
fn write_object<K: AsRef<[u8]>, V>(
    members: impl IntoIterator<Item = (K, V)>,
    out: &mut Vec<u8>,
    member: impl Fn(V, &mut Vec<u8>),
) {
    out.push(b'{');
    for (nth, (key, value)) in members.into_iter().enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        json_string(key.as_ref(), out);
        out.push(b':');
        member(value, out);
    }
    out.push(b'}');
}

fn write_strings(values: Vec<&[u8]>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (nth, value) in values.into_iter().enumerate() {
        if nth > 0 {
            out.push(b',');
        }
        json_string(value, out);
    }
    out.push(b']');
}

fn target(head: &Head) -> Vec<u8> {
    let mut target = head.path().to_vec();
    if let Some(query) = head.query() {
        target.push(b'?');
        target.extend_from_slice(query);
    }
    target
}

fn by_key<'q>(pairs: &'q query::Pairs<'_>) -> BTreeMap<&'q [u8], Vec<&'q [u8]>> {
    let mut by_key: BTreeMap<&[u8], Vec<&[u8]>> = BTreeMap::new();
    for (key, value) in pairs {
        by_key.entry(key).or_default().push(value);
    }
    by_key
}

/// The fields by their names in Go's canonical form, without those that Go keeps elsewhere.
fn fields(head: &Head) -> BTreeMap<String, Vec<&[u8]>> {
    let mut fields: BTreeMap<String, Vec<&[u8]>> = BTreeMap::new();
    for (name, value) in head.fields() {
        let name = canonical(name);
        if !matches!(name.as_str(), "Host" | "Transfer-Encoding" | "Trailer") {
            fields.entry(name).or_default().push(value);
        }
    }
    fields
}

/// `x-a` as `X-A`: the first letter and each one after a hyphen are large.
pub(crate) fn canonical(name: &str) -> String {
    let mut large = true;
    let letter = |letter: char| {
        let written = if large { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        large = letter == '-';
        written
    };
    name.chars().map(letter).collect()
}

/// `2026-11-23 09:07:52.127775838 +0000 UTC m=+0.068454967`
fn go_time(now: GoTime) -> String {
    let seconds = i64::try_from(now.since_epoch.as_secs()).unwrap_or_default();
    let Civil { year, month, day, hour, minute, second } = Civil::utc(seconds);
    let mut text = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
    // Writing to a String cannot fail.
    let nanos = now.since_epoch.subsec_nanos();
    if nanos > 0 {
        let fraction = format!("{nanos:09}");
        let _infallible = write!(text, ".{}", fraction.trim_end_matches('0'));
    }
    let start = now.since_start;
    let _infallible = write!(text, " +0000 UTC m=+{}.{:09}", start.as_secs(), start.subsec_nanos());
    text
}

#[cfg(test)]
mod tests {
    use crate::message::ResponseBody;
    use crate::route::tests::head;

    use super::*;

    fn at(seconds: u64, nanos: u32, start_nanos: u64) -> String {
        go_time(GoTime {
            since_epoch: Duration::new(seconds, nanos),
            since_start: Duration::from_nanos(start_nanos),
        })
    }

    #[test]
    fn time_is_written_as_go_writes_it() {
        assert_eq!(at(0, 0, 0), "1970-01-01 00:00:00 +0000 UTC m=+0.000000000");
        assert_eq!(
            at(1_795_424_872, 127_775_838, 68_454_967),
            "2026-11-23 09:07:52.127775838 +0000 UTC m=+0.068454967"
        );
        assert_eq!(
            at(951_782_399, 120_000_000, 61_000_000_005),
            "2000-02-28 23:59:59.12 +0000 UTC m=+61.000000005"
        );
        assert_eq!(at(951_782_400, 0, 0), "2000-02-29 00:00:00 +0000 UTC m=+0.000000000");
        assert_eq!(at(4_107_542_400, 0, 0), "2100-03-01 00:00:00 +0000 UTC m=+0.000000000");
    }

    #[track_caller]
    fn body(response: Response) -> String {
        match response.body {
            ResponseBody::Full(body) => String::from_utf8(body.to_vec()).unwrap(),
            _ => panic!("a stream"),
        }
    }

    #[test]
    fn health_and_debug_say_what_krakend_says() {
        let now = GoTime { since_epoch: Duration::ZERO, since_start: Duration::ZERO };
        assert_eq!(
            body(health(now)),
            r#"{"agents":{},"now":"1970-01-01 00:00:00 +0000 UTC m=+0.000000000","status":"ok"}"#
        );
        let response = debug();
        assert_eq!(response.headers.get(CONTENT_TYPE), Some(&JSON));
        assert_eq!(body(response), r#"{"message":"pong"}"#);
    }

    #[test]
    fn echo_shows_the_request_as_krakend_does() {
        let fields = [("X-A", "2"), ("connection", "close"), ("x-a", "3"), ("trailer", "x")];
        let asked = head("GET /__echo/a?x=1&a=2", &fields);
        assert_eq!(
            body(echo(&asked, b"")),
            r#"{"req_uri":"/__echo/a?x=1\u0026a=2","req_uri_details":{"fragment":"","host":"gw.test","path":"/__echo/a","query":"a=2\u0026x=1","user":""},"req_method":"GET","req_querystring":{"a":["2"],"x":["1"]},"req_body":"","req_headers":{"Connection":["close"],"X-A":["2","3"]}}"#
        );
        let bytes = body(echo(&head("POST /__echo/%41%22", &[]), b"\xFFhello"));
        assert!(bytes.contains(r#""path":"/__echo/A\"","query":"","user":""}"#), "{bytes}");
        assert!(bytes.contains(r#""req_querystring":{},"req_body":"\ufffdhello""#), "{bytes}");
        let raw = body(echo(&head("GET /__echo/\u{e9}", &[]), b""));
        assert!(raw.contains("\"req_uri\":\"/__echo/\u{e9}\""), "{raw}");
        assert!(raw.contains("\"path\":\"/__echo/\u{e9}\""), "{raw}");
    }

    #[test]
    fn the_log_of_a_debugged_request_is_krakends_without_its_secrets() {
        let fields = [("x-b", "2"), ("authorization", "Bearer t"), ("X-B", "3"), ("cookie", "c")];
        let asked = head("POST /__debug/a?b=1&a=2&b=3", &fields);
        let lines = debug_lines(&asked, b"/a", b"\xFFbody");
        assert_eq!(
            lines.join("\n"),
            "Method: POST\nURL: /__debug/a?b=1&a=2&b=3\nQuery: map[a:[2] b:[1 3]]\n\
             Params: [{param /a}]\n\
             Headers: map[Authorization:[...] Cookie:[...] X-B:[2 3]]\nBody: \u{FFFD}body"
        );
    }

    #[test]
    fn names_of_fields_get_gos_canonical_case() {
        for (name, expected) in [("x-a", "X-A"), ("ETAG", "Etag"), ("X_Y-z", "X_y-Z"), ("", "")] {
            assert_eq!(canonical(name), expected);
        }
    }
}
