//! YAML as KrakenD's parser (go-yaml v3) reads it: the first document, anchors and `<<` resolved.
//!
//! Events are put together on an explicit stack. What aliases may copy is bounded, so that a small
//! file cannot grow into a large one.

mod anchor;
mod scalar;

use std::collections::HashSet;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput};

use self::anchor::Anchors;
use super::{DEPTH_MAX, Document, ReadError, Repeated, text};
use crate::config::node::{Node, Value};
use crate::words::JsonPointer;

/// Reads the first document; its root must be a mapping, or nothing, which counts as an empty one.
///
/// # Errors
/// In go-yaml's words where they are known.
pub(super) fn read(bytes: &[u8]) -> Result<Document, ReadError> {
    /// Aliases may copy so much.
    const COPIED_BYTES_MAX: usize = 64 << 20;
    let Node { line, value } = value(bytes, COPIED_BYTES_MAX)?;
    let (kind, shown) = match value {
        Value::Object(_) => {
            return Ok(Document { root: Node { line, value }, repeated: Vec::new() });
        },
        Value::Null => {
            let root = Node { line, value: Value::Object(Vec::new()) };
            return Ok(Document { root, repeated: Vec::new() });
        },
        Value::Array(_) => ("seq", String::new()),
        Value::Bool(flag) => ("bool", flag.to_string()),
        Value::Number(digits) if digits.parse::<i64>().is_ok() => ("int", digits),
        Value::Number(digits) => ("float", digits),
        Value::String(text) => ("str", text),
    };
    let text =
        format!("cannot unmarshal !!{kind}{} into map[string]interface {{}}", quoted(&shown));
    Err(unmarshal_error(&text, line, JsonPointer::root()))
}

/// Reads the first document, whatever it is; nothing counts as null.
///
/// # Errors
/// In go-yaml's words where they are known; also when aliases copy more than they may.
pub(super) fn value(bytes: &[u8], copied_bytes_max: usize) -> Result<Node, ReadError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().fold(1u32, |line, b| line.saturating_add(u32::from(*b == b'\n')));
        error_at("yaml: invalid leading UTF-8 octet".to_owned(), line, JsonPointer::root())
    })?;
    let anchors = Anchors::new(copied_bytes_max);
    let mut build = Build { open: Vec::new(), anchors, root: None };
    for event in Parser::<StrInput<'_>>::new_from_str(text) {
        let (event, span) = event.map_err(|error| build.scan_error(&error))?;
        if build.take(event, line_of(span.start.line()))? {
            break;
        }
    }
    Ok(build.root.unwrap_or(Node { line: 1, value: Value::Null }))
}

/// A value as go-yaml shows it: the first letters, in backticks.
fn quoted(value: &str) -> String {
    match value.chars().count() {
        0 => String::new(),
        1..=10 => format!(" `{value}`"),
        _ => format!(" `{}...`", value.chars().take(7).collect::<String>()),
    }
}

/// A sequence or mapping that is not closed yet.
struct Open {
    line: u32,
    anchor_id: usize,
    holds: Holds,
}

enum Holds {
    Items(Vec<Node>),
    Members { done: Vec<(String, Node)>, merged: Vec<Node>, key: Key },
}

enum Key {
    /// A key comes next.
    Next,
    /// A value comes next: this key's.
    Of { name: String, line: u32 },
    /// A value comes next: a mapping, or several, whose members are taken over.
    Merge,
}

struct Build {
    open: Vec<Open>,
    anchors: Anchors,
    root: Option<Node>,
}

impl Build {
    /// Takes one event; `true`: the document is complete.
    fn take(&mut self, event: Event<'_>, line: u32) -> Result<bool, ReadError> {
        match event {
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => {},
            Event::StreamEnd | Event::DocumentEnd => return Ok(true),
            Event::Scalar(text, style, anchor_id, tag) => {
                let is_plain = style == ScalarStyle::Plain;
                let wants_key = matches!(
                    self.open.last(),
                    Some(Open { holds: Holds::Members { key: Key::Next, .. }, .. })
                );
                if wants_key && is_plain && tag.is_none() && text == "<<" {
                    self.set_key(Key::Merge);
                    return Ok(false);
                }
                let tag = tag.filter(|tag| tag.is_yaml_core_schema());
                let value =
                    scalar::resolve(&text, is_plain, tag.as_ref().map(|tag| tag.suffix.as_str()));
                self.put(Node { line, value }, anchor_id)?;
            },
            Event::SequenceStart(anchor_id, _) => {
                self.begin(Open { line, anchor_id, holds: Holds::Items(Vec::new()) })?;
            },
            Event::MappingStart(anchor_id, _) => {
                let holds = Holds::Members { done: Vec::new(), merged: Vec::new(), key: Key::Next };
                self.begin(Open { line, anchor_id, holds })?;
            },
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::Alias(anchor_id) => {
                let depth = self.open.len();
                let copied = self.anchors.copy(anchor_id, depth);
                let node = copied.map_err(|text| self.error(text, line))?;
                self.put(Node { line, ..node }, 0)?;
            },
        }
        Ok(false)
    }

