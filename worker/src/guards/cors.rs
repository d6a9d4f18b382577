//! `security/cors`: which pages of other sites may read what this gateway says.
//!
//! On the way: in front of everything, the router included. It refuses nobody: a browser does, by what it is told here.
//! KrakenD (rs/cors): a preflight is answered whatever its path; the list of fields that it asks for must be sorted, in
//! small letters and without doubles, as browsers write it.

use std::fmt::Write as _;

use baton_shared::config::duration::GoDuration;
use baton_shared::config::node::{Node, Value};
use bytes::Bytes;
use http::{Method, StatusCode};
use smallvec::SmallVec;

use crate::message::{Head, Response};
use crate::plan::settings::{boolean, member, number, strings};
use crate::route::builtin;

const ORIGIN: &str = "origin";
const REQUEST_METHOD: &str = "access-control-request-method";
const REQUEST_HEADERS: &str = "access-control-request-headers";
const REQUEST_PRIVATE_NETWORK: &str = "access-control-request-private-network";

/// More empty items than this in a list of fields are no browser's.
const EMPTY_ITEMS_MAX: usize = 16;

/// The block, compiled.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: Origins,
    methods: Box<[Box<str>]>,
    headers: Headers,
    /// Lines of accepted preflights and of accepted others.
    preflight_lines: Box<str>,
    actual_lines: Box<str>,
    private_network: PrivateNetwork,
    after_preflight: AfterPreflight,
}

#[derive(Debug)]
enum Origins {
    All,
    /// In small letters.
    Some {
        whole: Box<[Box<str>]>,
        around_a_star: Box<[(Box<str>, Box<str>)]>,
    },
}

#[derive(Debug)]
enum Headers {
    All,
    /// In small letters, sorted.
    Some(Box<[Box<str>]>),
}

