//! What stands twice and hardly was meant to.

use std::collections::BTreeMap;

use baton_shared::config::model::{BackendConfig, ExtraConfig, ServiceConfig};
use baton_shared::config::node::{Node, Value};
use baton_shared::words::JsonPointer;

use super::notes::Notes;

/// The same call twice in one endpoint.
pub(super) fn backends(config: &ServiceConfig, notes: &mut Notes<'_>) {
    for endpoint in &config.endpoints {
        for (index, backend) in endpoint.backend.iter().enumerate() {
            let earlier = endpoint.backend.iter().take(index).find(|other| is_same(other, backend));
            if let Some(earlier) = earlier {
                let line = notes.line(&earlier.at);
                notes.tell(&backend.at, format!("the same backend stands already on line {line}"));
            }
        }
    }
}

/// But for its place.
fn is_same(one: &BackendConfig, other: &BackendConfig) -> bool {
    let bare = |backend: &BackendConfig| {
        let mut bare = backend.clone();
        bare.at = JsonPointer::root();
        // Where settings stand is not what they are; those that differ make another backend.
        bare.extra_config = ExtraConfig::default();
        bare
    };
    let settings = |backend: &BackendConfig| -> Vec<(String, String)> {
        let all = backend.extra_config.namespaces.iter();
        all.map(|(name, one)| (name.clone(), without_lines(&one.settings))).collect()
    };
    bare(one) == bare(other) && settings(one) == settings(other)
}

fn without_lines(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(digits) => digits.clone(),
        Value::String(text) => format!("{text:?}"),
        Value::Array(items) => format!("{:?}", items.iter().map(without_lines).collect::<Vec<_>>()),
        Value::Object(members) => {
            let members: BTreeMap<&String, String> =
                members.iter().map(|(key, node)| (key, without_lines(node))).collect();
            format!("{members:?}")
        },
    }
}

/// An entry twice in a list of names, or a host that gets more than its share.
pub(super) fn entries(config: &ServiceConfig, notes: &mut Notes<'_>) {
    for endpoint in &config.endpoints {
        look(&endpoint.input_headers, &endpoint.at.key("input_headers"), NO_EFFECT, notes);
        look(
            &endpoint.input_query_strings,
            &endpoint.at.key("input_query_strings"),
            NO_EFFECT,
            notes,
        );
        for backend in &endpoint.backend {
            let own = &backend.at.key("host");
            if notes.has(own) {
                look(&backend.host, own, "it gets a larger share of the requests", notes);
            }
        }
    }
}

const NO_EFFECT: &str = "once is enough";

fn look(list: &[String], at: &JsonPointer, what: &str, notes: &mut Notes<'_>) {
    for (index, entry) in list.iter().enumerate() {
        if list.iter().take(index).any(|earlier| earlier == entry) {
            notes.tell(&at.index(index), format!("`{entry}` stands already in this list: {what}"));
        }
    }
}
