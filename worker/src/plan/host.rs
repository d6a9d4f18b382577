//! Backend hosts: each address that any backend names, once.

use std::collections::HashMap;
use std::fmt;

use http::HeaderValue;

use super::tls::TlsId;
use super::via::ViaId;

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

/// How a host is reached: who asks it in another way has connections of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Way {
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
    /// No host, or a port that is none.
    #[error("`{0}` names no host")]
    Authority(String),
    /// `user:password@host`.
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
        let Some((scheme, rest)) = text.split_once("://") else {
            let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
            return Err(HostError::Scheme(scheme.to_owned()));
        };
        let scheme = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
            _ if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
            _ => return Err(HostError::Scheme(scheme.to_ascii_lowercase())),
        };
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
        let port = match port {
            None | Some("") => scheme.port(),
            Some(port) => port.parse().map_err(|_text: std::num::ParseIntError| wrong())?,
        };
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
        assert_eq!(error("http://"), "`` names no host");
        assert_eq!(error("http://a:99999"), "`a:99999` names no host");
        assert_eq!(error("http://[::1"), "`[::1` names no host");
        assert_eq!(error("http://u:p@h"), "credentials in a host are not sent; use a header");
    }

    #[test]
    fn equal_hosts_share_a_place() {
        let mut table = HostTable::default();
        let mut place = |text: &str| table.place(Host::parse(text).unwrap().0);
        assert_eq!(place("http://a:1/x"), place("http://a:1"));
        assert_ne!(place("http://a:1"), place("http://a:2"));
    }
}
