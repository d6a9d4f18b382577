//! `qos/ratelimit/router` and `qos/ratelimit/service`: how often an endpoint may be asked, by all and by
//! each client.
//!
//! On the way: behind everything that can refuse for free, before the pipe. No await, no lock; a word of
//! shared memory for all, a few cache lines for a client.
//! KrakenD: the client's limit first (429), then the limit of all (503), so a request that is refused for
//! its client takes nothing from the others. A client who cannot be told apart (no such header) gets 429. A claim of the
//! token (`param`, `JWT.sub`) tells clients apart there only where a `url_pattern` names it too; here always.
//! The limit of the service is that of each endpoint, with one state for all of them; it stands before the
//! endpoint's own.

use std::net::IpAddr;
use std::time::Duration;

use baton_shared::config::duration::GoDuration;
use baton_shared::config::node::Node;
use baton_shared::soft::{ClientLimit, Rate};
use baton_shared::words::Monotonic;

use super::Refusal;
use super::client_ip::ClientAddress;
use crate::message::Head;
use crate::plan::settings::{number, shown, string};
use crate::plan::soft::{Bucket, SoftPlan};
use crate::proxy::Asked;
use crate::route::params;

/// A client who was not seen for so long is forgotten, unless the limit's own time is longer.
const FORGET: Duration = Duration::from_secs(600);

/// One block of limits, for one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct RateLimit {
    client: Option<(ClientKey, ClientLimit)>,
    all: Option<Bucket>,
}

/// How clients are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ClientKey {
    /// By the client's address; first of all by the one in this field, if it holds one.
    Address { field: Option<Box<str>> },
    /// By the value of this field.
    Field(Box<str>),
    /// By the value of the placeholder with this index; none: the endpoint does not have it.
    Param(Option<usize>),
    /// By this claim of the token.
    Claim(Box<str>),
}

impl RateLimit {
    /// Lets a request pass, or not.
    pub(crate) fn check(&self, soft: &SoftPlan, asked: &Asked<'_>) -> Result<(), Refusal> {
        let now = Monotonic::now();
        if let Some((key, limit)) = &self.client {
            let passes = key.with(asked, |client| soft.take_client(limit, client, now));
            if !passes.unwrap_or(false) {
                return Err(Refusal::ClientLimited);
            }
        }
        match &self.all {
            Some(bucket) if !soft.take(bucket, now) => Err(Refusal::Limited),
            Some(_) | None => Ok(()),
        }
    }
}

impl ClientKey {
    /// Calls `count` with what tells the client apart, if there is something.
    fn with<T>(&self, asked: &Asked<'_>, count: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let text = match self {
            Self::Address { field } => {
                let named = field.as_ref().and_then(|field| named_address(asked.head, field));
                return Some(with_address(named, &asked.client, count));
            },
            Self::Field(name) => field(asked.head, name),
            Self::Param(index) => index.and_then(|index| asked.params.value(index)),
            Self::Claim(name) => asked.token.and_then(|token| token.param(name)),
        };
        text.filter(|text| !text.is_empty()).map(count)
    }
}

fn with_address<T>(
    named: Option<IpAddr>,
    client: &ClientAddress<'_>,
    count: impl FnOnce(&[u8]) -> T,
) -> T {
    match (named.or_else(|| client.ip()), client) {
        (Some(IpAddr::V4(ip)), _) => count(&ip.octets()),
        (Some(IpAddr::V6(ip)), _) => count(&ip.octets()),
        (None, ClientAddress::Forwarded(text)) => count(text.as_bytes()),
        (None, ClientAddress::Peer(_)) => count(b""),
    }
}

/// The first item of a list up to a colon (a port), if it is an address: so never one of version 6.
fn named_address(head: &Head, name: &str) -> Option<IpAddr> {
    let text = std::str::from_utf8(field(head, name)?).ok()?;
    let first = text.split(',').next()?.trim();
    first.split(':').next()?.parse().ok()
}

/// In Go, `Host` is no header field.
pub(super) fn field<'h>(head: &'h Head, name: &str) -> Option<&'h [u8]> {
    head.field(name).filter(|_| !name.eq_ignore_ascii_case("host"))
}

