//! The root of the document, its keys in KrakenD's order (which is the order of its errors).

use std::sync::Arc;

use super::{Faults, Fields, Place, agent, baton, endpoint, tls};
use crate::config::model::{ExtraConfig, Namespace, Plugin, ServiceConfig, Source};
use crate::config::node::{Node, Value};
use crate::words::JsonPointer;

/// What was decoded, before anything is checked: hosts, times and paths are as written.
pub(in crate::config) struct Decoded {
    /// Everything that needs no check of its own.
    pub(in crate::config) config: ServiceConfig,
    /// `version`; 0 when absent.
    pub(in crate::config) version: i64,
    pub(in crate::config) version_place: Place,
    /// `listen_ip`.
    pub(in crate::config) listen_ip: String,
    pub(in crate::config) listen_ip_place: Place,
}

/// Decodes the whole document. The root is an object: the reader saw to that.
pub(in crate::config) fn service(source: Source, faults: &mut Faults) -> Option<Decoded> {
    let document = Arc::clone(&source.document);
    let mut fields = Fields::of(&document, &Place::root(document.line), faults)?;
    let f = &mut fields;
    let name = f.text("name", faults);
    let endpoints = f
        .get("endpoints")
        .map(|(node, place)| faults.list(node, &place, |b, n, p| endpoint::endpoint(n, p, b)))
        .unwrap_or_default();
    let async_agent = f
        .get("async_agent")
        .map(|(node, place)| faults.list(node, &place, |b, n, p| agent::agent(n, p, b)))
        .unwrap_or_default();
    let timeout = f.duration("timeout", faults);
    let cache_ttl = f.duration("cache_ttl", faults);
    let host = f.texts("host", faults);
    let port = f.integer("port", faults);
    let listen_ip = f.text("listen_ip", faults);
    let version = f.integer("version", faults);
    let output_encoding = f.text("output_encoding", faults);
    let extra_config = extra_config(f, faults);
    let (version_place, listen_ip_place) = (f.place_of("version"), f.place_of("listen_ip"));
    let config = ServiceConfig {
        source,
        name,
        port,
        listen_ip: None,
        host,
        timeout,
        cache_ttl,
        output_encoding,
        endpoints: endpoints.into_iter().flatten().collect(),
        async_agent: async_agent.into_iter().flatten().collect(),
        extra_config,
        read_timeout: f.duration("read_timeout", faults),
        write_timeout: f.duration("write_timeout", faults),
        idle_timeout: f.duration("idle_timeout", faults),
        read_header_timeout: f.duration("read_header_timeout", faults),
        max_header_bytes: f.integer("max_header_bytes", faults),
        disable_keep_alives: f.boolean("disable_keep_alives", faults),
        disable_compression: f.boolean("disable_compression", faults),
        max_idle_connections: f.integer("max_idle_connections", faults),
        max_idle_connections_per_host: f.integer("max_idle_connections_per_host", faults),
        idle_connection_timeout: f.duration("idle_connection_timeout", faults),
        response_header_timeout: f.duration("response_header_timeout", faults),
        expect_continue_timeout: f.duration("expect_continue_timeout", faults),
        dialer_timeout: f.duration("dialer_timeout", faults),
        dialer_fallback_delay: f.duration("dialer_fallback_delay", faults),
        dialer_keep_alive: f.duration("dialer_keep_alive", faults),
        disable_rest: f.boolean("disable_rest", faults),
        plugin: f.get("plugin").and_then(|(node, place)| plugin(node, &place, faults)),
        tls: f.get("tls").and_then(|(node, place)| tls::server(node, &place, faults)),
        use_h2c: f.boolean("use_h2c", faults),
        debug_endpoint: f.boolean("debug_endpoint", faults),
        echo_endpoint: f.boolean("echo_endpoint", faults),
        sequential_start: f.boolean("sequential_start", faults),
        allow_insecure_connections: f.boolean("allow_insecure_connections", faults),
        client_tls: f.get("client_tls").and_then(|(node, place)| tls::client(node, &place, faults)),
        dns_cache_ttl: f.duration("dns_cache_ttl", faults),
        max_shutdown_wait_time: f.duration("max_shutdown_wait_time", faults),
        baton: baton::service(f, faults),
    };
    fields.finish(faults);
    Some(Decoded { config, version, version_place, listen_ip, listen_ip_place })
}

/// `extra_config`: an object, an empty list, or a list of objects, which are merged.
pub(super) fn extra_config(fields: &mut Fields<'_>, faults: &mut Faults) -> ExtraConfig {
    let mut extra = ExtraConfig::default();
    let Some((node, place)) = fields.get("extra_config") else { return extra };
    extra.at = place.at.clone();
    collect(node, &place, &mut extra, faults);
    extra
}

fn collect(node: &Node, place: &Place, extra: &mut ExtraConfig, faults: &mut Faults) {
    match &node.value {
        Value::Null => {},
        Value::Object(members) => {
            for (name, settings) in members {
                insert(extra, &place.at, name, settings);
            }
        },
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let before = faults.kinds.len();
                collect(item, &place.item(index, item), extra, faults);
                if faults.kinds.len() > before {
                    return; // KrakenD stops at the first
                }
            }
        },
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let allowed = "an object of namespaces";
            let _none: Option<()> =
                faults.unconvertible(node, place, "config.ExtraConfig", allowed);
        },
    }
}

fn insert(extra: &mut ExtraConfig, at: &JsonPointer, name: &str, settings: &Node) {
    let namespace =
        Namespace { at: at.key(name), spelling: name.to_owned(), settings: settings.clone() };
    extra.namespaces.insert(name.to_owned(), namespace);
}

fn plugin(node: &Node, place: &Place, faults: &mut Faults) -> Option<Plugin> {
    let mut f = Fields::of(node, place, faults)?;
    let plugin = Plugin { folder: f.text("folder", faults), pattern: f.text("pattern", faults) };
    f.finish(faults);
    Some(plugin)
}
