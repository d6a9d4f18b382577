//! Builds the tree of a value that is kept, in spans.
//!
//! A container that already stands as it is to be written (no blanks, keys ascending, nothing to
//! escape otherwise) becomes one span; only the others get a family of entries. An explicit stack
//! instead of recursion: how deep a body nests is its sender's choice.

use super::scan::{AFTER_ELEMENT, AFTER_KEY, AFTER_PAIR, DEPTH_MAX, KEY, Source, TOO_DEEP, VALUE};
use super::unescape::unescape;
use crate::decode::DecodeError;
use crate::decode::data::{Entry, Key, Span, Value, sort_object};

/// What grows while a body is read.
#[derive(Debug, Default)]
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

impl Builder {
    /// The value at `position`. `depth` counts what is open around it.
    pub(super) fn value(
        &mut self,
        source: Source<'_>,
        mut position: usize,
        depth: usize,
    ) -> Result<Built, DecodeError> {
        self.open.clear();
        let mut slot = Slot::default();
        loop {
            let mut value = match source.at(position) {
                b'"' => {
                    let text = source.text(position + 1)?;
                    let start = position;
                    position = text.end + 1;
                    if text.verbatim {
                        Value::Verbatim(Span::new(start, position))
                    } else {
                        Value::Quoted(Span::new(start + 1, text.end))
                    }
                },
                b'-' | b'0'..=b'9' => {
                    let start = position;
                    position = source.number(start)?;
                    Value::Verbatim(Span::new(start, position))
                },
                b't' | b'f' | b'n' => {
                    let start = position;
                    position = source.literal(start)?;
                    Value::Verbatim(Span::new(start, position))
                },
                bracket @ (b'{' | b'[') => {
                    if depth + self.open.len() >= DEPTH_MAX {
                        return Err(source.wrong(position, TOO_DEEP));
                    }
                    let object = bracket == b'{';
                    let start = position;
                    position = source.blanks(start + 1);
                    let close = position == start + 1;
                    let mark = self.pending.len();
                    let opened = Open { object, verbatim: close, sorted: true, start, mark, slot };
                    match (object, source.at(position)) {
                        (true, b'}') | (false, b']') => {
                            position += 1;
                            self.close(opened, source, position)
                        },
                        (true, _) => {
                            self.open.push(opened);
                            (slot, position) = self.key(source, position)?;
                            continue;
                        },
                        (false, _) => {
                            self.open.push(opened);
                            slot = Slot::default();
                            continue;
                        },
                    }
                },
                _ => return Err(source.wrong(position, VALUE)),
            };
            // A value ended: put it into its place, close what ends with it, go on to the next.
            loop {
                let Some(&around) = self.open.last() else { return Ok((value, position)) };
                let spelled = matches!(value, Value::Verbatim(_)) && (slot.close || !around.object);
                let ascends = self.add(around.mark, slot, value, source) || !around.object;
                let next = source.blanks(position);
                let mut verbatim = spelled && ascends && next == position;
                position = next;
                match (source.at(position), around.object) {
                    (b',', object) => {
                        let after = source.blanks(position + 1);
                        verbatim &= after == position + 1;
                        self.note(verbatim, ascends);
                        position = after;
                        slot = Slot::default();
                        if object {
                            (slot, position) = self.key(source, position)?;
                        }
                        break;
                    },
                    (b'}', true) | (b']', false) => position += 1,
                    (_, true) => return Err(source.wrong(position, AFTER_PAIR)),
                    (_, false) => return Err(source.wrong(position, AFTER_ELEMENT)),
                }
                self.note(verbatim, ascends);
                let Some(closed) = self.open.pop() else { return Ok((value, position)) };
                slot = closed.slot;
                value = self.close(closed, source, position);
            }
        }
    }

    /// The key at `position`, and where its value begins.
    pub(super) fn key(
        &mut self,
        source: Source<'_>,
        position: usize,
    ) -> Result<(Slot, usize), DecodeError> {
        if source.at(position) != b'"' {
            return Err(source.wrong(position, KEY));
        }
        let text = source.text(position + 1)?;
        let colon = source.blanks(text.end + 1);
        if source.at(colon) != b':' {
            return Err(source.wrong(colon, AFTER_KEY));
        }
        let value = source.blanks(colon + 1);
        if text.verbatim {
            let key = Key::in_input(source.0, position + 1, text.end);
            return Ok((Slot { key, close: value == text.end + 2 }, value));
        }
        let start = self.made_keys.len();
        unescape(Span::new(position + 1, text.end).of(source.0), &mut self.made_keys);
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
            index <= mark || child.key.of(source.0, made_keys) != key.of(source.0, made_keys)
        });
    }

    /// Drops all that has been built.
    pub(super) fn forget_all(&mut self) {
        self.pending.clear();
        self.entries.clear();
        self.made_keys.clear();
    }

    /// Adds a child of an object or array; says whether the keys still ascend.
    pub(super) fn add(
        &mut self,
        mark: usize,
        slot: Slot,
        value: Value,
        source: Source<'_>,
    ) -> bool {
        let mut key = slot.key;
        key.joined = slot.close && matches!(value, Value::Verbatim(_));
        let before = if self.pending.len() > mark { self.pending.last() } else { None };
        let ascends =
            before.is_none_or(|before| before.key.is_before(key, source.0, &self.made_keys));
        self.pending.push(Entry { key, value });
        ascends
    }
}
