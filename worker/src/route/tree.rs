//! One method's routes as a radix tree: the one lookup of a request.
//!
//! On the way: first. Read-only, no allocation, cost by the length of the path and not by the number
//! of routes. KrakenD (gin): text beats a placeholder, with backtracking; a placeholder takes the rest
//! of its segment and may be empty unless it ends the path.

use std::num::NonZeroU32;

use smallvec::SmallVec;

use super::draft::{Draft, Wild};
use super::error::{RouteFault, RouteId};
use super::params::{Span, Spans};

/// Where the first piece of every path stands.
pub(super) const ROOT: NodeId = NodeId(NonZeroU32::MIN);

/// A node, by its place in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(NonZeroU32);

impl NodeId {
    fn new(index: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(number(index)))
    }

    const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// A piece of text, or (without text) a placeholder. Never across two cache lines.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct Node {
    /// In `Tree::text`: the piece, then the first byte of each child.
    text: u32,
    prefix_len: u32,
    /// Children stand side by side.
    first_child: NodeId,
    child_count: u16,
    /// The placeholder that may follow.
    pub(super) wild: Option<NodeId>,
    /// The route that takes whatever follows, from a slash on.
    pub(super) catch_all: Option<RouteId>,
    /// The route that ends here.
    pub(super) leaf: Option<RouteId>,
}

const _: () = assert!(size_of::<Node>() == 32, "two nodes are one cache line");

impl Node {
    /// It leads nowhere.
    const EMPTY: Self = Self {
        text: 0,
        prefix_len: 0,
        first_child: ROOT,
        child_count: 0,
        wild: None,
        catch_all: None,
        leaf: None,
    };

    /// Whether text may follow, and not a placeholder alone.
    pub(super) const fn has_children(self) -> bool {
        self.child_count > 0
    }
}

/// Nodes and text of one method, compact and in one place each.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Box<[Node]>,
    text: Box<[u8]>,
}

/// A tree that takes routes; [`Self::finish`] makes it read-only.
#[derive(Debug, Default)]
pub(super) struct TreeBuilder(Draft);

impl TreeBuilder {
    /// Adds a path in gin's form that begins with a slash.
    pub(super) fn insert(&mut self, path: &[u8], id: RouteId) -> Result<(), RouteFault> {
        self.0.insert(path, id)
    }

    /// The tree, ready for lookups.
    pub(super) fn finish(self) -> Tree {
        let mut freezer = Freezer { nodes: Vec::new(), text: Vec::new() };
        let at = freezer.reserve(1);
        // Every path begins with a slash: the draft's root has one child, gin's root.
        if let Some(root) = self.0.children.first() {
            freezer.place(at, root);
        }
        Tree { nodes: freezer.nodes.into(), text: freezer.text.into() }
    }
}

/// What is left to try when a path of text turns out to be a dead end.
#[derive(Clone, Copy)]
struct Retry {
    next: Next,
    /// Where the value begins.
    from: usize,
    spans: usize,
}

#[derive(Clone, Copy)]
enum Next {
    Wild(NodeId),
    /// Whatever follows, from its slash on.
    Rest(RouteId),
}

type Retries = SmallVec<[Retry; 8]>;

/// What trees left to try.
pub(super) type Leftovers<'t> = Vec<Leftover<'t>>;

pub(super) struct Leftover<'t> {
    tree: &'t Tree,
    retry: Retry,
    /// Where the text of the node begins that it belongs to.
    node_at: usize,
}

impl Tree {
    /// The route for this path; the values of its placeholders are in `spans` then.
    pub(super) fn find(&self, path: &[u8], spans: &mut Spans) -> Option<RouteId> {
        let mut retries = Retries::new();
        let mut next = Some((ROOT, 0));
        loop {
            if let Some((at, from)) = next {
                match self.text_step(path, at, from, spans, &mut retries) {
                    Step::Found(route) => return Some(route),
                    Step::OtherSlash => return None,
                    Step::On(at, from) => {
                        next = Some((at, from));
                        continue;
                    },
                    Step::DeadEnd => {},
                }
            }
            let retry = retries.pop()?;
            spans.truncate(retry.spans);
            let wild = match retry.next {
                Next::Wild(wild) => wild,
                Next::Rest(route) => {
                    spans.push(Span::new(retry.from, path.len()));
                    return Some(route);
                },
            };
            match self.wild_step(path, wild, retry.from, spans, &mut retries) {
                Step::Found(route) => return Some(route),
                Step::On(at, from) => next = Some((at, from)),
                Step::DeadEnd | Step::OtherSlash => next = None,
            }
        }
    }

