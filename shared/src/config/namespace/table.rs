//! The table: one row per namespace, sorted by its short name.

use super::Kind::{self, Adds, Protects, Shapes};
use super::Level::{self, Agent, Backend, Endpoint, Service};

/// One namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Today's name.
    pub short: &'static str,
    /// The name that stands for the same, if there is one.
    pub long: Option<&'static str>,
    /// Where it has an effect in one of KrakenD's editions.
    pub levels: &'static [Level],
    /// What leaving it out means.
    pub kind: Kind,
}

const fn community(
    short: &'static str,
    long: &'static str,
    levels: &'static [Level],
    kind: Kind,
) -> Known {
    Known { short, long: Some(long), levels, kind }
}

/// Names without a long form: newer ones, and those of the Enterprise edition.
const fn short_only(short: &'static str, levels: &'static [Level], kind: Kind) -> Known {
    Known { short, long: None, levels, kind }
}

/// All that are known. Plugins and Lua scripts count as protecting: they may refuse a request.
pub const KNOWN: &[Known] = &[
    short_only("ai/llm", &[Backend], Shapes),
    short_only("ai/mcp", &[Service, Endpoint], Shapes),
    community("async/amqp", "github.com/devopsfaith/krakend-amqp/agent", &[Agent], Shapes),
    short_only("async/kafka", &[Agent], Shapes),
    short_only("auth/api-keys", &[Service, Endpoint], Protects),
    short_only("auth/aws-sigv4", &[Backend], Protects),
    short_only("auth/basic", &[Service, Endpoint], Protects),
    community(
        "auth/client-credentials",
        "github.com/devopsfaith/krakend-oauth2-clientcredentials",
        &[Backend],
        Protects,
    ),
    short_only("auth/gcp", &[Backend], Protects),
    short_only("auth/ntlm", &[Backend], Protects),
    community("auth/revoker", "github_com/devopsfaith/bloomfilter", &[Service], Protects),
    community("auth/signer", "github.com/devopsfaith/krakend-jose/signer", &[Endpoint], Protects),
    community(
        "auth/validator",
        "github.com/devopsfaith/krakend-jose/validator",
        &[Service, Endpoint],
        Protects,
    ),
    community(
        "backend/amqp/consumer",
        "github.com/devopsfaith/krakend-amqp/consume",
        &[Backend],
        Shapes,
    ),
    community(
        "backend/amqp/producer",
        "github.com/devopsfaith/krakend-amqp/produce",
        &[Backend],
        Shapes,
    ),
    short_only("backend/conditional", &[Backend], Protects),
    community(
        "backend/graphql",
        "github.com/devopsfaith/krakend/transport/http/client/graphql",
        &[Backend],
        Shapes,
    ),
    short_only("backend/grpc", &[Backend], Shapes),
    community("backend/http", "github.com/devopsfaith/krakend/http", &[Backend], Shapes),
    short_only("backend/http/client", &[Backend], Shapes),
    community("backend/lambda", "github.com/devopsfaith/krakend-lambda", &[Backend], Shapes),
    community(
        "backend/pubsub/publisher",
        "github.com/devopsfaith/krakend-pubsub/publisher",
        &[Backend],
        Shapes,
    ),
    short_only("backend/pubsub/publisher/kafka", &[Backend], Shapes),
    community(
        "backend/pubsub/subscriber",
        "github.com/devopsfaith/krakend-pubsub/subscriber",
        &[Backend],
        Shapes,
    ),
    short_only("backend/pubsub/subscriber/kafka", &[Backend], Shapes),
    short_only("backend/soap", &[Backend], Shapes),
    short_only("backend/static-filesystem", &[Backend], Shapes),
    short_only("documentation/openapi", &[Service, Endpoint], Adds),
    short_only("documentation/postman", &[Service, Endpoint], Adds),
    short_only("governance/processors", &[Service], Protects),
    short_only("governance/quota", &[Service, Endpoint, Backend], Protects),
    short_only("grpc", &[Service], Shapes),
    short_only("modifier/body-generator", &[Backend], Shapes),
    short_only("modifier/jmespath", &[Endpoint, Backend], Shapes),
    community(
        "modifier/lua-backend",
        "github.com/devopsfaith/krakend-lua/proxy/backend",
        &[Backend],
        Protects,
    ),
    community(
        "modifier/lua-endpoint",
        "github.com/devopsfaith/krakend-lua/router",
        &[Service, Endpoint],
        Protects,
    ),
    community(
        "modifier/lua-proxy",
        "github.com/devopsfaith/krakend-lua/proxy",
        &[Endpoint],
        Protects,
    ),
    community("modifier/martian", "github.com/devopsfaith/krakend-martian", &[Backend], Shapes),
    short_only("modifier/request-body-extractor", &[Service, Endpoint], Shapes),
    short_only("modifier/request-body-extractor/early", &[Endpoint], Shapes),
    short_only("modifier/request-body-generator", &[Endpoint, Backend], Shapes),
    short_only("modifier/response-body", &[Endpoint, Backend], Shapes),
    short_only("modifier/response-body-generator", &[Endpoint, Backend], Shapes),
    short_only("modifier/response-headers", &[Service, Endpoint], Shapes),
    community(
        "plugin/http-client",
        "github.com/devopsfaith/krakend/transport/http/client/executor",
        &[Backend],
        Protects,
    ),
    community(
        "plugin/http-server",
        "github_com/devopsfaith/krakend/transport/http/server/handler",
        &[Service],
        Protects,
    ),
    short_only("plugin/middleware", &[Endpoint, Backend], Protects),
    community(
        "plugin/req-resp-modifier",
        "github.com/devopsfaith/krakend/proxy/plugin",
        &[Endpoint, Backend],
        Protects,
    ),
    community("proxy", "github.com/devopsfaith/krakend/proxy", &[Endpoint, Backend], Shapes),
    community(
        "qos/circuit-breaker",
        "github.com/devopsfaith/krakend-circuitbreaker/gobreaker",
        &[Backend],
        Protects,
    ),
    short_only("qos/circuit-breaker/http", &[Backend], Protects),
    community("qos/http-cache", "github.com/devopsfaith/krakend-httpcache", &[Backend], Protects),
    short_only("qos/ratelimit/proxy", &[Backend], Protects),
    short_only("qos/ratelimit/router", &[Endpoint], Protects),
    short_only("qos/ratelimit/router/redis", &[Endpoint], Protects),
    short_only("qos/ratelimit/service", &[Service], Protects),
    short_only("qos/ratelimit/service/redis", &[Service], Protects),
    short_only("qos/ratelimit/tiered", &[Service, Endpoint], Protects),
    short_only("redis", &[Service], Adds),
    community("router", "github_com/luraproject/lura/router/gin", &[Service], Shapes),
    community(
        "security/bot-detector",
        "github_com/devopsfaith/krakend-botdetector",
        &[Service, Endpoint],
        Protects,
    ),
    community(
        "security/cors",
        "github_com/devopsfaith/krakend-cors",
        &[Service, Endpoint],
        Protects,
    ),
    community(
        "security/http",
        "github_com/devopsfaith/krakend-httpsecure",
        &[Service, Endpoint],
        Protects,
    ),
    short_only("security/policies", &[Endpoint, Backend], Protects),
    short_only("server/static-filesystem", &[Service], Shapes),
    short_only("server/virtualhost", &[Service], Shapes),
    community("telemetry/gelf", "github_com/devopsfaith/krakend-gelf", &[Service], Adds),
    community("telemetry/influx", "github_com/letgoapp/krakend-influx", &[Service], Adds),
    community(
        "telemetry/logging",
        "github_com/devopsfaith/krakend-gologging",
        &[Service, Backend],
        Adds,
    ),
    community("telemetry/logstash", "github_com/devopsfaith/krakend-logstash", &[Service], Adds),
    community("telemetry/metrics", "github_com/devopsfaith/krakend-metrics", &[Service], Adds),
    short_only("telemetry/moesif", &[Service], Adds),
    short_only("telemetry/newrelic", &[Service], Adds),
    community(
        "telemetry/opencensus",
        "github_com/devopsfaith/krakend-opencensus",
        &[Service],
        Adds,
    ),
    short_only("telemetry/opentelemetry", &[Service, Endpoint, Backend], Adds),
    short_only("telemetry/opentelemetry-security", &[Service], Adds),
    community(
        "validation/cel",
        "github.com/devopsfaith/krakend-cel",
        &[Endpoint, Backend],
        Protects,
    ),
    community(
        "validation/json-schema",
        "github.com/devopsfaith/krakend-jsonschema",
        &[Endpoint],
        Protects,
    ),
    short_only("validation/response-json-schema", &[Endpoint, Backend], Protects),
    short_only("websocket", &[Endpoint], Shapes),
    short_only("workflow", &[Backend, Endpoint], Shapes),
];

/// Names of KrakenD 1 that KrakenD 2 ignores, and what replaced them.
const OLD: &[(&str, &str)] = &[
    ("github.com/devopsfaith/krakend-ratelimit/juju/proxy", "qos/ratelimit/proxy"),
    ("github.com/devopsfaith/krakend-ratelimit/juju/router", "qos/ratelimit/router"),
    ("github_com/devopsfaith/krakend/router/gin", "router"),
];

pub(in crate::config) fn replacement_of_old(name: &str) -> Option<&'static str> {
    OLD.iter().find(|(old, _)| *old == name).map(|(_, replacement)| *replacement)
}
