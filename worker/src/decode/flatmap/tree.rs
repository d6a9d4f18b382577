//! Data as a tree of labels, read as far as operations enter it.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::Key;
use crate::decode::data::{Data, Document, Entry, Value};
use crate::decode::json::{self, Inside, unescape};

/// The tree over some data.
pub(super) struct Tree<'a> {
    pub(super) documents: &'a [Document],
    /// The first is the root.
    pub(super) nodes: Vec<Node<'a>>,
}

/// The root's place.
pub(super) const ROOT: usize = 0;

/// An object, a list, or a leaf.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    /// What it is without children.
    pub(super) leaf: Leaf,
    /// With children it is a list; otherwise an object.
    pub(super) list: bool,
    pub(super) edges: Edges<'a>,
}

/// A node without children.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leaf {
    /// `null`; what had children and lost them all.
    Null,
    EmptyObject,
    EmptyList,
    /// What stands in a document.
    Value {
        document: usize,
        value: Value,
    },
}

/// The children of a node.
#[derive(Clone, Debug)]
pub(super) enum Edges<'a> {
    /// Nobody has looked yet: they stand in the leaf's document.
    Unread,
    Read(Vec<Edge<'a>>),
}

#[derive(Clone, Debug)]
pub(super) struct Edge<'a> {
    pub(super) label: Label<'a>,
    pub(super) node: usize,
}

/// A member's key, or a place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Label<'a> {
    Text(Cow<'a, [u8]>),
    Index(u32),
}

impl Label<'_> {
    pub(super) fn is(&self, key: &Key) -> bool {
        match self {
            Self::Text(text) => **text == *key.text,
            Self::Index(index) => key.index == Some(*index),
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Index(one), Self::Index(other)) => one == other,
            (Self::Text(one), Self::Text(other)) => one == other,
            _ => self.text() == other.text(),
        }
    }

    /// In the order of their bytes.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            _ => self.text().cmp(&other.text()),
        }
    }

    pub(super) fn text(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Index(index) => Cow::Owned(index.to_string().into_bytes()),
        }
    }
}

impl<'a> From<&'a Key> for Label<'a> {
    fn from(key: &'a Key) -> Self {
        key.index.map_or(Self::Text(Cow::Borrowed(&key.text)), Self::Index)
    }
}

impl<'a> Node<'a> {
    pub(super) const fn leaf(leaf: Leaf) -> Self {
        Self { leaf, list: false, edges: Edges::Unread }
    }

    pub(super) const fn with(list: bool, edges: Vec<Edge<'a>>) -> Self {
        Self { leaf: Leaf::Null, list, edges: Edges::Read(edges) }
    }
}

/// The name of a member, and what stands there.
type Child<'a> = (Option<Cow<'a, [u8]>>, Value);

impl<'a> Tree<'a> {
    pub(super) fn new(data: &'a Data) -> Self {
        let mut tree =
            Self { documents: &data.documents, nodes: vec![Node::with(false, Vec::new())] };
        let fields = data.root.as_deref().unwrap_or_default();
        let edges = fields
            .iter()
            .filter_map(|field| {
                let document = data.document(field)?;
                let leaf =
                    Leaf::Value { document: field.document as usize, value: field.entry.value };
                let label = Label::Text(Cow::Borrowed(document.key(field.entry.key())));
                Some(Edge { label, node: tree.add(Node::leaf(leaf)) })
            })
            .collect();
        let is_empty_object = data.is_empty_object();
        if let Some(root) = tree.nodes.get_mut(ROOT) {
            root.edges = Edges::Read(edges);
            root.leaf = if is_empty_object { Leaf::EmptyObject } else { Leaf::Null };
        }
        tree
    }

    pub(super) fn add(&mut self, node: Node<'a>) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The children of a node, read if they were not.
    pub(super) fn edges(&mut self, node: usize) -> &mut Vec<Edge<'a>> {
        if let Some(Node { edges: Edges::Unread, leaf, .. }) = self.nodes.get(node) {
            let (list, edges) = self.read(*leaf);
            if let Some(node) = self.nodes.get_mut(node) {
                node.list = list;
                if !edges.is_empty() {
                    node.leaf = Leaf::Null;
                }
                node.edges = Edges::Read(edges);
            }
        }
        match self.nodes.get_mut(node).map(|node| &mut node.edges) {
            Some(Edges::Read(edges)) => edges,
            // Every place was given by `add`, and what is unread was read just now.
            Some(Edges::Unread) | None => unreachable!("a node that is not there"),
        }
    }

    /// The child of this label.
    pub(super) fn child(&mut self, node: usize, key: &Key) -> Option<usize> {
        self.edges(node).iter().find(|edge| edge.label.is(key)).map(|edge| edge.node)
    }

    /// Whether it is a list, and its children.
    fn read(&mut self, leaf: Leaf) -> (bool, Vec<Edge<'a>>) {
        let Leaf::Value { document: place, value } = leaf else {
            return (matches!(leaf, Leaf::EmptyList), Vec::new());
        };
        let documents = self.documents;
        let Some(document) = documents.get(place) else { return (false, Vec::new()) };
        let (list, children): (bool, Vec<Child<'a>>) = match value {
            Value::Object(span) => {
                let members = span.of(&document.entries).iter();
                let member =
                    |entry: &Entry| (Some(Cow::Borrowed(document.key(entry.key()))), entry.value);
                (false, members.map(member).collect())
            },
            Value::Array(span) => {
                let items = span.of(&document.entries).iter();
                (true, items.map(|entry| (None, entry.value)).collect())
            },
            Value::Verbatim(span) => match span.of(&document.input).first() {
                Some(b'{') => {
                    let members = Inside::new(&document.input, span);
                    let member = |child: json::Child| {
                        let key = said(child.key.of(&document.input));
                        (Some(key), Value::Verbatim(child.value))
                    };
                    (false, listed(members.map(member)))
                },
                Some(b'[') => {
                    let items = Inside::new(&document.input, span);
                    (true, listed(items.map(|child| (None, Value::Verbatim(child.value)))))
                },
                Some(_) | None => (false, Vec::new()),
            },
            Value::Plain(_) | Value::Opaque(..) => (false, Vec::new()),
        };
        let edge = |(index, (key, value)): (u32, _)| Edge {
            label: match key {
                Some(key) => Label::Text(key),
                None => Label::Index(index),
            },
            node: self.add(Node::leaf(Leaf::Value { document: place, value })),
        };
        (list, (0..).zip(children).map(edge).collect())
    }
}

/// How many there are is not known; most have few.
fn listed<'a>(children: impl Iterator<Item = Child<'a>>) -> Vec<Child<'a>> {
    let mut list = Vec::with_capacity(16);
    list.extend(children);
    list
}

/// What the inside of a JSON string says.
fn said(inside: &[u8]) -> Cow<'_, [u8]> {
    // Keys are short.
    if !inside.contains(&b'\\') {
        return Cow::Borrowed(inside);
    }
    let mut text = Vec::with_capacity(inside.len());
    unescape(inside, &mut text);
    Cow::Owned(text)
}
