//! Tokens to a tree of spans.
//!
//! An explicit stack: how deep a document nests is its sender's choice. An element's children lie in
//! `pending` until it ends; then they are sorted, brothers of one name are put into an array, and all
//! of it moves to the document in one piece.

use bytes::{Bytes, BytesMut};

use super::name::Name;
use super::scan::{Scanner, Stop, Token};
use super::text::Text;
use crate::decode::data::{Document, Entry, Key, Span, Value, offset};

/// Where texts begin that were written anew, until the document's length is known: no document
/// reaches this far.
const MADE: u32 = 1 << 31;

/// Builds the tree of the first element of a document.
pub(super) struct Builder<'a> {
    scanner: &'a mut Scanner,
    document: Document,
    /// Children of open elements, outermost first.
    pending: Vec<Entry>,
    /// Elements that have not ended.
    open: Vec<Element>,
    /// Room for one family while it is put in order.
    family: Vec<Entry>,
}

/// An element that has not ended.
#[derive(Clone, Copy)]
struct Element {
    key: Key,
    /// Where its children begin in `pending`.
    mark: usize,
    /// Its last text before anything else was in it.
    early: Option<Span>,
    /// Its last text after that: only counts without an early one.
    late: Option<Span>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(scanner: &'a mut Scanner) -> Self {
        Self {
            scanner,
            document: Document::default(),
            pending: Vec::new(),
            open: Vec::new(),
            family: Vec::new(),
        }
    }

    /// The root element as a field, and the document it belongs to.
    pub(super) fn run(mut self) -> Result<(Entry, Document), Stop> {
        loop {
            match self.scanner.token()? {
                Token::Start(name) => self.start(name),
                Token::Text(text) => self.text(text),
                Token::Other => {},
                Token::End(_) => {
                    let Some(element) = self.open.pop() else { return Err(Stop::End) };
                    let value = self.close(&element);
                    let entry = Entry::new(element.key, value, false);
                    if self.open.is_empty() {
                        return Ok(self.finish(entry));
                    }
                    self.pending.push(entry);
                },
            }
        }
    }

    fn start(&mut self, name: Name) {
        let made_keys = &mut self.document.made_keys;
        let key = Key::make(made_keys, name.local.of(&self.scanner.input));
        let mark = self.pending.len();
        for attribute in &self.scanner.attributes {
            let start = made_keys.len();
            made_keys.push(b'-');
            made_keys.extend_from_slice(attribute.name.local.of(&self.scanner.input));
            let key = Key::made(made_keys, start);
            self.pending.push(Entry::new(key, Value::Plain(span(attribute.value)), false));
        }
        self.open.push(Element { key, mark, early: None, late: None });
    }

    /// Of several texts the last counts, but one that comes before any child beats those after.
    fn text(&mut self, text: Text) {
        let Some(element) = self.open.last_mut() else { return };
        let Some(trimmed) = trimmed(self.scanner.of(text), span(text)) else { return };
        if self.pending.len() > element.mark {
            element.late = Some(trimmed);
        } else {
            element.early = Some(trimmed);
        }
    }

    /// What an element is, now that it has ended.
    fn close(&mut self, element: &Element) -> Value {
        if self.pending.len() == element.mark {
            return Value::Plain(element.early.unwrap_or_default());
        }
        if let Some(text) = element.early.or(element.late) {
            let key = Key::make(&mut self.document.made_keys, b"#text");
            self.pending.push(Entry::new(key, Value::Plain(text), false));
        }
        self.sort(element.mark);
        self.group(element.mark);
        let value = self.document.adopt(&self.family);
        self.family.clear();
        self.pending.truncate(element.mark);
        value
    }

    /// Sorts by name; brothers keep their order.
    fn sort(&mut self, mark: usize) {
        let (input, made) = (&self.document.input, &self.document.made_keys);
        let order = |a: &Entry, b: &Entry| a.key().compare(b.key(), input, made);
        if let Some(children) = self.pending.get_mut(mark..)
            && !children.is_sorted_by(|a, b| order(a, b).is_le())
        {
            children.sort_by(order);
        }
    }

    /// Brothers of one name become an array; of an attribute that is repeated the last stays.
    fn group(&mut self, mark: usize) {
        let children = self.pending.get(mark..).unwrap_or_default();
        let made = &self.document.made_keys;
        let is_same = |a: &Entry, b: &Entry| a.key().compare(b.key(), &[], made).is_eq();
        for brothers in children.chunk_by(is_same) {
            let (Some(first), Some(last)) = (brothers.first(), brothers.last()) else { continue };
            if brothers.len() == 1 || first.key().of(&[], made).starts_with(b"-") {
                self.family.push(*last);
                continue;
            }
            let entries = &mut self.document.entries;
            let start = entries.len();
            let items = brothers.iter().map(|one| Entry::new(Key::default(), one.value, false));
            entries.extend(items);
            let items = Span::new(start, entries.len());
            self.family.push(Entry::new(first.key(), Value::Array(items), false));
        }
    }

    /// Puts the texts that were written anew behind the document.
    fn finish(self, root: Entry) -> (Entry, Document) {
        let (mut document, mut root) = (self.document, root);
        let Scanner { input, made, .. } = self.scanner;
        if made.is_empty() {
            document.input = input.clone();
            return (root, document);
        }
        let base = offset(input.len());
        for entry in document.entries.iter_mut().chain([&mut root]) {
            if let Value::Plain(span) = &mut entry.value
                && span.start >= MADE
            {
                *span = Span { start: span.start - MADE + base, end: span.end - MADE + base };
            }
        }
        let mut whole = BytesMut::with_capacity(input.len() + made.len());
        whole.extend_from_slice(input);
        whole.extend_from_slice(made);
        document.input = Bytes::from(whole);
        (root, document)
    }
}

fn span(text: Text) -> Span {
    match text {
        Text::Input(span) => span,
        Text::Made(span) => Span { start: span.start + MADE, end: span.end + MADE },
    }
}

/// Without blanks around it; `None` if nothing else is there.
fn trimmed(text: &[u8], at: Span) -> Option<Span> {
    let is_blank = |byte: &u8| matches!(byte, b'\t' | b'\r' | b'\n' | b' ');
    let start = text.iter().position(|byte| !is_blank(byte))?;
    let end = text.iter().rposition(|byte| !is_blank(byte))? + 1;
    Some(Span { start: at.start + offset(start), end: at.start + offset(end) })
}
