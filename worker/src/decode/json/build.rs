//! Builds the tree of a value that is kept, in spans.
//!
//! A container that already stands as it is to be written (no blanks, keys ascending, nothing to
//! escape otherwise) becomes one span; only the others get a family of entries. An explicit stack
//! instead of recursion: how deep a body nests is its sender's choice.

use super::scan::{
    AFTER_ELEMENT, AFTER_KEY, AFTER_PAIR, DEPTH_MAX, KEY, Read, Source, TOO_DEEP, VALUE,
};
use super::unescape::unescape;
use crate::decode::data::{Entry, Key, Span, Value, sort_object};

/// What grows while a body is read.
#[derive(Debug)]
pub(super) struct Builder {
    pub(super) made_keys: Vec<u8>,
    /// Finished families.
    pub(super) entries: Vec<Entry>,
    /// Children of what is still open, outermost first.
    pub(super) pending: Vec<Entry>,
    open: Vec<Open>,
}

/// An object or array whose children are pending.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// An object; otherwise an array.
    pub(super) object: bool,
    /// So far it stands in the body as it is to be written.
    pub(super) verbatim: bool,
    /// So far its keys ascend: no sorting, no duplicates.
    pub(super) sorted: bool,
    /// Where it begins in the body.
    pub(super) start: usize,
    /// Where its children begin in `pending`.
    pub(super) mark: usize,
    /// Its own place in what is around it.
    slot: Slot,
}

/// Where a value will be put.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    pub(super) key: Key,
    /// Nothing but the colon stands between key and value, and the key is written as it stands.
    pub(super) close: bool,
}

/// A value and where it ends.
pub(super) type Built = (Value, usize);

/// How it goes on.
enum Step {
    /// With the value that begins here.
    Begin(Slot, usize),
    /// A value ended here.
    Ended(Value, usize),
}

/// Bytes of a body that make one entry, about: what grows from nothing is copied again and again.
const BYTES_PER_ENTRY: usize = 24;
/// No more is reserved than this, however long the body.
const RESERVED_ENTRIES_MAX: usize = 4096;

impl Builder {
    /// With room for what a body of so many bytes usually becomes.
    pub(super) fn with_room_for(body_bytes: usize) -> Self {
        let entries = (body_bytes / BYTES_PER_ENTRY).min(RESERVED_ENTRIES_MAX);
        Self {
            made_keys: Vec::new(),
            entries: Vec::with_capacity(entries),
            pending: Vec::with_capacity(entries.min(64)),
            open: Vec::with_capacity(16),
        }
    }
}

// What runs for every value is inlined into one loop: handing slots and values over in memory took
// a third of the time.
impl Builder {
    /// The value at `position`. `depth` counts what is open around it.
    pub(super) fn value(
        &mut self,
        source: Source<'_>,
        mut position: usize,
        depth: usize,
    ) -> Read<Built> {
        self.open.clear();
        let mut slot = Slot::default();
        loop {
            let step = match self.begin(source, slot, position, depth)? {
                Step::Ended(value, end) => self.place(source, slot, value, end)?,
                inside @ Step::Begin(..) => inside,
            };
            match step {
                Step::Begin(next, at) => (slot, position) = (next, at),
                Step::Ended(value, end) => return Ok((value, end)),
            }
        }
    }

    /// Reads a scalar, or enters an object or array.
    #[inline(always)]
    fn begin(&mut self, source: Source<'_>, slot: Slot, start: usize, depth: usize) -> Read<Step> {
        let end = match source.at(start) {
            b'"' => {
                let text = source.text(start + 1)?;
                if !text.is_verbatim() {
                    let inside = Span::new(start + 1, text.end());
                    return Ok(Step::Ended(Value::Quoted(inside), text.end() + 1));
                }
                text.end() + 1
            },
            b'-' | b'0'..=b'9' => source.number(start)?,
            b't' | b'f' | b'n' => source.literal(start)?,
            bracket @ (b'{' | b'[') => return self.enter(source, slot, start, bracket, depth),
            _ => return Err(source.wrong(start, VALUE)),
        };
        Ok(Step::Ended(Value::Verbatim(Span::new(start, end)), end))
    }

    #[inline(always)]
    fn enter(
        &mut self,
        source: Source<'_>,
        slot: Slot,
        start: usize,
        bracket: u8,
        depth: usize,
    ) -> Read<Step> {
        if depth + self.open.len() >= DEPTH_MAX {
            return Err(source.wrong(start, TOO_DEEP));
        }
        let (object, mark) = (bracket == b'{', self.pending.len());
        let inside = source.blanks(start + 1);
        let verbatim = inside == start + 1;
        let opened = Open { object, verbatim, sorted: true, start, mark, slot };
        if matches!((bracket, source.at(inside)), (b'{', b'}') | (b'[', b']')) {
            return Ok(Step::Ended(self.close(opened, source, inside + 1), inside + 1));
        }
        self.open.push(opened);
        self.child(source, object, inside)
    }

