//! The tree as data again: written once, as it leaves the gateway.

use super::tree::{Place, ROOT, Tree};
use crate::decode::canonical::Canonical;
use crate::decode::data::{Data, Numbers};

/// A container that is being written.
struct Open {
    node: Place,
    /// How many of its children have been.
    done: usize,
}

impl Tree<'_> {
    /// Of a root that lost all it had, `null` is left. About so many bytes are written.
    pub(super) fn into_data(mut self, bytes: usize) -> Data {
        self.sort(ROOT);
        let fields = self.children(ROOT).to_vec();
        if fields.is_empty() && self.node(ROOT).json == b"null" {
            return Data::null();
        }
        let mut object = Canonical::with_capacity(bytes);
        for field in fields {
            let label = self.node(field).label;
            let without_colon = |out: &mut Vec<u8>| {
                label.write(out);
                out.pop();
            };
            object.member(&label.text(), without_colon, |out| self.write(field, out));
        }
        // What was laid over by the gateway itself is no number.
        object.into_data(Numbers::Text)
    }

    /// Writes a node; how deep it is does not matter.
    fn write(&mut self, node: Place, out: &mut Vec<u8>) {
        let mut open = Vec::new();
        open.extend(self.begin(node, out));
        while let Some(Open { node, done }) = open.last_mut() {
            let list = self.node(*node).list;
            let Some(&child) = self.children(*node).get(*done) else {
                out.push(if list { b']' } else { b'}' });
                open.pop();
                continue;
            };
            if *done > 0 {
                out.push(b',');
            }
            *done += 1;
            if !list {
                self.node(child).label.write(out);
            }
            open.extend(self.begin(child, out));
        }
    }

    /// Writes a leaf; opens anything else.
    #[inline]
    fn begin(&mut self, node: Place, out: &mut Vec<u8>) -> Option<Open> {
        if self.children(node).is_empty() {
            out.extend_from_slice(self.node(node).json);
            return None;
        }
        self.sort(node);
        out.push(if self.node(node).list { b'[' } else { b'{' });
        Some(Open { node, done: 0 })
    }
}
