//! Backend hosts: each address that any backend names, once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use http::HeaderValue;

use super::tls::TlsId;
use super::via::ViaId;
use crate::backend::via::basic;
use crate::connection::http1::authority::in_name;
use crate::route::percent;

/// A host of the table in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(u32);

impl HostId {
    /// Set where a host is not in the plan's table.
    const FOUND: u32 = 1 << 31;

    /// A host that a thread found while it serves; each number is given once.
    pub(crate) const fn found(number: u32) -> Self {
        Self(number | Self::FOUND)
    }

    /// Whether it is in no table.
    pub(crate) const fn is_found(self) -> bool {
        self.0 & Self::FOUND != 0
    }

    /// Its place in the table.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a host is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// With TLS.
    Https,
}

/// What a host is spoken to in, if it can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Speech {
    /// HTTP/1.1, as KrakenD.
    #[default]
    Http1,
    /// HTTP/2 (`"@baton".http2`): by TLS if the host takes the offer, in clear text with prior knowledge (RFC 9113 §3.3).
    Http2,
}

/// How a host is reached: who asks it in another way has connections of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Way {
    /// In what.
    pub speech: Speech,
    /// How its certificate is judged, if it has one.
    pub tls: TlsId,
    /// Through which proxy of the file; none: as the environment says.
    pub via: Option<ViaId>,
}

/// An address that requests are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its place in the plan's table, or what a thread calls one that it found; none for one that only a redirect
    /// named.
    pub id: Option<HostId>,
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Name and port as written: the `Host` field.
    pub authority: Box<str>,
    /// What is resolved: a name, or an IP without brackets.
    pub name: Box<str>,
    /// The port, or the scheme's.
    pub port: u16,
    /// How it is reached.
    pub way: Way,
}

/// Why a text names no host that can be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Go's text for it, which KrakenD gives when the request is made.
    #[error("unsupported protocol scheme \"{0}\"")]
    Scheme(String),
    /// Nothing where the host is to be; Go's text again.
    #[error("http: no Host in request URL")]
    NoHost,
    /// A number that no port has; Go's text again.
    #[error("dial tcp: address {0}: invalid port")]
    Port(String),
    /// No URL at all; what Go says of it.
    #[error("{0}")]
    NoUrl(String),
    /// No host, or a port that is none.
    #[error("`{0}` names no host")]
    Authority(String),
    /// `user:password@host` where it is not sent.
    #[error("credentials in a host are not sent; use a header")]
    Credentials,
}

impl Scheme {
    /// As in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Host {
    /// Takes `scheme://host[:port]` apart; what follows (a base path) comes back beside it.
    ///
    /// # Errors
    /// When nothing could be sent there.
    pub fn parse(text: &str) -> Result<(Self, &str), HostError> {
        let (scheme, rest) = split_scheme(text)?;
        let scheme = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
            _ if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
            _ => return Err(HostError::Scheme(scheme.to_ascii_lowercase())),
        };
        let rest = rest.strip_prefix("//").ok_or(HostError::NoHost)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        Ok((Self::of(scheme, authority)?, path))
    }

    /// From scheme and `name[:port]`.
    ///
    /// # Errors
    /// When nothing could be sent there.
    pub(crate) fn of(scheme: Scheme, authority: &str) -> Result<Self, HostError> {
        if authority.contains('@') {
            return Err(HostError::Credentials);
        }
        let wrong = || HostError::Authority(authority.to_owned());
        let (name, port) = split_port(authority).ok_or_else(wrong)?;
        if let Some(letter) = name.bytes().find(|byte| !may_be_in_host(*byte)) {
            let letter = char::from(letter);
            return Err(HostError::NoUrl(format!(
                "invalid character {:?} in host name",
                letter.to_string()
            )));
        }
        let port = match port {
            None | Some("") => scheme.port(),
            Some(port) if !port.bytes().all(|digit| digit.is_ascii_digit()) => {
                return Err(HostError::NoUrl(format!("invalid port \":{port}\" after host")));
            },
            Some(port) => {
                let no_port = |_: std::num::ParseIntError| HostError::Port(port.to_owned());
                port.parse().map_err(no_port)?
            },
        };
        if authority.is_empty() {
            return Err(HostError::NoHost);
        }
        if name.is_empty() || HeaderValue::from_str(authority).is_err() {
            return Err(wrong());
        }
        let (authority, name) = (authority.into(), name.into());
        Ok(Self { id: None, scheme, authority, name, port, way: Way::default() })
    }

    /// Whether the port was written.
    pub(crate) fn names_port(&self) -> bool {
        matches!(split_port(&self.authority), Some((_, Some(port))) if !port.is_empty())
    }
}

/// The scheme, and what follows its colon, as Go's `url.Parse` finds them.
fn split_scheme(text: &str) -> Result<(&str, &str), HostError> {
    let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if is_scheme {
        return Ok((scheme, rest));
    }
    let no_url = |why: &str| Err(HostError::NoUrl(why.to_owned()));
    match text.split('/').next() {
        _ if text.starts_with(':') => no_url("missing protocol scheme"),
        Some(first) if first.contains(':') => {
            no_url("first path segment in URL cannot contain colon")
        },
        Some(_) | None => Err(HostError::Scheme(String::new())),
    }
}

