//! A configuration as KrakenD would hold it after decoding and defaults: typed, not yet compiled.
//!
//! Field names are KrakenD's keys. Each endpoint and backend knows its JSON pointer, so that what is
//! found later (by the plan compiler) can still say where.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::node::Node;
use crate::words::JsonPointer;

pub use super::baton::{BatonBackend, BatonEndpoint, BatonService, EdgeLimits, Wait};
pub use super::duration::GoDuration;
pub use super::source::Source;
pub use super::tls::{ClientCertificate, ClientTls, KeyPair, Tls};

/// `extra_config`: namespace → settings. Long and legacy names are already rewritten to short ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExtraConfig {
    /// Where the block stands.
    pub at: JsonPointer,
    /// By today's short name (`qos/ratelimit/router`, `proxy`, `router` …).
    pub namespaces: BTreeMap<String, Namespace>,
}

/// One namespace of an `extra_config`.
#[derive(Clone, Debug, PartialEq)]
pub struct Namespace {
    /// Where it stands, under the spelling that the file uses.
    pub at: JsonPointer,
    /// The name that the file uses: short, long or legacy.
    pub spelling: String,
    /// Its settings, untyped: each module reads its own.
    pub settings: Node,
}

/// The root of the file.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub struct ServiceConfig {
    /// The file that all this comes from: gives every pointer its line.
    pub source: Source,
    /// `name`: for telemetry.
    pub name: String,
    /// `port` (default: 8080).
    pub port: i64,
    /// `listen_ip` (default: all addresses).
    pub listen_ip: Option<IpAddr>,
    /// `host`: default hosts of backends, cleaned.
    pub host: Vec<String>,
    /// `timeout` (default: 2s).
    pub timeout: GoDuration,
    /// `cache_ttl` (default: 0).
    pub cache_ttl: GoDuration,
    /// `output_encoding` (default: empty: json): the default of endpoints, which hold the effective value.
    pub output_encoding: String,
    /// `debug_endpoint` (default: false), also by `-d`.
    pub debug_endpoint: bool,
    /// `echo_endpoint` (default: false).
    pub echo_endpoint: bool,
    /// `disable_rest` (default: false): placeholders anywhere in a path.
    pub disable_rest: bool,
    /// `endpoints`, in file order.
    pub endpoints: Vec<EndpointConfig>,
    /// `extra_config`.
    pub extra_config: ExtraConfig,
    /// `read_timeout` (default: 0: none).
    pub read_timeout: GoDuration,
    /// `write_timeout` (default: 0: none).
    pub write_timeout: GoDuration,
    /// `idle_timeout` (default: 0: falls back to `read_timeout`, then `read_header_timeout`).
    pub idle_timeout: GoDuration,
    /// `read_header_timeout` (default: 0: falls back to `read_timeout`).
    pub read_header_timeout: GoDuration,
    /// `max_header_bytes` (default: 0: 1 MiB).
    pub max_header_bytes: i64,
    /// `max_shutdown_wait_time` (default: 0: no bound).
    pub max_shutdown_wait_time: GoDuration,
    /// `use_h2c` (default: false).
    pub use_h2c: bool,
    /// `disable_keep_alives` (default: false): no reuse of backend connections.
    pub disable_keep_alives: bool,
    /// `disable_compression` (default: false): no own `Accept-Encoding: gzip`.
    pub disable_compression: bool,
    /// `max_idle_connections` (default: 0: unlimited).
    pub max_idle_connections: i64,
    /// `max_idle_connections_per_host` (default: 250).
    pub max_idle_connections_per_host: i64,
    /// `idle_connection_timeout` (default: 0: never).
    pub idle_connection_timeout: GoDuration,
    /// `response_header_timeout` (default: 0: none).
    pub response_header_timeout: GoDuration,
    /// `expect_continue_timeout` (default: 0: the body is sent at once).
    pub expect_continue_timeout: GoDuration,
    /// `dialer_timeout` (default: 0: none).
    pub dialer_timeout: GoDuration,
    /// `dialer_fallback_delay` (default: 0: 300ms): when the other address family is tried too.
    pub dialer_fallback_delay: GoDuration,
    /// `dialer_keep_alive` (default: 0: 15s): TCP probes on backend connections.
    pub dialer_keep_alive: GoDuration,
    /// `dns_cache_ttl` (default: 30s).
    pub dns_cache_ttl: GoDuration,
    /// `sequential_start` (default: false): async agents start before the router.
    pub sequential_start: bool,
    /// `allow_insecure_connections` (default: false): the older place of `client_tls.allow_insecure_connections`.
    pub allow_insecure_connections: bool,
    /// `tls`; also present when it says `disabled`.
    pub tls: Option<Tls>,
    /// `client_tls`: TLS towards backends.
    pub client_tls: Option<ClientTls>,
    /// `async_agent`.
    pub async_agent: Vec<AsyncAgent>,
    /// `plugin`: Go plugins cannot be run.
    pub plugin: Option<Plugin>,
    /// `"@baton"`: what only Baton has.
    pub baton: BatonService,
}