/// `allow_private_network`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PrivateNetwork {
    Allowed,
    Unsaid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterPreflight {
    Answer(StatusCode),
    /// `options_passthrough`: the router answers too.
    GoOn,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Crossing {
    /// It is answered here.
    Answered(Box<Response>),
    /// It goes on, and its answer has these lines too.
    GoesOn(Vec<u8>),
}

/// `max_age` is a number: KrakenD dies of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaxAgeIsNoText;

impl Cors {
    /// Looks at a request.
    pub(crate) fn check(&self, head: &Head) -> Crossing {
        let asked = head.field(REQUEST_METHOD).filter(|method| !method.is_empty());
        match asked.filter(|_| *head.method() == Method::OPTIONS) {
            None => Crossing::GoesOn(self.actual(head)),
            Some(method) => {
                let lines = self.preflight(head, method);
                match self.after_preflight {
                    AfterPreflight::GoOn => Crossing::GoesOn(lines),
                    AfterPreflight::Answer(status) => {
                        let mut response = Response::new(status, Bytes::new());
                        response.lines = lines.into();
                        Crossing::Answered(Box::new(response))
                    },
                }
            },
        }
    }

    fn preflight(&self, head: &Head, method: &[u8]) -> Vec<u8> {
        let mut lines = b"Vary: Origin, Access-Control-Request-Method, \
                          Access-Control-Request-Headers"
            .to_vec();
        if self.private_network == PrivateNetwork::Allowed {
            lines.extend_from_slice(b", Access-Control-Request-Private-Network");
        }
        lines.extend_from_slice(b"\r\n");
        let wanted = values(head, REQUEST_HEADERS);
        let Some(origin) = head.field(ORIGIN) else { return lines };
        if !self.origins.has(origin) || !self.takes(method) || !self.headers.have(&wanted) {
            return lines;
        }
        self.put_origin(origin, &mut lines);
        put(&mut lines, "Access-Control-Allow-Methods", method);
        for list in wanted.into_iter().filter(|list| !list.is_empty()) {
            put(&mut lines, "Access-Control-Allow-Headers", list);
        }
        let is_private = head.field(REQUEST_PRIVATE_NETWORK) == Some(b"true");
        if is_private && self.private_network == PrivateNetwork::Allowed {
            put(&mut lines, "Access-Control-Allow-Private-Network", b"true");
        }
        lines.extend_from_slice(self.preflight_lines.as_bytes());
        lines
    }

    fn actual(&self, head: &Head) -> Vec<u8> {
        let mut lines = b"Vary: Origin\r\n".to_vec();
        let Some(origin) = head.field(ORIGIN) else { return lines };
        if self.origins.has(origin) && self.takes(head.method().as_str().as_bytes()) {
            self.put_origin(origin, &mut lines);
            lines.extend_from_slice(self.actual_lines.as_bytes());
        }
        lines
    }

    fn takes(&self, method: &[u8]) -> bool {
        method == b"OPTIONS" || self.methods.iter().any(|one| one.as_bytes() == method)
    }

    /// The one that was compared; of several KrakenD tells all.
    fn put_origin(&self, origin: &[u8], lines: &mut Vec<u8>) {
        let allowed = if matches!(self.origins, Origins::All) { b"*" } else { origin };
        put(lines, "Access-Control-Allow-Origin", allowed);
    }

    /// Reads the block; what is missing or empty has its default, and what has another type is missing. `tell` hears of
    /// what does nothing.
    pub(crate) fn compile(
        settings: &Node,
        mut tell: impl FnMut(&str, String),
    ) -> Result<Self, MaxAgeIsNoText> {
        let is = |key| boolean(settings, key) == Some(true);
        if is("debug") {
            tell("debug", "is not built: requests are not told one by one".to_owned());
        }
        let mut actual_lines = String::new();
        let exposed = strings(settings, "expose_headers").into_iter().map(builtin::canonical);
        let exposed: Vec<String> = exposed.collect();
        if !exposed.is_empty() {
            actual_lines = format!("Access-Control-Expose-Headers: {}\r\n", exposed.join(", "));
        }
        let mut preflight_lines = String::new();
        if is("allow_credentials") {
            for lines in [&mut actual_lines, &mut preflight_lines] {
                lines.push_str("Access-Control-Allow-Credentials: true\r\n");
            }
        }
        if let Some(seconds) = max_age(settings, &mut tell)? {
            let _infallible = write!(preflight_lines, "Access-Control-Max-Age: {seconds}\r\n");
        }
        let methods = match strings(settings, "allow_methods").as_slice() {
            [] => ["GET", "POST", "HEAD"].map(Into::into).into(),
            listed => listed.iter().map(|method| (*method).into()).collect(),
        };
        Ok(Self {
            origins: Origins::of(&strings(settings, "allow_origins")),
            methods,
            headers: Headers::of(&strings(settings, "allow_headers")),
            preflight_lines: preflight_lines.into(),
            actual_lines: actual_lines.into(),
            private_network: if is("allow_private_network") {
                PrivateNetwork::Allowed
            } else {
                PrivateNetwork::Unsaid
            },
            after_preflight: if is("options_passthrough") {
                AfterPreflight::GoOn
            } else {
                AfterPreflight::Answer(success_status(settings, &mut tell))
            },
        })
    }
}

impl Origins {
    fn of(listed: &[&str]) -> Self {
        if listed.is_empty() || listed.contains(&"*") {
            return Self::All;
        }
        let (mut whole, mut around_a_star) = (Vec::new(), Vec::new());
        for origin in listed.iter().map(|origin| origin.to_lowercase()) {
            match origin.split_once('*') {
                Some((before, behind)) => around_a_star.push((before.into(), behind.into())),
                None => whole.push(origin.into()),
            }
        }
        Self::Some { whole: whole.into(), around_a_star: around_a_star.into() }
    }

    fn has(&self, origin: &[u8]) -> bool {
        let Self::Some { whole, around_a_star } = self else { return true };
        let origin = origin.to_ascii_lowercase();
        let is_between = |(before, behind): &(Box<str>, Box<str>)| {
            origin.len() >= before.len() + behind.len()
                && origin.starts_with(before.as_bytes())
                && origin.ends_with(behind.as_bytes())
        };
        whole.iter().any(|one| one.as_bytes() == origin) || around_a_star.iter().any(is_between)
    }
}

impl Headers {
    fn of(listed: &[&str]) -> Self {
        if listed.is_empty() || listed.contains(&"*") {
            return Self::All;
        }
        let mut names: Vec<Box<str>> =
            listed.iter().map(|name| name.to_lowercase().into()).collect();
        names.sort_unstable();
        names.dedup();
        Self::Some(names.into())
    }

    /// Whether lists of names are members of the set, in its order, each once.
    fn have(&self, lists: &[&[u8]]) -> bool {
        let Self::Some(names) = self else { return true };
        let (mut next, mut empty_items) = (0, 0);
        for item in lists.iter().flat_map(|list| list.split(|byte| *byte == b',')) {
            let Some(name) = without_a_blank(item) else { return false };
            if name.is_empty() {
                empty_items += 1;
                if empty_items > EMPTY_ITEMS_MAX {
                    return false;
                }
                continue;
            }
            match names.binary_search_by(|one| one.as_bytes().cmp(name)) {
                Ok(place) if place >= next => next = place + 1,
                Ok(_) | Err(_) => return false,
            }
        }
        true
    }
}

/// The item without the one blank that may stand on each side; with more, none.
fn without_a_blank(item: &[u8]) -> Option<&[u8]> {
    let item = item.strip_prefix(b" ").or_else(|| item.strip_prefix(b"\t")).unwrap_or(item);
    let item = item.strip_suffix(b" ").or_else(|| item.strip_suffix(b"\t")).unwrap_or(item);
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    (!is_blank(item.first()) && !is_blank(item.last())).then_some(item)
}

/// The values of all lines of a field.
fn values<'h>(head: &'h Head, name: &str) -> SmallVec<[&'h [u8]; 2]> {
    let fields = head.fields.iter();
    let is_it = |field: &&crate::message::FieldSpan| {
        head.bytes(&field.name).eq_ignore_ascii_case(name.as_bytes())
    };
    fields.filter(is_it).map(|field| head.bytes(&field.value)).collect()
}

