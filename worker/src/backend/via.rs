//! `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`, `proxy_address`: which hosts are called through a proxy. Pure.
//!
//! KrakenD: as Go's `ProxyFromEnvironment`: the upper-case name beats the lower-case one; this machine itself is never
//! called through a proxy; `NO_PROXY` lists names (with what is below them), addresses, networks, each with or without
//! a port, or `*`. Read once, at the start. What the file says of a backend beats all of it.

use std::net::IpAddr;

use http::HeaderValue;

use super::socks::{self, Login};
use crate::base64;
use crate::guards::client_ip::Network;
use crate::plan::{Host, Scheme};

/// What the environment says, compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    direct: Vec<Direct>,
    /// Those of the file.
    own: Box<[Proxy]>,
}

/// Whom requests are given to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// Of scheme `https`: it is met by TLS.
    pub(crate) host: Host,
    pub(crate) speaks: Result<Speaks, Unusable>,
}

/// How a proxy is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// It reads requests, or is asked by `CONNECT`.
    Http {
        /// `Proxy-Authorization`.
        credentials: Option<HeaderValue>,
    },
    /// SOCKS 5.
    Socks(Option<Login>),
}

/// Why a proxy cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It speaks something else.
    #[error("a proxy with `{0}://` is not supported")]
    Scheme(Box<str>),
    /// SOCKS has no place for its name or password.
    #[error("invalid username/password")]
    Login,
}

/// An entry of `NO_PROXY`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Direct {
    All,
    Network(Network),
    Address(IpAddr, Option<u16>),
    /// A name with a dot in front; `itself`: also without what stands below it.
    Name {
        suffix: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl Proxies {
    /// From the environment.
    #[must_use]
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let either = |upper: &str| {
            let value = |name: &str| variable(name).filter(|value| !value.is_empty());
            value(upper).or_else(|| value(&upper.to_ascii_lowercase()))
        };
        // A CGI script's client chooses `HTTP_PROXY` by a header field: not to be believed there.
        let http = if variable("REQUEST_METHOD").is_some_and(|method| !method.is_empty()) {
            None
        } else {
            either("HTTP_PROXY")
        };
        let direct = either("NO_PROXY").unwrap_or_default();
        Self {
            http: http.as_deref().and_then(Proxy::parse),
            https: either("HTTPS_PROXY").as_deref().and_then(Proxy::parse),
            direct: direct.split(',').filter_map(Direct::parse).collect(),
            own: Box::default(),
        }
    }

    /// With those of the file, by [`ViaId`](crate::plan::ViaId).
    pub(crate) fn with_own(self, own: Box<[Proxy]>) -> Self {
        Self { own, ..self }
    }

    /// Whether nobody is called through a proxy.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.http.is_none() && self.https.is_none() && self.own.is_empty()
    }

    /// Whom requests for `host` are given to.
    pub(crate) fn of(&self, host: &Host) -> Option<&Proxy> {
        if let Some(via) = host.way.via {
            return self.own.get(via.index());
        }
        let proxy = match host.scheme {
            Scheme::Http => self.http.as_ref()?,
            Scheme::Https => self.https.as_ref()?,
        };
        let name = host.name.trim().to_ascii_lowercase();
        let ip: Option<IpAddr> = name.parse().ok();
        let is_own = name == "localhost" || ip.is_some_and(|ip| ip.to_canonical().is_loopback());
        let is_direct = || self.direct.iter().any(|direct| direct.is(&name, ip, host.port));
        (!is_own && !is_direct()).then_some(proxy)
    }
}

impl Proxy {
    /// Whether it reads requests for `host`, rather than passing bytes on.
    pub(crate) fn reads_requests_for(&self, host: &Host) -> bool {
        host.scheme == Scheme::Http && matches!(self.speaks, Ok(Speaks::Http { .. }))
    }

    /// A URL, or what becomes one by `http://`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, _path) = rest.split_at_checked(end)?;
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, authority),
        };
        let user = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let decoded = |text| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
            (decoded(name), decoded(password))
        });
        let http = || Speaks::Http {
            credentials: user.as_ref().and_then(|(name, password)| basic(name, password)),
        };
        let scheme = scheme.to_ascii_lowercase();
        let of_scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
        let mut host = Host::of(of_scheme, authority).ok()?;
        let speaks = match &*scheme {
            "http" | "https" => Ok(http()),
            "socks5" | "socks5h" => {
                if !host.names_port() {
                    host.port = socks::PORT;
                }
                let login = user.map(|(name, password)| Login::new(&name, &password));
                match login {
                    None => Ok(Speaks::Socks(None)),
                    Some(None) => Err(Unusable::Login),
                    Some(login) => Ok(Speaks::Socks(login)),
                }
            },
            _ => Err(Unusable::Scheme(scheme.into())),
        };
        Some(Self { host, speaks })
    }

    /// What is told to a proxy that reads requests.
    pub(crate) fn credentials(&self) -> Option<&HeaderValue> {
        match &self.speaks {
            Ok(Speaks::Http { credentials }) => credentials.as_ref(),
            Ok(Speaks::Socks(_)) | Err(_) => None,
        }
    }
}

