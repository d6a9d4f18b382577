//! `target`, `allow` and `deny` on a tree that is built already.
//!
//! For bodies that cannot be shaped while they are read: `xml`. Recursion is as deep as the longest
//! path of the configuration.

use super::data::{Data, Document, Entry, Span, Value};
use super::shape::{Filter, Found, Shape};
use super::trie::{Next, Trie};

/// Gives an object its shape. Its `children` are sorted.
pub(super) fn prune(shape: &Shape, children: Vec<Entry>, mut document: Document) -> Data {
    let target = if shape.target.is_empty() {
        children
    } else {
        let found = target(&shape.target, &children, &document);
        found.of(&document.entries).to_vec()
    };
    let kept = match &shape.filter {
        Filter::All => target,
        Filter::Allow(trie) => allow(trie, &target, &mut document),
        Filter::Deny(trie) => deny(trie, &target, &mut document),
    };
    shape.arrange(Found::EMPTY, kept, document)
}

/// The children of the object at `path`; none if there is no object.
fn target(path: &[Box<[u8]>], children: &[Entry], document: &Document) -> Span {
    let mut level = children;
    let mut found = Span::default();
    for key in path {
        let named = |child: &&Entry| *document.key(child.key()) == **key;
        let Some(Value::Object(span)) = level.iter().find(named).map(|child| child.value) else {
            return Span::default();
        };
        found = span;
        level = span.of(&document.entries);
    }
    found
}

/// What is listed; objects of which nothing is left are dropped.
fn allow(trie: &Trie, children: &[Entry], document: &mut Document) -> Vec<Entry> {
    let mut kept = Vec::new();
    for child in children {
        match (trie.find(document.key(child.key())), child.value) {
            (Some(Next::Leaf), _) => kept.push(*child),
            (Some(Next::Branch(below)), Value::Object(span)) => {
                let inside = span.of(&document.entries).to_vec();
                let inside = allow(below, &inside, document);
                if !inside.is_empty() {
                    kept.push(Entry::new(child.key(), document.adopt(&inside), false));
                }
            },
            (Some(Next::Branch(_)) | None, _) => {},
        }
    }
    kept
}

/// What is not listed; objects stay even if nothing is left of them.
fn deny(trie: &Trie, children: &[Entry], document: &mut Document) -> Vec<Entry> {
    let mut kept = Vec::new();
    for child in children {
        match (trie.find(document.key(child.key())), child.value) {
            (Some(Next::Leaf), _) => {},
            (Some(Next::Branch(below)), Value::Object(span)) => {
                let inside = span.of(&document.entries).to_vec();
                let inside = deny(below, &inside, document);
                kept.push(Entry::new(child.key(), document.adopt(&inside), false));
            },
            (Some(Next::Branch(_)) | None, _) => kept.push(*child),
        }
    }
    kept
}
