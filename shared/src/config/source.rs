//! Where a configuration comes from: a file name, and the line of every pointer.

use std::sync::Arc;

use super::node::{Node, Value};
use crate::control::message::Notice;
use crate::words::JsonPointer;

/// The document that a configuration was decoded from.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The file, as named by the person.
    pub file: String,
    /// What was read; shared, since it can be large.
    pub document: Arc<Node>,
}

impl Source {
    /// What stands at `pointer`.
    #[must_use]
    pub fn node(&self, pointer: &JsonPointer) -> Option<&Node> {
        let (node, is_exact) = self.nearest_node(pointer);
        is_exact.then_some(node)
    }

    /// The line of what stands at `pointer`, or of the nearest thing around it; 0: not from the file.
    #[must_use]
    pub fn line(&self, pointer: &JsonPointer) -> u32 {
        self.nearest_node(pointer).0.line
    }

    /// As deep into `pointer` as the document goes, and whether that is all of it.
    fn nearest_node(&self, pointer: &JsonPointer) -> (&Node, bool) {
        let mut node = self.document.as_ref();
        for segment in pointer.as_str().split('/').skip(1) {
            let Some(inner) = step(node, &segment.replace("~1", "/").replace("~0", "~")) else {
                return (node, false);
            };
            node = inner;
        }
        (node, true)
    }

    /// Something to say about what stands at `pointer`.
    #[must_use]
    pub fn notice(&self, pointer: &JsonPointer, text: impl Into<String>) -> Notice {
        Notice {
            file: self.file.clone(),
            line: self.line(pointer),
            pointer: pointer.clone(),
            text: text.into(),
        }
    }
}

fn step<'a>(node: &'a Node, segment: &str) -> Option<&'a Node> {
    match &node.value {
        Value::Object(members) => members.iter().find(|(key, _)| key == segment).map(|(_, n)| n),
        Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
