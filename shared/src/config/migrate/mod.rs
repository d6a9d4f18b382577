//! A configuration of KrakenD 1 (`version: 2`, long namespaces, old keys) in today's spelling.
//!
//! The text is edited, not written anew: comments, order, indentation and everything else stay as
//! they are, and no line is added or taken away. What cannot be done is told.

mod json;
mod table;
mod yaml;

use std::ops::Range;

use super::node::{Node, Value};
use super::read::{self, Format};
use super::{namespace, nearest};
use crate::words::JsonPointer;

pub use table::{GONE, renamed};

/// What became of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The new text.
    pub text: String,
    /// What was changed, in file order.
    pub changes: Vec<Remark>,
    /// What is left to a person.
    pub left: Vec<Remark>,
}

/// Something about a place of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The line, from 1.
    pub line: u32,
    /// Where in the document.
    pub pointer: JsonPointer,
    /// In words.
    pub text: String,
}

/// Why nothing can be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MigrateError {
    /// The file is none of its format.
    #[error("line {line}: {text}")]
    Unreadable {
        /// The parser's words.
        text: String,
        /// From 1.
        line: u32,
    },
    /// A template: only a whole document can be edited safely.
    #[error(
        "this is a template: only a whole document can be rewritten. Migrate what it renders to \
         (FC_OUT), or change by hand what is named below, also in settings and partials"
    )]
    Template {
        /// Old names that stand in it.
        hints: Vec<Remark>,
    },
    /// A format in which names cannot be replaced one by one.
    #[error("TOML is not rewritten: change by hand what is named below")]
    Toml {
        /// What would be changed.
        hints: Vec<Remark>,
    },
}

/// A name to be replaced: where it stands in the document, and what by.
#[derive(Clone, Debug)]
struct Rename {
    /// The members on the way, the last one is the name itself.
    path: Vec<Step>,
    /// The line of its value, and of the object that it stands in.
    line: u32,
    owner_line: u32,
    new: String,
}

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// Replaces what is old in `text`, a configuration of that format.
///
/// # Errors
/// See [`MigrateError`].
pub fn migrate(format: Format, text: &str) -> Result<Migration, MigrateError> {
    let document = match read::read(format, text.as_bytes()) {
        Ok(document) => document,
        Err(_) if text.contains("{{") => {
            return Err(MigrateError::Template { hints: old_names(text) });
        },
        Err(error) => {
            return Err(MigrateError::Unreadable { text: error.text, line: error.line });
        },
    };
    let mut plan = Plan::default();
    plan.root(&document.root);
    if format == Format::Toml && !plan.renames.is_empty() {
        let hints = plan.renames.iter().map(Rename::remark).chain(plan.left).collect();
        return Err(MigrateError::Toml { hints });
    }
    Ok(plan.apply(format, text))
}

/// What to do, found in the document; nothing of the text is looked at.
#[derive(Debug, Default)]
struct Plan {
    renames: Vec<Rename>,
    left: Vec<Remark>,
    path: Vec<Step>,
}

/// The kind of an object: which of its keys were renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Service,
    Endpoint,
    Backend,
    Agent,
}

impl Plan {
    fn root(&mut self, root: &Node) {
        let Value::Object(members) = &root.value else { return };
        match members.iter().find(|(key, _)| key == "version") {
            Some((_, node)) if matches!(as_text(node), Some("1" | "2")) => {
                self.path.push(Step::Key("version".to_owned()));
                self.rename(node.line, root.line, "3");
                self.path.pop();
            },
            Some(_) => {},
            None => self.leave(root.line, "there is no version: add \"version\": 3".to_owned()),
        }
        self.object(root, Kind::Service);
    }

    fn rename(&mut self, line: u32, owner_line: u32, new: &str) {
        let (path, new) = (self.path.clone(), new.to_owned());
        self.renames.push(Rename { path, line, owner_line, new });
    }

    fn leave(&mut self, line: u32, text: String) {
        self.left.push(Remark { line, pointer: pointer(&self.path), text });
    }

    fn object(&mut self, node: &Node, kind: Kind) {
        let Value::Object(members) = &node.value else { return };
        for (key, inner) in members {
            self.path.push(Step::Key(key.clone()));
            let level = match kind {
                Kind::Endpoint => table::ENDPOINT,
                Kind::Backend => table::BACKEND,
                Kind::Service | Kind::Agent => &[],
            };
            self.key(members, key, inner.line, node.line, level);
            match (kind, key.as_str()) {
                (_, "extra_config") => self.namespaces(inner),
                (Kind::Service, "endpoints") => self.each(inner, Kind::Endpoint),
                (Kind::Service, "async_agent") => self.each(inner, Kind::Agent),
                (Kind::Endpoint | Kind::Agent, "backend") => self.each(inner, Kind::Backend),
                _ => {},
            }
            self.path.pop();
        }
    }

    /// KrakenD takes a single object for a list of one.
    fn each(&mut self, node: &Node, kind: Kind) {
        let Value::Array(items) = &node.value else { return self.object(node, kind) };
        for (index, item) in items.iter().enumerate() {
            self.path.push(Step::Index(index));
            self.object(item, kind);
            self.path.pop();
        }
    }

