//! `max_payload` and `decompress_gzip`, of the service (`router`) and of an endpoint (`proxy`).

use baton_shared::config::model::{EndpointConfig, ExtraConfig, ServiceConfig};
use baton_shared::config::node::{Node, Value};

use super::compile::Compiler;
use super::settings;
use crate::payload::{Gunzips, Payload};

/// `router.max_payload`: 0 is no bound.
pub(super) fn service_max(config: &ServiceConfig) -> Option<u64> {
    bytes_max(settings_of(&config.extra_config, "router")?)
}

/// `router.disable_gzip`: only a `false` that is written packs answers.
pub(super) fn packs(config: &ServiceConfig) -> bool {
    let router = settings_of(&config.extra_config, "router");
    router.and_then(|router| settings::boolean(router, "disable_gzip")) == Some(false)
}

/// What holds for an endpoint. The service's bound is looked at before it is known which endpoint it
/// is; what is unpacked has to be counted again.
pub(super) fn of(compiler: &Compiler<'_>, config: &EndpointConfig) -> Payload {
    let service = settings_of(&compiler.service.extra_config, "router");
    let own = settings_of(&config.extra_config, "proxy");
    let wants = |node: Option<&Node>| node.is_some_and(|node| is_set(node, "decompress_gzip"));
    let gunzip = if wants(service) || wants(own) { Gunzips::Yes } else { Gunzips::No };
    let again = service.filter(|_| gunzip == Gunzips::Yes).and_then(bytes_max);
    Payload { bytes_max: own.and_then(bytes_max).into_iter().chain(again).min(), gunzip }
}

fn settings_of<'a>(extra: &'a ExtraConfig, namespace: &str) -> Option<&'a Node> {
    extra.namespaces.get(namespace).map(|namespace| &namespace.settings)
}

fn bytes_max(node: &Node) -> Option<u64> {
    let Value::Number(text) = &settings::member(node, "max_payload")?.value else { return None };
    text.parse().ok().filter(|bytes| *bytes > 0)
}

/// The published schema has a number in one place and a flag in the other.
fn is_set(node: &Node, key: &str) -> bool {
    match settings::member(node, key).map(|node| &node.value) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Number(text)) => text.parse::<f64>().is_ok_and(|number| number != 0.0),
        _ => false,
    }
}
