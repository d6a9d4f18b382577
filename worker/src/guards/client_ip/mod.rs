//! Who asks: the client's address as logs, limits and `X-Forwarded-For` have it.
//!
//! On the way: once per request, before the guards. Plain data in, an address out; nothing is
//! allocated.
//! KrakenD (gin): believes `X-Forwarded-For`, then `X-Real-IP`, of every peer unless `trusted_proxies`
//! names whom to believe; reads a list from its right end up to the first address that is not trusted.

mod network;

use std::fmt;
use std::net::IpAddr;

use smallvec::SmallVec;

use crate::message::{Head, Peer};
use crate::route::RouterFlags;

pub(crate) use network::Network;

/// What App Engine tells of its clients.
pub(crate) const APP_ENGINE: &str = "X-Appengine-Remote-Addr";

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
        let trusts_all = match &self.rule {
            Rule::PeerOnly => false,
            Rule::Forwarded { trusted, .. } => trusted.contains_all_of_a_family(),
        };
        self.app_engine || trusts_all
    }

    /// Whether every address passes that may be the client's: the one that is found, or, where anybody can claim any,
    /// the peer's and each that its fields name. What is no address does not.
    pub(crate) fn all_pass(
        &self,
        head: &Head,
        peer: &Peer,
        passes: impl Fn(IpAddr) -> bool,
    ) -> bool {
        if !self.believes_everybody() {
            return self.find(head, peer).ip().is_some_and(passes);
        }
        let fields = match &self.rule {
            Rule::PeerOnly => [].as_slice(),
            Rule::Forwarded { fields, .. } => fields,
        };
        let engine = self.app_engine.then_some(APP_ENGINE);
        let names = fields.iter().map(String::as_str).chain(engine);
        let lines = names.flat_map(|name| lines(head, name)).filter(|line| !line.is_empty());
        let mut items = lines.flat_map(|line| line.split(|byte| *byte == b','));
        let is_good = |item| text(item).and_then(|item| parse(item.trim())).is_some_and(&passes);
        passes(peer.asserted.to_canonical()) && items.all(is_good)
    }

    /// The client's address.
    #[must_use]
    pub fn find<'h>(&self, head: &'h Head, peer: &Peer) -> ClientAddress<'h> {
        let peer = peer.asserted.to_canonical();
        if self.app_engine
            && let Some(text) = head.field(APP_ENGINE).and_then(text)
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

    /// Whether `0.0.0.0/0` or `::/0` is in it.
    fn contains_all_of_a_family(&self) -> bool {
        match self {
            Self::Everybody => true,
            Self::Networks(networks) => networks.iter().any(|network| network.is_everything()),
        }
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
        let lines: SmallVec<[&[u8]; 4]> = lines(head, name).collect();
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

/// The values of this name.
fn lines<'h>(head: &'h Head, name: &str) -> impl Iterator<Item = &'h [u8]> {
    let named = head.fields().filter(move |(found, _)| found.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value)
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