/// Name and password as they are told (RFC 7617).
pub(crate) fn basic(name: &[u8], password: &[u8]) -> Option<HeaderValue> {
    let pair = [name, b":", password].concat();
    let mut value = HeaderValue::try_from(format!("Basic {}", base64::encode(&pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl Direct {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        if text == "*" {
            return Some(Self::All);
        }
        if text.contains('/')
            && let Some(network) = Network::parse(&text)
        {
            return Some(Self::Network(network));
        }
        let (name, port) = split_port(&text);
        if let Ok(ip) = name.parse() {
            return Some(Self::Address(ip, port));
        }
        let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
        match name {
            "" => None,
            _ if name.starts_with('.') => {
                Some(Self::Name { suffix: name.to_owned(), itself: false, port })
            },
            _ => Some(Self::Name { suffix: format!(".{name}"), itself: true, port }),
        }
    }

    fn is(&self, name: &str, ip: Option<IpAddr>, port: u16) -> bool {
        let is_port = |wanted: Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        match self {
            Self::All => true,
            Self::Network(network) => ip.is_some_and(|ip| network.contains(ip)),
            Self::Address(address, wanted) => ip == Some(*address) && is_port(*wanted),
            Self::Name { suffix, itself, port: wanted } => {
                let is_itself = *itself && suffix.strip_prefix('.') == Some(name);
                (name.ends_with(suffix.as_str()) || is_itself) && is_port(*wanted)
            },
        }
    }
}

/// `name`, `name:port`, `[v6]:port`, `v6`.
fn split_port(text: &str) -> (&str, Option<u16>) {
    let inside = |name: &'_ str| {
        name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).map(str::len)
    };
    match text.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || inside(name).is_some() => {
            let name = name.trim_start_matches('[').trim_end_matches(']');
            match port.parse() {
                Ok(port) => (name, Some(port)),
                Err(_) => (text, None),
            }
        },
        Some(_) | None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Proxies {
        Proxies::of_environment(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn via(no_proxy: &str, host: &str) -> bool {
        let proxies = proxies(&[("HTTP_PROXY", "http://proxy:3128"), ("NO_PROXY", no_proxy)]);
        let (host, _) = Host::parse(host).unwrap();
        proxies.of(&host).is_some()
    }

    #[test]
    fn a_proxy_is_a_url_or_a_name_with_a_port() {
        for (text, expected) in [
            ("http://proxy:3128", "http://proxy:3128"),
            ("proxy:3128", "http://proxy:3128"),
            ("proxy", "http://proxy"),
            ("http://u:p%40@proxy:3128/x", "http://proxy:3128"),
        ] {
            assert_eq!(Proxy::parse(text).unwrap().host.to_string(), expected, "{text}");
        }
        assert_eq!(Proxy::parse("http://:x"), None);
        assert_eq!(
            Proxy::parse("http://u:p%40@h").unwrap().credentials().unwrap(),
            "Basic dTpwQA=="
        );
    }

    #[test]
    fn a_proxy_speaks_what_its_scheme_says() {
        let parsed = |text| {
            let Proxy { host, speaks } = Proxy::parse(text).unwrap();
            (host.scheme, host.port, speaks.map_err(|error| error.to_string()))
        };
        let plain = || Ok(Speaks::Http { credentials: None });
        assert_eq!(parsed("https://h"), (Scheme::Https, 443, plain()));
        assert_eq!(parsed("HTTP://h"), (Scheme::Http, 80, plain()));
        assert_eq!(parsed("socks5://h"), (Scheme::Http, 1080, Ok(Speaks::Socks(None))));
        let login = Login::new(b"u@", b"");
        assert_eq!(parsed("socks5h://u%40@[::1]:80"), (Scheme::Http, 80, Ok(Speaks::Socks(login))));
        assert_eq!(parsed("socks5://:p@h").2, Err("invalid username/password".to_owned()));
        let other = "a proxy with `ftp://` is not supported".to_owned();
        assert_eq!(parsed("ftp://h").2, Err(other));
    }

    #[test]
    fn the_variables_are_those_that_go_reads() {
        let host = Host::parse("http://a.example").unwrap().0;
        let uses = |variables: &[(&str, &str)]| {
            proxies(variables).of(&host).map(|proxy| proxy.host.authority.to_string())
        };
        assert_eq!(uses(&[]), None);
        assert_eq!(uses(&[("http_proxy", "low")]), Some("low".to_owned()));
        assert_eq!(uses(&[("http_proxy", "low"), ("HTTP_PROXY", "up")]), Some("up".to_owned()));
        assert_eq!(uses(&[("HTTPS_PROXY", "s")]), None);
        assert_eq!(uses(&[("HTTP_PROXY", "up"), ("REQUEST_METHOD", "GET")]), None);
        assert!(proxies(&[("NO_PROXY", "a")]).is_empty());
    }

    #[test]
    fn hosts_are_called_directly_as_no_proxy_says() {
        for (no_proxy, host, expected) in [
            ("", "http://a.example", true),
            ("", "http://localhost:8080", false),
            ("", "http://127.9.9.9", false),
            ("", "http://[::1]:1", false),
            ("*", "http://a.example", false),
            ("example", "http://a.example", false),
            ("a.example", "http://a.example", false),
            ("a.example", "http://b.a.example", false),
            ("a.example", "http://xa.example", true),
            (".a.example", "http://a.example", true),
            ("*.a.example", "http://b.a.example", false),
            ("a.example:81", "http://a.example:80", true),
            ("a.example:81", "http://a.example:81", false),
            ("a.example:80", "http://a.example", false),
            ("10.0.0.0/8", "http://10.1.2.3", false),
            ("10.0.0.0/8", "http://11.1.2.3", true),
            ("10.1.2.3", "http://10.1.2.3:99", false),
            ("10.1.2.3:98", "http://10.1.2.3:99", true),
            ("x, ,A.EXAMPLE", "http://a.example", false),
            ("::5", "http://[::5]:1", false),
            ("[::5]:1", "http://[::5]:1", false),
        ] {
            assert_eq!(via(no_proxy, host), expected, "{no_proxy} {host}");
        }
    }
}
