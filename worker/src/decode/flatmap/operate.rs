//! The operations, step by step as KrakenD's flatmap takes them.
//!
//! Nothing recurses: how deep data nests is its sender's choice.

use super::label::Label;
use super::tree::{Node, Place, ROOT, Tree};
use super::{Broken, Key};

/// What a path leads to, and by which ways.
struct Reached {
    /// Level by level: a node, and the step to that in which it is.
    steps: Vec<Step>,
    /// Where the last level begins.
    ends: usize,
    levels: usize,
}

#[derive(Clone, Copy)]
struct Step {
    node: Place,
    before: usize,
}

/// A node that was taken out, and the step to that in which it was.
struct Taken {
    node: Place,
    from: Step,
}

impl<'a> Tree<'a> {
    /// Takes everything at `path` out.
    pub(super) fn delete(&mut self, path: &[Key]) {
        let mut left = vec![(ROOT, path)];
        while let Some((node, path)) = left.pop() {
            let Some((key, below)) = path.split_first() else { continue };
            self.read(node, path);
            match (key.is_wildcard, below) {
                (true, []) => self.clear(node),
                (true, below) => {
                    left.extend(self.children(node).iter().map(|child| (*child, below)));
                },
                (false, below) => {
                    let Some(index) = self.position(node, key.label()) else { continue };
                    if below.is_empty() {
                        self.remove(node, index);
                    } else if let Some(child) = self.children(node).get(index) {
                        left.push((*child, below));
                    }
                },
            }
        }
    }

    /// Moves everything at `from`: renames it where both paths are of one length, brings it up where `to` is
    /// shorter, and down from where it stands where `to` is longer.
    pub(super) fn move_all(&mut self, from: &[Key], to: &'a [Key]) -> Result<(), Broken> {
        let Some((last, before)) = from.split_last() else {
            // KrakenD looks for what it cannot have.
            let is_relabel = to.is_empty() && self.children(ROOT).is_empty();
            return if is_relabel { Ok(()) } else { Err(Broken) };
        };
        let reached = self.reach(from);
        let last = last.label();
        match to.split_last() {
            None => {
                let taken = self.take(&reached, last);
                return if taken.is_empty() { Ok(()) } else { Err(Broken) };
            },
            Some((name, _)) if from.len() == to.len() => {
                for step in reached.ends() {
                    self.relabel(step.node, last, name.label());
                }
            },
            Some((name, above)) if from.len() > to.len() => {
                for taken in self.take(&reached, last) {
                    let parent = self.deepest(above, &reached, taken.from);
                    self.put(taken.node, parent, name.label());
                }
            },
            Some((name, above)) => {
                let new = above.get(before.len()..).unwrap_or_default();
                for taken in self.take(&reached, last) {
                    let parent = self.grow(taken.from.node, new);
                    self.put(taken.node, parent, name.label());
                }
            },
        }
        Ok(())
    }

    /// Everything that `path` leads to without its last key.
    fn reach(&mut self, path: &[Key]) -> Reached {
        let mut steps = vec![Step { node: ROOT, before: 0 }];
        let (mut ends, levels) = (0, path.len() - 1);
        for (level, key) in path.iter().take(levels).enumerate() {
            let level_end = steps.len();
            for before in ends..level_end {
                let node = steps[before].node;
                self.read(node, &path[level..]);
                if key.is_wildcard {
                    steps.extend(self.children(node).iter().map(|&node| Step { node, before }));
                } else {
                    let child = self.child(node, key.label());
                    steps.extend(child.map(|node| Step { node, before }));
                }
            }
            ends = level_end;
        }
        Reached { steps, ends, levels }
    }

    /// Takes the children of this label out.
    fn take(&mut self, reached: &Reached, label: Label<'_>) -> Vec<Taken> {
        let mut taken = Vec::new();
        for &from in reached.ends() {
            self.read(from.node, &[]);
            let index = self.position(from.node, label);
            let node = index.and_then(|index| self.remove(from.node, index));
            taken.extend(node.map(|node| Taken { node, from }));
        }
        taken
    }

    fn relabel(&mut self, node: Place, old: Label<'_>, new: Label<'a>) {
        self.read(node, &[]);
        let Some(index) = self.position(node, old) else { return };
        let is_taken = self.position(node, new).is_some();
        let Some(&child) = self.children(node).get(index) else { return };
        self.node_mut(child).label = new;
        self.disorder(node);
        // Of two of one name the last is written.
        if is_taken && !self.node(node).list {
            self.remove(node, index);
            self.push(node, child);
        }
    }

    fn put(&mut self, node: Place, parent: Place, label: Label<'a>) {
        self.node_mut(node).label = label;
        self.push(parent, node);
    }

    /// The deepest node of `path` that exists; `*` there is the label that the source's way has.
    fn deepest(&mut self, path: &[Key], reached: &Reached, from: Step) -> Place {
        let mut node = ROOT;
        for (level, key) in path.iter().enumerate() {
            self.read(node, &[]);
            let label = match key.is_wildcard {
                true => self.node(reached.on_the_way(from, level)).label,
                false => key.label(),
            };
            match self.child(node, label) {
                Some(child) => node = child,
                None => break,
            }
        }
        self.read(node, &[]);
        node
    }

    /// What `path` leads to from a node, where `*` is a name like others; what is not there is made.
    pub(super) fn grow(&mut self, mut node: Place, path: &'a [Key]) -> Place {
        for key in path {
            self.read(node, &[]);
            node = self.child(node, key.label()).unwrap_or_else(|| {
                let child = self.add(Node::null(key.label()));
                self.push(node, child);
                child
            });
        }
        self.read(node, &[]);
        node
    }
}

impl Reached {
    fn ends(&self) -> &[Step] {
        self.steps.get(self.ends..).unwrap_or_default()
    }

    /// The node that was reached by the key at `level`, on the way to an end.
    fn on_the_way(&self, end: Step, level: usize) -> Place {
        let mut step = end;
        for _ in level + 1..self.levels {
            step = self.steps[step.before];
        }
        step.node
    }
}
