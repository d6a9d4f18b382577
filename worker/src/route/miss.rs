//! The answers to requests without a route: 404, 405, redirects, refusals.
//!
//! On the way: right after a lookup that missed. The pages are made once; what is left is a copy of
//! pointers. KrakenD: bodies without a final newline, `text/plain` without a charset, `error_body`
//! instead when it is set; redirects and refusals carry no `X-Krakend`.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, StatusCode};

use baton_shared::config::node::Node;

use super::{Miss, Redirect, Refusal, RouterFlags};
use crate::encode::{Integers, static_json};
use crate::message::Response;

const SNIFFED_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// All pages of misses, made from the configuration.
#[derive(Clone, Debug)]
pub struct MissPages {
    not_found: Page,
    method_not_allowed: Page,
    /// `X-Krakend: …` alone.
    version_line: Bytes,
}

/// Field lines in wire form, and a body.
#[derive(Clone, Debug)]
struct Page {
    lines: Bytes,
    body: Bytes,
}

/// The value of `X-Krakend`; `version` is what is told where KrakenD tells its own.
#[must_use]
pub fn version_value(flags: &RouterFlags, version: &str) -> String {
    let version = if flags.hide_version_header { "undefined" } else { version };
    format!("Version {version}")
}

impl MissPages {
    /// Makes the pages; `version` is what is told where KrakenD tells its own.
    #[must_use]
    pub fn new(flags: &RouterFlags, version: &str) -> Self {
        let version = version_value(flags, version);
        let body =
            |node: &Option<Node>| node.as_ref().map(|node| static_json(node, Integers::Exact));
        let (not_found, not_allowed) = (body(&flags.error_body_404), body(&flags.error_body_405));
        Self {
            not_found: page(&version, "404 page not found", not_found),
            method_not_allowed: page(&version, "405 method not allowed", not_allowed),
            version_line: format!("X-Krakend: {version}\r\n").into(),
        }
    }

    /// The answer to a request without a route.
    #[must_use]
    pub fn answer(&self, method: &Method, miss: &Miss) -> Response {
        match miss {
            Miss::NotFound => self.not_found.response(StatusCode::NOT_FOUND),
            Miss::MethodNotAllowed { allow } => {
                let mut response = self.method_not_allowed.response(StatusCode::METHOD_NOT_ALLOWED);
                response.headers.insert(ALLOW, value(allow.as_bytes()));
                response
            },
            Miss::Redirect(redirect) => redirected(method, redirect),
            Miss::Refused { why, allow } => {
                let mut response = refused(*why);
                if let Some(allow) = allow {
                    response.headers.insert(ALLOW, value(allow.as_bytes()));
                }
                response
            },
            Miss::ServerOptions => Response::new(StatusCode::OK, Bytes::new()),
        }
    }

    /// The answer of `auto_options` to OPTIONS on a path that these methods are registered for.
    #[must_use]
    pub fn auto_options(&self, allow: &str) -> Response {
        let mut response = Response::new(StatusCode::OK, Bytes::new());
        response.lines = self.version_line.clone();
        response.headers.insert(ALLOW, value(allow.as_bytes()));
        response
    }
}

impl Page {
    fn response(&self, status: StatusCode) -> Response {
        let mut response = Response::new(status, self.body.clone());
        response.lines = self.lines.clone();
        response
    }
}

fn page(version: &str, text: &'static str, error_body: Option<Vec<u8>>) -> Page {
    let (kind, body) = match error_body {
        None => ("text/plain", Bytes::from_static(text.as_bytes())),
        Some(json) => ("application/json; charset=utf-8", json.into()),
    };
    let lines =
        format!("Content-Type: {kind}\r\nX-Krakend: {version}\r\nX-Krakend-Completed: false\r\n");
    Page { lines: lines.into(), body }
}

/// A target that is refused: the text is shown whatever `return_error_msg` says.
fn refused(refusal: Refusal) -> Response {
    let text = match refusal {
        Refusal::EncodedParam | Refusal::BadParamEscape(_) => format!("error: {refusal}"),
        Refusal::BadEscape(_) | Refusal::Backslash => "400 Bad Request".to_owned(),
    };
    let mut response = Response::new(StatusCode::BAD_REQUEST, text.into());
    response.headers.insert(CONTENT_TYPE, SNIFFED_TEXT);
    response
}

fn redirected(method: &Method, redirect: &Redirect) -> Response {
    let body = match *method == Method::GET {
        true => link(redirect.status, &redirect.target).into(),
        false => Bytes::new(),
    };
    let mut response = Response::new(redirect.status, body);
    response.headers.insert(LOCATION, value(&ascii_only(&redirect.target)));
    if *method == Method::GET || *method == Method::HEAD {
        response.headers.insert(CONTENT_TYPE, HTML);
    }
    response
}

/// The body that Go writes for people without a browser of this century.
pub(crate) fn link(status: StatusCode, target: &[u8]) -> Vec<u8> {
    let mut body = b"<a href=\"".to_vec();
    for &byte in target {
        match byte {
            b'&' => body.extend_from_slice(b"&amp;"),
            b'<' => body.extend_from_slice(b"&lt;"),
            b'>' => body.extend_from_slice(b"&gt;"),
            b'"' => body.extend_from_slice(b"&#34;"),
            b'\'' => body.extend_from_slice(b"&#39;"),
            _ => body.push(byte),
        }
    }
    let reason = status.canonical_reason().unwrap_or_default();
    body.extend_from_slice(b"\">");
    body.extend_from_slice(reason.as_bytes());
    body.extend_from_slice(b"</a>.\n\n");
    body
}

