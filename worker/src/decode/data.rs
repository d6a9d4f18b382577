//! Decoded data: what leaves the gateway, and an index of it.
//!
//! JSON is held as it is going to be written; a body that stands so already is not copied. Of what
//! was no JSON (`xml`, `string`) there is a tree whose leaves are spans of text. Objects are sorted by
//! their keys' bytes and free of duplicates, so that writing is one walk.

use std::cmp::Ordering;

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

/// What a backend answered, or what became of several answers: an object, or `null`.
#[derive(Clone, Debug)]
pub struct Data {
    pub(crate) documents: SmallVec<[Document; 1]>,
    /// Top-level fields in order of their keys; `None` is `null`.
    pub(crate) root: Option<Vec<Field>>,
    /// The whole root in the only document, when it can be written as it stands.
    pub(crate) verbatim: Option<Span>,
}

/// A body and the tree over it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    /// What the spans of values point into.
    pub(crate) input: Bytes,
    /// Keys that the input does not hold as such: unescaped, renamed, made by us. UTF-8.
    pub(crate) made_keys: Vec<u8>,
    /// Children of objects and arrays, each family in one piece.
    pub(crate) entries: Vec<Entry>,
    /// Whose numbers these are; only renderers of other things than JSON care.
    pub(crate) numbers: Numbers,
}

/// What Go holds a number as: `xml` and `yaml` show that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numbers {
    /// The text that a backend wrote.
    #[default]
    Text,
    /// `float64`: the numbers of a configuration in JSON.
    Float,
    /// Integers are that, others `float64`: a configuration in YAML or TOML, or our own.
    Exact,
}

/// A top-level field and the document it belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) document: u32,
    pub(crate) entry: Entry,
}

/// A child: of an object with its key, of an array with an empty one. The key's parts stand beside
/// the value so that all of it is 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    prefix: u64,
    key: Span,
    pub(crate) value: Value,
    made: bool,
    /// The input holds `"key":value` in one piece that can be written as it is.
    pub(crate) joined: bool,
}

/// An object's key.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Key {
    /// Its first eight bytes, zero-filled, as a number that sorts as they do.
    pub(super) prefix: u64,
    pub(crate) span: Span,
    /// In `made_keys`, unescaped; otherwise in the input, where it needs no change to be written.
    pub(crate) made: bool,
}

/// Where something stands in its document's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// A value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// JSON that is written as it stands.
    Verbatim(Span),
    /// JSON that is written as it stands and in which nobody sees parts.
    Opaque(Span, Typed),
    /// Plain text, of any bytes.
    Plain(Span),
    /// An object; the span counts entries.
    Object(Span),
    /// An array; the span counts entries.
    Array(Span),
}

/// What Go has where other data would be a tree: `xml` and `yaml` show that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// A backend's failure, a struct.
    Failure,
    /// A `null` where an object was to be, which it still is to renderers.
    NoObject,
    /// A `null` where a list was to be.
    NoList,
}

