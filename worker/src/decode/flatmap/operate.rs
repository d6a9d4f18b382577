//! The operations, step by step as KrakenD's flatmap takes them.
//!
//! Nothing recurses: how deep data nests is its sender's choice.

use super::tree::{Edge, Edges, Label, Leaf, Node, ROOT, Tree};
use super::{Broken, Key};

/// Whether somebody wants the labels on the way to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Labels {
    Kept,
    Dropped,
}

/// A node that a path leads to, and the labels on the way to it.
struct Reached<'a> {
    node: usize,
    labels: Vec<Label<'a>>,
}

/// An edge that was taken out, and where it was.
struct Taken<'a> {
    edge: Edge<'a>,
    from: Reached<'a>,
}

impl<'a> Tree<'a> {
    /// Takes everything at `path` out.
    pub(super) fn delete(&mut self, path: &[Key]) {
        let mut left = vec![(ROOT, path)];
        while let Some((node, path)) = left.pop() {
            let Some((key, below)) = path.split_first() else { continue };
            let edges = self.edges(node);
            match (key.is_wildcard(), below) {
                (true, []) => edges.clear(),
                (true, below) => left.extend(edges.iter().map(|edge| (edge.node, below))),
                (false, below) => {
                    let Some(at) = edges.iter().position(|edge| edge.label.is(key)) else {
                        continue;
                    };
                    if below.is_empty() {
                        edges.remove(at);
                    } else if let Some(edge) = edges.get(at) {
                        left.push((edge.node, below));
                    }
                },
            }
        }
    }

    /// Moves everything at `from`: renames it where both paths are of one length, brings it up where `to` is
    /// shorter, and down from where it stands where `to` is longer.
    pub(super) fn move_all(&mut self, from: &'a [Key], to: &'a [Key]) -> Result<(), Broken> {
        let Some((last, before)) = from.split_last() else {
            // KrakenD looks for what it cannot have.
            let is_relabel = to.is_empty() && self.edges(ROOT).is_empty();
            return if is_relabel { Ok(()) } else { Err(Broken) };
        };
        let is_needed = from.len() > to.len() && to.iter().any(Key::is_wildcard);
        let reached = self.reach(before, if is_needed { Labels::Kept } else { Labels::Dropped });
        match to.split_last() {
            None => {
                let is_any = reached.iter().any(|at| self.child(at.node, last).is_some());
                return if is_any { Err(Broken) } else { Ok(()) };
            },
            Some((name, _)) if from.len() == to.len() => {
                for at in reached {
                    self.relabel(at.node, last, name);
                }
            },
            Some((name, above)) if from.len() > to.len() => {
                for taken in self.take(reached, last) {
                    self.promote(&taken, above, name);
                }
            },
            Some((name, above)) => {
                let new = above.get(before.len()..).unwrap_or_default();
                for taken in self.take(reached, last) {
                    self.embed(&taken, new, name);
                }
            },
        }
        Ok(())
    }

    /// Appends the list at `from` to the list at `to`.
    pub(super) fn append(&mut self, from: &'a [Key], to: &'a [Key]) {
        let (Some(more), Some(list)) = (self.items(from), self.items(to)) else { return };
        // Copies, since items are laid over others, possibly over themselves.
        let items: Vec<usize> = list.into_iter().chain(more).map(|item| self.copy(item)).collect();
        let mut node = ROOT;
        for key in to {
            node = match self.edges(node).iter().find(|edge| edge.label.is(key)) {
                Some(edge) => edge.node,
                None => self.grow(node, Label::from(key), Node::with(false, Vec::new())),
            };
        }
        let edges = (0..).zip(items).map(|(index, node)| Edge { label: Label::Index(index), node });
        let edges = edges.collect::<Vec<_>>();
        let list = if edges.is_empty() {
            Node { list: true, leaf: Leaf::EmptyList, edges: Edges::Read(edges) }
        } else {
            Node::with(true, edges)
        };
        let list = self.add(list);
        self.lay(list, node);
        self.delete(from);
    }