/// Values come from heads, which hold no control bytes.
fn put(lines: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        lines.extend_from_slice(part);
    }
}

/// Whole seconds; below zero it is zero, and less than a second is none.
fn max_age(
    settings: &Node,
    tell: &mut impl FnMut(&str, String),
) -> Result<Option<i64>, MaxAgeIsNoText> {
    match member(settings, "max_age").map(|node| &node.value) {
        None => Ok(None),
        Some(Value::String(text)) => match GoDuration::parse(text) {
            Ok(age) => Ok(Some(age.0 / 1_000_000_000).filter(|s| *s != 0).map(|s| s.max(0))),
            Err(_) => {
                tell("max_age", format!("`{text}` is no duration: write \"12h\"; none is told"));
                Ok(None)
            },
        },
        Some(_) => Err(MaxAgeIsNoText),
    }
}

fn success_status(settings: &Node, tell: &mut impl FnMut(&str, String)) -> StatusCode {
    const KEY: &str = "options_success_status";
    let Some(asked) = number(settings, KEY).filter(|status| *status != 0.0) else {
        return StatusCode::NO_CONTENT;
    };
    let status = (200..600_u16).find(|status| f64::from(*status) == asked.trunc());
    status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or_else(|| {
        tell(KEY, format!("{asked} is no status of an answer: 204 is sent"));
        StatusCode::NO_CONTENT
    })
}

#[cfg(test)]
mod tests {
    use baton_shared::config::read::json;

    use super::*;
    use crate::harness::head;

    fn cors(settings: &str) -> Cors {
        let settings = json::read(settings.as_bytes()).unwrap().root;
        Cors::compile(&settings, |_, _| {}).unwrap()
    }

