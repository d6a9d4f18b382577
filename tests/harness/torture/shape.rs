//! What Baton's endpoints are made of under torture, and how one configuration follows another.
//!
//! Whatever the shape, clients get the same answers: the text of the backend that counts.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::clients::ORIGIN;
use super::template;
use crate::baton::Baton;

/// What Baton's endpoints are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// They stream; so many endpoints stand besides the three that are used.
    Stream(usize),
    /// They merge two backends or call them one after the other, and one has a shadow.
    Combine,
    /// The same with caches, limits, breakers, scripts and CORS, as a template: one configuration follows another
    /// because a setting, a partial or a template was saved.
    Features,
}

/// Far more than anybody asks.
const MANY: u64 = 1_000_000;

impl Shape {
    /// A gateway that serves `config`, that of generation 1.
    pub(super) fn start(self, config: &Value) -> Baton {
        match self {
            Self::Stream(_) | Self::Combine => Baton::start(config),
            Self::Features => template::start(config),
        }
    }

    /// Saves `config`, that of `generation`, behind the one before.
    pub(super) fn save(self, baton: &Baton, config: &Value, generation: u64) {
        match self {
            Self::Stream(_) | Self::Combine => baton.write_config(config),
            Self::Features => template::save(baton.folder(), generation),
        }
    }

    /// Whether pages of [`ORIGIN`] may read its answers.
    pub(super) fn allows_pages(self) -> bool {
        self == Self::Features
    }

    /// The `krakend.json` of one generation.
    pub(super) fn config(self, upstream: SocketAddr, generation: u64) -> Value {
        let number = generation.to_string();
        let generation = if self == Self::Features { template::GENERATION } else { &number };
        let used = [("GET", "keep"), ("GET", "slow"), ("POST", "upload")];
        let used = used.into_iter().map(|(method, kind)| match self {
            Self::Stream(_) => {
                let (public, path) = paths(kind, generation);
                streaming(method, &public, &path)
            },
            Self::Combine => combining(method, kind, generation),
            Self::Features => guarded(method, kind, generation),
        });
        let others = if let Self::Stream(others) = self { others } else { 0 };
        let other = |i| {
            let path = format!("/o/{generation}/{i}/{{id}}");
            streaming("GET", &format!("/other/{i}/{{id}}"), &path)
        };
        let mut config = json!({
            "version": 3,
            "timeout": "30s",
            "use_h2c": true,
            "host": [format!("http://{upstream}")],
            "endpoints": used.chain((0..others).map(other)).collect::<Vec<_>>(),
            "extra_config": { "router": { "disable_access_log": true } },
        });
        if self.allows_pages() {
            config["extra_config"]["security/cors"] = json!({ "allow_origins": [ORIGIN] });
        }
        config
    }
}

/// The public path and the backend's.
fn paths(kind: &str, generation: &str) -> (String, String) {
    (format!("/{kind}/{{number}}"), format!("/g/{generation}/{kind}/{{number}}"))
}

fn streaming(method: &str, public: &str, path: &str) -> Value {
    json!({
        "endpoint": public, "method": method, "output_encoding": "no-op",
        "backend": [{ "url_pattern": path, "encoding": "no-op" }]
    })
}

/// The text of the backend that counts is the answer, beside what another one adds.
fn combining(method: &str, kind: &str, generation: &str) -> Value {
    let (public, path) = paths(kind, generation);
    let (_, side) = paths("side", generation);
    let counted = |path: &str| json!({ "url_pattern": path, "encoding": "string" });
    let beside = json!({ "url_pattern": side });
    let (_, shadow) = paths("shadow", generation);
    let shadow = json!({ "url_pattern": shadow, "extra_config": { "proxy": { "shadow": true } } });
    let (backend, proxy) = match kind {
        "keep" => (json!([counted(&path), beside, shadow]), json!({})),
        "slow" => {
            let path = path.replace("{number}", "{resp0_number}");
            (json!([beside, counted(&path)]), json!({ "sequential": true }))
        },
        _ => (json!([beside, counted(&path)]), json!({})),
    };
    json!({
        "endpoint": public, "method": method, "output_encoding": "string",
        "backend": backend, "extra_config": { "proxy": proxy }
    })
}

/// As [`combining`], with limits that refuse nobody and breakers that open at the first failure. What a client is told
/// of the generation comes out of a script (`keep`) or out of a cached answer (`slow`).
fn guarded(method: &str, kind: &str, generation: &str) -> Value {
    let (public, path) = paths(kind, generation);
    let (_, shadow) = paths("shadow", generation);
    let counted = |path: &str| {
        json!({
            "url_pattern": path, "encoding": "string",
            "extra_config": {
                "qos/circuit-breaker": { "max_errors": 0, "interval": 0, "timeout": 3600 },
                "qos/ratelimit/proxy": { "max_rate": MANY, "capacity": MANY }
            }
        })
    };
    let cached = json!({
        "url_pattern": format!("/g/{generation}/fixed/0"), "method": "GET",
        "extra_config": { "qos/http-cache": { "shared": true } }
    });
    let shadow = json!({ "url_pattern": shadow, "extra_config": { "proxy": { "shadow": true } } });
    let script = format!(
        "local d = response.load():data(); d:set('content', '{generation}' .. d:get('content'):sub(2))"
    );
    let (backend, mut own) = match kind {
        "keep" => (
            json!([counted("/g/0/keep/{number}"), cached, shadow]),
            json!({ "modifier/lua-proxy": { "post": script, "allow_open_libs": true } }),
        ),
        "slow" => (
            json!([cached, counted("/g/{resp0_generation}/slow/{number}")]),
            json!({ "proxy": { "sequential": true } }),
        ),
        _ => (json!([cached, counted(&path)]), json!({})),
    };
    own["qos/ratelimit/router"] = json!({
        "max_rate": MANY, "capacity": MANY,
        "client_max_rate": MANY, "client_capacity": MANY, "strategy": "ip"
    });
    json!({
        "endpoint": public, "method": method, "output_encoding": "string",
        "backend": backend, "extra_config": own
    })
}
