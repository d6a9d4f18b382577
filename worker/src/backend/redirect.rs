//! Redirects of backends, which the gateway follows itself.
//!
//! KrakenD (Go's HTTP client), for decoded answers and streams alike: 301, 302 and 303 make a GET without a body
//! of what is no HEAD; 307 and 308 keep the method, and the body if it is held
//! (`backend/http/client.send_body_on_redirect`), else a request that had one gets the redirect as its answer.
//! At most ten requests. Where a `Location` leads is up to the backend: any host, never balanced again.
//! Whoever follows sends the requests itself, and says where it goes no further; the rest is [`Trail`]'s.
//! Plain functions: no await, no socket.

use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, COOKIE,
    HeaderName, LOCATION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, REFERER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use super::call_error::CallError;
use crate::plan::{Host, HostError, Scheme};

/// Requests of one call, the first included.
const REQUESTS_MAX: usize = 10;

/// Whom a call asks for what, from redirect to redirect.
#[derive(Debug)]
pub(crate) struct Trail {
    pub(crate) host: Host,
    pub(crate) uri: Uri,
    pub(crate) method: Method,
    /// Where the last redirect came from, if the next host may know.
    pub(crate) referer: Option<HeaderValue>,
    /// Whose the secrets are.
    first: Host,
    body: FirstBody,
    requests: usize,
    drops_body: bool,
    drops_secrets: bool,
}

/// A redirect that cannot be followed.
#[derive(Debug)]
pub(crate) struct Astray {
    /// The URL that Go names with it.
    pub(crate) url: String,
    pub(crate) error: CallError,
}

impl Trail {
    pub(crate) fn begin(host: Host, uri: Uri, method: Method, body: FirstBody) -> Self {
        let first = host.clone();
        let (referer, requests) = (None, 1);
        let (drops_body, drops_secrets) = (false, false);
        Self { host, uri, method, referer, first, body, requests, drops_body, drops_secrets }
    }

    /// Goes on to where an answer leads; `false`: nowhere, it is the answer.
    pub(crate) fn go_on(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<bool, Astray> {
        let location = headers.get(LOCATION).map_or(b"".as_slice(), HeaderValue::as_bytes);
        let next = next(status, &self.method, self.body).filter(|_| !location.is_empty());
        let Some(next) = next else { return Ok(false) };
        let location = String::from_utf8_lossy(location);
        let (host, uri) = resolve(&self.host, &self.uri, &location).map_err(|error| Astray {
            url: match &error {
                LocationError::Unparsable { .. } => self.url(),
                LocationError::Host(_) => location.to_string(),
            },
            error: CallError::Location(error.to_string()),
        })?;
        if self.requests == REQUESTS_MAX {
            return Err(Astray { url: location.into_owned(), error: CallError::Redirects });
        }
        self.requests += 1;
        let is_downgrade = self.host.scheme == Scheme::Https && host.scheme == Scheme::Http;
        self.referer = HeaderValue::try_from(self.url()).ok().filter(|_| !is_downgrade);
        self.drops_secrets |= !trusts(&self.first, &host);
        self.drops_body |= next.body == NextBody::Dropped;
        (self.host, self.uri, self.method) = (host, uri, next.method);
        Ok(true)
    }

    /// The URL of the present request.
    pub(crate) fn url(&self) -> String {
        format!("{}{}", self.host, self.uri)
    }

    /// Whether the body of the first request goes along, as far as there is one.
    pub(crate) const fn carries_body(&self) -> bool {
        !self.drops_body
    }

    /// Whether the present host is the first.
    pub(crate) fn is_at_home(&self) -> bool {
        let (first, host) = (&self.first, &self.host);
        (first.scheme, first.port) == (host.scheme, host.port)
            && first.name.eq_ignore_ascii_case(&host.name)
    }

    /// Makes the fields of the first request those of the present one.
    pub(crate) fn adjust(&self, headers: &mut HeaderMap) {
        if self.drops_secrets {
            strip_secrets(headers);
        }
        if self.drops_body {
            strip_body_fields(headers);
        }
        if let (Some(referer), false) = (&self.referer, headers.contains_key(REFERER)) {
            headers.insert(REFERER, referer.clone());
        }
    }
}

/// What became of the body of the first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstBody {
    /// There was none.
    None,
    /// It was streamed, and is gone.
    Streamed,
    /// It is held.
    Held,
}

