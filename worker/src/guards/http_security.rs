//! `security/http`: which hosts are served, who is sent to HTTPS, and fields that tell browsers to be careful.
//!
//! On the way: behind CORS, before the bot detector; for everything that is routed and for 404 and 405, not for
//! `/__health` and redirects of the router. A look at the head, no await.
//! KrakenD (unrolled/secure): hosts are compared with their port; a setting of another type is passed over. Its fields stand
//! in front of what a backend says of the same kind.

use std::hash::{BuildHasher as _, RandomState};

use baton_shared::config::node::{Node, Value};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use regex::bytes::Regex;

use super::pattern;
use crate::message::{Head, Response};
use crate::plan::settings::{boolean, member, number, string, strings};
use crate::route::miss;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The block, compiled.
#[derive(Debug)]
pub(crate) struct HttpSecurity {
    hosts: AllowedHosts,
    /// Fields whose value stands for the host that was asked for; the first that is not empty.
    host_fields: Box<[Box<str>]>,
    /// Whoever comes without TLS is sent there.
    redirect: Option<Redirect>,
    /// Fields that say so where the request came to a proxy by TLS.
    tls_fields: Box<[(Box<str>, Box<str>)]>,
    sts: Sts,
    /// `Strict-Transport-Security`, in wire form; may be empty.
    sts_line: Box<str>,
    /// The other fields, in wire form.
    lines: Box<str>,
    /// `Content-Security-Policy`, in pieces between which a new nonce stands.
    policy: Option<Box<[Box<str>]>>,
}

/// Who may be asked for.
#[derive(Debug)]
enum AllowedHosts {
    Any,
    /// Compared without case.
    Listed(Box<[Box<str>]>),
    Patterns(Box<[Regex]>),
}

/// Where to.
#[derive(Debug)]
struct Redirect {
    /// None: the host that was asked for.
    host: Option<Box<str>>,
}

/// When `Strict-Transport-Security` is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sts {
    Never,
    OverTls,
    Always,
}

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secured {
    /// By TLS, to the gateway itself.
    Tls,
    /// In the clear.
    No,
}

/// An expression that is none, as told by its place in `allowed_hosts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadHost {
    pub(crate) index: usize,
    pub(crate) text: String,
}

impl HttpSecurity {
    /// The field lines for an answer, or the answer that ends it here. Its `Allow`, if there is to be one, is the caller's.
    pub(crate) fn check(&self, head: &Head, secured: Secured) -> Result<Vec<u8>, Box<Response>> {
        let named = self.host_fields.iter().filter_map(|name| head.field(name));
        let named = named.into_iter().find(|value| !value.is_empty());
        let host = named.unwrap_or_else(|| head.host().as_bytes());
        if !self.hosts.serves(host) {
            return Err(Box::new(bad_host()));
        }
        let is_proxied = |(name, value): &(Box<str>, Box<str>)| {
            head.field(name).is_some_and(|found| found == value.as_bytes())
        };
        let is_tls = secured == Secured::Tls || self.tls_fields.iter().any(is_proxied);
        if let Some(redirect) = self.redirect.as_ref().filter(|_| !is_tls) {
            return Err(Box::new(redirect.answer(head, host)));
        }
        Ok(self.lines(is_tls))
    }

    fn lines(&self, is_tls: bool) -> Vec<u8> {
        let mut lines = Vec::with_capacity(self.lines.len() + self.sts_line.len());
        if self.sts == Sts::Always || (self.sts == Sts::OverTls && is_tls) {
            lines.extend_from_slice(self.sts_line.as_bytes());
        }
        lines.extend_from_slice(self.lines.as_bytes());
        if let Some(pieces) = &self.policy {
            let nonce = if pieces.len() > 1 { nonce() } else { String::new() };
            lines.extend_from_slice(b"Content-Security-Policy: ");
            for (index, piece) in pieces.iter().enumerate() {
                if index > 0 {
                    lines.extend_from_slice(nonce.as_bytes());
                }
                lines.extend_from_slice(piece.as_bytes());
            }
            lines.extend_from_slice(b"\r\n");
        }
        lines
    }

    /// Reads the block; what KrakenD dies of is an error. `tell` hears of what does nothing.
    pub(crate) fn compile(
        settings: &Node,
        mut tell: impl FnMut(&str, &str),
    ) -> Result<Self, Vec<BadHost>> {
        let is = |key| boolean(settings, key) == Some(true);
        for key in ["hpkp_public_key", "public_key"] {
            if member(settings, key).is_some() {
                tell(key, "has no effect any more, in KrakenD neither: browsers gave it up");
            }
        }
        let checks = !is("is_development");
        let hosts = if checks { AllowedHosts::compile(settings)? } else { AllowedHosts::Any };
        let owned = |names: Vec<&str>| names.into_iter().map(Into::into).collect();
        let redirect = (checks && is("ssl_redirect")).then(|| Redirect {
            host: string(settings, "ssl_host").filter(|host| !host.is_empty()).map(Into::into),
        });
        let sts_line = sts_line(settings);
        let sts = match (checks && !sts_line.is_empty(), is("force_sts_header")) {
            (false, _) => Sts::Never,
            (true, false) => Sts::OverTls,
            (true, true) => Sts::Always,
        };
        let policy = text(settings, "content_security_policy")
            .map(|policy| policy.split("$NONCE").map(Into::into).collect());
        Ok(Self {
            hosts,
            host_fields: owned(strings(settings, "host_proxy_headers")),
            redirect,
            tls_fields: tls_fields(settings),
            sts,
            sts_line: sts_line.into(),
            lines: fixed_lines(settings).into(),
            policy,
        })
    }
}

