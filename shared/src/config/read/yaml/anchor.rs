//! Anchors: what `&name` marked and `*name` copies.

use std::collections::HashMap;

use crate::config::node::{Node, Value};
use crate::config::read::DEPTH_MAX;

/// All copies of one document together may be so large.
const COPIED_BYTES_MAX: usize = 64 << 20;

/// What a node costs, besides its texts.
const NODE_BYTES: usize = size_of::<Node>();

#[derive(Default)]
pub(super) struct Anchors {
    /// `None`: not finished yet.
    by_id: HashMap<usize, Option<Anchor>>,
    copied_bytes: usize,
}

/// A finished node that may be copied.
pub(super) struct Anchor {
    node: Node,
    bytes: usize,
    /// How deep it nests; a scalar: 1.
    height: usize,
}

impl Anchor {
    pub(super) fn of(node: &Node) -> Self {
        let (bytes, height) = measure(node);
        Self { node: node.clone(), bytes, height }
    }
}

/// Its size and how deep it nests. Recursion: what is measured nests at most [`DEPTH_MAX`] deep.
fn measure(node: &Node) -> (usize, usize) {
    let (bytes, height) = match &node.value {
        Value::Null | Value::Bool(_) => (0, 0),
        Value::Number(text) | Value::String(text) => (text.len(), 0),
        Value::Array(items) => items.iter().fold((0, 0), |sum, node| beside(sum, measure(node))),
        Value::Object(members) => members.iter().fold((0, 0), |sum, (key, node)| {
            let (bytes, height) = measure(node);
            beside(sum, (bytes + key.len() + size_of::<String>(), height))
        }),
    };
    (bytes + NODE_BYTES, height + 1)
}

fn beside(
    (a_bytes, a_height): (usize, usize),
    (b_bytes, b_height): (usize, usize),
) -> (usize, usize) {
    (a_bytes.saturating_add(b_bytes), a_height.max(b_height))
}

impl Anchors {
    /// A sequence or mapping with this anchor begins; 0: it has none.
    pub(super) fn begin(&mut self, id: usize) {
        if id > 0 {
            self.by_id.insert(id, None);
        }
    }

    pub(super) fn finish(&mut self, id: usize, anchor: Anchor) {
        // What an anchor keeps is a copy too.
        self.copied_bytes = self.copied_bytes.saturating_add(anchor.bytes);
        self.by_id.insert(id, Some(anchor));
    }

    /// A copy for an alias that stands `depth` deep.
    pub(super) fn copy(&mut self, id: usize, depth: usize) -> Result<Node, &'static str> {
        let anchor = match self.by_id.get(&id) {
            Some(Some(anchor)) => anchor,
            Some(None) => return Err("anchor value contains itself"),
            None => return Err("unknown anchor referenced"),
        };
        self.copied_bytes = self.copied_bytes.saturating_add(anchor.bytes);
        if self.copied_bytes > COPIED_BYTES_MAX {
            return Err("document contains excessive aliasing");
        }
        if depth + anchor.height > DEPTH_MAX {
            return Err("document nests too deep");
        }
        Ok(anchor.node.clone())
    }
}
