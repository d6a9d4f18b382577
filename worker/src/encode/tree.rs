//! Data as one flat tree, for renderers that must look ahead: `xml` and `yaml`.
//!
//! Nodes stand in the order in which they are written, each with the place behind its last
//! descendant, so that a child, the next brother and the whole family are found without a search.
//! Unlike [`Data`], nothing is folded into spans of JSON: strings are unescaped, whatever they were.

use std::slice::Iter;

use super::{escape, go_number};
use crate::decode::{Data, Document, Entry, Numbers, Typed, Value, unescape};

/// A node of a [`Tree`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// Its key, if it is the child of an object.
    key: Part,
    kind: Kind,
    /// Behind its last descendant.
    next: usize,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Null,
    Bool(bool),
    Number(Part, Numbers),
    Text(Part),
    Object,
    Array,
    /// An object to everybody who does not ask: [`Tree::failure`].
    Failure,
}

/// A part of the tree's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Part {
    start: usize,
    end: usize,
}

/// A value as renderers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen<'a> {
    Null,
    Bool(bool),
    /// As it was written, by a backend or in the configuration.
    Number(&'a [u8], Numbers),
    /// Of a `string` backend, any bytes; otherwise UTF-8.
    Text(&'a [u8]),
    Object,
    Array,
}

/// Data, unfolded.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    text: Vec<u8>,
}

/// The place of a node in its tree.
pub(super) type Place = usize;

impl Tree {
    /// Unfolds data; `null` is an object without fields.
    pub(super) fn of(data: &Data) -> Self {
        let mut tree = Self::default();
        let root = tree.open(Part::default(), Kind::Object);
        for field in data.root.iter().flatten() {
            if let Some(document) = data.document(field) {
                tree.field(document, &field.entry);
            }
        }
        tree.close(root);
        tree
    }

    /// The root, an object.
    pub(super) const ROOT: Place = 0;

    pub(super) fn see(&self, place: Place) -> Seen<'_> {
        match self.nodes.get(place).map_or(Kind::Null, |node| node.kind) {
            Kind::Null => Seen::Null,
            Kind::Bool(value) => Seen::Bool(value),
            Kind::Number(part, numbers) => Seen::Number(self.part(part), numbers),
            Kind::Text(part) => Seen::Text(self.part(part)),
            Kind::Object | Kind::Failure => Seen::Object,
            Kind::Array => Seen::Array,
        }
    }

    pub(super) fn key(&self, place: Place) -> &[u8] {
        self.nodes.get(place).map_or(&[], |node| self.part(node.key))
    }

    /// The children of an object or array, in order.
    pub(super) fn children(&self, place: Place) -> Children<'_> {
        Children { tree: self, at: place + 1, end: self.next(place) }
    }

    /// The fields of a backend's failure. They stand one level below it: it embeds what it shares with others.
    pub(super) fn failure(&self, place: Place) -> Option<Children<'_>> {
        let is_one = self.nodes.get(place).is_some_and(|node| node.kind == Kind::Failure);
        is_one.then(|| self.children(place + 1))
    }

    fn next(&self, place: Place) -> Place {
        self.nodes.get(place).map_or(place + 1, |node| node.next.max(place + 1))
    }

    fn part(&self, part: Part) -> &[u8] {
        self.text.get(part.start..part.end).unwrap_or_default()
    }
}

/// The children of a node.
#[derive(Clone, Debug)]
pub(super) struct Children<'a> {
    tree: &'a Tree,
    at: Place,
    end: Place,
}

impl Iterator for Children<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        if self.at >= self.end {
            return None;
        }
        let place = self.at;
        self.at = self.tree.next(place);
        Some(place)
    }
}

/// A family that is being unfolded.
struct Open<'a> {
    rest: Iter<'a, Entry>,
    object: bool,
    place: Place,
}

impl Tree {
    fn field(&mut self, document: &Document, entry: &Entry) {
        let key = self.keep(document, entry);
        let mut open: Vec<Open<'_>> = Vec::new();
        open.extend(self.value(document, key, entry.value));
        while let Some(family) = open.last_mut() {
            let Some(entry) = family.rest.next() else {
                self.close(family.place);
                open.pop();
                continue;
            };
            let key = if family.object { self.keep(document, entry) } else { Part::default() };
            open.extend(self.value(document, key, entry.value));
        }
    }

