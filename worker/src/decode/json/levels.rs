//! The levels of a body that `target`, `allow` and `deny` enter.
//!
//! They are known from the configuration, so recursion is bounded by its longest path; what is kept
//! whole goes to [`Builder`], what is dropped to `skip`. Of duplicate keys the last counts.

use super::build::{Builder, Open};
use super::root::Found;
use super::scan::{AFTER_PAIR, DEPTH_MAX, Read, Source, TOO_DEEP};
use super::skip::{self, skip};
use crate::decode::data::Value;
use crate::decode::shape::Filter;
use crate::decode::trie::{Next, Trie};

/// What a level of the body is held against.
#[derive(Clone, Copy)]
pub(super) enum Rule<'a> {
    All,
    Allow(&'a Trie),
    Deny(&'a Trie),
}

/// What becomes of a field.
enum Fate<'a> {
    Keep,
    Drop,
    /// It is held against the rule if it is an object.
    Enter(Rule<'a>),
}

impl<'a> Rule<'a> {
    pub(super) const fn of(filter: &'a Filter) -> Self {
        match filter {
            Filter::All => Self::All,
            Filter::Allow(trie) => Self::Allow(trie),
            Filter::Deny(trie) => Self::Deny(trie),
        }
    }

    #[inline]
    fn fate(self, key: &[u8]) -> Fate<'a> {
        match self {
            Self::All => Fate::Keep,
            Self::Allow(trie) => match trie.find(key) {
                None => Fate::Drop,
                Some(Next::Leaf) => Fate::Keep,
                Some(Next::Branch(below)) => Fate::Enter(Self::Allow(below)),
            },
            Self::Deny(trie) => match trie.find(key) {
                None => Fate::Keep,
                Some(Next::Leaf) => Fate::Drop,
                Some(Next::Branch(below)) => Fate::Enter(Self::Deny(below)),
            },
        }
    }
}

/// A body and what has been made of it.
pub(super) struct Reader<'a> {
    pub(super) source: Source<'a>,
    pub(super) builder: Builder,
    pub(super) skipped: skip::Open,
}

impl Reader<'_> {
    /// Walks down to `path` in the object at `start` and finds its end. What it finds last is left
    /// pending; whatever is no object on the way leaves nothing.
    pub(super) fn target(
        &mut self,
        path: &[Box<[u8]>],
        rule: Rule<'_>,
        start: usize,
        depth: usize,
        found: &mut Found,
    ) -> Read<usize> {
        let Some((wanted, below)) = path.split_first() else { return Ok(start) };
        let mut position = self.open(start, depth)?;
        if self.source.at(position) == b'}' {
            return Ok(position + 1);
        }
        loop {
            let (slot, value) = self.builder.key(self.source, position)?;
            let is_wanted = *slot.key.of(self.source.0, &self.builder.made_keys) == **wanted;
            position = if is_wanted {
                self.builder.forget_all();
                *found = Found::EMPTY;
                match (self.source.at(value), below) {
                    (b'{', []) => {
                        let (object, end) = self.fields(rule, value, depth + 1)?;
                        *found = Found::at(object, end);
                        end
                    },
                    (b'{', below) => self.target(below, rule, value, depth + 1, found)?,
                    _ => self.skip(value, depth + 1)?,
                }
            } else {
                self.skip(value, depth + 1)?
            };
            match self.next_field(position)? {
                Field::At(next) => position = next,
                Field::End(end) => return Ok(end),
            }
        }
    }

    /// Reads the object at `start`; the fields that `rule` keeps are left pending.
    pub(super) fn fields(
        &mut self,
        rule: Rule<'_>,
        start: usize,
        depth: usize,
    ) -> Read<(Open, usize)> {
        let mut object = self.builder.object_at(start);
        let mut position = self.open(start, depth)?;
        object.verbatim = position == start + 1;
        if self.source.at(position) == b'}' {
            return Ok((object, position + 1));
        }
        loop {
            let (slot, value_at) = self.builder.key(self.source, position)?;
            let fate = rule.fate(slot.key.of(self.source.0, &self.builder.made_keys));
            let entered = matches!(fate, Fate::Enter(_));
            let (value, end) = self.field(fate, value_at, depth + 1)?;
            if let Some(value) = value {
                object.verbatim &= slot.close && matches!(value, Value::Verbatim(_));
                object.sorted &= self.builder.add(true, object.mark, slot, value, self.source);
            } else {
                object.verbatim = false;
                // Only here an earlier duplicate may have been kept.
                if entered {
                    self.builder.forget(object.mark, slot.key, self.source);
                }
            }
            let next = self.next_field(end)?;
            object.verbatim &= object.sorted && next.is_close(end);
            match next {
                Field::At(next) => position = next,
                Field::End(closed) => return Ok((object, closed)),
            }
        }
    }

    /// A field's value if it is kept, and where it ends.
    fn field(
        &mut self,
        fate: Fate<'_>,
        start: usize,
        depth: usize,
    ) -> Read<(Option<Value>, usize)> {
        match (fate, self.source.at(start)) {
            (Fate::Enter(below), b'{') => {
                let (object, end) = self.fields(below, start, depth)?;
                // `allow` drops an object of which nothing is left, `deny` keeps it.
                let empty = self.builder.pending.len() == object.mark;
                let pruned = empty && matches!(below, Rule::Allow(_));
                let value = self.builder.close(object, self.source, end);
                Ok(((!pruned).then_some(value), end))
            },
            (Fate::Keep | Fate::Enter(Rule::Deny(_)), _) => {
                let (value, end) = self.builder.value(self.source, start, depth)?;
                Ok((Some(value), end))
            },
            (Fate::Drop | Fate::Enter(_), _) => Ok((None, self.skip(start, depth)?)),
        }
    }

    /// The first position inside the object at `start` that is no blank.
    fn open(&self, start: usize, depth: usize) -> Read<usize> {
        if depth >= DEPTH_MAX {
            return Err(self.source.wrong(start, TOO_DEEP));
        }
        Ok(self.source.blanks(start + 1))
    }

    /// What follows a field that ends at `position`.
    fn next_field(&self, position: usize) -> Read<Field> {
        let position = self.source.blanks(position);
        match self.source.at(position) {
            b',' => Ok(Field::At(self.source.blanks(position + 1))),
            b'}' => Ok(Field::End(position + 1)),
            _ => Err(self.source.wrong(position, AFTER_PAIR)),
        }
    }

    pub(super) fn skip(&mut self, start: usize, depth: usize) -> Read<usize> {
        skip(self.source, start, depth, &mut self.skipped)
    }
}

/// What follows a field.
enum Field {
    /// Another one.
    At(usize),
    /// The end of the object.
    End(usize),
}

impl Field {
    /// It follows without a blank on a value that ends at `end`.
    const fn is_close(&self, end: usize) -> bool {
        match self {
            Self::At(next) | Self::End(next) => *next == end + 1,
        }
    }
}