/// What the next request is.
struct Next {
    method: Method,
    body: NextBody,
}

/// Whether the body of the first request goes along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextBody {
    /// As far as there is one.
    Kept,
    /// It does not.
    Dropped,
}

/// What follows an answer with this status to a request with this method; `None`: it is the answer.
fn next(status: StatusCode, method: &Method, body: FirstBody) -> Option<Next> {
    match status.as_u16() {
        301..=303 => {
            let method = if *method == Method::HEAD { Method::HEAD } else { Method::GET };
            Some(Next { method, body: NextBody::Dropped })
        },
        307 | 308 if body != FirstBody::Streamed => {
            Some(Next { method: method.clone(), body: NextBody::Kept })
        },
        _ => None,
    }
}

/// Whether a status is one of those that Go follows.
pub(crate) fn is_followed(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301..=303 | 307 | 308)
}

/// Fields of the body that is left behind.
fn strip_body_fields(headers: &mut HeaderMap) {
    for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION] {
        headers.remove(name);
    }
}

/// Fields that are for the first host alone.
fn strip_secrets(headers: &mut HeaderMap) {
    const COOKIE2: HeaderName = HeaderName::from_static("cookie2");
    for name in
        [AUTHORIZATION, WWW_AUTHENTICATE, COOKIE, COOKIE2, PROXY_AUTHORIZATION, PROXY_AUTHENTICATE]
    {
        headers.remove(name);
    }
}

/// Whether secrets for `first` may go to `other`: the same name on any port, or one below it.
fn trusts(first: &Host, other: &Host) -> bool {
    let (first, other) = (first.name.to_ascii_lowercase(), other.name.to_ascii_lowercase());
    let below = || other.strip_suffix(&first).is_some_and(|below| below.ends_with('.'));
    let is_address = other.parse::<std::net::IpAddr>().is_ok();
    first == other || (!is_address && below())
}

/// Why a `Location` leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum LocationError {
    /// It is no URL.
    #[error("failed to parse Location header \"{location}\": parse \"{location}\": {reason}")]
    Unparsable {
        /// As the backend sent it.
        location: String,
        /// What Go says of it.
        reason: String,
    },
    /// It is one, of a host that cannot be called.
    #[error("{0}")]
    Host(HostError),
}

/// Where `location` leads from `uri` on `host` (RFC 3986 §5.2).
fn resolve(host: &Host, uri: &Uri, location: &str) -> Result<(Host, Uri), LocationError> {
    let wrong = |reason: String| {
        let location = location.to_owned();
        LocationError::Unparsable { location, reason }
    };
    if location.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(wrong("net/url: invalid control character in URL".to_owned()));
    }
    let reference = location.split_once('#').map_or(location, |(before, _)| before);
    let (host, path) = split_host(host, reference, &wrong)?;
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    if let Some(escape) = bad_escape(path) {
        return Err(wrong(format!("invalid URL escape \"{escape}\"")));
    }
    let is_elsewhere = host.1 == Whose::Named;
    let (path, query) = match path {
        "" if is_elsewhere => ("/".to_owned(), query),
        "" => (uri.path().to_owned(), query.or_else(|| uri.query())),
        _ if path.starts_with('/') => (without_dots(path), query),
        _ => (without_dots(&format!("{}{path}", folder(uri.path()))), query),
    };
    let mut target = String::with_capacity(path.len() + 16);
    encode(&path, &mut target);
    if let Some(query) = query {
        target.push('?');
        encode(query, &mut target);
    }
    let uri = Uri::try_from(target).map_err(|invalid| wrong(invalid.to_string()))?;
    Ok((host.0, uri))
}

/// Whether a reference names a host or stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Named,
    Same,
}

type Split<'a> = ((Host, Whose), &'a str);

