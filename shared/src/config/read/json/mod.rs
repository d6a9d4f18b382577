//! JSON as Go's `encoding/json` reads it into `map[string]interface{}`.
//!
//! As strict (no comments, no trailing commas or data), and in the same words when it refuses. Numbers
//! become float64s. An explicit stack: the depth of a document costs no stack.

mod token;

use super::text::{self, quoted_byte};
use super::{DEPTH_MAX, Document, ReadError, Repeated};
use crate::config::node::{Node, Value};
use crate::words::JsonPointer;

/// Reads a whole document; its root must be an object, or `null`, which counts as an empty one.
///
/// # Errors
/// In Go's words.
pub fn read(bytes: &[u8]) -> Result<Document, ReadError> {
    let mut scan = Scan::new(bytes);
    let root = scan.document()?;
    let kind = match root.value {
        Value::Object(_) => {
            return match scan.range {
                Some(error) => Err(error),
                None => Ok(Document { root, repeated: scan.repeated }),
            };
        },
        Value::Null => {
            let root = Node { line: root.line, value: Value::Object(Vec::new()) };
            return Ok(Document { root, repeated: Vec::new() });
        },
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
    };
    let text =
        format!("json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}");
    Err(ReadError { text, line: root.line, at: JsonPointer::root() })
}

/// Reads any value, not only an object.
///
/// # Errors
/// In Go's words.
pub fn read_any(bytes: &[u8]) -> Result<Node, ReadError> {
    let mut scan = Scan::new(bytes);
    let root = scan.document()?;
    match scan.range {
        Some(error) => Err(error),
        None => Ok(root),
    }
}

/// An array or object that is not closed yet.
struct Open {
    line: u32,
    holds: Holds,
}

enum Holds {
    Items(Vec<Node>),
    Members { done: Vec<(String, Node)>, key: String },
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
    open: Vec<Open>,
    /// The first number that no float64 holds: an error only if the syntax is right to the end.
    range: Option<ReadError>,
    repeated: Vec<Repeated>,
}

impl<'a> Scan<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, line: 1, open: Vec::new(), range: None, repeated: Vec::new() }
    }

    fn document(&mut self) -> Result<Node, ReadError> {
        let mut finished = self.value()?;
        loop {
            let Some(node) = finished else {
                finished = self.value()?;
                continue;
            };
            let Some(top) = self.open.last_mut() else {
                return match self.skip_blanks() {
                    None => Ok(node),
                    Some(byte) => Err(self.invalid(byte, "after top-level value")),
                };
            };
            match &mut top.holds {
                Holds::Items(items) => items.push(node),
                Holds::Members { done, key } => done.push((std::mem::take(key), node)),
            }
            finished = self.after_member()?;
        }
    }

    /// What follows a member of the innermost array or object: another one (`None`, positioned at
    /// its value), or the end, which finishes the array or object.
    fn after_member(&mut self) -> Result<Option<Node>, ReadError> {
        let next = self.skip_blanks().ok_or_else(|| self.ended())?;
        match (self.open.last().map(|open| &open.holds), next) {
            (Some(Holds::Items(_)), b',') => {
                self.at += 1;
                Ok(None)
            },
            (Some(Holds::Members { .. }), b',') => {
                self.at += 1;
                self.key()?;
                Ok(None)
            },
            (Some(Holds::Items(_)), b']') | (Some(Holds::Members { .. }), b'}') => Ok(self.close()),
            (Some(Holds::Items(_)), other) => Err(self.invalid(other, "after array element")),
            (_, other) => Err(self.invalid(other, "after object key:value pair")),
        }
    }

    /// One value: a scalar, or an array or object if it is empty. `None`: one was opened and stands
    /// at its first value.
    fn value(&mut self) -> Result<Option<Node>, ReadError> {
        let first = self.skip_blanks().ok_or_else(|| self.ended())?;
        let line = self.line;
        let value = match first {
            b'{' => {
                self.open(first, Holds::Members { done: Vec::new(), key: String::new() })?;
                match self.skip_blanks().ok_or_else(|| self.ended())? {
                    b'}' => return Ok(self.close()),
                    _ => self.key()?,
                }
                return Ok(None);
            },
            b'[' => {
                self.open(first, Holds::Items(Vec::new()))?;
                let is_empty = self.skip_blanks().ok_or_else(|| self.ended())? == b']';
                return Ok(if is_empty { self.close() } else { None });
            },
            b'"' => Value::String(self.string()?),
            b't' => self.literal("true", Value::Bool(true))?,
            b'f' => self.literal("false", Value::Bool(false))?,
            b'n' => self.literal("null", Value::Null)?,
            b'-' | b'0'..=b'9' => Value::Number(self.number()?),
            other => return Err(self.invalid(other, "looking for beginning of value")),
        };
        Ok(Some(Node { line, value }))
    }

    fn open(&mut self, byte: u8, holds: Holds) -> Result<(), ReadError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(self.invalid(byte, "exceeded max depth"));
        }
        self.at += 1;
        self.open.push(Open { line: self.line, holds });
        Ok(())
    }

    fn close(&mut self) -> Option<Node> {
        self.at += 1;
        let Open { line, holds } = self.open.pop()?;
        let value = match holds {
            Holds::Items(items) => Value::Array(items),
            Holds::Members { done, .. } => {
                let here = self.pointer();
                Value::Object(text::last_of_each(done, &here, &mut self.repeated))
            },
        };
        Some(Node { line, value })
    }

    /// A member's key and the colon behind it.
    fn key(&mut self) -> Result<(), ReadError> {
        match self.skip_blanks() {
            Some(b'"') => {},
            Some(other) => {
                return Err(self.invalid(other, "looking for beginning of object key string"));
            },
            None => return Err(self.ended()),
        }
        let name = self.string()?;
        match self.skip_blanks() {
            Some(b':') => self.at += 1,
            Some(other) => return Err(self.invalid(other, "after object key")),
            None => return Err(self.ended()),
        }
        if let Some(Open { holds: Holds::Members { key, .. }, .. }) = self.open.last_mut() {
            *key = name;
        }
        Ok(())
    }

    /// Skips blanks; the byte behind them, which is not consumed.
    fn skip_blanks(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b'\n') => self.line = self.line.saturating_add(1),
                Some(b' ' | b'\t' | b'\r') => {},
                other => return other.copied(),
            }
            self.at += 1;
        }
    }

    /// Within a token Go's scanner takes the end of the text for a blank.
    fn byte_or_blank(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(b' ')
    }

    fn invalid(&self, byte: u8, place: &str) -> ReadError {
        self.error(format!("invalid character {} {place}", quoted_byte(byte)))
    }

    fn ended(&self) -> ReadError {
        self.error("unexpected end of JSON input".to_owned())
    }

    fn error(&self, text: String) -> ReadError {
        ReadError { text, line: self.line, at: self.pointer() }
    }

    fn pointer(&self) -> JsonPointer {
        self.open.iter().fold(JsonPointer::root(), |at, open| match &open.holds {
            Holds::Items(items) => at.index(items.len()),
            Holds::Members { key, .. } if key.is_empty() => at,
            Holds::Members { key, .. } => at.key(key),
        })
    }
}