    /// Every node that `path` leads to.
    fn reach(&mut self, path: &[Key], kept: Labels) -> Vec<Reached<'a>> {
        let mut reached = vec![Reached { node: ROOT, labels: Vec::new() }];
        for key in path {
            let mut next = Vec::new();
            for at in &reached {
                let edges = self.edges(at.node).iter();
                let mut go = |edge: &Edge<'a>| {
                    let labels = match kept {
                        Labels::Dropped => Vec::new(),
                        Labels::Kept => {
                            at.labels.iter().cloned().chain([edge.label.clone()]).collect()
                        },
                    };
                    next.push(Reached { node: edge.node, labels });
                };
                if key.is_wildcard() {
                    edges.for_each(&mut go);
                } else {
                    edges.filter(|edge| edge.label.is(key)).take(1).for_each(&mut go);
                }
            }
            reached = next;
        }
        reached
    }

    fn relabel(&mut self, node: usize, old: &Key, new: &'a Key) {
        let list = self.nodes.get(node).is_some_and(|node| node.list);
        let edges = self.edges(node);
        let Some(at) = edges.iter().position(|edge| edge.label.is(old)) else { return };
        let is_taken = edges.iter().any(|edge| edge.label.is(new));
        if let Some(edge) = edges.get_mut(at) {
            edge.label = Label::from(new);
        }
        // Of two of one name the last is written.
        if is_taken && !list {
            let edge = edges.remove(at);
            edges.push(edge);
        }
    }

    fn take(&mut self, reached: Vec<Reached<'a>>, key: &Key) -> Vec<Taken<'a>> {
        let mut taken = Vec::new();
        for from in reached {
            let edges = self.edges(from.node);
            if let Some(at) = edges.iter().position(|edge| edge.label.is(key)) {
                taken.push(Taken { edge: edges.remove(at), from });
            }
        }
        taken
    }

    /// Under the deepest node of `above` that exists; `*` there is the label that the source has.
    fn promote(&mut self, taken: &Taken<'a>, above: &[Key], name: &'a Key) {
        let mut parent = ROOT;
        for (depth, key) in above.iter().enumerate() {
            let edges = self.edges(parent);
            let child = if key.is_wildcard() {
                taken.from.labels.get(depth).and_then(|own| labelled(edges, own))
            } else {
                labelled(edges, &Label::from(key))
            };
            match child {
                Some(child) => parent = child,
                None => break,
            }
        }
        self.edges(parent).push(Edge { label: Label::from(name), node: taken.edge.node });
    }

    /// Under `new`, from where it stood; what is not there is made.
    fn embed(&mut self, taken: &Taken<'a>, new: &'a [Key], name: &'a Key) {
        let mut parent = taken.from.node;
        for key in new {
            parent = match self.child(parent, key) {
                Some(child) => child,
                None => self.grow(parent, Label::from(key), Node::with(false, Vec::new())),
            };
        }
        self.edges(parent).push(Edge { label: Label::from(name), node: taken.edge.node });
    }

    fn grow(&mut self, parent: usize, label: Label<'a>, node: Node<'a>) -> usize {
        let node = self.add(node);
        self.edges(parent).push(Edge { label, node });
        node
    }

    /// The items of the list that `path` leads to; with a `*` what it leads to is a list, too.
    fn items(&mut self, path: &[Key]) -> Option<Vec<Option<usize>>> {
        let mut node = ROOT;
        for (depth, key) in path.iter().enumerate() {
            if self.edges(node).is_empty() {
                return None;
            }
            if key.is_wildcard() {
                let below = path.get(depth + 1..).unwrap_or_default();
                let mut items = Vec::new();
                for index in 0..self.edges(node).len() {
                    let child = self.edges(node).get(index).map(|edge| edge.node);
                    items.push(child.and_then(|child| self.found(child, below)));
                }
                return Some(items);
            }
            node = self.child(node, key)?;
        }
        self.edges(node);
        let Node { list, leaf, edges } = self.nodes.get(node)?;
        match edges {
            Edges::Read(edges) if !edges.is_empty() => {
                list.then(|| edges.iter().map(|edge| Some(edge.node)).collect())
            },
            Edges::Read(_) | Edges::Unread => {
                let is_empty_list = match leaf {
                    Leaf::EmptyList => true,
                    Leaf::Value { .. } => *list,
                    Leaf::Null | Leaf::EmptyObject => false,
                };
                is_empty_list.then(Vec::new)
            },
        }
    }

    /// What `path` leads to from `node`, as one value; a list of what it leads to if there is a `*`.
    fn found(&mut self, node: usize, path: &[Key]) -> Option<usize> {
        let mut node = node;
        for (depth, key) in path.iter().enumerate() {
            if self.edges(node).is_empty() {
                return None;
            }
            if key.is_wildcard() {
                let below = path.get(depth + 1..).unwrap_or_default();
                let children: Vec<usize> = self.edges(node).iter().map(|edge| edge.node).collect();
                let mut edges = Vec::with_capacity(children.len());
                for (index, child) in (0..).zip(children) {
                    // As deep as the path in the configuration.
                    let found = self.found(child, below);
                    let node = found.unwrap_or_else(|| self.add(Node::leaf(Leaf::Null)));
                    edges.push(Edge { label: Label::Index(index), node });
                }
                return Some(self.add(Node::with(true, edges)));
            }
            node = self.child(node, key)?;
        }
        Some(node)
    }

    /// A copy as if it was written and read again: places of lists counted anew, of equal names the last.
    fn copy(&mut self, source: Option<usize>) -> usize {
        let Some(source) = source else { return self.add(Node::leaf(Leaf::Null)) };
        let copied = self.add(Node::leaf(Leaf::Null));
        let mut left = vec![(source, copied)];
        while let Some((from, to)) = left.pop() {
            let Some(node) = self.nodes.get(from).cloned() else { continue };
            let Node { leaf, list, edges } = node;
            let copy = match edges {
                Edges::Read(edges) if !edges.is_empty() => {
                    let kept = written(&edges, list);
                    let mut copies = Vec::with_capacity(kept.len());
                    for (index, edge) in (0..).zip(kept) {
                        let label = if list { Label::Index(index) } else { edge.label.clone() };
                        let node = self.add(Node::leaf(Leaf::Null));
                        left.push((edge.node, node));
                        copies.push(Edge { label, node });
                    }
                    Node::with(list, copies)
                },
                Edges::Read(_) => Node { list, leaf, edges: Edges::Read(Vec::new()) },
                Edges::Unread => Node::leaf(leaf),
            };
            if let Some(place) = self.nodes.get_mut(to) {
                *place = copy;
            }
        }
        copied
    }

    /// Lays a value over a node: children of the same label are laid over each other, others added.
    fn lay(&mut self, value: usize, node: usize) {
        let mut left = vec![(value, node)];
        while let Some((value, node)) = left.pop() {
            let edges = self.edges(value).clone();
            let Some(Node { leaf, list, .. }) = self.nodes.get(value).cloned() else { continue };
            self.edges(node);
            let Some(under) = self.nodes.get_mut(node) else { continue };
            under.list = list;
            if edges.is_empty() {
                under.leaf = leaf;
                continue;
            }
            for edge in edges {
                let mut children = self.edges(node).iter();
                match children.find(|child| child.label.is_same(&edge.label)) {
                    Some(child) => left.push((edge.node, child.node)),
                    None => self.edges(node).push(edge),
                }
            }
        }
    }
}

/// The child of this label. Most items of lists stand at their own place.
fn labelled(edges: &[Edge<'_>], label: &Label<'_>) -> Option<usize> {
    if let Label::Index(index) = label
        && let Some(edge) = edges.get(*index as usize)
        && edge.label.is_same(label)
    {
        return Some(edge.node);
    }
    edges.iter().find(|edge| edge.label.is_same(label)).map(|edge| edge.node)
}

/// The edges that are written: all of a list, of an object the last of each name.
pub(super) fn written<'e, 'a>(edges: &'e [Edge<'a>], list: bool) -> Vec<&'e Edge<'a>> {
    if list {
        return edges.iter().collect();
    }
    let mut kept: Vec<&Edge<'a>> = edges.iter().collect();
    kept.sort_by(|one, other| one.label.order(&other.label));
    let mut last = Vec::with_capacity(kept.len());
    for (index, edge) in kept.iter().enumerate() {
        if kept.get(index + 1).is_none_or(|next| !next.label.is_same(&edge.label)) {
            last.push(*edge);
        }
    }
    last
}