impl AllowedHosts {
    fn serves(&self, host: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(hosts) => {
                hosts.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(host))
            },
            Self::Patterns(patterns) => patterns.iter().any(|pattern| pattern.is_match(host)),
        }
    }

    fn compile(settings: &Node) -> Result<Self, Vec<BadHost>> {
        let hosts = strings(settings, "allowed_hosts");
        if hosts.is_empty() {
            return Ok(Self::Any);
        }
        if boolean(settings, "allowed_hosts_are_regex") != Some(true) {
            return Ok(Self::Listed(hosts.into_iter().map(Into::into).collect()));
        }
        let (mut patterns, mut faults) = (Vec::new(), Vec::new());
        for (index, host) in hosts.into_iter().enumerate() {
            match pattern::compile(&format!("^{host}$")) {
                Ok(regex) => patterns.push(regex),
                Err(why) => {
                    let text = format!("`{host}` is no regular expression: {why}");
                    faults.push(BadHost { index, text });
                },
            }
        }
        if faults.is_empty() { Ok(Self::Patterns(patterns.into())) } else { Err(faults) }
    }
}

impl Redirect {
    fn answer(&self, head: &Head, host: &[u8]) -> Response {
        let host = self.host.as_ref().map_or(host, |host| host.as_bytes());
        let mut target = [b"https://", host, head.path()].concat();
        if let Some(query) = head.query() {
            target.push(b'?');
            target.extend_from_slice(query);
        }
        let status = StatusCode::MOVED_PERMANENTLY;
        let (is_get, is_head) = (*head.method() == Method::GET, *head.method() == Method::HEAD);
        let body = if is_get { miss::link(status, &target).into() } else { Bytes::new() };
        let mut response = Response::new(status, body);
        response.headers.insert(LOCATION, miss::value(&miss::ascii_only(&target)));
        if is_get || is_head {
            response.headers.insert(CONTENT_TYPE, HTML);
        }
        response
    }
}

fn bad_host() -> Response {
    let body = Bytes::from_static(b"Bad Host\n");
    let mut response = Response::new(StatusCode::INTERNAL_SERVER_ERROR, body);
    response.headers.insert(CONTENT_TYPE, TEXT);
    response.lines = Bytes::from_static(b"X-Content-Type-Options: nosniff\r\n");
    response
}

fn text<'a>(settings: &'a Node, key: &str) -> Option<&'a str> {
    let sendable = |text: &&str| !text.is_empty() && HeaderValue::from_str(text).is_ok();
    string(settings, key).filter(sendable)
}

fn tls_fields(settings: &Node) -> Box<[(Box<str>, Box<str>)]> {
    let Some(Value::Object(fields)) = member(settings, "ssl_proxy_headers").map(|n| &n.value)
    else {
        return Box::default();
    };
    let pair = |(name, node): &(String, Node)| match &node.value {
        Value::String(value) => Some((name.as_str().into(), value.as_str().into())),
        _ => None,
    };
    fields.iter().filter_map(pair).collect()
}

fn sts_line(settings: &Node) -> String {
    // Go cuts the fraction of a number off; zero is none.
    let seconds = number(settings, "sts_seconds").map_or(0.0, f64::trunc);
    if seconds == 0.0 {
        return String::new();
    }
    let all = boolean(settings, "sts_include_subdomains") == Some(true);
    let subdomains = if all { "; includeSubDomains" } else { "" };
    format!("Strict-Transport-Security: max-age={seconds}{subdomains}\r\n")
}

/// Those that are the same for every answer.
fn fixed_lines(settings: &Node) -> String {
    let is = |key| boolean(settings, key) == Some(true);
    let frame = text(settings, "custom_frame_options_value");
    let frame = frame.or_else(|| is("frame_deny").then_some("DENY"));
    let fields = [
        ("X-Frame-Options", frame),
        ("X-Content-Type-Options", is("content_type_nosniff").then_some("nosniff")),
        ("X-Xss-Protection", is("browser_xss_filter").then_some("1; mode=block")),
        ("Referrer-Policy", text(settings, "referrer_policy")),
    ];
    let lines = fields.iter().filter_map(|(name, value)| value.map(|v| format!("{name}: {v}\r\n")));
    lines.collect()
}

