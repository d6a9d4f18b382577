//! Reading a part of the tree.
//!
//! One pass over a container and over what a path leads to in it; of everything else inside only the end is looked for.
//! Nothing recurses: how deep data nests is its sender's choice.

use super::Key;
use super::label::Label;
use super::tree::{Inside, Node, Place, Tree};
use crate::decode::data::offset;
use crate::decode::json::Cursor;

/// A container that has not ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    node: Place,
    /// Where its children begin among those that are held.
    mark: u32,
    /// The place of the next one in a list.
    next: Option<u32>,
}

impl Tree<'_> {
    /// Reads the children of a node if nobody has, and of those to which `path` leads the same.
    #[inline]
    pub(super) fn read(&mut self, node: Place, path: &[Key]) {
        if self.node(node).inside == Inside::Unread {
            self.read_container(node, path);
        }
    }

    #[inline(never)]
    fn read_container(&mut self, node: Place, path: &[Key]) {
        let json = self.node(node).json;
        let mut cursor = Cursor::new(json, 0);
        self.open(node);
        while let Some(container) = self.open.last_mut() {
            if !cursor.goes_on() {
                self.close();
                continue;
            }
            let label = match &mut container.next {
                None => Label::Key(cursor.key()),
                Some(next) => {
                    *next += 1;
                    Label::Index(*next - 1)
                },
            };
            let is_entered = match path.get(self.open.len() - 1..) {
                Some([key, _, ..]) => key.leads_to(label) && matches!(cursor.sign(), b'{' | b'['),
                Some(_) | None => false,
            };
            let json: &[u8] = match cursor.sign() {
                b'{' if is_entered => b"{}",
                b'[' if is_entered => b"[]",
                _ => cursor.value().of(json),
            };
            let child = self.add(Node::leaf(label, json));
            self.held.push(child);
            if is_entered {
                self.open(child);
            }
        }
    }

    #[inline]
    fn open(&mut self, place: Place) {
        let mark = offset(self.held.len());
        let node = self.node_mut(place);
        node.inside = Inside::Known;
        let next = node.list.then_some(0);
        self.open.push(Open { node: place, mark, next });
    }

    /// Ends the innermost container. It is `null` once it has lost all its children.
    #[inline]
    fn close(&mut self) {
        let Some(Open { node, mark, .. }) = self.open.pop() else { return };
        let held = std::mem::take(&mut self.held);
        let children = held.get(mark as usize..).unwrap_or_default();
        if !children.is_empty() {
            self.adopt(node, children);
            self.node_mut(node).json = b"null";
        }
        self.held = held;
        self.held.truncate(mark as usize);
    }
}
