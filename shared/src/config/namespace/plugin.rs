//! `plugin/*`: which plugins a block asks for.

use crate::config::model::Namespace;
use crate::config::node::{Node, Value};
use crate::words::JsonPointer;

/// One that is asked for by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Plugin<'a> {
    /// As it is spelled.
    pub name: &'a str,
    /// Its settings, if there are some.
    pub settings: Option<&'a Node>,
    /// Where they stand, or would.
    pub at: JsonPointer,
}

/// Those of a block, in their order: `name`, a text or a list of texts, with settings under each name; or
/// `plugins`, a list of names and settings (`config`), as KrakenD 3 has it.
#[must_use]
pub fn plugins(namespace: &Namespace) -> Vec<Plugin<'_>> {
    let (settings, at) = (&namespace.settings, &namespace.at);
    let named = match member(settings, "name").map(|node| &node.value) {
        Some(Value::String(name)) => vec![name.as_str()],
        Some(Value::Array(items)) => items.iter().filter_map(text).collect(),
        _ => Vec::new(),
    };
    let named = named.into_iter().map(|name| Plugin {
        name,
        settings: member(settings, name),
        at: at.key(name),
    });
    let listed = match member(settings, "plugins").map(|node| &node.value) {
        Some(Value::Array(items)) => items.as_slice(),
        _ => &[],
    };
    let listed = listed.iter().enumerate().filter_map(|(index, item)| {
        let name = text(member(item, "name")?)?;
        let at = at.key("plugins").index(index).key("config");
        Some(Plugin { name, settings: member(item, "config"), at })
    });
    named.chain(listed).collect()
}

fn member<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Value::Object(members) = &node.value else { return None };
    members.iter().find(|(name, _)| name == key).map(|(_, node)| node)
}

fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