fn parse(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use crate::route::tests::head;

    use super::*;

    fn flags(trusted: &[&str]) -> RouterFlags {
        let trusted_proxies = trusted.iter().map(|entry| (*entry).to_owned()).collect();
        RouterFlags { trusted_proxies, ..RouterFlags::default() }
    }

    #[track_caller]
    fn check(rule: &ClientIp, peer: &str, fields: &[(&str, &str)], expected: &str) {
        let peer = Peer {
            socket: "192.0.2.99:1".parse().unwrap(),
            asserted: peer.parse().unwrap(),
            local: "192.0.2.1:80".parse().unwrap(),
        };
        let head = head("GET /", fields);
        assert_eq!(rule.find(&head, &peer).to_string(), expected, "{fields:?} from {peer:?}");
    }

    fn compiled(flags: &RouterFlags) -> ClientIp {
        let (rule, bad) = ClientIp::compile(flags, true);
        assert_eq!(bad, None);
        rule
    }

    #[test]
    fn by_default_everybodys_word_is_believed_as_krakend_does() {
        let rule = compiled(&flags(&[]));
        assert!(rule.believes_everybody());
        for (fields, expected) in [
            ([].as_slice(), "127.0.0.1"),
            (&[("X-Forwarded-For", "1.2.3.4, 5.6.7.8")], "1.2.3.4"),
            (&[("x-forwarded-for", "1.2.3.4"), ("X-Forwarded-For", "5.6.7.8")], "1.2.3.4"),
            (&[("X-Real-IP", "4.4.4.4")], "4.4.4.4"),
            (&[("X-Forwarded-For", "2001:DB8::1")], "2001:DB8::1"),
            (&[("X-Forwarded-For", "junk")], "127.0.0.1"),
            (&[("X-Forwarded-For", "junk"), ("X-Real-IP", "4.4.4.4")], "4.4.4.4"),
            (&[("X-Forwarded-For", "1.1.1.1:80")], "127.0.0.1"),
            (&[("X-Forwarded-For", "1.1.1.1,")], "127.0.0.1"),
            (&[("X-Forwarded-For", "")], "127.0.0.1"),
            (&[("X-Forwarded-For", "bad, 1.1.1.1")], "127.0.0.1"),
            (&[("X-Forwarded-For", "01.1.1.1")], "127.0.0.1"),
            (&[("X-Forwarded-For", "fe80::1%eth0")], "127.0.0.1"),
            (&[("Forwarded", "for=1.1.1.1")], "127.0.0.1"),
        ] {
            check(&rule, "127.0.0.1", fields, expected);
        }
        check(&rule, "::ffff:10.0.0.1", &[], "10.0.0.1");
    }

    #[test]
    fn with_trusted_proxies_the_first_untrusted_hop_from_the_right_is_the_client() {
        let rule =
            compiled(&flags(&["10.0.0.0/8", "fd00::/8", "::ffff:172.16.0.0/108", "9.9.9.9"]));
        assert!(!rule.believes_everybody());
        let hops = [("X-Forwarded-For", "6.6.6.6, 5.5.5.5, 10.1.1.1, 9.9.9.9")];
        check(&rule, "10.0.0.1", &hops, "5.5.5.5");
        check(&rule, "::ffff:10.0.0.1", &hops, "5.5.5.5");
        check(&rule, "fd12::1", &hops, "5.5.5.5");
        check(&rule, "172.31.0.1", &hops, "5.5.5.5");
        check(&rule, "172.32.0.1", &hops, "172.32.0.1");
        check(&rule, "11.0.0.1", &hops, "11.0.0.1");
        check(&rule, "fe80::1", &hops, "fe80::1");
        check(&rule, "10.0.0.1", &[("X-Forwarded-For", "10.3.3.3, 10.2.2.2")], "10.3.3.3");
        check(&rule, "10.0.0.1", &[("X-Forwarded-For", "bad, 5.5.5.5")], "5.5.5.5");
        let lines = [("X-Forwarded-For", "5.5.5.5"), ("X-Forwarded-For", "10.2.2.2")];
        check(&rule, "10.0.0.1", &lines, "5.5.5.5");
    }

    #[test]
    fn a_faulty_trusted_proxy_and_what_follows_it_is_not_trusted() {
        for bad in ["bad", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "fd00::/129", "::1%lo", ""] {
            let (rule, found) = ClientIp::compile(&flags(&["9.9.9.9", bad, "10.0.0.0/8"]), true);
            assert_eq!(found, Some(BadProxy { entry: bad.to_owned(), index: 1 }), "{bad}");
            let forwarded = [("X-Forwarded-For", "5.5.5.5")];
            check(&rule, "9.9.9.9", &forwarded, "5.5.5.5");
            check(&rule, "10.0.0.1", &forwarded, "10.0.0.1");
        }
        assert!(!ClientIp::compile(&flags(&["bad"]), true).0.believes_everybody());
        assert!(compiled(&flags(&["10.0.0.0/8", "0.0.0.0/0"])).believes_everybody());
    }

    #[test]
    fn other_fields_or_none_can_be_asked_for() {
        let custom = RouterFlags {
            remote_ip_headers: vec!["X-Custom-Ip".to_owned()],
            ..RouterFlags::default()
        };
        check(&compiled(&custom), "127.0.0.1", &[("x-custom-ip", "1.2.3.4")], "1.2.3.4");
        check(&compiled(&custom), "127.0.0.1", &[("X-Forwarded-For", "2.2.2.2")], "127.0.0.1");

        let off = RouterFlags { forwarded_by_client_ip: false, ..RouterFlags::default() };
        check(&compiled(&off), "127.0.0.1", &[("X-Forwarded-For", "1.2.3.4")], "127.0.0.1");
        assert!(!compiled(&off).believes_everybody());

        let engine = RouterFlags { app_engine: true, ..off };
        let field = [("X-Appengine-Remote-Addr", "9.9.9.9"), ("X-Forwarded-For", "1.2.3.4")];
        check(&compiled(&engine), "127.0.0.1", &field, "9.9.9.9");
        assert!(compiled(&engine).believes_everybody());
    }

    #[test]
    fn the_peer_is_the_only_truth_when_forwarded_fields_are_not_trusted() {
        let all = RouterFlags { app_engine: true, ..flags(&["0.0.0.0/0", "::/0"]) };
        let (rule, _) = ClientIp::compile(&all, false);
        assert!(!rule.believes_everybody());
        let forged = [("X-Appengine-Remote-Addr", "9.9.9.9"), ("X-Forwarded-For", "1.2.3.4")];
        check(&rule, "127.0.0.1", &forged, "127.0.0.1");
    }
}