impl Span {
    #[inline]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: offset(start), end: offset(end) }
    }

    pub(crate) fn of<T>(self, whole: &[T]) -> &[T] {
        whole.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// Positions are four bytes: a body longer than [`super::BODY_BYTES_MAX`] is refused at the door.
#[expect(clippy::cast_possible_truncation, reason = "bodies are bounded before they are decoded")]
pub(crate) const fn offset(position: usize) -> u32 {
    position as u32
}

impl Entry {
    #[inline]
    pub(crate) const fn new(key: Key, value: Value, joined: bool) -> Self {
        Self { prefix: key.prefix, key: key.span, value, made: key.made, joined }
    }

    #[inline]
    pub(crate) const fn key(&self) -> Key {
        Key { prefix: self.prefix, span: self.key, made: self.made }
    }
}

impl Key {
    #[inline]
    pub(crate) fn in_input(input: &[u8], start: usize, end: usize) -> Self {
        let prefix = prefix(input, start, end);
        Self { prefix, span: Span::new(start, end), made: false }
    }

    /// A key of our own; `made_keys` holds it from now on.
    pub(crate) fn make(made_keys: &mut Vec<u8>, name: &[u8]) -> Self {
        let start = made_keys.len();
        made_keys.extend_from_slice(name);
        Self::made(made_keys, start)
    }

    /// What `made_keys` holds from `start` on.
    pub(crate) fn made(made_keys: &[u8], start: usize) -> Self {
        let end = made_keys.len();
        let prefix = prefix(made_keys, start, end);
        Self { prefix, span: Span::new(start, end), made: true }
    }

    /// Both keys belong to one document.
    #[inline]
    pub(crate) fn is_before(self, other: Self, input: &[u8], made_keys: &[u8]) -> bool {
        self.compare(other, input, made_keys) == Ordering::Less
    }

    #[inline]
    pub(crate) fn compare(self, other: Self, input: &[u8], made_keys: &[u8]) -> Ordering {
        match self.prefix.cmp(&other.prefix) {
            Ordering::Equal => compare_whole(self, other, input, made_keys),
            different => different,
        }
    }

    /// The same key where a copy of it begins.
    pub(super) fn at(self, start: usize) -> Self {
        let length = self.span.end - self.span.start;
        let start = offset(start);
        Self { prefix: self.prefix, span: Span { start, end: start + length }, made: false }
    }

    pub(crate) fn of<'a>(self, input: &'a [u8], made_keys: &'a [u8]) -> &'a [u8] {
        self.span.of(if self.made { made_keys } else { input })
    }
}

/// The first eight bytes of `bytes[start..end]` in an order that compares as they do.
#[inline]
fn prefix(bytes: &[u8], start: usize, end: usize) -> u64 {
    let length = end - start;
    if let Some(Ok(eight)) = bytes.get(start..start + 8).map(<[u8; 8]>::try_from) {
        let all = u64::from_be_bytes(eight);
        // What follows the key is cut off.
        return if length < 8 { all & !(u64::MAX >> (8 * length)) } else { all };
    }
    let mut eight = [0; 8];
    for (to, from) in eight.iter_mut().zip(bytes.get(start..end).unwrap_or_default()) {
        *to = *from;
    }
    u64::from_be_bytes(eight)
}

/// Sorts an object's children by key; of equal keys the last stays. Starts at `mark`.
pub(crate) fn sort_object(entries: &mut Vec<Entry>, mark: usize, input: &[u8], made: &[u8]) {
    sort_family(entries, mark, |a, b| a.key().compare(b.key(), input, made));
}

/// Sorts what begins at `mark`; of equals the last stays.
pub(super) fn sort_family<T: Copy>(
    family: &mut Vec<T>,
    mark: usize,
    order: impl Fn(&T, &T) -> Ordering,
) {
    let Some(children) = family.get_mut(mark..) else { return };
    // What stands side by side in the end has been compared.
    let mut repeated = false;
    children.sort_by(|a, b| {
        let found = order(a, b);
        repeated |= found == Ordering::Equal;
        found
    });
    if repeated {
        drop_repeated(family, mark, |a, b| order(a, b) == Ordering::Equal);
    }
}

#[inline(never)]
fn compare_whole(a: Key, b: Key, input: &[u8], made: &[u8]) -> Ordering {
    a.of(input, made).cmp(b.of(input, made))
}

/// Keeps the last of each run of equals.
#[cold]
fn drop_repeated<T: Copy>(family: &mut Vec<T>, mark: usize, equal: impl Fn(&T, &T) -> bool) {
    let children = family.split_off(mark);
    for (index, child) in children.iter().enumerate() {
        if children.get(index + 1).is_none_or(|next| !equal(child, next)) {
            family.push(*child);
        }
    }
}

impl Document {
    pub(crate) fn key(&self, key: Key) -> &[u8] {
        key.of(&self.input, &self.made_keys)
    }

    /// Sorts the children of an object and drops duplicates.
    pub(crate) fn sort(&self, children: &mut Vec<Entry>) {
        sort_object(children, 0, &self.input, &self.made_keys);
    }

    /// Makes an object of sorted children.
    pub(crate) fn adopt(&mut self, children: &[Entry]) -> Value {
        let first = self.entries.len();
        self.entries.extend_from_slice(children);
        Value::Object(Span::new(first, self.entries.len()))
    }
}

impl Data {
    /// `null`: what the body `null` decodes to.
    #[must_use]
    pub fn null() -> Self {
        Self { documents: SmallVec::new(), root: None, verbatim: None }
    }

    /// `{}`: what a `no-op` backend contributes.
    #[must_use]
    pub fn empty() -> Self {
        Self { documents: SmallVec::new(), root: Some(Vec::new()), verbatim: None }
    }

    /// One field whose value is the whole of `json`, which nobody sees parts of.
    #[must_use]
    pub(crate) fn opaque(name: &[u8], json: Bytes, typed: Typed) -> Self {
        let value = Value::Opaque(Span::new(0, json.len()), typed);
        Self::under(name, Document { input: json, ..Document::default() }, value)
    }

    /// One field with this value.
    pub(super) fn under(name: &[u8], mut document: Document, value: Value) -> Self {
        let key = Key::make(&mut document.made_keys, name);
        Self::of(document, Some(vec![Entry::new(key, value, false)]))
    }

    pub(crate) fn of(document: Document, root: Option<Vec<Entry>>) -> Self {
        let field = |entry| Field { document: 0, entry };
        let root = root.map(|entries| entries.into_iter().map(field).collect());
        Self { documents: smallvec![document], root, verbatim: None }
    }

    /// This under one name; it is one document that can be written as it stands, or `null`.
    #[must_use]
    pub(super) fn grouped(self, name: &[u8]) -> Self {
        let Some(whole) = self.verbatim else {
            return Self::opaque(name, Bytes::from_static(b"null"), Typed::NoObject);
        };
        let document = self.documents.into_iter().next().unwrap_or_default();
        Self::under(name, document, Value::Verbatim(whole))
    }

    /// A copy that shares nothing with this one: what all threads use would have its reference count written by
    /// each of them.
    #[must_use]
    pub(crate) fn copied(&self) -> Self {
        let mut copy = self.clone();
        for document in &mut copy.documents {
            document.input = Bytes::copy_from_slice(&document.input);
        }
        copy
    }

    /// An object without fields: makes an answer incomplete (`X-Krakend-Completed: false`).
    #[must_use]
    pub fn is_empty_object(&self) -> bool {
        self.root.as_ref().is_some_and(Vec::is_empty)
    }

    /// `null`: makes an answer incomplete, and a merge too.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        self.root.is_none()
    }

    /// Lays `later` over this: its top-level fields replace those of the same key. Nothing below
    /// the top level is merged, as with KrakenD; `null` adds nothing, but two of them are `{}`.
    pub fn merge(&mut self, later: Self) {
        let Some(fields) = later.root else {
            self.root.get_or_insert_default();
            return;
        };
        let mine = self.root.take().unwrap_or_default();
        self.verbatim = None;
        let shift = offset(self.documents.len());
        self.documents.extend(later.documents);
        let theirs =
            fields.into_iter().map(|field| Field { document: field.document + shift, ..field });
        self.root = Some(self.interleave(mine, theirs.collect()));
    }

    /// Two sorted lists to one; of equal keys the second's stays.
    fn interleave(&self, mine: Vec<Field>, theirs: Vec<Field>) -> Vec<Field> {
        let mut merged = Vec::with_capacity(mine.len() + theirs.len());
        let mut mine = mine.into_iter().peekable();
        for their in theirs {
            while let Some(my) = mine.next_if(|my| self.compare(my, &their) == Ordering::Less) {
                merged.push(my);
            }
            let _replaced = mine.next_if(|my| self.compare(my, &their) == Ordering::Equal);
            merged.push(their);
        }
        merged.extend(mine);
        merged
    }

    /// By their keys.
    fn compare(&self, one: &Field, other: &Field) -> Ordering {
        let whole = || self.key(one).cmp(self.key(other));
        one.entry.prefix.cmp(&other.entry.prefix).then_with(whole)
    }

    fn key(&self, field: &Field) -> &[u8] {
        let document = self.document(field);
        document.map_or(&[], |document| document.key(field.entry.key()))
    }

    pub(crate) fn document(&self, field: &Field) -> Option<&Document> {
        self.documents.get(field.document as usize)
    }

    /// The top-level field of this name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<(&Document, Value)> {
        let field = self.root.as_ref()?.iter().find(|field| self.key(field) == name)?;
        Some((self.document(field)?, field.entry.value))
    }

    /// About how many bytes this is when written.
    pub(crate) fn written_bytes_guess(&self) -> usize {
        self.documents.iter().map(|document| document.input.len() + 48).sum()
    }
}
