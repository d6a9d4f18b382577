//! Where names stand in a JSON text that was read without a fault.

use std::ops::Range;

use super::{Rename, Step};

/// The span of each name between its quotes, and of the version's value.
pub(super) fn spans(text: &str, renames: &[Rename]) -> Vec<Option<Range<usize>>> {
    let mut walk = Walk { bytes: text.as_bytes(), at: 0, path: Vec::new(), found: Vec::new() };
    walk.document();
    let mut spans = Vec::with_capacity(renames.len());
    for rename in renames {
        // Of a key that stands twice the last counts.
        let found = walk.found.iter().rev().find(|(path, ..)| *path == rename.path);
        spans.push(found.map(|(_, key, value)| {
            if rename.is_value() { value.clone() } else { key.start + 1..key.end - 1 }
        }));
    }
    spans
}

type Found = (Vec<Step>, Range<usize>, Range<usize>);

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    path: Vec<Step>,
    /// Each member: its path, the span of its key and that of a scalar value.
    found: Vec<Found>,
}

/// What is open: an object, with the span of the key it is at, or an array.
enum Open {
    Object(Range<usize>),
    Array,
}

impl Walk<'_> {
    /// Over every token, without recursion.
    fn document(&mut self) {
        let mut open: Vec<Open> = Vec::new();
        let mut expects_key = false;
        while let Some(byte) = self.bytes.get(self.at).copied() {
            match byte {
                b'{' => {
                    open.push(Open::Object(0..0));
                    self.path.push(Step::Key(String::new()));
                    expects_key = true;
                    self.at += 1;
                },
                b'[' => {
                    open.push(Open::Array);
                    self.path.push(Step::Index(0));
                    self.at += 1;
                },
                b'}' | b']' => {
                    let _closed = open.pop();
                    self.path.pop();
                    expects_key = false;
                    self.at += 1;
                },
                b',' => {
                    match (open.last(), self.path.last_mut()) {
                        (Some(Open::Array), Some(Step::Index(index))) => *index += 1,
                        _ => expects_key = true,
                    }
                    self.at += 1;
                },
                b'"' if expects_key => {
                    let span = self.string();
                    if let (Some(Open::Object(key)), Some(Step::Key(name))) =
                        (open.last_mut(), self.path.last_mut())
                    {
                        *name = unquoted(self.bytes.get(span.clone()).unwrap_or_default());
                        key.clone_from(&span);
                        self.found.push((self.path.clone(), span, 0..0));
                    }
                    expects_key = false;
                },
                b'"' => {
                    let span = self.string();
                    self.value(&span);
                },
                b' ' | b'\t' | b'\r' | b'\n' | b':' => self.at += 1,
                _ => {
                    let start = self.at;
                    let ends = |byte: &u8| b" \t\r\n,:]}".contains(byte);
                    while self.bytes.get(self.at).is_some_and(|byte| !ends(byte)) {
                        self.at += 1;
                    }
                    self.value(&(start..self.at));
                },
            }
        }
    }

    /// A scalar: the value of the newest member, if it is a member's.
    fn value(&mut self, span: &Range<usize>) {
        if let Some((path, _, value)) = self.found.last_mut()
            && *path == self.path
        {
            value.clone_from(span);
        }
    }

    /// A string with its quotes.
    fn string(&mut self) -> Range<usize> {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'\\' => self.at += 2,
                b'"' => {
                    self.at += 1;
                    break;
                },
                _ => self.at += 1,
            }
        }
        start..self.at.min(self.bytes.len())
    }
}

/// Names that are renamed have no escapes but `\/`; others only have to differ.
fn unquoted(literal: &[u8]) -> String {
    let inner = literal.get(1..literal.len().saturating_sub(1)).unwrap_or_default();
    String::from_utf8_lossy(inner).replace("\\/", "/")
}
