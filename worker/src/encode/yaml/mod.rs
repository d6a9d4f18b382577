//! `yaml`: data as KrakenD's `goccy/go-yaml` writes it.
//!
//! Blocks, two blanks a level, keys sorted. Numbers of a backend are texts to Go, so that whatever
//! looks like a number is quoted. Several lines become a literal; inside an array a literal's lines
//! are indented as any others, and its empty lines stay empty.

mod quote;
mod scalar;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memmem;

use super::go_number;
use super::tree::{Line, Place, Seen, Tree};
use crate::decode::{Data, Numbers};

/// Deeper than this a value is written in one line, as JSON is: lines grow with their depth.
const LEVELS_MAX: usize = 64;

/// The document.
pub(super) fn document(data: &Data) -> Bytes {
    let tree = Tree::of(data);
    let mut out = Vec::with_capacity(data.written_bytes_guess());
    Writer { tree: &tree }.block(Tree::ROOT, Level::default(), &mut out);
    out.push(b'\n');
    Bytes::from(out)
}

/// How deep a value stands.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    /// Objects that are fields of objects: each indents by two.
    indent: usize,
    /// Everything around it.
    depth: usize,
}

impl Level {
    const fn field(self) -> Self {
        Self { indent: self.indent + 2, depth: self.depth + 1 }
    }

    const fn item(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

struct Writer<'a> {
    tree: &'a Tree,
}

// Recursion: `LEVELS_MAX` bounds it.
impl Writer<'_> {
    fn block(&self, place: Place, level: Level, out: &mut Vec<u8>) {
        match self.tree.see(place) {
            Seen::Object | Seen::Array if level.depth >= LEVELS_MAX => {
                self.tree.line(Line::Json, place, out);
            },
            Seen::Object if self.is_empty(place) => out.extend_from_slice(b"{}"),
            Seen::Array if self.is_empty(place) => out.extend_from_slice(b"[]"),
            Seen::Object => self.object(place, level, out),
            Seen::Array => self.array(place, level, out),
            scalar => self.scalar(scalar, level, out),
        }
    }

    fn is_empty(&self, place: Place) -> bool {
        self.tree.children(place).next().is_none()
    }

    fn object(&self, place: Place, level: Level, out: &mut Vec<u8>) {
        for (index, child) in self.tree.children(place).enumerate() {
            if index > 0 {
                out.push(b'\n');
            }
            blanks(level.indent, out);
            self.text(self.tree.key(child), level, out);
            out.push(b':');
            let is_block = !self.is_empty(child) && level.depth + 1 < LEVELS_MAX;
            match self.tree.see(child) {
                Seen::Object if is_block => {
                    out.push(b'\n');
                    self.block(child, level.field(), out);
                },
                Seen::Array if is_block => {
                    out.push(b'\n');
                    self.block(child, level.item(), out);
                },
                _ => {
                    out.push(b' ');
                    self.block(child, level.item(), out);
                },
            }
        }
    }

    fn array(&self, place: Place, level: Level, out: &mut Vec<u8>) {
        let mut item = Vec::new();
        for (index, child) in self.tree.children(place).enumerate() {
            if index > 0 {
                out.push(b'\n');
            }
            item.clear();
            self.block(child, level.item(), &mut item);
            let is_text = !matches!(self.tree.see(child), Seen::Object | Seen::Array);
            indent_item(&item, is_text, level.indent, out);
        }
    }

    fn scalar(&self, value: Seen<'_>, level: Level, out: &mut Vec<u8>) {
        match value {
            Seen::Bool(true) => out.extend_from_slice(b"true"),
            Seen::Bool(false) => out.extend_from_slice(b"false"),
            Seen::Number(text, Numbers::Text) | Seen::Text(text) => self.text(text, level, out),
            Seen::Number(text, numbers) => out.extend_from_slice(&native(text, numbers)),
            Seen::Null | Seen::Object | Seen::Array => out.extend_from_slice(b"null"),
        }
    }

    #[expect(clippy::unused_self, reason = "one of the ways to write a value")]
    fn text(&self, text: &[u8], level: Level, out: &mut Vec<u8>) {
        if scalar::needs_quotes(text) {
            quote::quote(text, out);
        } else {
            scalar::plain_or_literal(text, level.indent, out);
        }
    }
}

/// An item of an array, whose lines were written as if it stood where the array does.
///
/// This follows goccy step by step, since it cuts and indents lines without knowing what they are.
fn indent_item(item: &[u8], is_text: bool, indent: usize, out: &mut Vec<u8>) {
    let mut lines = item.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let inset = first.iter().take_while(|byte| **byte == b' ').count();
    blanks(indent, out);
    out.extend_from_slice(b"- ");
    out.extend_from_slice(first.get(inset..).unwrap_or_default());
    for mut line in lines {
        if is_text {
            line = outdented(line, indent + 2);
        }
        out.push(b'\n');
        if line.len() > inset {
            blanks(indent + 2, out);
            out.extend_from_slice(line.get(inset..).unwrap_or_default());
        }
    }
}

/// Without so many blanks, if it begins with them.
fn outdented(line: &[u8], blanks: usize) -> &[u8] {
    match line.split_at_checked(blanks) {
        Some((before, rest)) if before.iter().all(|byte| *byte == b' ') => rest,
        Some(_) | None => line,
    }
}

/// A number of the configuration.
fn native(text: &[u8], numbers: Numbers) -> Cow<'_, [u8]> {
    let shown = go_number::shown(text, numbers);
    let is_integer = numbers == Numbers::Exact && matches!(shown, Cow::Borrowed(_));
    if is_integer || shown.iter().any(|byte| matches!(byte, b'.' | b'e')) {
        return shown;
    }
    let mut float = shown.into_owned();
    float.extend_from_slice(b".0");
    Cow::Owned(float)
}

fn blanks(count: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + count, b' ');
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    memmem::find(text, wanted).is_some()
}