/// `'nonce-…'`, new each time: 16 bytes that nobody can guess. The keys of the hasher are the kernel's randomness.
fn nonce() -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const LENGTH: usize = 22;
    thread_local! {
        static KEYS: [RandomState; 2] = [RandomState::new(), RandomState::new()];
        static TURN: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    }
    let turn = TURN.with(|turn| {
        turn.set(turn.get().wrapping_add(1));
        turn.get()
    });
    let [high, low] = KEYS.with(|[one, other]| [one.hash_one(turn), other.hash_one(turn)]);
    let mut bits = u128::from(high) << 64 | u128::from(low);
    let mut text = String::from("'nonce-");
    for _ in 0..LENGTH {
        let letter = usize::try_from(bits & 63).ok().and_then(|index| LETTERS.get(index));
        text.push(char::from(*letter.unwrap_or(&b'A')));
        bits >>= 6;
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use baton_shared::config::read::json;

    use super::*;
    use crate::harness::head;

    fn compiled(settings: &str) -> HttpSecurity {
        let settings = json::read(settings.as_bytes()).unwrap().root;
        HttpSecurity::compile(&settings, |_, _| {}).unwrap()
    }

    #[track_caller]
    fn check(settings: &str, target: &str, fields: &[(&str, &str)], expected: &str) {
        let shown = match compiled(settings).check(&head("GET", target, fields), Secured::No) {
            Ok(lines) => String::from_utf8(lines).unwrap().replace("\r\n", "|"),
            Err(answer) => {
                let location = answer.headers.get(LOCATION);
                let location = location.map_or("", |value| value.to_str().unwrap());
                format!("{} {location}", answer.status.as_u16())
            },
        };
        assert_eq!(shown, expected, "{settings}");
    }

    #[test]
    fn hosts_are_compared_with_their_port_and_proxies_may_name_them() {
        check(r#"{"allowed_hosts":["GW.test"]}"#, "/a", &[], "");
        check(r#"{"allowed_hosts":["gw.test:80"]}"#, "/a", &[], "500 ");
        check(r#"{"allowed_hosts":["x"],"is_development":true}"#, "/a", &[], "");
        let by_field = r#"{"allowed_hosts":["q"],"host_proxy_headers":["X-A","X-B"]}"#;
        check(by_field, "/a", &[("x-a", ""), ("x-b", "q")], "");
        check(by_field, "/a", &[("x-b", "gw.test")], "500 ");
        let patterns = r#"{"allowed_hosts":["gw\\.\\w+"],"allowed_hosts_are_regex":true}"#;
        check(patterns, "/a", &[], "");
    }

    #[test]
    fn who_comes_in_the_clear_is_sent_to_https() {
        let plain = r#"{"ssl_redirect":true,"ssl_proxy_headers":{"X-P":"https","n":1}}"#;
        check(plain, "/a%20b?x=<1>", &[], "301 https://gw.test/a%20b?x=<1>");
        check(plain, "/a", &[("X-P", "HTTPS")], "301 https://gw.test/a");
        check(plain, "/a", &[("X-P", "https")], "");
        let named = r#"{"ssl_redirect":true,"ssl_host":"s.test:8443"}"#;
        check(named, "/a", &[], "301 https://s.test:8443/a");
        let tls = compiled(named).check(&head("GET", "/a", &[]), Secured::Tls);
        assert_eq!(tls.unwrap(), b"");
    }

    #[test]
    fn fields_are_written_once_and_a_type_that_is_wrong_is_passed_over() {
        let all = r#"{"sts_seconds":300.9,"force_sts_header":true,"frame_deny":true,
            "custom_frame_options_value":"SAMEORIGIN","content_type_nosniff":true,
            "browser_xss_filter":true,"referrer_policy":"no-referrer"}"#;
        let expected = "Strict-Transport-Security: max-age=300|X-Frame-Options: SAMEORIGIN|\
            X-Content-Type-Options: nosniff|X-Xss-Protection: 1; mode=block|\
            Referrer-Policy: no-referrer|";
        check(all, "/", &[], expected);
        let wrong = r#"{"sts_seconds":"300","force_sts_header":true,"frame_deny":"yes",
            "allowed_hosts":"x","referrer_policy":5}"#;
        check(wrong, "/", &[], "");
    }

    #[test]
    fn a_nonce_is_never_the_same() {
        let security = compiled(r#"{"content_security_policy":"a $NONCE b $NONCE"}"#);
        let lines = || String::from_utf8(security.lines(false)).unwrap();
        let (one, other) = (lines(), lines());
        assert_ne!(one, other);
        let nonces: Vec<_> = one.split("'").filter(|part| part.starts_with("nonce-")).collect();
        let [first, second] = nonces.as_slice() else { panic!("{one}") };
        assert_eq!(first, second);
        assert_eq!(first.len(), "nonce-".len() + 22);
    }

    #[test]
    fn an_expression_that_is_none_is_an_error() {
        let text = br#"{"allowed_hosts":["a","("],"allowed_hosts_are_regex":true}"#;
        let faults = HttpSecurity::compile(&json::read(text).unwrap().root, |_, _| {}).unwrap_err();
        assert_eq!(faults[0].index, 1);
    }
}