    /// The next child of an object or array.
    #[inline(always)]
    fn child(&mut self, source: Source<'_>, object: bool, position: usize) -> Read<Step> {
        if !object {
            return Ok(Step::Begin(Slot::default(), position));
        }
        let (slot, value) = self.key(source, position)?;
        Ok(Step::Begin(slot, value))
    }

    /// Puts a value that ended into its place, and closes what ends with it.
    #[inline(always)]
    fn place(
        &mut self,
        source: Source<'_>,
        mut slot: Slot,
        mut value: Value,
        mut end: usize,
    ) -> Read<Step> {
        while let Some(&Open { object, mark, .. }) = self.open.last() {
            let spelled = matches!(value, Value::Verbatim(_)) && (slot.close || !object);
            let ascends = self.add(object, mark, slot, value, source);
            let next = source.blanks(end);
            let verbatim = spelled && ascends && next == end;
            match (source.at(next), object) {
                (b',', _) => {
                    let after = source.blanks(next + 1);
                    self.note(verbatim && after == next + 1, ascends);
                    return self.child(source, object, after);
                },
                (b'}', true) | (b']', false) => self.note(verbatim, ascends),
                (_, true) => return Err(source.wrong(next, AFTER_PAIR)),
                (_, false) => return Err(source.wrong(next, AFTER_ELEMENT)),
            }
            let Some(closed) = self.open.pop() else { break };
            end = next + 1;
            slot = closed.slot;
            value = self.close(closed, source, end);
        }
        Ok(Step::Ended(value, end))
    }

    /// The key at `position`, and where its value begins.
    #[inline(always)]
    pub(super) fn key(&mut self, source: Source<'_>, position: usize) -> Read<(Slot, usize)> {
        if source.at(position) != b'"' {
            return Err(source.wrong(position, KEY));
        }
        let text = source.text(position + 1)?;
        let colon = source.blanks(text.end() + 1);
        if source.at(colon) != b':' {
            return Err(source.wrong(colon, AFTER_KEY));
        }
        let value = source.blanks(colon + 1);
        if text.is_verbatim() {
            let key = Key::in_input(source.0, position + 1, text.end());
            return Ok((Slot { key, close: value == text.end() + 2 }, value));
        }
        let start = self.made_keys.len();
        unescape(Span::new(position + 1, text.end()).of(source.0), &mut self.made_keys);
        Ok((Slot { key: Key::made(&self.made_keys, start), close: false }, value))
    }

    /// What was seen of the innermost container since the last time.
    fn note(&mut self, verbatim: bool, ascends: bool) {
        if let Some(around) = self.open.last_mut() {
            around.verbatim &= verbatim;
            around.sorted &= ascends;
        }
    }

    /// What an object or array becomes at its end.
    pub(super) fn close(&mut self, closed: Open, source: Source<'_>, end: usize) -> Value {
        if closed.verbatim {
            self.pending.truncate(closed.mark);
            return Value::Verbatim(Span::new(closed.start, end));
        }
        if closed.object && !closed.sorted {
            sort_object(&mut self.pending, closed.mark, source.0, &self.made_keys);
        }
        let first = self.entries.len();
        self.entries.extend_from_slice(self.pending.get(closed.mark..).unwrap_or_default());
        self.pending.truncate(closed.mark);
        let family = Span::new(first, self.entries.len());
        if closed.object { Value::Object(family) } else { Value::Array(family) }
    }

    /// An object that begins at `start`.
    pub(super) fn object_at(&self, start: usize) -> Open {
        let (mark, slot) = (self.pending.len(), Slot::default());
        Open { object: true, verbatim: true, sorted: true, start, mark, slot }
    }

    /// Drops the children from `mark` on that have this key.
    pub(super) fn forget(&mut self, mark: usize, key: Key, source: Source<'_>) {
        let mut index = 0;
        let made_keys = &self.made_keys;
        self.pending.retain(|child| {
            index += 1;
            index <= mark || child.key().of(source.0, made_keys) != key.of(source.0, made_keys)
        });
    }

    /// Drops all that has been built.
    pub(super) fn forget_all(&mut self) {
        self.pending.clear();
        self.entries.clear();
        self.made_keys.clear();
    }

    /// Adds a child; says whether an object's keys still ascend.
    #[inline(always)]
    pub(super) fn add(
        &mut self,
        object: bool,
        mark: usize,
        slot: Slot,
        value: Value,
        source: Source<'_>,
    ) -> bool {
        let joined = slot.close && matches!(value, Value::Verbatim(_));
        let before = self.pending.last().filter(|_| object && self.pending.len() > mark);
        let ascends =
            before.is_none_or(|before| before.key().is_before(slot.key, source.0, &self.made_keys));
        self.pending.push(Entry::new(slot.key, value, joined));
        ascends
    }
}
