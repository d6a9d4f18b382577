//! The tree as data again: written once, as it leaves the gateway.

use std::vec::IntoIter;

use super::operate::written;
use super::tree::{Edge, Edges, Leaf, Node, ROOT, Tree};
use crate::decode::canonical::Canonical;
use crate::decode::data::{Data, Numbers};
use crate::encode::{json_text, json_value};

/// A container that is being written.
struct Open<'t, 'a> {
    rest: IntoIter<&'t Edge<'a>>,
    list: bool,
    is_first: bool,
}

impl<'a> Tree<'a> {
    /// Of a root that lost all it had, `null` is left.
    pub(super) fn into_data(self) -> Data {
        let Some(Node { leaf, edges: Edges::Read(edges), .. }) = self.nodes.get(ROOT) else {
            return Data::null();
        };
        match leaf {
            Leaf::Null if edges.is_empty() => return Data::null(),
            Leaf::Null | Leaf::EmptyObject | Leaf::EmptyList | Leaf::Value { .. } => {},
        }
        let bytes: usize = self.documents.iter().map(|document| document.input.len() + 16).sum();
        let mut object = Canonical::with_capacity(bytes);
        for edge in written(edges, false) {
            let name = edge.label.text();
            object.member(&name, |out| json_text(&name, out), |out| self.write(edge.node, out));
        }
        // What was laid over by the gateway itself is no number.
        object.into_data(Numbers::Text)
    }

    /// Writes a node; how deep it is does not matter.
    fn write(&self, node: usize, out: &mut Vec<u8>) {
        let mut open: Vec<Open<'_, 'a>> = Vec::new();
        open.extend(self.begin(node, out));
        while let Some(container) = open.last_mut() {
            let Some(edge) = container.rest.next() else {
                out.push(if container.list { b']' } else { b'}' });
                open.pop();
                continue;
            };
            if !container.is_first {
                out.push(b',');
            }
            container.is_first = false;
            if !container.list {
                json_text(&edge.label.text(), out);
                out.push(b':');
            }
            open.extend(self.begin(edge.node, out));
        }
    }

    /// Writes a leaf; opens anything else.
    fn begin(&self, node: usize, out: &mut Vec<u8>) -> Option<Open<'_, 'a>> {
        let node = self.nodes.get(node)?;
        match &node.edges {
            Edges::Read(edges) if !edges.is_empty() => {
                out.push(if node.list { b'[' } else { b'{' });
                let rest = written(edges, node.list).into_iter();
                return Some(Open { rest, list: node.list, is_first: true });
            },
            Edges::Read(_) | Edges::Unread => {},
        }
        match node.leaf {
            Leaf::Null => out.extend_from_slice(b"null"),
            Leaf::EmptyObject => out.extend_from_slice(b"{}"),
            Leaf::EmptyList => out.extend_from_slice(b"[]"),
            Leaf::Value { document, value } => {
                if let Some(document) = self.documents.get(document) {
                    json_value(document, value, out);
                }
            },
        }
        None
    }
}
