//! Anchors: what `&name` marked and `*name` copies.

use std::collections::HashMap;

use crate::config::node::{Node, Value};
use crate::config::read::DEPTH_MAX;

const EXCESSIVE: &str = "document contains excessive aliasing";

/// What a node costs, besides its texts.
const NODE_BYTES: usize = size_of::<Node>();

pub(super) struct Anchors {
    /// `None`: not finished yet.
    by_id: HashMap<usize, Option<Anchor>>,
    copied_bytes: usize,
    /// All copies of one document together may be so large.
    copied_bytes_max: usize,
}

/// A finished node that may be copied.
struct Anchor {
    node: Node,
    bytes: usize,
    /// How deep it nests; a scalar: 1.
    height: usize,
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
    pub(super) fn new(copied_bytes_max: usize) -> Self {
        Self { by_id: HashMap::new(), copied_bytes: 0, copied_bytes_max }
    }

    /// A sequence or mapping with this anchor begins; 0: it has none.
    pub(super) fn begin(&mut self, id: usize) {
        if id > 0 {
            self.by_id.insert(id, None);
        }
    }

    /// The node is kept, which is a copy too.
    pub(super) fn finish(&mut self, id: usize, node: &Node) -> Result<(), &'static str> {
        let (bytes, height) = measure(node);
        self.copied_bytes = self.copied_bytes.saturating_add(bytes);
        if self.copied_bytes > self.copied_bytes_max {
            return Err(EXCESSIVE);
        }
        self.by_id.insert(id, Some(Anchor { node: node.clone(), bytes, height }));
        Ok(())
    }

    /// A copy for an alias that stands `depth` deep.
    pub(super) fn copy(&mut self, id: usize, depth: usize) -> Result<Node, &'static str> {
        let anchor = match self.by_id.get(&id) {
            Some(Some(anchor)) => anchor,
            Some(None) => return Err("anchor value contains itself"),
            None => return Err("unknown anchor referenced"),
        };
        self.copied_bytes = self.copied_bytes.saturating_add(anchor.bytes);
        if self.copied_bytes > self.copied_bytes_max {
            return Err(EXCESSIVE);
        }
        if depth + anchor.height > DEPTH_MAX {
            return Err("document nests too deep");
        }
        Ok(anchor.node.clone())
    }
}