fn split_host<'a>(
    here: &Host,
    reference: &'a str,
    wrong: &impl Fn(String) -> LocationError,
) -> Result<Split<'a>, LocationError> {
    let (scheme, rest) = match scheme_of(reference) {
        Some((scheme, rest)) => (scheme, rest),
        None if reference.starts_with("//") => (here.scheme.as_str(), reference),
        None => return Ok(((here.clone(), Whose::Same), reference)),
    };
    let authority = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?']).next());
    if let Some(escape) = authority.and_then(bad_escape) {
        return Err(wrong(format!("invalid URL escape \"{escape}\"")));
    }
    let is_known = [Scheme::Http, Scheme::Https]
        .iter()
        .any(|known| known.as_str().eq_ignore_ascii_case(scheme));
    let Some(rest) = rest.strip_prefix("//").filter(|_| is_known) else {
        return Err(LocationError::Host(HostError::Scheme(scheme.to_ascii_lowercase())));
    };
    let path = rest.find(['/', '?']).map_or("", |start| rest.split_at(start).1);
    let (host, _) = Host::parse(&format!("{scheme}://{rest}")).map_err(LocationError::Host)?;
    Ok(((host, Whose::Named), path))
}

/// `scheme:rest` apart (RFC 3986 §3.1).
fn scheme_of(reference: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = reference.split_once(':')?;
    let starts_well = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    (starts_well && scheme.bytes().all(is_one)).then_some((scheme, rest))
}

/// The path up to its last slash.
fn folder(path: &str) -> &str {
    path.rfind('/').map_or("/", |slash| path.split_at(slash + 1).0)
}

/// `.` and `..` resolved (RFC 3986 §5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (index, segment) in segments.iter().enumerate() {
        let is_last = index + 1 == segments.len();
        match *segment {
            "." | ".." => {
                if *segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            },
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

/// The first `%` that no two hex digits follow, and what does.
fn bad_escape(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let is_hex = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_hexdigit);
    let bad = |at: &usize| !(is_hex(at + 1) && is_hex(at + 2));
    let at = memchr::memchr_iter(b'%', bytes).find(bad)?;
    text.get(at..).map(|rest| rest.get(..3).unwrap_or(rest))
}

