//! The levels of a body that `target`, `allow` and `deny` enter.
//!
//! They are known from the configuration, so recursion is bounded by its longest path; what is kept
//! whole goes to [`Builder`], what is dropped to `skip`. Of duplicate keys the last counts.

use super::build::{Builder, Open};
use super::scan::{AFTER_KEY, AFTER_PAIR, DEPTH_MAX, KEY, Read, TOO_DEEP};
use super::skip::{self, skip};
use super::unescape::is_text;
use crate::decode::data::Span;
use crate::decode::shape::Filter;
use crate::decode::trie::{Next, Trie};

/// An object whose members are held, and where it ends.
pub(super) type Whole = (Open, usize);

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

/// A body and what has been found in it.
pub(super) struct Reader<'a> {
    pub(super) builder: Builder<'a>,
    pub(super) skipped: skip::Open,
}

impl Reader<'_> {
    /// Walks down to `path` in the object at `start` and finds its end. The object it finds last is left in
    /// `found`, its members held; whatever is no object on the way leaves nothing.
    pub(super) fn target(
        &mut self,
        path: &[Box<[u8]>],
        rule: Rule<'_>,
        start: usize,
        depth: usize,
        found: &mut Option<Whole>,
    ) -> Read<usize> {
        let Some((wanted, below)) = path.split_first() else { return Ok(start) };
        let source = self.builder.source;
        self.check_depth(start, depth)?;
        let mut position = source.blanks(start + 1);
        if source.at(position) == b'}' {
            return Ok(position + 1);
        }
        loop {
            let (is_wanted, value) = self.is_key(wanted, position)?;
            position = if is_wanted {
                self.builder.forget_all();
                *found = None;
                match (source.at(value), below) {
                    (b'{', []) => {
                        let (object, end) = self.fields(rule, value, depth + 1)?;
                        *found = Some((object, end));
                        end
                    },
                    (b'{', below) => self.target(below, rule, value, depth + 1, found)?,
                    _ => self.skip(value, depth + 1)?,
                }
            } else {
                self.skip(value, depth + 1)?
            };
            match self.next_field(source.blanks(position))? {
                Field::Next(next) => position = source.blanks(next),
                Field::End(end) => return Ok(end),
            }
        }
    }

    /// Whether the key at `position` is this one, and where its value begins.
    fn is_key(&self, wanted: &[u8], position: usize) -> Read<(bool, usize)> {
        let source = self.builder.source;
        if source.at(position) != b'"' {
            return Err(source.wrong(position, KEY));
        }
        let text = source.text(position + 1)?;
        let inside = Span::new(position + 1, text.end()).of(source.0);
        let is_wanted = if text.is_plain() { inside == wanted } else { is_text(inside, wanted) };
        let colon = source.blanks(text.end() + 1);
        if source.at(colon) != b':' {
            return Err(source.wrong(colon, AFTER_KEY));
        }
        Ok((is_wanted, source.blanks(colon + 1)))
    }

    /// Reads the object at `start`; the members that `rule` keeps are left held.
    pub(super) fn fields(&mut self, rule: Rule<'_>, start: usize, depth: usize) -> Read<Whole> {
        self.check_depth(start, depth)?;
        let mut object = self.builder.object(start);
        let mut position = self.builder.pass(start + 1);
        if self.builder.source.at(position) == b'}' {
            return Ok((object, position + 1));
        }
        loop {
            let (member, value_at) = self.builder.member(position)?;
            let key = member.key();
            let fate = rule.fate(key.of(self.builder.source.0, &self.builder.made_keys));
            let entered = matches!(fate, Fate::Enter(_));
            object.in_order &= self.builder.add(object, member);
            let (kept, end) = self.field(fate, value_at, depth + 1)?;
            if kept {
                self.builder.end_member(end);
            } else {
                object.in_order = false;
                self.builder.members.pop();
                // Only here an earlier duplicate may have been kept.
                if entered {
                    self.builder.forget(object, key);
                }
            }
            let next = self.builder.pass(end);
            match self.next_field(next)? {
                Field::Next(next) => position = self.builder.pass(next),
                Field::End(end) => return Ok((object, end)),
            }
        }
    }

    /// Whether a field's value is kept, and where it ends.
    fn field(&mut self, fate: Fate<'_>, start: usize, depth: usize) -> Read<(bool, usize)> {
        match (fate, self.builder.source.at(start)) {
            (Fate::Enter(below), b'{') => {
                let (object, end) = self.fields(below, start, depth)?;
                // `allow` drops an object of which nothing is left, `deny` keeps it.
                let pruned =
                    self.builder.held(object).is_empty() && matches!(below, Rule::Allow(_));
                self.builder.close(object, end);
                Ok((!pruned, end))
            },
            (Fate::Keep | Fate::Enter(Rule::Deny(_)), _) => {
                Ok((true, self.builder.value(start, depth)?))
            },
            (Fate::Drop | Fate::Enter(_), _) => Ok((false, self.skip(start, depth)?)),
        }
    }

    fn check_depth(&self, start: usize, depth: usize) -> Read<()> {
        if depth < DEPTH_MAX { Ok(()) } else { Err(self.builder.source.wrong(start, TOO_DEEP)) }
    }

    /// What the sign behind a field says, which is at `position`.
    fn next_field(&self, position: usize) -> Read<Field> {
        match self.builder.source.at(position) {
            b',' => Ok(Field::Next(position + 1)),
            b'}' => Ok(Field::End(position + 1)),
            _ => Err(self.builder.source.wrong(position, AFTER_PAIR)),
        }
    }

    pub(super) fn skip(&mut self, start: usize, depth: usize) -> Read<usize> {
        skip(self.builder.source, start, depth, &mut self.skipped)
    }
}

/// What follows a field.
enum Field {
    /// Another one, somewhere behind the comma that ends here.
    Next(usize),
    /// The end of the object.
    End(usize),
}