    /// One key, which may have a new name in `table`.
    fn key(
        &mut self,
        members: &[(String, Node)],
        key: &str,
        line: u32,
        owner_line: u32,
        table: &[(&str, &str)],
    ) {
        let Some((_, new)) = table.iter().find(|(old, _)| *old == key) else { return };
        if members.iter().any(|(other, _)| other == new) {
            return self
                .leave(line, format!("`{key}` stands beside `{new}`, its new name: keep one"));
        }
        self.rename(line, owner_line, new);
    }

    fn namespaces(&mut self, node: &Node) {
        let Value::Object(members) = &node.value else { return };
        for (name, inner) in members {
            self.path.push(Step::Key(name.clone()));
            let short = namespace::find(name).map(|known| known.short);
            let new = short
                .or_else(|| namespace::replacement_of_old(name))
                .or_else(|| table::enterprise(name));
            match new {
                Some(new) if new != name => {
                    if members.iter().any(|(other, _)| other == new) {
                        let text = format!(
                            "`{name}` has no effect beside `{new}`, its new name: keep one"
                        );
                        self.leave(inner.line, text);
                    } else {
                        self.rename(inner.line, node.line, new);
                    }
                },
                Some(_) => {},
                None => self.unknown_namespace(name, inner.line),
            }
            if let (Some(new), Value::Object(keys)) = (new, &inner.value) {
                for (key, value) in keys {
                    self.path.push(Step::Key(key.clone()));
                    self.key(keys, key, value.line, inner.line, table::of_namespace(new));
                    self.path.pop();
                }
            }
            self.path.pop();
        }
    }

    fn unknown_namespace(&mut self, name: &str, line: u32) {
        if let Some((_, why)) = GONE.iter().find(|(gone, _)| *gone == name) {
            return self.leave(line, format!("`{name}`: {why}"));
        }
        if name.starts_with("github.com/") || name.starts_with("github_com/") {
            let known = namespace::KNOWN.iter().filter_map(|known| known.long);
            let nearest = nearest::nearest(name, known);
            let hint = nearest.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            self.leave(line, format!("`{name}` is unknown{hint}"));
        }
    }

    fn apply(self, format: Format, text: &str) -> Migration {
        let spans = match format {
            Format::Json => json::spans(text, &self.renames),
            Format::Yaml | Format::Toml => yaml::spans(text, &self.renames),
        };
        let (mut edits, mut changes, mut left) = (Vec::new(), Vec::new(), self.left);
        for (rename, span) in self.renames.iter().zip(spans) {
            match span {
                Some(span) => {
                    changes.push(rename.remark());
                    edits.push((span, rename.new.as_str()));
                },
                None => {
                    let Remark { line, pointer, text } = rename.remark();
                    left.push(Remark {
                        line,
                        pointer,
                        text: format!("{text} (by hand: the name was not found)"),
                    });
                },
            }
        }
        left.sort_by_key(|remark| remark.line);
        changes.sort_by_key(|remark| remark.line);
        Migration { text: replace(text, edits), changes, left }
    }
}

/// Puts each new text in the place of its span; none of them overlap.
fn replace(text: &str, mut edits: Vec<(Range<usize>, &str)>) -> String {
    edits.sort_by_key(|(span, _)| span.start);
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (span, new) in edits {
        out.push_str(text.get(at..span.start).unwrap_or_default());
        out.push_str(new);
        at = span.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

impl Rename {
    fn old(&self) -> &str {
        match self.path.last() {
            Some(Step::Key(key)) => key,
            Some(Step::Index(_)) | None => "",
        }
    }

    /// Not a key but the value of one: the version.
    fn is_value(&self) -> bool {
        self.path.len() == 1 && self.old() == "version"
    }

    fn remark(&self) -> Remark {
        let text = if self.is_value() {
            format!("version {}", self.new)
        } else {
            format!("`{}` → `{}`", self.old(), self.new)
        };
        Remark { line: self.line, pointer: pointer(&self.path), text }
    }
}

fn pointer(path: &[Step]) -> JsonPointer {
    path.iter().fold(JsonPointer::root(), |at, step| match step {
        Step::Key(key) => at.key(key),
        Step::Index(index) => at.index(*index),
    })
}

fn as_text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Number(text) | Value::String(text) => Some(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Old names anywhere in a text, by line: for what cannot be parsed.
fn old_names(text: &str) -> Vec<Remark> {
    let long = namespace::KNOWN.iter().filter_map(|known| Some((known.long?, known.short)));
    let keys = table::ENDPOINT.iter().chain(table::BACKEND).copied();
    let all: Vec<(&str, &str)> = long.chain(keys).collect();
    let mut found = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        for (old, new) in &all {
            if content.contains(&format!("\"{old}\"")) {
                let text = format!("`{old}` → `{new}`");
                found.push(Remark { line, pointer: JsonPointer::root(), text });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
