//! Endpoints and their backends.

use std::collections::BTreeMap;

use super::service::extra_config;
use super::{Faults, Fields, Place, baton};
use crate::config::finding::Problem;
use crate::config::model::{BackendConfig, EndpointConfig};
use crate::config::node::{Node, Value};

/// One entry of `endpoints`. `None`: a fault was noted.
pub(super) fn endpoint(node: &Node, place: &Place, faults: &mut Faults) -> Option<EndpointConfig> {
    let mut fields = object(node, place, "an endpoint", faults)?;
    let f = &mut fields;
    let config = EndpointConfig {
        at: place.at.clone(),
        endpoint: f.text("endpoint", faults),
        route: String::new(),
        placeholders: Vec::new(),
        method: String::new(),
        method_written: f.text("method", faults),
        backend: backends(f, faults),
        concurrent_calls: f.integer("concurrent_calls", faults),
        timeout: f.duration("timeout", faults),
        cache_ttl: f.duration("cache_ttl", faults),
        input_query_strings: f.texts("input_query_strings", faults),
        extra_config: extra_config(f, faults),
        input_headers: f.texts("input_headers", faults),
        output_encoding: f.text("output_encoding", faults),
        baton: baton::endpoint(f, faults),
    };
    fields.finish(faults);
    Some(config)
}

/// The key `backend` of an endpoint or agent.
pub(super) fn backends(fields: &mut Fields<'_>, faults: &mut Faults) -> Vec<BackendConfig> {
    let Some((node, place)) = fields.get("backend") else { return Vec::new() };
    let backends = faults.list(node, &place, |faults, node, place| backend(node, place, faults));
    backends.into_iter().flatten().collect()
}

fn backend(node: &Node, place: &Place, faults: &mut Faults) -> Option<BackendConfig> {
    let mut fields = object(node, place, "a backend", faults)?;
    let f = &mut fields;
    let mut config = BackendConfig {
        at: place.at.clone(),
        group: f.text("group", faults),
        method: f.text("method", faults),
        host: f.texts("host", faults),
        disable_host_sanitize: f.boolean("disable_host_sanitize", faults),
        url_pattern: f.text("url_pattern", faults),
        allow: f.texts("allow", faults),
        deny: f.texts("deny", faults),
        mapping: mapping(f, faults),
        encoding: String::new(),
        encoding_written: f.text("encoding", faults),
        is_collection: f.boolean("is_collection", faults),
        target: f.text("target", faults),
        sd: f.text("sd", faults),
        sd_scheme: f.text("sd_scheme", faults),
        extra_config: Default::default(),
        input_headers: Vec::new(),
        input_query_strings: Vec::new(),
        baton: baton::backend(f, faults),
    };
    overwritten(f, faults);
    config.extra_config = extra_config(f, faults);
    config.input_headers = f.texts("input_headers", faults);
    config.input_query_strings = f.texts("input_query_strings", faults);
    fields.finish(faults);
    Some(config)
}

/// Fields of KrakenD's structure that have no key of their own and are overwritten later: they match
/// by their Go names, so a fault in them is fatal although the value has no effect.
fn overwritten(fields: &mut Fields<'_>, faults: &mut Faults) {
    for (name, key) in [("URLKeys", ""), ("ConcurrentCalls", ""), ("Timeout", "timeout")] {
        let Some((node, place)) = fields.get_quietly(name) else { continue };
        match name {
            "URLKeys" => drop(faults.texts(node, &place)),
            "Timeout" => drop(faults.duration(node, &place)),
            _ => drop(faults.integer(node, &place)),
        }
        let key = if key.is_empty() { name } else { key }.to_owned();
        faults.notice(&place, Problem::UnknownKey { key, nearest: None });
    }
}

fn mapping(fields: &mut Fields<'_>, faults: &mut Faults) -> BTreeMap<String, String> {
    let Some((node, place)) = fields.get("mapping") else { return BTreeMap::new() };
    let mut names = BTreeMap::new();
    renames(node, &place, &mut names, faults);
    names
}

fn renames(node: &Node, place: &Place, names: &mut BTreeMap<String, String>, faults: &mut Faults) {
    match &node.value {
        Value::Null => {},
        Value::Object(members) => {
            for (from, to) in members {
                let name = format!("{}[{from}]", place.name);
                let place = Place { name, at: place.at.key(from), line: to.line };
                let count = faults.kinds.len();
                let new = faults.text(to, &place).unwrap_or_default();
                if faults.kinds.len() == count {
                    names.insert(from.clone(), new);
                }
            }
        },
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let before = faults.kinds.len();
                renames(item, &place.item(index, item), names, faults);
                if faults.kinds.len() > before {
                    return;
                }
            }
        },
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let allowed = "an object: {\"old name\": \"new name\"}";
            let _none: Option<()> = faults.unconvertible(node, place, "map[string]string", allowed);
        },
    }
}

/// The object of a list's item; KrakenD crashes on a `null` there.
pub(super) fn object<'a>(
    node: &'a Node,
    place: &Place,
    allowed: &'static str,
    faults: &mut Faults,
) -> Option<Fields<'a>> {
    if node.value == Value::Null {
        faults.kind(place, "expected a map or struct, got \"nil\"", Problem::Null { allowed });
        return None;
    }
    Fields::of(node, place, faults)
}