/// One entry of `endpoints`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointConfig {
    /// Where it stands.
    pub at: JsonPointer,
    /// `endpoint` as written, with a leading slash.
    pub endpoint: String,
    /// The path in gin's form: `/a/:id`. What the router gets.
    pub route: String,
    /// Names of the placeholders in `endpoint`, in order of appearance, as written.
    pub placeholders: Vec<String>,
    /// `method` (default: GET), upper case.
    pub method: String,
    /// `method` as written (default: GET): what KrakenD's texts show.
    pub method_written: String,
    /// `backend`, at least one.
    pub backend: Vec<BackendConfig>,
    /// `timeout` (default: the service's).
    pub timeout: GoDuration,
    /// `cache_ttl` (default: the service's).
    pub cache_ttl: GoDuration,
    /// `output_encoding` (default: the service's); case-sensitive.
    pub output_encoding: String,
    /// `concurrent_calls` (default: 1).
    pub concurrent_calls: i64,
    /// `input_headers`, canonical names; `*` is all.
    pub input_headers: Vec<String>,
    /// `input_query_strings`; `*` is all.
    pub input_query_strings: Vec<String>,
    /// `extra_config`.
    pub extra_config: ExtraConfig,
    /// `"@baton"`.
    pub baton: BatonEndpoint,
}

/// One entry of an endpoint's `backend`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackendConfig {
    /// Where it stands.
    pub at: JsonPointer,
    /// `url_pattern` as written, with a leading slash and `{name}` placeholders.
    pub url_pattern: String,
    /// `host`, cleaned unless `disable_host_sanitize`; the service's when absent. May be empty.
    pub host: Vec<String>,
    /// `method` (default: the endpoint's).
    pub method: String,
    /// `encoding` (default: json), lower case; `no-op` when the endpoint's output is.
    pub encoding: String,
    /// `encoding` as written (default: empty): an endpoint with an unknown output encoding renders by this name.
    pub encoding_written: String,
    /// `is_collection` (default: false).
    pub is_collection: bool,
    /// `target` (default: none).
    pub target: String,
    /// `allow`, in file order.
    pub allow: Vec<String>,
    /// `deny`, in file order.
    pub deny: Vec<String>,
    /// `mapping`, sorted by the key that is renamed.
    pub mapping: BTreeMap<String, String>,
    /// `group` (default: none).
    pub group: String,
    /// `sd` (default: empty: static).
    pub sd: String,
    /// `sd_scheme` (default: http).
    pub sd_scheme: String,
    /// `disable_host_sanitize` (default: false).
    pub disable_host_sanitize: bool,
    /// `input_headers` (default: none: no second filter).
    pub input_headers: Vec<String>,
    /// `input_query_strings` (default: none: no second filter).
    pub input_query_strings: Vec<String>,
    /// `extra_config`.
    pub extra_config: ExtraConfig,
    /// `"@baton"`.
    pub baton: BatonBackend,
}

/// One entry of `async_agent`: a consumer of a queue that calls backends.
#[derive(Clone, Debug, PartialEq)]
pub struct AsyncAgent {
    /// Where it stands.
    pub at: JsonPointer,
    /// `name`.
    pub name: String,
    /// `encoding` as written.
    pub encoding: String,
    /// `backend`.
    pub backend: Vec<BackendConfig>,
    /// `consumer.timeout` (default: the service's).
    pub timeout: GoDuration,
    /// `consumer.workers`, at least 1.
    pub workers: i64,
    /// `consumer.topic`.
    pub topic: String,
    /// `consumer.max_rate` (default: 0: unlimited), messages a second.
    pub max_rate: f64,
    /// `connection.max_retries` (default: 0: unlimited).
    pub max_retries: i64,
    /// `connection.backoff_strategy`.
    pub backoff_strategy: String,
    /// `connection.health_interval`, at least 1s.
    pub health_interval: GoDuration,
    /// `extra_config`.
    pub extra_config: ExtraConfig,
}

/// `plugin`: where KrakenD looks for Go plugins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plugin {
    /// `folder`.
    pub folder: String,
    /// `pattern`.
    pub pattern: String,
}