/// Bytes above 0x7F of a query in lower-case `%xx`, as Go writes them in `Location`.
pub(crate) fn ascii_only(target: &[u8]) -> Vec<u8> {
    let mut ascii = Vec::with_capacity(target.len());
    for &byte in target {
        if byte.is_ascii() {
            ascii.push(byte);
        } else {
            ascii.extend_from_slice(format!("%{byte:x}").as_bytes());
        }
    }
    ascii
}

/// Heads hold no control bytes, so this never falls back; if it did, the root is a harmless target.
pub(crate) fn value(bytes: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(bytes).unwrap_or(HeaderValue::from_static("/"))
}

#[cfg(test)]
mod tests {
    use baton_shared::config::node::Value;

    use crate::message::ResponseBody;
    use crate::route::BadEscape;
    use crate::route::percent;

    use super::*;

    /// Status, fields and body as text.
    fn shown(response: Response) -> String {
        let mut lines: Vec<String> = String::from_utf8(response.lines.to_vec())
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        for (name, value) in &response.headers {
            lines.push(format!("{name}: {}", value.to_str().unwrap()));
        }
        let ResponseBody::Full(body) = response.body else {
            panic!("a stream");
        };
        let body = String::from_utf8(body.to_vec()).unwrap();
        format!("{} [{}] {body}", response.status.as_u16(), lines.join(", "))
    }

    #[track_caller]
    fn check(flags: &RouterFlags, method: &Method, miss: &Miss, expected: &str) {
        assert_eq!(shown(MissPages::new(flags, "2.13.8").answer(method, miss)), expected);
    }

    fn redirect(status: StatusCode, target: &str) -> Miss {
        Miss::Redirect(Redirect { status, target: target.as_bytes().into() })
    }

    fn bad_escape(text: &[u8]) -> BadEscape {
        percent::decode(text).unwrap_err()
    }

    #[test]
    fn pages_are_krakends_byte_for_byte() {
        let flags = RouterFlags::default();
        let rest = "X-Krakend: Version 2.13.8, X-Krakend-Completed: false";
        check(
            &flags,
            &Method::GET,
            &Miss::NotFound,
            &format!("404 [Content-Type: text/plain, {rest}] 404 page not found"),
        );
        check(
            &flags,
            &Method::PUT,
            &Miss::MethodNotAllowed { allow: "GET, POST".to_owned() },
            &format!(
                "405 [Content-Type: text/plain, {rest}, allow: GET, POST] 405 method not allowed"
            ),
        );
        check(&flags, &Method::OPTIONS, &Miss::ServerOptions, "200 [] ");
        let options = MissPages::new(&flags, "2.13.8").auto_options("GET, POST");
        assert_eq!(shown(options), "200 [X-Krakend: Version 2.13.8, allow: GET, POST] ");
    }

    #[test]
    fn error_bodies_and_a_hidden_version_replace_text_and_number() {
        let text = |text: &str| Node { line: 1, value: Value::String(text.to_owned()) };
        let flags = RouterFlags {
            hide_version_header: true,
            error_body_404: Some(text("<none>")),
            ..RouterFlags::default()
        };
        let lines = "Content-Type: application/json; charset=utf-8, X-Krakend: Version undefined, \
                     X-Krakend-Completed: false";
        check(
            &flags,
            &Method::GET,
            &Miss::NotFound,
            &format!("404 [{lines}] \"\\u003cnone\\u003e\""),
        );
    }

    #[test]
    fn only_get_gets_the_link_of_a_redirect() {
        let flags = RouterFlags::default();
        check(
            &flags,
            &Method::GET,
            &redirect(StatusCode::MOVED_PERMANENTLY, "/a?x=<\u{e9}>&\"'"),
            "301 [location: /a?x=<%c3%a9>&\"', content-type: text/html; charset=utf-8] \
             <a href=\"/a?x=&lt;\u{e9}&gt;&amp;&#34;&#39;\">Moved Permanently</a>.\n\n",
        );
        let temporary = redirect(StatusCode::TEMPORARY_REDIRECT, "/a");
        check(&flags, &Method::POST, &temporary, "307 [location: /a] ");
    }

    #[test]
    fn refusals_say_only_what_krakend_says() {
        let flags = RouterFlags::default();
        for (refusal, text) in [
            (Refusal::Backslash, "400 Bad Request"),
            (Refusal::BadEscape(bad_escape(b"%zz")), "400 Bad Request"),
            (Refusal::EncodedParam, "error: encoded url params"),
            (Refusal::BadParamEscape(bad_escape(b"%b")), "error: invalid URL escape \"%b\""),
        ] {
            let expected = format!("400 [content-type: text/plain; charset=utf-8] {text}");
            check(&flags, &Method::GET, &Miss::Refused { why: refusal, allow: None }, &expected);
        }
        let elsewhere =
            Miss::Refused { why: Refusal::EncodedParam, allow: Some("POST".to_owned()) };
        let fields = "content-type: text/plain; charset=utf-8, allow: POST";
        let expected = format!("400 [{fields}] error: encoded url params");
        check(&flags, &Method::GET, &elsewhere, &expected);
    }
}