    #[track_caller]
    fn check(settings: &str, method: &str, fields: &[(&str, &str)], expected: &str) {
        let (status, lines) = match cors(settings).check(&head(method, "/a", fields)) {
            Crossing::Answered(response) => (response.status.as_u16(), response.lines.to_vec()),
            Crossing::GoesOn(lines) => (0, lines),
        };
        let lines = String::from_utf8(lines).unwrap();
        let vary = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
        let lines = lines.replace(vary, "V").replace("Access-Control-", "").replace("\r\n", "|");
        assert_eq!(format!("{status} {lines}"), expected, "{settings} {method} {fields:?}");
    }

    const METHOD: (&str, &str) = ("Access-Control-Request-Method", "GET");

    #[test]
    fn a_preflight_is_answered_whatever_becomes_of_it() {
        let origin = ("Origin", "http://A.test");
        check("{}", "OPTIONS", &[origin, METHOD], "204 V|Allow-Origin: *|Allow-Methods: GET|");
        let listed = r#"{"allow_origins":["HTTP://a.TEST"],"max_age":"90s",
            "allow_credentials":true,"options_success_status":200}"#;
        let expected = "200 V|Allow-Origin: http://A.test|Allow-Methods: GET|\
            Allow-Credentials: true|Max-Age: 90|";
        check(listed, "OPTIONS", &[origin, METHOD], expected);
        check(listed, "OPTIONS", &[("Origin", "http://b"), METHOD], "200 V|");
        check(listed, "OPTIONS", &[METHOD], "200 V|");
        let other = ("Access-Control-Request-Method", "get");
        check(listed, "OPTIONS", &[origin, other], "200 V|");
        let on = r#"{"options_passthrough":true}"#;
        check(on, "OPTIONS", &[origin, METHOD], "0 V|Allow-Origin: *|Allow-Methods: GET|");
    }

    #[test]
    fn other_requests_go_on_and_are_told_only_what_their_origin_may_know() {
        let settings = r#"{"allow_origins":["https://*.a.test"],"allow_methods":["GET"],
            "expose_headers":["x-one"]}"#;
        let good = ("Origin", "https://x.a.test");
        let told = "0 Vary: Origin|Allow-Origin: https://x.a.test|Expose-Headers: X-One|";
        check(settings, "GET", &[good], told);
        check(settings, "GET", &[good, ("Origin", "https://evil.test")], told);
        check(settings, "OPTIONS", &[good], told);
        check(settings, "POST", &[good], "0 Vary: Origin|");
        check(settings, "GET", &[("Origin", "https://a.test")], "0 Vary: Origin|");
        check(settings, "GET", &[], "0 Vary: Origin|");
    }

    #[test]
    fn fields_are_asked_for_as_browsers_write_them() {
        let headers = Headers::of(&["X-B", "content-type", "x-a", "x-a"]);
        let has = |list: &str| headers.have(&[list.as_bytes()]);
        for list in ["", "x-a", "content-type, x-a,x-b", ",x-a", "x-a,", " x-a "] {
            assert!(has(list), "{list}");
        }
        for list in ["X-A", "x-b,x-a", "x-a,x-a", "x-a,  x-b", "x-c", &",".repeat(17)] {
            assert!(!has(list), "{list}");
        }
    }

    #[test]
    fn the_age_is_whole_seconds_and_a_number_is_refused() {
        let age = |text: &str| {
            let settings = json::read(format!(r#"{{"max_age":{text}}}"#).as_bytes()).unwrap().root;
            max_age(&settings, &mut |_, _| {})
        };
        for (text, expected) in
            [("1500ms", Some(1)), ("-5s", Some(0)), ("0s", None), ("10ms", None), ("soon", None)]
        {
            assert_eq!(age(&format!("{text:?}")), Ok(expected), "{text}");
        }
        assert_eq!(age("90"), Err(MaxAgeIsNoText));
    }
}
