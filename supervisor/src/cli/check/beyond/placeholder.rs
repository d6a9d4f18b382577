//! Placeholders of an endpoint that nothing uses.

use baton_shared::config::model::{EndpointConfig, ExtraConfig, ServiceConfig};
use baton_shared::config::node::{Node, Value};
use baton_shared::config::placeholder::Syntax;
use baton_shared::config::placeholder::names;

use super::notes::Notes;

/// What may read any parameter by means that cannot be seen in the file.
const READERS: [&str; 6] = [
    "modifier/lua-endpoint",
    "modifier/lua-proxy",
    "modifier/lua-backend",
    "plugin/req-resp-modifier",
    "plugin/http-client",
    "workflow",
];

pub(super) fn unused(config: &ServiceConfig, notes: &mut Notes<'_>) {
    for endpoint in &config.endpoints {
        for name in endpoint.placeholders.iter().filter(|name| !is_used(endpoint, name)) {
            notes.tell(
                &endpoint.at.key("endpoint"),
                format!(
                    "`{{{name}}}` is used by no backend: clients can write anything there; write \
                     it into a `url_pattern`, or take it out"
                ),
            );
        }
    }
}

fn is_used(endpoint: &EndpointConfig, name: &str) -> bool {
    let extras = || {
        std::iter::once(&endpoint.extra_config)
            .chain(endpoint.backend.iter().map(|backend| &backend.extra_config))
    };
    endpoint.backend.iter().any(|one| names(&one.url_pattern, Syntax::Anywhere).contains(&name))
        || extras().any(reads_anything)
        || extras().any(|extra| extra.namespaces.values().any(|one| mentions(&one.settings, name)))
}

fn reads_anything(extra: &ExtraConfig) -> bool {
    READERS.iter().any(|name| extra.namespaces.contains_key(*name))
}

/// Whether a text in these settings has the name in it, in any case.
fn mentions(node: &Node, name: &str) -> bool {
    match &node.value {
        Value::String(text) => text.to_lowercase().contains(&name.to_lowercase()),
        Value::Array(items) => items.iter().any(|item| mentions(item, name)),
        Value::Object(members) => members.iter().any(|(_, node)| mentions(node, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