    /// Whether there is a route, for the `Allow` of a 405. gin hands on from tree to tree what was left to try, and so may
    /// find the route of another method.
    pub(super) fn finds_among<'t>(&'t self, path: &[u8], left: &mut Leftovers<'t>) -> bool {
        let (mut spans, mut retries) = (Spans::new(), Retries::new());
        let (mut tree, mut at, mut from) = (self, ROOT, 0);
        loop {
            let mut step = tree.text_step(path, at, from, &mut spans, &mut retries);
            left.extend(retries.drain(..).map(|retry| Leftover { tree, retry, node_at: from }));
            let mut dead_at = from + tree.prefix_in(path, at, from);
            while matches!(step, Step::DeadEnd) {
                let Some(Leftover { tree: owner, retry, .. }) = tree.next_of(left, path, dead_at)
                else {
                    return false;
                };
                let Next::Wild(wild) = retry.next else { return true };
                tree = owner;
                step = tree.wild_step(path, wild, retry.from, &mut spans, &mut retries);
                let rests = retries.drain(..);
                left.extend(rests.map(|retry| Leftover { tree, retry, node_at: retry.from }));
                dead_at = path.len();
            }
            match step {
                Step::Found(_) => return true,
                Step::OtherSlash | Step::DeadEnd => return false,
                Step::On(next, behind) => (at, from) = (next, behind),
            }
        }
    }

    /// What is tried next behind a dead end: of other trees only what began no later, and nothing behind a placeholder
    /// or before a last slash.
    fn next_of<'t>(
        &self,
        left: &mut Leftovers<'t>,
        path: &[u8],
        dead_at: usize,
    ) -> Option<Leftover<'t>> {
        let is_over = matches!(path.get(dead_at..), None | Some(b"" | b"/"));
        loop {
            let next = left.pop()?;
            if std::ptr::eq(next.tree, self) {
                return Some(next);
            }
            if is_over {
                left.push(next);
                return None;
            }
            if next.node_at <= dead_at {
                return Some(next);
            }
        }
    }

    /// How much of the path at `from` is the text of the node, which is all or nothing.
    fn prefix_in(&self, path: &[u8], at: NodeId, from: usize) -> usize {
        let prefix = self.prefix(self.node(at));
        if path.get(from..).is_some_and(|left| left.starts_with(prefix)) { prefix.len() } else { 0 }
    }

    /// Matches the text of `at` at `from`, then chooses what follows: text first.
    fn text_step(
        &self,
        path: &[u8],
        at: NodeId,
        from: usize,
        spans: &mut Spans,
        retries: &mut Retries,
    ) -> Step {
        let node = self.node(at);
        let prefix = self.prefix(node);
        let left = path.get(from..).unwrap_or_default();
        let Some(rest) = left.strip_prefix(prefix) else {
            let with_slash = node.leaf.is_some() && prefix.strip_suffix(b"/") == Some(left);
            return if with_slash { Step::OtherSlash } else { Step::DeadEnd };
        };
        let from = path.len() - rest.len();
        let Some(&first) = rest.first() else {
            return node.leaf.map_or(Step::DeadEnd, Step::Found);
        };
        if let Some(child) = self.child(node, first) {
            let is_route = self.is_slash_route(self.node(child));
            if rest == b"/" && node.leaf.is_some() && node.catch_all.is_none() && !is_route {
                return Step::OtherSlash;
            }
            // The last one is tried first: text, placeholder, the rest.
            let rest = node.catch_all.filter(|_| first == b'/').map(Next::Rest);
            for next in rest.into_iter().chain(node.wild.map(Next::Wild)) {
                retries.push(Retry { next, from, spans: spans.len() });
            }
            return Step::On(child, from);
        }
        if let (b'/', Some(route)) = (first, node.catch_all) {
            spans.push(Span::new(from, path.len()));
            return Step::Found(route);
        }
        match node.wild {
            Some(wild) => self.wild_step(path, wild, from, spans, retries),
            None if rest == b"/" && node.leaf.is_some() => Step::OtherSlash,
            None => Step::DeadEnd,
        }
    }

    /// Gives the rest of the segment to a placeholder.
    fn wild_step(
        &self,
        path: &[u8],
        wild: NodeId,
        from: usize,
        spans: &mut Spans,
        retries: &mut Retries,
    ) -> Step {
        let rest = path.get(from..).unwrap_or_default();
        let end = from + memchr::memchr(b'/', rest).unwrap_or(rest.len());
        spans.push(Span::new(from, end));
        let node = self.node(wild);
        if end == path.len() {
            return node.leaf.map_or(Step::DeadEnd, Step::Found);
        }
        match (self.child(node, b'/'), node.catch_all) {
            (Some(child), rest) => {
                let next = rest.map(Next::Rest);
                retries.extend(next.map(|next| Retry { next, from: end, spans: spans.len() }));
                Step::On(child, end)
            },
            (None, Some(route)) => {
                spans.push(Span::new(end, path.len()));
                Step::Found(route)
            },
            (None, None) => Step::DeadEnd,
        }
    }

    /// The node with this number; numbers come from the tree itself.
    pub(super) fn node(&self, id: NodeId) -> Node {
        self.nodes.get(id.index()).copied().unwrap_or(Node::EMPTY)
    }

    /// The text of a node.
    pub(super) fn prefix(&self, node: Node) -> &[u8] {
        let start = node.text as usize;
        self.text.get(start..start + node.prefix_len as usize).unwrap_or_default()
    }

    /// The child whose text begins with this byte.
    pub(super) fn child(&self, node: Node, first: u8) -> Option<NodeId> {
        let start = (node.text + node.prefix_len) as usize;
        let index = self.text.get(start..start + usize::from(node.child_count))?;
        let at = memchr::memchr(first, index)?;
        Some(NodeId::new(node.first_child.index() + at))
    }

    /// Whether a route ends with this node, whose text is a slash.
    pub(super) fn is_slash_route(&self, node: Node) -> bool {
        self.prefix(node) == b"/" && node.leaf.is_some()
    }

    /// The only child of a placeholder.
    pub(super) fn after_wild(&self, wild: NodeId) -> Option<NodeId> {
        self.child(self.node(wild), b'/')
    }
}

