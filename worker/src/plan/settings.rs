//! Reading one namespace of `extra_config`: untyped settings into values.
//!
//! KrakenD's modules look their keys up one by one and ignore what has another type; so does this.

use baton_shared::config::node::{Node, Value};

/// The member `key` of an object.
pub(crate) fn member<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    match &node.value {
        Value::Object(members) => {
            members.iter().find(|(name, _)| name == key).map(|(_, node)| node)
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        },
    }
}

/// A member that is a boolean.
pub(crate) fn boolean(node: &Node, key: &str) -> Option<bool> {
    match member(node, key)?.value {
        Value::Bool(value) => Some(value),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        },
    }
}

/// A member that is a string.
pub(crate) fn string<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    match &member(node, key)?.value {
        Value::String(value) => Some(value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        },
    }
}

/// A member that is a number; a text that looks like one is none.
pub(crate) fn number(node: &Node, key: &str) -> Option<f64> {
    match &member(node, key)?.value {
        Value::Number(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        },
    }
}

/// A member as Go prints it (`%v`); lists and objects are empty.
pub(crate) fn shown(node: &Node, key: &str) -> Option<String> {
    Some(match &member(node, key)?.value {
        Value::String(text) | Value::Number(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Null => "<nil>".to_owned(),
        Value::Array(_) | Value::Object(_) => String::new(),
    })
}

/// The texts of a member that is a list; what is no text is passed over, and a member that is no list has none.
pub(crate) fn strings<'a>(node: &'a Node, key: &str) -> Vec<&'a str> {
    let Some(Value::Array(items)) = member(node, key).map(|node| &node.value) else {
        return Vec::new();
    };
    let texts = items.iter().filter_map(|item| match &item.value {
        Value::String(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}