/// What cannot stand in a request target is percent-encoded; all else stays as the backend sent it.
fn encode(text: &str, target: &mut String) {
    use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
    const SET: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'<')
        .add(b'>')
        .add(b'\\')
        .add(b'^')
        .add(b'`')
        .add(b'{')
        .add(b'|')
        .add(b'}');
    target.extend(utf8_percent_encode(text, SET));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        Host::parse(text).unwrap().0
    }

    fn resolved(location: &str) -> String {
        let base = "/a/b?x=1".parse().unwrap();
        match resolve(&host("http://h:1"), &base, location) {
            Ok((host, uri)) => format!("{host}{uri}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_location_is_read_from_where_it_was_found() {
        let cases = [
            ("/end", "http://h:1/end"),
            ("end?x=2", "http://h:1/a/end?x=2"),
            ("?q=1", "http://h:1/a/b?q=1"),
            ("#f", "http://h:1/a/b?x=1"),
            ("../c/./d/..", "http://h:1/c/"),
            ("../../../etc", "http://h:1/etc"),
            ("//other/x#f", "http://other/x"),
            ("http://other:2", "http://other:2/"),
            ("HTTPS://other?q", "https://other/?q"),
            ("/a b/\u{e9}?c d", "http://h:1/a%20b/%C3%A9?c%20d"),
        ];
        for (location, expected) in cases {
            assert_eq!(resolved(location), expected, "{location}");
        }
    }

    #[test]
    fn a_location_that_leads_nowhere_says_why_as_go_does() {
        let cases = [
            (
                "http://%zz",
                "failed to parse Location header \"http://%zz\": parse \"http://%zz\": \
                 invalid URL escape \"%zz\"",
            ),
            (
                "/x%4",
                "failed to parse Location header \"/x%4\": parse \"/x%4\": invalid URL escape \"%4\"",
            ),
            ("ftp://x/y", "unsupported protocol scheme \"ftp\""),
            ("javascript:alert(1)", "unsupported protocol scheme \"javascript\""),
            ("http://u:p@h/", "credentials in a host are not sent; use a header"),
        ];
        for (location, expected) in cases {
            assert_eq!(resolved(location), expected, "{location}");
        }
        assert!(resolved("/a\r\nX: y").contains("invalid control character"));
    }

    fn trail(url: &str) -> Trail {
        Trail::begin(host(url), "/a".parse().unwrap(), Method::POST, FirstBody::Held)
    }

    fn go_on(trail: &mut Trail, status: StatusCode, location: &str) -> Result<bool, String> {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_str(location).unwrap())]);
        trail.go_on(status, &headers).map_err(|astray| format!("{}: {}", astray.url, astray.error))
    }

    #[test]
    fn secrets_and_bodies_that_were_left_behind_do_not_come_back() {
        let mut trail = trail("https://h");
        let fields = || {
            let value = HeaderValue::from_static("x");
            HeaderMap::from_iter([COOKIE, CONTENT_TYPE].map(|name| (name, value.clone())))
        };
        for (status, location, referer, left) in [
            (StatusCode::TEMPORARY_REDIRECT, "/b", Some("https://h/a"), 2),
            (StatusCode::TEMPORARY_REDIRECT, "http://other/c", None, 1),
            (StatusCode::FOUND, "https://h/d", Some("http://other/c"), 0),
            (StatusCode::TEMPORARY_REDIRECT, "/e", Some("https://h/d"), 0),
        ] {
            assert_eq!(go_on(&mut trail, status, location), Ok(true));
            let mut headers = fields();
            trail.adjust(&mut headers);
            let said = headers.remove(REFERER);
            assert_eq!(said.as_ref().map(|said| said.to_str().unwrap()), referer, "{location}");
            assert_eq!(headers.len(), left, "{location}");
        }
        assert!(trail.is_at_home() && !trail.carries_body() && trail.method == Method::GET);
    }

    #[test]
    fn a_trail_ends_where_nothing_is_named_and_at_the_tenth_request() {
        let mut trail = trail("http://h");
        assert_eq!(go_on(&mut trail, StatusCode::FOUND, ""), Ok(false));
        assert_eq!(go_on(&mut trail, StatusCode::OK, "/b"), Ok(false));
        for _ in 1..REQUESTS_MAX {
            assert_eq!(go_on(&mut trail, StatusCode::FOUND, "/b"), Ok(true));
        }
        let told = "/b: stopped after 10 redirects".to_owned();
        assert_eq!(go_on(&mut trail, StatusCode::FOUND, "/b"), Err(told));
    }

    #[test]
    fn methods_and_bodies_go_along_as_go_has_it() {
        let next = |status: u16, method: &Method, body| {
            let next = next(StatusCode::from_u16(status).unwrap(), method, body);
            next.map(|next| (next.method, next.body))
        };
        let (dropped, kept) = (NextBody::Dropped, NextBody::Kept);
        for status in [301, 302, 303] {
            let streamed = FirstBody::Streamed;
            assert_eq!(next(status, &Method::POST, streamed), Some((Method::GET, dropped)));
            assert_eq!(next(status, &Method::HEAD, FirstBody::None), Some((Method::HEAD, dropped)));
        }
        for status in [307, 308] {
            assert_eq!(next(status, &Method::POST, FirstBody::Streamed), None);
            assert_eq!(next(status, &Method::PUT, FirstBody::Held), Some((Method::PUT, kept)));
            assert_eq!(next(status, &Method::GET, FirstBody::None), Some((Method::GET, kept)));
        }
        for status in [200, 300, 304, 305, 400] {
            assert_eq!(next(status, &Method::GET, FirstBody::None), None, "{status}");
        }
    }

    #[test]
    fn secrets_stay_with_their_host_and_what_is_below_it() {
        let trusts = |first: &str, other: &str| trusts(&host(first), &host(other));
        assert!(trusts("http://h:1", "http://H:2"));
        assert!(trusts("http://example.com", "http://api.example.com"));
        assert!(!trusts("http://example.com", "http://badexample.com"));
        assert!(!trusts("http://api.example.com", "http://example.com"));
        assert!(!trusts("http://0.0.1", "http://127.0.0.1"));
    }
}
