//! `append`: a list behind another.
//!
//! KrakenD reads both into values and lays the new list over the old one, item by item.

use super::Key;
use super::label::Label;
use super::tree::{Inside, Node, Place, ROOT, Tree};

impl<'a> Tree<'a> {
    /// Appends the list at `from` to the list at `to`.
    pub(super) fn append(&mut self, from: &[Key], to: &'a [Key]) {
        let (Some(more), Some(mut items)) = (self.items(from), self.items(to)) else { return };
        items.extend(more);
        let list = self.list(&items);
        let place = self.grow(ROOT, to);
        self.lay(list, place);
        self.delete(from);
    }

    /// Copies of the items of the list that `path` leads to.
    fn items(&mut self, path: &[Key]) -> Option<Vec<Place>> {
        let list = self.found(ROOT, path)?;
        self.read(list, &[]);
        let items = self.children(list).to_vec();
        let Node { list, json, .. } = *self.node(list);
        let is_list = if items.is_empty() { json == b"[]" } else { list };
        is_list.then_some(items)
    }

    /// A copy of what `path` leads to from a node; a list of what it leads to if there is a `*`.
    fn found(&mut self, mut node: Place, path: &[Key]) -> Option<Place> {
        for (level, key) in path.iter().enumerate() {
            let path = path.get(level..).unwrap_or_default();
            self.read(node, path);
            if self.children(node).is_empty() {
                return None;
            }
            if key.is_wildcard {
                let below = path.get(1..).unwrap_or_default();
                let mut items = self.children(node).to_vec();
                for item in &mut items {
                    // As deep as the path in the configuration.
                    let found = self.found(*item, below);
                    *item = found.unwrap_or_else(|| self.add(Node::null(Label::Index(0))));
                }
                return Some(self.list(&items));
            }
            node = self.child(node, key.label())?;
        }
        Some(self.copy(node))
    }

    /// A list of these.
    fn list(&mut self, items: &[Place]) -> Place {
        for (index, item) in (0..).zip(items) {
            self.node_mut(*item).label = Label::Index(index);
        }
        let json: &[u8] = if items.is_empty() { b"[]" } else { b"null" };
        let label = Label::Index(0);
        let list = self.add(Node { list: true, inside: Inside::Known, ..Node::leaf(label, json) });
        self.adopt(list, items);
        list
    }

    /// A copy as if it was written and read again: places in lists counted anew, of equal names the last.
    fn copy(&mut self, source: Place) -> Place {
        let copied = self.add(*self.node(source));
        let mut left = vec![copied];
        let mut children = Vec::new();
        while let Some(node) = left.pop() {
            // As yet its children are those of its source.
            self.written(node, &mut children);
            let list = self.node(node).list;
            for (index, child) in (0..).zip(&mut children) {
                let own = *self.node(*child);
                let label = if list { Label::Index(index) } else { own.label };
                *child = self.add(Node { label, ..own });
            }
            left.extend_from_slice(&children);
            self.adopt(node, &children);
            if !children.is_empty() {
                self.node_mut(node).json = b"null";
            }
        }
        copied
    }

    /// Lays a value over a node: children of the same label are laid over each other, others added.
    fn lay(&mut self, value: Place, node: Place) {
        let mut left = vec![(value, node)];
        while let Some((value, node)) = left.pop() {
            self.read(value, &[]);
            self.read(node, &[]);
            let Node { json, list, .. } = *self.node(value);
            if self.node(node).list != list {
                self.node_mut(node).list = list;
                self.disorder(node);
            }
            let children = self.children(value).to_vec();
            if children.is_empty() {
                self.node_mut(node).json = json;
            }
            for child in children {
                match self.child(node, self.node(child).label) {
                    Some(under) => left.push((child, under)),
                    None => self.push(node, child),
                }
            }
        }
    }
}
