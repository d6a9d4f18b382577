//! What was renamed between KrakenD 1 and 2.

type Names = &'static [(&'static str, &'static str)];

/// Keys of an endpoint.
pub(super) const ENDPOINT: Names =
    &[("headers_to_pass", "input_headers"), ("querystring_params", "input_query_strings")];

/// Keys of a backend.
pub(super) const BACKEND: Names = &[("blacklist", "deny"), ("whitelist", "allow")];

/// Keys within a namespace, by its name of today.
const NAMESPACES: &[(&str, Names)] = &[
    ("auth/revoker", &[("HashName", "hash_name"), ("TokenKeys", "token_keys")]),
    ("auth/signer", &[("jwk-url", "jwk_url"), ("keys-to-sign", "keys_to_sign")]),
    ("auth/validator", &[("jwk-url", "jwk_url"), ("propagate-claims", "propagate_claims")]),
    (
        "qos/circuit-breaker",
        &[("logStatusChange", "log_status_change"), ("maxErrors", "max_errors")],
    ),
    ("qos/ratelimit/proxy", &[("maxRate", "max_rate")]),
    ("qos/ratelimit/router", &[("clientMaxRate", "client_max_rate"), ("maxRate", "max_rate")]),
    (
        "security/bot-detector",
        &[
            ("allowlist", "allow"),
            ("blacklist", "deny"),
            ("cacheSize", "cache_size"),
            ("denylist", "deny"),
            ("whitelist", "allow"),
        ],
    ),
];

pub(super) fn of_namespace(name: &str) -> Names {
    NAMESPACES.iter().find(|(known, _)| *known == name).map_or(&[], |(_, names)| names)
}

/// Namespaces of the old Enterprise edition.
pub(super) fn enterprise(name: &str) -> Option<&'static str> {
    match name {
        "github_com/devopsfaith/krakend-apikeys" => Some("auth/api-keys"),
        "github_com/devopsfaith/krakend-influx" => Some("telemetry/influx"),
        "github_com/devopsfaith/krakend-instana" => Some("telemetry/instana"),
        "github_com/devopsfaith/krakend-swagger" => Some("documentation/openapi"),
        "github.com/devopsfaith/krakend-websocket" => Some("websocket"),
        _ => None,
    }
}

/// Namespaces that nothing came after.
pub const GONE: Names = &[
    ("github.com/devopsfaith/krakend-consul", "Consul behind the revoker is no longer supported"),
    ("github.com/devopsfaith/krakend-etcd", "the etcd component is no longer supported"),
    ("github_com/devopsfaith/krakend-consul", "Consul behind the revoker is no longer supported"),
    ("github_com/devopsfaith/krakend-etcd", "the etcd component is no longer supported"),
];

/// The name of today of a key that endpoints or backends once had.
#[must_use]
pub fn renamed(key: &str) -> Option<&'static str> {
    ENDPOINT.iter().chain(BACKEND).find(|(old, _)| *old == key).map(|(_, new)| *new)
}
