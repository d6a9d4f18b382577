//! Who asks: the client's address as logs, limits and `X-Forwarded-For` have it.
//!
//! On the way: once per request, before the guards. Plain data in, an address out; nothing is
//! allocated.
//! KrakenD (gin): believes `X-Forwarded-For`, then `X-Real-IP`, of every peer unless `trusted_proxies`
//! names whom to believe; reads a list from its right end up to the first address that is not trusted.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use smallvec::SmallVec;

use crate::message::{Head, Peer};
use crate::route::RouterFlags;

/// Whom to believe, and which fields: compiled from the `router` namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIp {
    rule: Rule,
    app_engine: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// The peer's address is the only truth.
    PeerOnly,
    /// These fields, in this order, when the peer is trusted.
    Forwarded { fields: Box<[String]>, trusted: Trusted },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Trusted {
    Everybody,
    Networks(Box<[Network]>),
}

/// An entry of `trusted_proxies` that is neither an address nor a network. It and what stands behind
/// it in the list is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{entry}` is neither an IP address nor a network such as 10.0.0.0/8: it and the entries behind it are not trusted"
)]
pub struct BadProxy {
    /// The entry.
    pub entry: String,
    /// Its place in the list.
    pub index: usize,
}

/// The address of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAddress<'h> {
    /// That of the connection.
    Peer(IpAddr),
    /// What a field said, as it said it.
    Forwarded(&'h str),
}

impl ClientAddress<'_> {
    /// As an address; `None` when App Engine's field holds something else.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Peer(ip) => Some(*ip),
            Self::Forwarded(text) => parse(text),
        }
    }
}

impl fmt::Display for ClientAddress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(ip) => ip.fmt(f),
            Self::Forwarded(text) => f.pad(text),
        }
    }
}

impl ClientIp {
    /// Compiles the settings; `trust_forwarded_for` is `"@baton"`'s [true]. The faulty entry of
    /// `trusted_proxies`, if any, comes along to be reported.
    #[must_use]
    pub fn compile(flags: &RouterFlags, trust_forwarded_for: bool) -> (Self, Option<BadProxy>) {
        if !trust_forwarded_for {
            return (Self { rule: Rule::PeerOnly, app_engine: false }, None);
        }
        let app_engine = flags.app_engine;
        if !flags.forwarded_by_client_ip {
            return (Self { rule: Rule::PeerOnly, app_engine }, None);
        }
        let fields = match flags.remote_ip_headers.as_slice() {
            [] => ["X-Forwarded-For", "X-Real-IP"].map(str::to_owned).into(),
            fields => fields.into(),
        };
        let (trusted, bad) = Trusted::compile(&flags.trusted_proxies);
        (Self { rule: Rule::Forwarded { fields, trusted }, app_engine }, bad)
    }

    /// Whether any peer can claim any address: worth a warning.
    #[must_use]
    pub fn believes_everybody(&self) -> bool {
        self.app_engine || matches!(self.rule, Rule::Forwarded { trusted: Trusted::Everybody, .. })
    }

    /// The client's address.
    #[must_use]
    pub fn find<'h>(&self, head: &'h Head, peer: &Peer) -> ClientAddress<'h> {
        let peer = peer.asserted.to_canonical();
        if self.app_engine
            && let Some(text) = head.field("X-Appengine-Remote-Addr").and_then(text)
            && !text.is_empty()
        {
            return ClientAddress::Forwarded(text);
        }
        let Rule::Forwarded { fields, trusted } = &self.rule else {
            return ClientAddress::Peer(peer);
        };
        if !trusted.contains(peer) {
            return ClientAddress::Peer(peer);
        }
        let forwarded = fields.iter().find_map(|name| trusted.client_in(head, name));
        forwarded.map_or(ClientAddress::Peer(peer), ClientAddress::Forwarded)
    }
}

impl Trusted {
    fn compile(proxies: &[String]) -> (Self, Option<BadProxy>) {
        if proxies.is_empty() {
            return (Self::Everybody, None);
        }
        let mut networks = Vec::with_capacity(proxies.len());
        for (index, entry) in proxies.iter().enumerate() {
            let Some(network) = Network::parse(entry) else {
                let bad = BadProxy { entry: entry.clone(), index };
                return (Self::Networks(networks.into()), Some(bad));
            };
            networks.push(network);
        }
        (Self::Networks(networks.into()), None)
    }

    fn contains(&self, ip: IpAddr) -> bool {
        match self {
            Self::Everybody => true,
            Self::Networks(networks) => networks.iter().any(|network| network.contains(ip)),
        }
    }

    /// Reads a field (its lines form one list) from its right end: the first address that is not
    /// trusted, else the leftmost. Anything that is no address spoils the whole field.
    fn client_in<'h>(&self, head: &'h Head, name: &str) -> Option<&'h str> {
        let lines = head.fields().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        let lines: SmallVec<[&[u8]; 4]> = lines.map(|(_, value)| value).collect();
        let mut leftmost = None;
        for line in lines.iter().rev() {
            for item in text(line)?.rsplit(',') {
                let item = item.trim();
                let ip = parse(item)?;
                if !self.contains(ip) {
                    return Some(item);
                }
                leftmost = Some(item);
            }
        }
        leftmost
    }
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

fn parse(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// A network: its first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    V4 { bits: u32, mask: u32 },
    V6 { bits: u128, mask: u128 },
}

impl Network {
    /// `10.0.0.0/8`, `10.1.2.3`, `fd00::/8`; an IPv4 network in IPv6 form is an IPv4 network.
    fn parse(entry: &str) -> Option<Self> {
        let Some((address, len)) = entry.split_once('/') else {
            return Some(match parse(entry)? {
                IpAddr::V4(ip) => Self::V4 { bits: ip.to_bits(), mask: u32::MAX },
                IpAddr::V6(ip) => Self::V6 { bits: ip.to_bits(), mask: u128::MAX },
            });
        };
        let digits = !len.is_empty() && len.bytes().all(|byte| byte.is_ascii_digit());
        let len: u32 = if digits { len.parse().ok()? } else { return None };
        match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(ip) => Self::v4(ip.to_bits(), len),
            IpAddr::V6(ip) => Self::v6(ip, len),
        }
    }

    fn v4(bits: u32, len: u32) -> Option<Self> {
        let mask = match len {
            0 => 0,
            1..=32 => u32::MAX << (32 - len),
            _ => return None,
        };
        Some(Self::V4 { bits: bits & mask, mask })
    }

    fn v6(ip: Ipv6Addr, len: u32) -> Option<Self> {
        if let (Some(mapped), 96..=128) = (ip.to_ipv4_mapped(), len) {
            return Self::v4(mapped.to_bits(), len - 96);
        }
        let mask = match len {
            0 => 0,
            1..=128 => u128::MAX << (128 - len),
            _ => return None,
        };
        Some(Self::V6 { bits: ip.to_bits() & mask, mask })
    }

    fn contains(self, ip: IpAddr) -> bool {
        match (self, ip) {
            (Self::V4 { bits, mask }, IpAddr::V4(ip)) => ip.to_bits() & mask == bits,
            (Self::V6 { bits, mask }, IpAddr::V6(ip)) => ip.to_bits() & mask == bits,
            (Self::V4 { .. }, IpAddr::V6(_)) | (Self::V6 { .. }, IpAddr::V4(_)) => false,
        }
    }
}
