//! Data as a tree of labels, read as far as operations enter it.
//!
//! All data is JSON as it leaves the gateway here: labels and leaves are pieces of it, and nothing is copied before it
//! is written.

use super::label::Label;
use super::read::Open;
use super::top::Top;
use crate::decode::data::{Span, offset, sort_family};

/// The tree over some data.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    /// The first is the root.
    nodes: Vec<Node<'a>>,
    /// The children of each node, in one piece.
    families: Vec<Place>,
    /// For whoever reads or writes: containers that have not ended, children that are no family yet.
    pub(super) open: Vec<Open>,
    pub(super) held: Vec<Place>,
}

/// Where a node is.
pub(super) type Place = u32;

/// The root's place.
pub(super) const ROOT: Place = 0;

/// An object, a list, or a leaf.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    pub(super) label: Label<'a>,
    /// What it is without children.
    pub(super) json: &'a [u8],
    /// Its children among the families, and where the room for more ends.
    pub(super) family: Span,
    pub(super) room: u32,
    pub(super) inside: Inside,
    /// With children it is a list; otherwise an object.
    pub(super) list: bool,
    pub(super) order: Order,
}

/// Whether the children of a node are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// They stand in its JSON.
    Unread,
    /// They are; or nobody sees parts of it.
    Known,
}

/// How the children of a node stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// As JSON has them: keys ascend, places in a list count up from zero.
    Kept,
    Lost,
}

impl<'a> Node<'a> {
    /// A piece of JSON.
    #[inline]
    pub(super) fn leaf(label: Label<'a>, json: &'a [u8]) -> Self {
        let first = json.first().copied().unwrap_or(0);
        let inside = if matches!(first, b'{' | b'[') { Inside::Unread } else { Inside::Known };
        let (family, list) = (Span::default(), first == b'[');
        Self { label, json, family, room: 0, inside, list, order: Order::Kept }
    }

    /// What has no children yet, or lost them all.
    #[inline]
    pub(super) fn null(label: Label<'a>) -> Self {
        Self::leaf(label, b"null")
    }
}

impl<'a> Tree<'a> {
    /// The tree over an object with these fields; `json` is what it is without any.
    pub(super) fn new(tops: &'a [Top<'a>], json: &'a [u8]) -> Self {
        let root = Node { inside: Inside::Known, ..Node::leaf(Label::Index(0), json) };
        let mut tree =
            Self { nodes: vec![root], families: Vec::new(), open: Vec::new(), held: Vec::new() };
        let children: Vec<Place> = tops.iter().map(|top| tree.add(top.node())).collect();
        tree.adopt(ROOT, &children);
        tree
    }

    #[inline]
    pub(super) fn add(&mut self, node: Node<'a>) -> Place {
        self.nodes.push(node);
        offset(self.nodes.len() - 1)
    }

    // Every place was given by `add`, and no node ever goes.
    #[inline]
    pub(super) fn node(&self, place: Place) -> &Node<'a> {
        &self.nodes[place as usize]
    }

    #[inline]
    pub(super) fn node_mut(&mut self, place: Place) -> &mut Node<'a> {
        &mut self.nodes[place as usize]
    }

    /// The children of a node that was read.
    #[inline]
    pub(super) fn children(&self, node: Place) -> &[Place] {
        self.node(node).family.of(&self.families)
    }

    /// Where the first child of this label stands among those of a node that was read.
    #[inline]
    pub(super) fn position(&self, node: Place, label: Label<'_>) -> Option<usize> {
        let Node { list, order, .. } = *self.node(node);
        let children = self.children(node);
        match label {
            Label::Index(index) if list && order == Order::Kept => {
                Some(index as usize).filter(|index| *index < children.len())
            },
            label => children.iter().position(|child| self.node(*child).label.is(label)),
        }
    }

    /// The first child of this label, of a node that was read.
    #[inline]
    pub(super) fn child(&self, node: Place, label: Label<'_>) -> Option<Place> {
        let index = self.position(node, label)?;
        self.children(node).get(index).copied()
    }

    /// Gives a node all its children, which are in the order of JSON.
    pub(super) fn adopt(&mut self, node: Place, children: &[Place]) {
        let start = self.families.len();
        self.families.extend_from_slice(children);
        let family = Span::new(start, self.families.len());
        let node = self.node_mut(node);
        (node.family, node.room, node.order) = (family, family.end, Order::Kept);
    }

    /// Adds a child behind the others.
    pub(super) fn push(&mut self, node: Place, child: Place) {
        if self.node(node).family.end == self.node(node).room {
            self.make_room(node);
        }
        let node = self.node_mut(node);
        let at = node.family.end as usize;
        (node.family.end, node.order) = (node.family.end + 1, Order::Lost);
        self.families[at] = child;
    }

    /// Moves the children of a node to where there is room for as many again.
    fn make_room(&mut self, node: Place) {
        let Span { start, end } = self.node(node).family;
        let moved = self.families.len();
        self.families.extend_from_within(start as usize..end as usize);
        let family = Span::new(moved, self.families.len());
        let more = (end - start).max(4) as usize;
        self.families.resize(self.families.len() + more, ROOT);
        let room = offset(self.families.len());
        let node = self.node_mut(node);
        (node.family, node.room) = (family, room);
    }

    /// Takes a child out.
    pub(super) fn remove(&mut self, node: Place, index: usize) -> Option<Place> {
        let child = *self.children(node).get(index)?;
        let Span { start, end } = self.node(node).family;
        let at = start as usize + index;
        self.families.copy_within(at + 1..end as usize, at);
        let node = self.node_mut(node);
        node.family.end -= 1;
        if node.list {
            node.order = Order::Lost;
        }
        Some(child)
    }

    /// The children stand no longer as JSON has them.
    pub(super) fn disorder(&mut self, node: Place) {
        self.node_mut(node).order = Order::Lost;
    }

    /// Takes all children out.
    pub(super) fn clear(&mut self, node: Place) {
        let node = self.node_mut(node);
        node.family.end = node.family.start;
    }

    /// Puts the children in the order in which they are written.
    pub(super) fn sort(&mut self, node: Place) {
        if self.node(node).order == Order::Kept {
            return;
        }
        let mut written = std::mem::take(&mut self.held);
        self.written(node, &mut written);
        let start = self.node(node).family.start as usize;
        let end = start + written.len();
        self.families[start..end].copy_from_slice(&written);
        let node = self.node_mut(node);
        (node.family.end, node.order) = (offset(end), Order::Kept);
        self.held = written;
    }

    /// The children as they are written: of a list all, of an object the last of each name, in order.
    pub(super) fn written(&self, node: Place, written: &mut Vec<Place>) {
        written.clear();
        written.extend_from_slice(self.children(node));
        let Node { list, order, .. } = *self.node(node);
        if list || order == Order::Kept {
            return;
        }
        let label = |child: &Place| self.node(*child).label;
        sort_family(written, 0, |one, other| label(one).order(label(other)));
    }
}
