//! The rules: KrakenD's numbers and severities, Baton's sentences, one line of code each.

use baton_shared::config::model::KeyPair;
use baton_shared::config::node::Value;

use super::service::{Service, is_set, is_there, items, member, object};

/// One rule.
pub(super) struct Rule {
    /// KrakenD's number, which pipelines name to ignore it.
    pub(super) id: &'static str,
    /// KrakenD's severity.
    pub(super) severity: &'static str,
    /// What would be better.
    pub(super) message: &'static str,
    /// Whether the configuration calls for it.
    pub(super) fires: fn(&Service<'_>) -> bool,
}

const CRITICAL: &str = "CRITICAL";
const HIGH: &str = "HIGH";
const MEDIUM: &str = "MEDIUM";
const LOW: &str = "LOW";

const fn rule(
    id: &'static str,
    severity: &'static str,
    message: &'static str,
    fires: fn(&Service<'_>) -> bool,
) -> Rule {
    Rule { id, severity, message, fires }
}

/// Metrics systems that exclude each other, in KrakenD's view. OpenTelemetry is not among them.
const METRICS: [&str; 5] = [
    "telemetry/opencensus",
    "telemetry/metrics",
    "telemetry/newrelic",
    "telemetry/ganalytics",
    "telemetry/instana",
];

/// All of them, in the order of the report.
pub(super) const RULES: &[Rule] = &[
    rule(
        "1.1.1",
        HIGH,
        "Basic authentication sends passwords with every request: prefer tokens.",
        |s| s.has_server_plugin("basic-auth"),
    ),
    rule(
        "1.1.2",
        MEDIUM,
        "API keys never expire by themselves: prefer stateless tokens such as JWT.",
        |s| s.has("auth/api-keys"),
    ),
    rule(
        "1.2.1",
        HIGH,
        "No endpoint asks for a JWT: use auth/validator where not everybody may call.",
        |s| !s.any_endpoint(|endpoint| is_there(&endpoint.extra_config, "auth/validator")),
    ),
    rule(
        "2.1.1",
        HIGH,
        "allow_insecure_connections accepts any certificate of a backend: remove it.",
        has_insecure_connections,
    ),
    rule(
        "2.1.2",
        HIGH,
        "Traffic is not encrypted: set tls, or keep a TLS terminator in front.",
        |s| s.config.tls.is_none(),
    ),
    rule("2.1.3", CRITICAL, "The tls block is switched off by its own `disabled`.", |s| {
        s.config.tls.as_ref().is_some_and(|tls| tls.disabled)
    }),
    rule("2.1.7", HIGH, "Browsers are told no security headers: set security/http.", |s| {
        !s.has("security/http")
    }),
    rule("2.1.8", HIGH, "h2c is HTTP/2 without encryption: do without use_h2c.", has_h2c),
    rule(
        "2.1.9",
        LOW,
        "A backend's certificate is not checked (allow_insecure_connections): check it, inside too.",
        has_insecure_backend,
    ),
    rule(
        "2.2.1",
        MEDIUM,
        "Answers tell the gateway's version: set router.hide_version_header.",
        |s| s.settings("router").is_none_or(|router| !is_set(router, "hide_version_header")),
    ),
    rule(
        "2.2.2",
        HIGH,
        "No rule says which sites may call from a browser: set security/cors.",
        |s| !s.has("security/cors"),
    ),
    rule(
        "2.2.3",
        HIGH,
        "An endpoint forwards every header (input_headers `*`): name those that the backend needs.",
        |s| s.any_endpoint(|endpoint| endpoint.input_headers.iter().any(|name| name == "*")),
    ),
    rule(
        "2.2.4",
        HIGH,
        "An endpoint forwards every query parameter (input_query_strings `*`): name those that the backend needs.",
        |s| s.any_endpoint(|endpoint| endpoint.input_query_strings.iter().any(|name| name == "*")),
    ),
    rule(
        "2.2.5",
        LOW,
        "The gRPC server declares no service: declare one, or remove it.",
        has_empty_grpc_server,
    ),
    rule(
        "2.3.1",
        MEDIUM,
        "A cache has no bound: set both max_items and max_size.",
        has_unbounded_cache,
    ),
    rule("3.1.1", LOW, "Nothing turns bots away: set security/bot-detector.", |s| {
        !s.has("security/bot-detector")
    }),
    rule(
        "3.1.2",
        HIGH,
        "No rate limit anywhere: one client can use up everything.",
        has_no_rate_limit,
    ),
    rule(
        "3.1.3",
        HIGH,
        "No circuit breaker: a failing backend is called on and on. Set qos/circuit-breaker.",
        |s| !s.below("qos/circuit-breaker"),
    ),
    rule("3.3.1", LOW, "An endpoint may take longer than 3 seconds.", |s| s.is_slower_than(3_000)),
    rule("3.3.2", MEDIUM, "An endpoint may take longer than 5 seconds.", |s| {
        s.is_slower_than(5_000)
    }),
    rule("3.3.3", HIGH, "An endpoint may take longer than 30 seconds.", |s| {
        s.is_slower_than(30_000)
    }),
    rule("3.3.4", CRITICAL, "An endpoint may take longer than a minute.", |s| {
        s.is_slower_than(60_000)
    }),
    rule("4.1.1", MEDIUM, "No metrics are collected: nobody sees trouble coming.", |s| {
        metrics(s) == 0
    }),
    rule("4.1.2", MEDIUM, "The configuration has no name to find it by in metrics.", |_| false),
    rule("4.1.3", HIGH, "Metrics are collected more than once: one system is enough.", |s| {
        metrics(s)
            + s.exporters("otlp", "disable_metrics")
            + s.exporters("prometheus", "disable_metrics")
            > 1
    }),
    rule(
        "4.2.1",
        MEDIUM,
        "Requests are not traced: slow ones are hard to explain.",
        has_no_tracing,
    ),
    rule("4.3.1", MEDIUM, "Set telemetry/logging: its lines are easier to parse.", |s| {
        !["telemetry/logging", "telemetry/gelf", "telemetry/logstash"]
            .iter()
            .any(|name| s.has(name))
    }),
    rule("5.1.1", LOW, "disable_rest allows paths that say little: keep to /resource/{id}.", |s| {
        s.config.disable_rest
    }),
    rule("5.1.2", LOW, "The debug endpoint is open to everybody.", |s| s.config.debug_endpoint),
    rule("5.1.3", LOW, "The echo endpoint is open to everybody.", |s| s.config.echo_endpoint),
    rule("5.1.4", LOW, "An endpoint ends in a wildcard: name the paths that are meant.", |s| {
        s.any_endpoint(|endpoint| endpoint.endpoint.ends_with('*'))
    }),
    rule(
        "5.1.5",
        MEDIUM,
        "/__catchall answers whatever nobody declared: name the paths that are meant.",
        |s| s.any_endpoint(|endpoint| endpoint.endpoint == "/__catchall"),
    ),
    rule(
        "5.1.6",
        MEDIUM,
        "An endpoint writes to several backends: one may fail after another succeeded.",
        has_several_writes,
    ),
    rule("5.1.7", MEDIUM, "A sequential proxy adds up the times of its backends.", |s| {
        s.any_endpoint(|endpoint| {
            object(&endpoint.extra_config, "proxy").is_some_and(|proxy| is_set(proxy, "sequential"))
        })
    }),
    rule("5.2.1", CRITICAL, "An endpoint has no backend.", |s| {
        s.any_endpoint(|endpoint| endpoint.backend.is_empty())
    }),
    rule(
        "5.2.2",
        LOW,
        "No endpoint merges several backends: clients may be making several calls for one page.",
        |s| !s.any_endpoint(|endpoint| endpoint.backend.len() > 1),
    ),
    rule("5.2.3", LOW, "All endpoints are no-op: clients see the backends as they are.", |s| {
        !s.any_endpoint(|endpoint| endpoint.output_encoding != "no-op")
    }),
    rule(
        "6.1.1",
        LOW,
        "Ten or more async agents start one after the other (sequential_start).",
        |s| s.config.sequential_start && s.config.async_agent.len() >= 10,
    ),
    rule(
        "7.1.1",
        HIGH,
        "The plugin virtualhost has a successor: the namespace server/virtualhost.",
        |s| s.has_server_plugin("virtualhost"),
    ),
    rule(
        "7.1.2",
        HIGH,
        "The plugin static-filesystem has a successor: the namespace server/static-filesystem.",
        |s| s.has_server_plugin("static-filesystem"),
    ),
    rule("7.1.3", HIGH, "The plugin basic-auth has a successor: the namespace auth/basic.", |s| {
        s.has_server_plugin("basic-auth")
    }),
    rule("7.1.4", HIGH, "The plugin wildcard has a successor: endpoints that end in /*.", |s| {
        s.has_server_plugin("wildcard")
    }),
    rule(
        "7.1.5",
        HIGH,
        "The plugin http-proxy has a successor: proxy_address in backend/http/client.",
        |s| s.has_client_plugin("http-proxy"),
    ),
    rule(
        "7.1.6",
        HIGH,
        "The plugin static-filesystem has a successor: the namespace backend/static-filesystem.",
        |s| s.has_client_plugin("static-filesystem"),
    ),
    rule(
        "7.1.7",
        HIGH,
        "The plugin no-redirect has a successor: no_redirect in backend/http/client.",
        |s| s.has_client_plugin("no-redirect"),
    ),
    rule(
        "7.1.8",
        HIGH,
        "The plugin content-replacer has a successor: the namespace modifier/response-body.",
        |s| s.has_modifier_plugin("content-replacer"),
    ),
    rule(
        "7.1.9",
        HIGH,
        "The plugin response-schema-validator has a successor: the namespace validation/response-json-schema.",
        |s| s.has_modifier_plugin("response-schema-validator"),
    ),
    rule("7.2.1", HIGH, "telemetry/ganalytics is gone: use telemetry/opentelemetry.", |s| {
        s.has("telemetry/ganalytics")
    }),
    rule("7.2.2", HIGH, "telemetry/instana is gone: use telemetry/opentelemetry.", |s| {
        s.has("telemetry/instana")
    }),
    rule("7.2.3", HIGH, "telemetry/opencensus is deprecated: use telemetry/opentelemetry.", |s| {
        s.has("telemetry/opencensus")
    }),
    rule("7.2.4", HIGH, "telemetry/influx is deprecated: use telemetry/opentelemetry.", |s| {
        s.has("telemetry/influx")
    }),
    rule(
        "7.3.1",
        MEDIUM,
        "tls.public_key and tls.private_key are deprecated: list the pair in tls.keys.",
        |s| s.config.tls.as_ref().is_some_and(|tls| tls.older_keys != KeyPair::default()),
    ),
];

fn has_insecure_connections(service: &Service<'_>) -> bool {
    let config = service.config;
    config.allow_insecure_connections
        || config.client_tls.as_ref().is_some_and(|tls| tls.allow_insecure_connections)
}

fn has_h2c(service: &Service<'_>) -> bool {
    service.config.use_h2c
        || service.settings("router").is_some_and(|router| is_set(router, "use_h2c"))
}

fn has_insecure_backend(service: &Service<'_>) -> bool {
    service.any_backend(|backend| {
        object(&backend.extra_config, "backend/http/client")
            .and_then(|client| member(client, "client_tls"))
            .is_some_and(|tls| is_set(tls, "allow_insecure_connections"))
    })
}

fn has_empty_grpc_server(service: &Service<'_>) -> bool {
    let server = service.settings("grpc").and_then(|grpc| member(grpc, "server"));
    server.is_some_and(|server| {
        matches!(server.value, Value::Object(_))
            && member(server, "services").is_none_or(|services| items(services).is_empty())
    })
}

fn has_unbounded_cache(service: &Service<'_>) -> bool {
    service.any_backend(|backend| {
        let Some(cache) = backend.extra_config.namespaces.get("qos/http-cache") else {
            return false;
        };
        let is_bounded = |key| service.is_positive(member(&cache.settings, key));
        !is_bounded("max_items") || !is_bounded("max_size")
    })
}

fn has_no_rate_limit(service: &Service<'_>) -> bool {
    !(service.has("qos/ratelimit/router")
        || service.has("qos/ratelimit/service")
        || service
            .any_endpoint(|endpoint| is_there(&endpoint.extra_config, "qos/ratelimit/router"))
        || service.below("qos/ratelimit/proxy")
        || service.has_server_plugin("redis-ratelimit"))
}

fn metrics(service: &Service<'_>) -> usize {
    METRICS.iter().filter(|name| service.has(name)).count()
}

fn has_no_tracing(service: &Service<'_>) -> bool {
    let others = ["telemetry/opencensus", "telemetry/newrelic", "telemetry/instana"];
    !others.iter().any(|name| service.has(name)) && service.exporters("otlp", "disable_traces") == 0
}

/// Methods compare as they are written; a gRPC call counts as a write.
fn has_several_writes(service: &Service<'_>) -> bool {
    service.any_endpoint(|endpoint| {
        let writes = endpoint.backend.iter().filter(|backend| {
            !matches!(backend.method.as_str(), "GET" | "HEAD")
                || backend.extra_config.namespaces.contains_key("backend/grpc")
        });
        writes.count() > 1
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_rules_are_krakends_fifty_two() {
        let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!((RULES.len(), ids.len()), (52, 52));
        assert!(RULES.iter().all(|rule| rule.message.ends_with('.')));
    }
}
