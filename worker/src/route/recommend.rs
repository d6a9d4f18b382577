//! What a path that matches nothing was perhaps meant to be: with or without its final slash, cleaned,
//! in another case.
//!
//! On the way: only after a miss. KrakenD (gin) recommends by the shape of its tree, with some
//! surprises that clients see as redirects; the same steps are taken here on a tree of the same shape.

use smallvec::SmallVec;

use super::fold::{self, Letter};
use super::params::{Span, Spans};
use super::tree::{Node, NodeId, ROOT, Tree};

/// A node with a placeholder that was passed by for text, and what was left of the path after it.
struct Skipped<'p> {
    wild: NodeId,
    rest: &'p [u8],
    /// What was left before the node's own text: gin compares this.
    whole: &'p [u8],
    spans: usize,
}

/// The walk of one path through the tree.
struct Walk<'t, 'p> {
    tree: &'t Tree,
    path: &'p [u8],
    skipped: SmallVec<[Skipped<'p>; 8]>,
    spans: &'t mut Spans,
}

enum Turn<'p> {
    /// Go on at this node with this rest.
    On(NodeId, &'p [u8]),
    /// The answer: whether the other spelling of the final slash is recommended.
    Stop(bool),
}

impl Tree {
    /// Whether a path that matches nothing is answered by a redirect to itself with a final slash
    /// more, or less. `spans` gets what the placeholders on the way took.
    pub(super) fn recommends_other_slash(&self, path: &[u8], spans: &mut Spans) -> bool {
        spans.clear();
        let mut walk = Walk { tree: self, path, skipped: SmallVec::new(), spans };
        let (mut at, mut rest) = (ROOT, path);
        loop {
            match walk.turn(at, rest) {
                Turn::On(next, left) => (at, rest) = (next, left),
                Turn::Stop(recommended) => return recommended,
            }
        }
    }

    /// The registered path that differs from a cleaned one only in the case of letters and in its
    /// final slash. Values of placeholders keep their case.
    pub(super) fn find_in_any_case(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.folded(ROOT, path, Vec::with_capacity(path.len() + 1), Letter::default())
    }
}

impl<'p> Walk<'_, 'p> {
    fn turn(&mut self, at: NodeId, whole: &'p [u8]) -> Turn<'p> {
        let node = self.tree.node(at);
        let prefix = self.tree.prefix(node);
        match whole.strip_prefix(prefix) {
            Some([]) => self.text_ends(at, node, whole),
            Some(rest) => self.text_goes_on(node, rest, whole),
            None => {
                let lacks_slash = prefix.strip_suffix(b"/") == Some(whole) && node.leaf.is_some();
                if whole == b"/" || lacks_slash {
                    return Turn::Stop(true);
                }
                self.back(whole).unwrap_or(Turn::Stop(false))
            },
        }
    }

    fn text_goes_on(&mut self, node: Node, rest: &'p [u8], whole: &'p [u8]) -> Turn<'p> {
        let child = rest.first().and_then(|first| self.tree.child(node, *first));
        match (child, node.wild) {
            (Some(child), wild) => {
                if let Some(wild) = wild {
                    let spans = self.spans.len();
                    self.skipped.push(Skipped { wild, rest, whole, spans });
                }
                Turn::On(child, rest)
            },
            (None, Some(wild)) => self.placeholder(wild, rest),
            (None, None) if rest == b"/" => Turn::Stop(node.leaf.is_some()),
            (None, None) => self.back(rest).unwrap_or(Turn::Stop(false)),
        }
    }