/// What Go lets stand in a host without an escape: also brackets, and what is no name at all.
const fn may_be_in_host(byte: u8) -> bool {
    !byte.is_ascii() || in_name(byte) || matches!(byte, b':' | b'[' | b']' | b'<' | b'>' | b'"')
}

/// The `Authorization` that Go makes of `user:password@` in a host, and the text without it.
pub(super) fn login(text: &str) -> Option<(String, HeaderValue)> {
    let (scheme, rest) = text.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (login, host) = authority.rsplit_once('@')?;
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte);
    if !login.bytes().all(letter) {
        return None;
    }
    let (name, password) = login.split_once(':').unwrap_or((login, ""));
    let decoded = |part: &str| percent::decode(part.as_bytes()).map(Cow::into_owned);
    let value = basic(&decoded(name).ok()?, &decoded(password).ok()?)?;
    Some((format!("{scheme}://{host}{path}"), value))
}

/// `name:port`, `name`, `[v6]:port`, `[v6]`.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (name, rest) = rest.split_once(']')?;
        return match rest {
            "" => Some((name, None)),
            _ => Some((name, Some(rest.strip_prefix(':')?))),
        };
    }
    match authority.split_once(':') {
        Some((name, port)) => Some((name, Some(port))),
        None => Some((authority, None)),
    }
}

/// `http://host:port`, as messages show it.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority)
    }
}

/// Collects hosts while a plan is compiled; equal ones share a place, and so a pool.
#[derive(Debug, Default)]
pub(crate) struct HostTable {
    hosts: Vec<Host>,
    places: HashMap<(Scheme, Box<str>, Way), HostId>,
}

impl HostTable {
    /// The place of `host`.
    pub(crate) fn place(&mut self, mut host: Host) -> HostId {
        let key = (host.scheme, host.authority.clone(), host.way);
        if let Some(found) = self.places.get(&key) {
            return *found;
        }
        let place = HostId(u32::try_from(self.hosts.len()).unwrap_or(u32::MAX));
        host.id = Some(place);
        self.hosts.push(host);
        self.places.insert(key, place);
        place
    }

    /// Whether any of them is spoken to by TLS.
    pub(crate) fn need_tls(&self) -> bool {
        self.hosts.iter().any(|host| host.scheme == Scheme::Https)
    }

    pub(crate) fn into_hosts(self) -> Box<[Host]> {
        self.hosts.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64;

    fn check(text: &str, name: &str, port: u16, path: &str) {
        let (host, rest) = Host::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((&*host.name, host.port, rest), (name, port, path), "{text}");
    }

    #[test]
    fn hosts_are_taken_apart_into_name_port_and_base_path() {
        check("http://127.0.0.1:81", "127.0.0.1", 81, "");
        check("HTTPS://api/base/", "api", 443, "/base/");
        check("http://[::1]:8080/x", "::1", 8080, "/x");
        check("http://a.example?x", "a.example", 80, "?x");
    }

    #[test]
    fn what_cannot_be_called_says_why() {
        let error = |text: &str| Host::parse(text).map(|_| ()).unwrap_err().to_string();
        assert_eq!(error("ftp://x/y"), "unsupported protocol scheme \"ftp\"");
        assert_eq!(error("localhost"), "unsupported protocol scheme \"\"");
        assert_eq!(error("localhost:80"), "unsupported protocol scheme \"localhost\"");
        assert_eq!(error("//h:80"), "unsupported protocol scheme \"\"");
        for text in ["127.0.0.1:80", " http://a"] {
            assert_eq!(error(text), "first path segment in URL cannot contain colon", "{text}");
        }
        assert_eq!(error("://a"), "missing protocol scheme");
        for text in ["http://", "http:/h", "http:h"] {
            assert_eq!(error(text), "http: no Host in request URL", "{text}");
        }
        assert_eq!(error("http://a:99999"), "dial tcp: address 99999: invalid port");
        assert_eq!(error("http://a:x"), "invalid port \":x\" after host");
        assert_eq!(error("http://a b"), "invalid character \" \" in host name");
        assert_eq!(error("http://[::1"), "`[::1` names no host");
        assert_eq!(error("http://u:p@h"), "credentials in a host are not sent; use a header");
    }

    #[test]
    fn a_login_in_a_host_becomes_a_field() {
        for (text, host, pair) in [
            ("http://u:p@h:1/b", "http://h:1/b", "u:p"),
            ("https://a%40b:c%3Ad@h", "https://h", "a@b:c:d"),
            ("http://u@h?x@y", "http://h?x@y", "u:"),
            ("http://u:p:q@r@h", "http://h", "u:p:q@r"),
        ] {
            let (without, value) = login(text).unwrap();
            assert_eq!(without, host, "{text}");
            assert_eq!(value, format!("Basic {}", base64::encode(pair.as_bytes())), "{text}");
        }
        for text in ["http://h/a@b", "h", "http://u p@h", "http://u%zz@h", "http://\u{e9}@h"] {
            assert_eq!(login(text), None, "{text}");
        }
    }

    #[test]
    fn equal_hosts_share_a_place() {
        let mut table = HostTable::default();
        let mut place = |text: &str| table.place(Host::parse(text).unwrap().0);
        assert_eq!(place("http://a:1/x"), place("http://a:1"));
        assert_ne!(place("http://a:1"), place("http://a:2"));
    }
}