/// What a claim is called among the parameters of a request.
const CLAIM: &str = "JWT.";

/// Whether an endpoint asks for a token (`auth/validator`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tokens {
    Checked,
    None,
}

/// The block as KrakenD reads it: what has the wrong type is not there.
#[derive(Clone, Debug)]
pub(crate) struct RateConfig {
    client: Option<(Strategy, String, ClientLimit)>,
    all: Option<Bucket>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strategy {
    Ip,
    Header,
    Param,
}

/// The claim by which a block tells clients apart.
pub(crate) fn claim(settings: &Node) -> Option<&str> {
    let key = string(settings, "key").filter(|_| Strategy::read(settings) == Ok(Strategy::Param));
    key?.strip_prefix(CLAIM)
}

impl RateConfig {
    /// Reads a block. `owner` says whose it is.
    pub(crate) fn read(
        settings: &Node,
        owner: &str,
        soft: &mut SoftPlan,
        mut tell: impl FnMut(&str, String),
    ) -> Self {
        let every = shown(settings, "every").map(|text| every(&text));
        let factor = every.map_or(1.0, |every| 1.0 / every.as_secs_f64());
        let per_second = |key| number(settings, key).unwrap_or(0.0) * factor;
        let (rate, client_rate) = (per_second("max_rate"), per_second("client_max_rate"));
        let client = match Strategy::read(settings) {
            _ if client_rate <= 0.0 => None,
            Err(found) => {
                let text = format!(
                    "Unknown strategy `{found}`: clients are not limited; allowed are ip, header, param"
                );
                tell("strategy", text);
                None
            },
            Ok(strategy) => {
                let key = shown(settings, "key").unwrap_or_default();
                // Not a slip of ours: KrakenD asks the other rate.
                let default = if rate < 1.0 { 1 } else { whole(client_rate) };
                let capacity = capacity(settings, "client_capacity").unwrap_or(default);
                let owner = format!("{owner}\0client\0{strategy:?}\0{key}");
                let rate = Rate::new(client_rate, capacity);
                Some((strategy, key, soft.clients(&owner, rate, forget(every))))
            },
        };
        let all = (rate > 0.0).then(|| {
            let default = if rate < 1.0 { 1 } else { whole(rate) };
            let capacity = capacity(settings, "capacity").unwrap_or(default);
            soft.bucket(owner, Rate::new(rate, capacity))
        });
        Self { client, all }
    }

    /// The limits as they are for an endpoint with this route; none: nothing is limited.
    pub(crate) fn compile(
        &self,
        route: &str,
        tokens: Tokens,
        mut tell: impl FnMut(&str, String),
    ) -> Option<RateLimit> {
        let client = self.client.as_ref().map(|(strategy, key, limit)| {
            let key = match strategy {
                Strategy::Ip => ClientKey::Address {
                    field: Some(key.as_str().into()).filter(|_| !key.is_empty()),
                },
                Strategy::Header => ClientKey::Field(key.as_str().into()),
                Strategy::Param => match (key.strip_prefix(CLAIM), tokens) {
                    (Some(claim), Tokens::Checked) => ClientKey::Claim(claim.into()),
                    _ => ClientKey::Param(params::names(route).iter().position(|name| name == key)),
                },
            };
            if let Some(text) = nobody_passes(&key, route) {
                tell("key", text);
            }
            (key, *limit)
        });
        let all = self.all;
        (client.is_some() || all.is_some()).then_some(RateLimit { client, all })
    }
}

/// A key that no request has.
fn nobody_passes(key: &ClientKey, route: &str) -> Option<String> {
    let what = match key {
        ClientKey::Field(name) if name.is_empty() => "is no header".to_owned(),
        ClientKey::Param(None) => format!("is no placeholder of `{route}`"),
        ClientKey::Address { .. }
        | ClientKey::Field(_)
        | ClientKey::Param(Some(_))
        | ClientKey::Claim(_) => return None,
    };
    Some(format!("{what}: every request is refused (429)"))
}

impl Strategy {
    fn read(settings: &Node) -> Result<Self, String> {
        let text = shown(settings, "strategy").unwrap_or_default();
        match text.to_lowercase().as_str() {
            "ip" => Ok(Self::Ip),
            "header" => Ok(Self::Header),
            "param" => Ok(Self::Param),
            _ => Err(text),
        }
    }
}

/// `every`: at least a second, which it also is when it is no duration.
fn every(text: &str) -> Duration {
    const SHORTEST: Duration = Duration::from_secs(1);
    GoDuration::parse(text).ok().and_then(GoDuration::positive).unwrap_or(SHORTEST).max(SHORTEST)
}

/// KrakenD: up to a quarter longer than the limit's own time, by chance.
fn forget(every: Option<Duration>) -> Duration {
    every.filter(|every| *every > FORGET).map_or(FORGET, |every| every * 5 / 4)
}

/// A capacity that is set and not 0. A negative one is enormous in Go, too.
pub(crate) fn capacity(settings: &Node, key: &str) -> Option<u64> {
    let value = number(settings, key)?;
    if value <= -1.0 { Some(u64::MAX) } else { Some(whole(value)).filter(|capacity| *capacity > 0) }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded down as in Go"
)]
pub(crate) const fn whole(value: f64) -> u64 {
    value as u64
}