    fn begin(&mut self, open: Open) -> Result<(), ReadError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(self.error("document nests too deep", open.line));
        }
        if matches!(
            self.open.last(),
            Some(Open { holds: Holds::Members { key: Key::Next, .. }, .. })
        ) {
            return Err(self.error(KEY_IS_NO_SCALAR, open.line));
        }
        self.anchors.begin(open.anchor_id);
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self) -> Result<(), ReadError> {
        let Some(Open { line, anchor_id, holds }) = self.open.pop() else { return Ok(()) };
        let value = match holds {
            Holds::Items(items) => Value::Array(items),
            Holds::Members { done, merged, .. } => {
                let mut done = self.without_repeats(done)?;
                if !merged.is_empty() {
                    let mut names = done.iter().map(|(name, _)| name.clone()).collect();
                    for node in merged {
                        self.merge(&mut done, &mut names, node, line)?;
                    }
                }
                Value::Object(done)
            },
        };
        self.put(Node { line, value }, anchor_id)
    }

    /// A finished node goes where the innermost sequence or mapping wants it.
    fn put(&mut self, node: Node, anchor_id: usize) -> Result<(), ReadError> {
        if anchor_id > 0 {
            let kept = self.anchors.finish(anchor_id, &node);
            kept.map_err(|text| self.error(text, node.line))?;
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.holds {
            Holds::Items(items) => items.push(node),
            Holds::Members { done, merged, key } => match std::mem::replace(key, Key::Next) {
                // Its line is the key's: a block begins below.
                Key::Of { name, line } => done.push((name, Node { line, ..node })),
                Key::Merge => merged.push(node),
                Key::Next => return self.key(node),
            },
        }
        Ok(())
    }

    fn key(&mut self, Node { line, value }: Node) -> Result<(), ReadError> {
        let name = match value {
            Value::String(text) | Value::Number(text) => text,
            Value::Bool(flag) => flag.to_string(),
            Value::Null => "<nil>".to_owned(),
            Value::Array(_) | Value::Object(_) => {
                return Err(self.error(KEY_IS_NO_SCALAR, line));
            },
        };
        self.set_key(Key::Of { name, line });
        Ok(())
    }

    fn set_key(&mut self, new: Key) {
        if let Some(Open { holds: Holds::Members { key, .. }, .. }) = self.open.last_mut() {
            *key = new;
        }
    }

    /// A key twice is refused.
    fn without_repeats(
        &self,
        members: Vec<(String, Node)>,
    ) -> Result<Vec<(String, Node)>, ReadError> {
        let mut repeated = Vec::new();
        let at = self.pointer();
        let members = text::last_of_each(members, &at, &mut repeated);
        let Some(Repeated { at, line, earlier_line }) = repeated.into_iter().next() else {
            return Ok(members);
        };
        let key = at.as_str().rsplit('/').next().unwrap_or_default();
        let key = key.replace("~1", "/").replace("~0", "~");
        let text = format!("mapping key {key:?} already defined at line {earlier_line}");
        Err(unmarshal_error(&text, line, at))
    }

    /// Members of a mapping, or of several, that are not there yet.
    fn merge(
        &self,
        done: &mut Vec<(String, Node)>,
        names: &mut HashSet<String>,
        from: Node,
        line: u32,
    ) -> Result<(), ReadError> {
        match from.value {
            Value::Object(members) => {
                done.extend(members.into_iter().filter(|(name, _)| names.insert(name.clone())));
                Ok(())
            },
            Value::Array(items)
                if items.iter().all(|item| matches!(item.value, Value::Object(_))) =>
            {
                items.into_iter().try_for_each(|item| self.merge(done, names, item, line))
            },
            _ => {
                let text = "map merge requires map or sequence of maps as the value";
                Err(error_at(format!("yaml: {text}"), line, self.pointer()))
            },
        }
    }

    fn error(&self, text: &str, line: u32) -> ReadError {
        unmarshal_error(text, line, self.pointer())
    }

    /// go-yaml leaves out the place when it is on the first line.
    fn scan_error(&self, error: &ScanError) -> ReadError {
        let line = line_of(error.marker().line());
        let place = if line > 1 { format!("line {line}: ") } else { String::new() };
        error_at(format!("yaml: {place}{}", error.info()), line, self.pointer())
    }

    fn pointer(&self) -> JsonPointer {
        self.open.iter().fold(JsonPointer::root(), |at, open| match &open.holds {
            Holds::Items(items) => at.index(items.len()),
            Holds::Members { key: Key::Of { name, .. }, .. } => at.key(name),
            Holds::Members { .. } => at,
        })
    }
}

const KEY_IS_NO_SCALAR: &str = "invalid map key: a key must be a scalar";

fn unmarshal_error(text: &str, line: u32, at: JsonPointer) -> ReadError {
    error_at(format!("yaml: unmarshal errors:\n  line {line}: {text}"), line, at)
}

const fn error_at(text: String, line: u32, at: JsonPointer) -> ReadError {
    ReadError { text, line, at }
}

fn line_of(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX).max(1)
}