    fn text_ends(&mut self, at: NodeId, node: Node, whole: &'p [u8]) -> Turn<'p> {
        if whole != b"/"
            && let Some(turn) = self.back(whole)
        {
            return turn;
        }
        if whole == b"/" && at != ROOT {
            return Turn::Stop(true);
        }
        let with_slash = self.tree.child(node, b'/').map(|child| self.tree.node(child));
        let ends = with_slash.is_some_and(|child| self.tree.is_slash_route(child));
        Turn::Stop(ends || node.catch_all.is_some())
    }

    fn placeholder(&mut self, wild: NodeId, rest: &'p [u8]) -> Turn<'p> {
        let end = memchr::memchr(b'/', rest).unwrap_or(rest.len());
        let start = self.path.len() - rest.len();
        self.spans.push(Span::new(start, start + end));
        let left = rest.get(end..).unwrap_or_default();
        match (self.tree.after_wild(wild), left) {
            (next, []) => {
                let next = next.map(|next| self.tree.node(next));
                let ends = next.is_some_and(|next| self.tree.is_slash_route(next));
                Turn::Stop(ends || self.tree.node(wild).catch_all.is_some())
            },
            (Some(next), left) => Turn::On(next, left),
            (None, left) => Turn::Stop(left == b"/"),
        }
    }

    /// Back to the last node whose placeholder was passed by.
    fn back(&mut self, left: &[u8]) -> Option<Turn<'p>> {
        while let Some(skipped) = self.skipped.pop() {
            if skipped.whole.ends_with(left) {
                self.spans.truncate(skipped.spans);
                return Some(self.placeholder(skipped.wild, skipped.rest));
            }
        }
        None
    }
}

impl Tree {
    /// `letter`: what is left of one that ends in this node, in the case in which it was found.
    fn folded(
        &self,
        at: NodeId,
        path: &[u8],
        mut found: Vec<u8>,
        letter: Letter,
    ) -> Option<Vec<u8>> {
        let node = self.node(at);
        let prefix = self.prefix(node);
        let Some((start, rest)) = path.split_at_checked(prefix.len()) else {
            return self.folded_mismatch(node, path, found);
        };
        if !same_but_first(start, prefix) {
            return self.folded_mismatch(node, path, found);
        }
        found.extend_from_slice(prefix);
        let Some(&first) = rest.first() else {
            return self.folded_end(node, found);
        };
        let cases = letter.behind(path, prefix.len());
        for case in &cases {
            let child = self.child(node, case.first());
            if let Some(whole) =
                child.and_then(|child| self.folded(child, rest, found.clone(), *case))
            {
                return Some(whole);
            }
        }
        if first == b'/' && node.catch_all.is_some() {
            found.extend_from_slice(rest);
            return Some(found);
        }
        // gin carries on what it looked for last, also into what follows a placeholder.
        let letter = cases.last().copied().filter(|_| node.has_children()).unwrap_or(letter);
        match node.wild {
            Some(wild) => self.folded_placeholder(wild, rest, found, letter),
            None => (rest == b"/" && node.leaf.is_some()).then_some(found),
        }
    }

    fn folded_placeholder(
        &self,
        wild: NodeId,
        rest: &[u8],
        mut found: Vec<u8>,
        letter: Letter,
    ) -> Option<Vec<u8>> {
        let end = memchr::memchr(b'/', rest).unwrap_or(rest.len());
        let (value, left) = rest.split_at(end);
        found.extend_from_slice(value);
        let next = self.after_wild(wild);
        let node = self.node(wild);
        if !left.is_empty() {
            let whole = match next {
                Some(next) => self.folded(next, left, found.clone(), letter),
                None => (left == b"/").then(|| found.clone()),
            };
            return whole.or_else(|| node.catch_all.map(|_| [&found[..], left].concat()));
        }
        if node.leaf.is_some() {
            return Some(found);
        }
        let ends = next.is_some_and(|next| self.is_slash_route(self.node(next)));
        (ends || node.catch_all.is_some()).then(|| {
            found.push(b'/');
            found
        })
    }

    /// The path ends with this node's text.
    fn folded_end(&self, node: Node, mut found: Vec<u8>) -> Option<Vec<u8>> {
        if node.leaf.is_some() {
            return Some(found);
        }
        let slash = self.child(node, b'/').map(|child| self.node(child));
        let ends = slash.is_some_and(|slash| self.is_slash_route(slash));
        (ends || node.catch_all.is_some()).then(|| {
            found.push(b'/');
            found
        })
    }

    /// The path ends inside this node's text, or differs from it.
    fn folded_mismatch(&self, node: Node, path: &[u8], mut found: Vec<u8>) -> Option<Vec<u8>> {
        if path == b"/" {
            return Some(found);
        }
        let prefix = self.prefix(node);
        let without = prefix.strip_suffix(b"/")?;
        let same = without.len() == path.len() && same_but_first(path, without);
        (same && node.leaf.is_some()).then(|| {
            found.extend_from_slice(prefix);
            found
        })
    }
}

/// Equal in any case; the first byte was compared when the node was chosen.
fn same_but_first(path: &[u8], text: &[u8]) -> bool {
    match (path, text) {
        ([_, path @ ..], [_, text @ ..]) => fold::same(path, text),
        _ => path.len() == text.len(),
    }
}