#[cfg(test)]
mod tests {
    use baton_shared::config::read::{Format, read};

    use crate::plan::settings::member;
    use crate::route::Params;
    use crate::route::tests::head;

    use super::*;

    /// A block, compiled for `route`, and what is said of it.
    struct Bench {
        soft: SoftPlan,
        limit: Option<RateLimit>,
        said: Vec<String>,
    }

    impl Bench {
        fn new(block: &str, route: &str) -> Self {
            let document = read(Format::Json, format!("{{\"x\": {block}}}").as_bytes()).unwrap();
            let settings = member(&document.root, "x").unwrap();
            let (mut soft, mut said) = (SoftPlan::default(), Vec::new());
            let mut tell = |key: &str, text| said.push(format!("{key}: {text}"));
            let config = RateConfig::read(settings, "test", &mut soft, &mut tell);
            let limit = config.compile(route, Tokens::Checked, &mut tell);
            Self { soft, limit, said }
        }

        /// `1` for each request that passes, `c` and `a` for those that are refused for their client or
        /// for all.
        fn ask(&self, client: &str, fields: &[(&str, &str)]) -> char {
            let (head, params) = (head("GET /a", fields), Params::none());
            let asked = Asked::new(&head, ClientAddress::Forwarded(client), &params);
            let limit = self.limit.as_ref();
            match limit.map_or(Ok(()), |limit| limit.check(&self.soft, &asked)) {
                Ok(()) => '1',
                Err(Refusal::ClientLimited) => 'c',
                Err(Refusal::Limited) => 'a',
                Err(_) => 'n',
            }
        }

        fn passes(&self) -> usize {
            (0..100).take_while(|_| self.ask("1.1.1.1", &[]) == '1').count()
        }
    }

