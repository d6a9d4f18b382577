//! `flatmap_filter`: fields are moved, lists appended, fields deleted.
//!
//! The data is looked at as a tree of labels, as KrakenD's flatmap does: `*` is every child, items of lists have
//! their place as a label. The operations run one after the other; what none of them enters is not read. The
//! result is written once, as it would leave the gateway.
//! KrakenD: a `move` between paths of one length only renames; deleting all children leaves `null`; an
//! operation with too few arguments panics at each request. Of several fields of one name the moved one stays.

mod append;
mod label;
mod operate;
mod read;
mod top;
mod tree;
mod write;

use baton_shared::config::node::{Node, Value};

use super::data::Data;
use label::Label;
use top::Top;
use tree::Tree;

/// A compiled `flatmap_filter`.
#[derive(Clone, Debug)]
pub struct Flatmap {
    operations: Box<[Operation]>,
}

#[derive(Clone, Debug)]
enum Operation {
    Move {
        from: Path,
        to: Path,
    },
    Append {
        from: Path,
        to: Path,
    },
    Delete(Path),
    /// Too few arguments.
    Broken,
}

/// Keys down to something; without any it is no string in the file.
type Path = Box<[Key]>;

/// One key of a path.
#[derive(Clone, Debug)]
struct Key {
    /// As a member's key in JSON.
    written: Box<[u8]>,
    /// The place in a list that it names.
    index: Option<u32>,
    is_wildcard: bool,
}

/// An operation that KrakenD panics of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an operation of flatmap_filter lacks arguments")]
pub struct Broken;

/// What is odd about an operation: told at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doubt {
    /// Its place in the list.
    pub(crate) index: usize,
    pub(crate) text: String,
}

impl Flatmap {
    /// Compiles the list; `None` if it has no operation at all, and so replaces no other manipulation.
    #[must_use]
    pub fn compile(list: &Node) -> Option<Self> {
        let Value::Array(items) = &list.value else { return None };
        let mut operations = Vec::new();
        let mut is_any = false;
        for (name, args) in items.iter().filter_map(operation) {
            is_any = true;
            match name {
                "move" | "append" => operations.push(binary(name, &args)),
                "del" => operations.extend(args.into_iter().map(Operation::Delete)),
                _ => {},
            }
        }
        is_any.then(|| Self { operations: operations.into() })
    }

    /// What of the list does not do what somebody may expect.
    pub(crate) fn doubts(list: &Node) -> Vec<Doubt> {
        let Value::Array(items) = &list.value else { return Vec::new() };
        let doubt = |(index, item)| doubt(item).map(|text| Doubt { index, text });
        items.iter().enumerate().filter_map(doubt).collect()
    }

    /// Applies the operations.
    ///
    /// # Errors
    /// One of them lacks arguments.
    pub fn apply(&self, data: &Data) -> Result<Data, Broken> {
        let tops = Top::all(data);
        let mut tree = Tree::new(&tops, if data.is_empty_object() { b"{}" } else { b"null" });
        for operation in &self.operations {
            match operation {
                Operation::Move { from, to } => tree.move_all(from, to)?,
                Operation::Append { from, to } => tree.append(from, to),
                Operation::Delete(path) => tree.delete(path),
                Operation::Broken => return Err(Broken),
            }
        }
        Ok(tree.into_data(data.written_bytes_guess()))
    }
}

impl Key {
    fn new(text: &str) -> Self {
        let index = text.parse().ok().filter(|index: &u32| index.to_string() == text);
        let written = top::written(text.as_bytes()).into();
        Self { written, index, is_wildcard: text == "*" }
    }

    #[inline]
    fn label(&self) -> Label<'_> {
        self.index.map_or(Label::Key(&self.written), Label::Index)
    }

    /// Whether it leads to the child of this label.
    #[inline]
    fn leads_to(&self, label: Label<'_>) -> bool {
        self.is_wildcard || label.is(self.label())
    }
}

/// Type and arguments of an item that is an operation.
fn operation(item: &Node) -> Option<(&str, Vec<Path>)> {
    let Value::String(name) = &member(item, "type")?.value else { return None };
    let args = match member(item, "args").map(|args| &args.value) {
        Some(Value::Array(args)) => args.iter().map(path).collect(),
        Some(_) | None => Vec::new(),
    };
    Some((name, args))
}

fn member<'a>(item: &'a Node, key: &str) -> Option<&'a Node> {
    let Value::Object(members) = &item.value else { return None };
    members.iter().find(|(name, _)| name == key).map(|(_, node)| node)
}

fn path(arg: &Node) -> Path {
    match &arg.value {
        Value::String(text) => text.split('.').map(Key::new).collect(),
        _ => Path::default(),
    }
}

fn binary(name: &str, args: &[Path]) -> Operation {
    match args {
        [from, to, ..] if name == "move" => Operation::Move { from: from.clone(), to: to.clone() },
        [from, to, ..] => Operation::Append { from: from.clone(), to: to.clone() },
        _ => Operation::Broken,
    }
}

fn doubt(item: &Node) -> Option<String> {
    let Some((name, args)) = operation(item) else {
        return Some("is no operation: it is skipped".to_owned());
    };
    match (name, &*args) {
        ("move" | "append", [from, to]) if !from.is_empty() && !to.is_empty() => None,
        ("move" | "append", _) => {
            Some(format!("`{name}` takes two paths: without them each request is answered 500"))
        },
        ("del", _) => None,
        _ => Some(format!("`{name}` is none of `move`, `append`, `del`: it is skipped")),
    }
}

#[cfg(test)]
mod tests;
