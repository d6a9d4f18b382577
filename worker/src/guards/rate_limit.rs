//! `qos/ratelimit/router` and `qos/ratelimit/service`: how often an endpoint may be asked, by all and by
//! each client.
//!
//! On the way: behind everything that can refuse for free, before the pipe. No await, no lock; a word of
//! shared memory for all, a few cache lines for a client.
//! KrakenD: the client's limit first (429), then the limit of all (503), so a request that is refused for
//! its client takes nothing from the others. A client who cannot be told apart (no such header) gets 429.
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
use crate::plan::settings::{number, shown};
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
fn field<'h>(head: &'h Head, name: &str) -> Option<&'h [u8]> {
    head.field(name).filter(|_| !name.eq_ignore_ascii_case("host"))
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

impl RateConfig {
    /// Reads a block. `owner` says whose it is.
    pub(crate) fn read(
        settings: &Node,
        owner: &str,
        soft: &mut SoftPlan,
        mut tell: impl FnMut(&str, String),
    ) -> Self {
        let every = shown(settings, "every").map(|text| every(&text));
        let per_second = |key| {
            let factor = every.map_or(1.0, |every| 1.0 / every.as_secs_f64());
            number(settings, key).unwrap_or(0.0) * factor
        };
        let (rate, client_rate) = (per_second("max_rate"), per_second("client_max_rate"));
        let strategy = Strategy::read(settings);
        let key = shown(settings, "key").unwrap_or_default();
        let client = match strategy {
            _ if client_rate <= 0.0 => None,
            Err(found) => {
                let text = format!(
                    "Unknown strategy `{found}`: clients are not limited; allowed are ip, header, param"
                );
                tell("strategy", text);
                None
            },
            Ok(strategy) => {
                // Not a slip of ours: KrakenD asks the other rate.
                let default = if rate < 1.0 { 1 } else { whole(client_rate) };
                let capacity = capacity(settings, "client_capacity").unwrap_or(default);
                // KrakenD: up to a quarter longer, by chance.
                let own = every.filter(|every| *every > FORGET).map(|every| every * 5 / 4);
                let owner = format!("{owner}\0client\0{strategy:?}\0{key}");
                let rate = Rate::new(client_rate, capacity);
                Some((strategy, key, soft.clients(&owner, rate, own.unwrap_or(FORGET))))
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
        mut tell: impl FnMut(&str, String),
    ) -> Option<RateLimit> {
        let client = self.client.as_ref().map(|(strategy, key, limit)| {
            let key = match strategy {
                Strategy::Ip => ClientKey::Address {
                    field: Some(key.as_str().into()).filter(|_| !key.is_empty()),
                },
                Strategy::Header => ClientKey::Field(key.as_str().into()),
                Strategy::Param => {
                    ClientKey::Param(params::names(route).iter().position(|name| name == key))
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
        ClientKey::Address { .. } | ClientKey::Field(_) | ClientKey::Param(Some(_)) => return None,
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