    #[test]
    fn the_capacity_is_krakends_whatever_is_left_out() {
        for (block, expected) in [
            (r#"{"max_rate": 3}"#, 3),
            (r#"{"max_rate": 3.9}"#, 3),
            (r#"{"max_rate": 0.5}"#, 1),
            (r#"{"max_rate": 0.001, "capacity": 4}"#, 4),
            (r#"{"max_rate": 0.001, "capacity": 0}"#, 1),
            (r#"{"max_rate": 2, "every": "1h"}"#, 1),
            (r#"{"max_rate": 2, "every": "nonsense"}"#, 2),
            (r#"{"max_rate": 2, "every": "1ms"}"#, 2),
            (r#"{"max_rate": 2, "every": 10}"#, 2),
            (r#"{"max_rate": "2"}"#, 100),
            (r#"{"max_rate": 0, "capacity": 1}"#, 100),
            (r#"{"max_rate": -1}"#, 100),
            (r#"{"max_rate": 1, "capacity": -1}"#, 100),
            (r#"{"client_max_rate": 5, "strategy": "ip"}"#, 1),
            (r#"{"client_max_rate": 5, "strategy": "ip", "max_rate": 1000}"#, 5),
            (r#"{"client_max_rate": 0.001, "client_capacity": 7, "strategy": "IP"}"#, 7),
            (
                r#"{"client_max_rate": 0.5, "strategy": "ip", "num_shards": 1, "cleanup_period": "1s"}"#,
                1,
            ),
            (r#"{"client_max_rate": 1, "strategy": "nope"}"#, 100),
            (r#"{"client_max_rate": 1}"#, 100),
            ("[]", 100),
        ] {
            assert_eq!(Bench::new(block, "/a").passes(), expected, "{block}");
        }
    }

    #[test]
    fn a_client_is_told_by_its_address_or_by_a_field() {
        let block = r#"{"client_max_rate": 0.001, "strategy": "ip", "key": "X-Client"}"#;
        let bench = Bench::new(block, "/a");
        let field = |value| [("x-client", value)];
        assert_eq!(bench.ask("9.9.9.9", &field("1.1.1.1")), '1');
        assert_eq!(bench.ask("8.8.8.8", &field("1.1.1.1, 2.2.2.2")), 'c');
        assert_eq!(bench.ask("8.8.8.8", &field(" 2.2.2.2:80")), '1');
        assert_eq!(bench.ask("9.9.9.9", &field("junk")), '1');
        assert_eq!(bench.ask("9.9.9.9", &field("2001:db8::1")), 'c');
        assert_eq!(bench.ask("9.9.9.9", &[]), 'c');
        assert_eq!(bench.ask("2001:DB8::2", &[]), '1');
        assert_eq!(bench.ask("2001:db8:0::2", &[]), 'c', "another spelling is the same client");

        let block = r#"{"client_max_rate": 0.001, "strategy": "header", "key": "Authorization"}"#;
        let bench = Bench::new(block, "/a");
        assert_eq!(bench.ask("1.1.1.1", &[("authorization", "a")]), '1');
        assert_eq!(bench.ask("2.2.2.2", &[("Authorization", "a")]), 'c');
        assert_eq!(bench.ask("1.1.1.1", &[("Authorization", "b"), ("Authorization", "a")]), '1');
        assert_eq!(bench.ask("1.1.1.1", &[("Authorization", "")]), 'c');
        assert_eq!(bench.ask("1.1.1.1", &[]), 'c');
        let host = Bench::new(&block.replace("Authorization", "host"), "/a");
        assert_eq!(host.ask("1.1.1.1", &[]), 'c', "not a header field in Go");
    }

    #[test]
    fn the_client_is_asked_first_and_pays_even_if_all_are_too_many() {
        let block = r#"{"max_rate": 2, "capacity": 2, "every": "1h",
            "client_max_rate": 1, "client_capacity": 1, "strategy": "header", "key": "X"}"#;
        let bench = Bench::new(block, "/a");
        let ask = |client| bench.ask("1.1.1.1", &[("X", client)]);
        assert_eq!(
            ["1", "1", "1", "2", "2", "3", "3"].map(ask),
            ['1', 'c', 'c', '1', 'c', 'a', 'c']
        );
    }

    #[test]
    fn a_key_that_no_request_has_is_said() {
        let block = r#"{"client_max_rate": 1, "strategy": "param", "key": "Id"}"#;
        let bench = Bench::new(block, "/a/:id");
        assert_eq!(
            bench.said,
            ["key: is no placeholder of `/a/:id`: every request is refused (429)"]
        );
        assert_eq!(bench.ask("1.1.1.1", &[]), 'c');
        assert!(Bench::new(&block.replace("Id", "id"), "/a/:id").said.is_empty());
        let bench = Bench::new(&block.replace("Id", "JWT.sub"), "/a/:id");
        assert_eq!((bench.ask("1.1.1.1", &[]), bench.said.len()), ('c', 0), "without a token");
        let block = r#"{"client_max_rate": 1, "strategy": "header"}"#;
        assert_eq!(Bench::new(block, "/a").said.len(), 1);
        let block = r#"{"client_max_rate": 1, "strategy": "cookie"}"#;
        assert!(Bench::new(block, "/a").said[0].starts_with("strategy: Unknown strategy `cookie`"));
    }
}