enum Step {
    Found(RouteId),
    /// Text matches but for the final slash: that is a redirect, even if placeholders would match.
    OtherSlash,
    /// Go on with this node at this byte of the path.
    On(NodeId, usize),
    DeadEnd,
}

/// Lays a draft out in two arrays, siblings side by side.
struct Freezer {
    nodes: Vec<Node>,
    text: Vec<u8>,
}

impl Freezer {
    fn reserve(&mut self, count: usize) -> NodeId {
        let first = NodeId::new(self.nodes.len());
        self.nodes.resize(self.nodes.len() + count, Node::EMPTY);
        first
    }

    fn place(&mut self, at: NodeId, draft: &Draft) {
        let children: SmallVec<[&Draft; 4]> = draft.children.iter().collect();
        let mut node = self.piece(&draft.prefix, &children);
        node.catch_all = draft.catch_all;
        node.leaf = draft.leaf;
        node.wild = draft.wild.as_ref().map(|wild| self.wild(wild));
        self.write(at, node);
    }

    fn wild(&mut self, wild: &Wild) -> NodeId {
        let at = self.reserve(1);
        let children: SmallVec<[&Draft; 4]> = wild.next.iter().collect();
        let mut node = self.piece(b"", &children);
        node.leaf = wild.leaf;
        node.catch_all = wild.catch_all;
        self.write(at, node);
        at
    }

    fn piece(&mut self, prefix: &[u8], children: &[&Draft]) -> Node {
        let text = number(self.text.len());
        self.text.extend_from_slice(prefix);
        self.text.extend(children.iter().filter_map(|child| child.prefix.first()));
        let first_child = self.reserve(children.len());
        for (at, child) in (first_child.index()..).zip(children) {
            self.place(NodeId::new(at), child);
        }
        Node {
            text,
            prefix_len: number(prefix.len()),
            first_child,
            // A child per byte: at most 256.
            child_count: u16::try_from(children.len()).unwrap_or(u16::MAX),
            wild: None,
            catch_all: None,
            leaf: None,
        }
    }

    fn write(&mut self, at: NodeId, node: Node) {
        if let Some(slot) = self.nodes.get_mut(at.index()) {
            *slot = node;
        }
    }
}

/// A place in an arena; a configuration of 4 GB does not get here.
fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