    /// Adds a leaf or a value that stands as JSON; opens a family.
    fn value<'a>(&mut self, document: &'a Document, key: Part, value: Value) -> Option<Open<'a>> {
        let (object, span) = match value {
            Value::Object(span) => (true, span),
            Value::Array(span) => (false, span),
            Value::Verbatim(span) => {
                self.json(key, span.of(&document.input), document.numbers);
                return None;
            },
            Value::Opaque(_, Typed::NoObject) => {
                self.leaf(key, Kind::Object);
                return None;
            },
            Value::Opaque(_, Typed::NoList) => {
                self.leaf(key, Kind::Array);
                return None;
            },
            Value::Opaque(span, Typed::Failure) => {
                let place = self.open(key, Kind::Failure);
                let embedded = self.copied(b"httpresponseerror");
                self.json(embedded, span.of(&document.input), document.numbers);
                self.close(place);
                return None;
            },
            Value::Plain(span) => {
                let text = self.copied(span.of(&document.input));
                self.leaf(key, Kind::Text(text));
                return None;
            },
        };
        let place = self.open(key, if object { Kind::Object } else { Kind::Array });
        Some(Open { rest: span.of(&document.entries).iter(), object, place })
    }

    fn keep(&mut self, document: &Document, entry: &Entry) -> Part {
        let key = entry.key();
        if key.made { self.copied(document.key(key)) } else { self.unescaped(document.key(key)) }
    }

    /// Adds a value that is JSON without blanks: what [`Value::Verbatim`] promises.
    fn json(&mut self, mut key: Part, json: &[u8], numbers: Numbers) {
        let mut open: Vec<Place> = Vec::new();
        let mut at = 0;
        while let Some(byte) = json.get(at) {
            at += 1;
            match byte {
                b'{' => open.push(self.open(std::mem::take(&mut key), Kind::Object)),
                b'[' => open.push(self.open(std::mem::take(&mut key), Kind::Array)),
                b'}' | b']' => {
                    if let Some(place) = open.pop() {
                        self.close(place);
                    }
                },
                b'"' => {
                    let inside = json.get(at..).unwrap_or_default();
                    let length = string_length(inside);
                    let text = self.unescaped(inside.get(..length).unwrap_or_default());
                    at += length + 1;
                    if json.get(at) == Some(&b':') {
                        key = text;
                        at += 1;
                    } else {
                        self.leaf(std::mem::take(&mut key), Kind::Text(text));
                    }
                },
                b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => {},
                first => {
                    let start = at - 1;
                    let rest = json.get(start..).unwrap_or_default();
                    let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n');
                    at = start + rest.iter().position(ends).unwrap_or(rest.len());
                    let kind = match first {
                        b'n' => Kind::Null,
                        b't' => Kind::Bool(true),
                        b'f' => Kind::Bool(false),
                        _ => Kind::Number(
                            self.copied(json.get(start..at).unwrap_or_default()),
                            numbers,
                        ),
                    };
                    self.leaf(std::mem::take(&mut key), kind);
                },
            }
        }
        while let Some(place) = open.pop() {
            self.close(place);
        }
    }

    fn open(&mut self, key: Part, kind: Kind) -> Place {
        self.leaf(key, kind);
        self.nodes.len() - 1
    }

    fn close(&mut self, place: Place) {
        let next = self.nodes.len();
        if let Some(node) = self.nodes.get_mut(place) {
            node.next = next;
        }
    }

    fn leaf(&mut self, key: Part, kind: Kind) {
        self.nodes.push(Node { key, kind, next: self.nodes.len() + 1 });
    }

    fn copied(&mut self, bytes: &[u8]) -> Part {
        let start = self.text.len();
        self.text.extend_from_slice(bytes);
        Part { start, end: self.text.len() }
    }

    /// The inside of a JSON string.
    fn unescaped(&mut self, inside: &[u8]) -> Part {
        let start = self.text.len();
        unescape(inside, &mut self.text);
        Part { start, end: self.text.len() }
    }
}

/// How a value is written in one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Json,
    /// Go's `%v`.
    Shown,
}

impl Tree {
    /// Writes a value in one line, however deep it is.
    pub(super) fn line(&self, line: Line, place: Place, out: &mut Vec<u8>) {
        let (mut at, end) = (place, self.next(place));
        // Where what is open ends, and whether it is an object.
        let mut open: Vec<(Place, bool)> = Vec::new();
        while at < end {
            if open.last().is_some_and(|(_, object)| *object) {
                line.key(self.key(at), out);
            }
            let (next, seen) = (self.next(at), self.see(at));
            if matches!(seen, Seen::Object | Seen::Array) {
                let object = seen == Seen::Object;
                out.extend_from_slice(line.begin(object));
                open.push((next, object));
            } else {
                line.scalar(seen, out);
            }
            at += 1;
            while let Some((_, object)) = open.pop_if(|(end, _)| *end <= at) {
                out.push(line.end(object));
            }
            // Nothing stands between a container and its first child.
            if at < end && next <= at {
                out.push(if line == Line::Json { b',' } else { b' ' });
            }
        }
    }
}

impl Line {
    const fn begin(self, object: bool) -> &'static [u8] {
        match (self, object) {
            (Self::Json, true) => b"{",
            (Self::Shown, true) => b"map[",
            (_, false) => b"[",
        }
    }

    const fn end(self, object: bool) -> u8 {
        match (self, object) {
            (Self::Json, true) => b'}',
            _ => b']',
        }
    }

    fn key(self, key: &[u8], out: &mut Vec<u8>) {
        self.scalar(Seen::Text(key), out);
        out.push(b':');
    }

    fn scalar(self, value: Seen<'_>, out: &mut Vec<u8>) {
        match (value, self) {
            (Seen::Text(text), Self::Json) => escape::plain(text, out),
            (Seen::Text(text), Self::Shown) | (Seen::Number(text, _), Self::Json) => {
                out.extend_from_slice(text);
            },
            (Seen::Number(text, numbers), Self::Shown) => {
                out.extend_from_slice(&go_number::shown(text, numbers));
            },
            (Seen::Bool(true), _) => out.extend_from_slice(b"true"),
            (Seen::Bool(false), _) => out.extend_from_slice(b"false"),
            (_, Self::Json) => out.extend_from_slice(b"null"),
            (_, Self::Shown) => out.extend_from_slice(b"<nil>"),
        }
    }
}

/// Up to the quote that ends a JSON string.
fn string_length(inside: &[u8]) -> usize {
    let mut length = 0;
    loop {
        let rest = inside.get(length..).unwrap_or_default();
        match memchr::memchr2(b'"', b'\\', rest) {
            None => return inside.len(),
            Some(found) if rest.get(found) == Some(&b'"') => return length + found,
            Some(found) => length += found + 2,
        }
    }
}
