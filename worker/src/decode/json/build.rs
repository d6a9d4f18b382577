//! Reads a value that is kept: finds its end, and notes what of it is to be written otherwise.
//!
//! An explicit stack instead of recursion: how deep a body nests is its sender's choice. The members of an object
//! are held until it ends, when it is known whether they stand in order.

use super::change::{Changes, Kind, Part};
use super::scan::{
    AFTER_ELEMENT, AFTER_KEY, AFTER_PAIR, DEPTH_MAX, KEY, Read, Source, TOO_DEEP, Text, VALUE,
};
use super::unescape::unescape;
use crate::decode::data::{Key, Span, offset, sort_family};

/// A body and what has been found in it.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    pub(super) source: Source<'a>,
    pub(super) changes: Changes,
    /// Of objects that have not ended, outermost first.
    pub(super) members: Vec<Member>,
    /// Keys that the body does not hold as such.
    pub(super) made_keys: Vec<u8>,
    open: Vec<Open>,
}

/// An object or array that has not ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// Where it begins in the body.
    start: u32,
    /// Where its members begin in `members`.
    mark: u32,
    /// Its own change, if it is an object.
    change: u32,
    object: bool,
    /// So far its keys ascend, and none is missing.
    pub(super) in_order: bool,
}

/// A member of an object. The key's parts stand beside the others so that all of it is 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    prefix: u64,
    key: Span,
    /// From its key's quote to its value's end, once that is known.
    span: Span,
    /// The first change in it.
    change: u32,
    made: bool,
}

/// How it goes on.
enum Step {
    /// With the value that begins here.
    Value(usize),
    /// Not: the whole ended here.
    Ended(usize),
}

impl Member {
    #[inline]
    const fn new(key: Key, start: usize, change: u32) -> Self {
        let Key { prefix, span: key, made } = key;
        Self { prefix, key, span: Span { start: offset(start), end: 0 }, change, made }
    }

    #[inline]
    pub(super) const fn key(&self) -> Key {
        Key { prefix: self.prefix, span: self.key, made: self.made }
    }

    pub(super) const fn part(&self) -> Part {
        Part { span: self.span, change: self.change }
    }
}

impl Open {
    /// The whole of an object that ends at `end`.
    pub(super) const fn span(&self, end: usize) -> Span {
        Span { start: self.start, end: offset(end) }
    }
}

impl<'a> Builder<'a> {
    pub(super) fn new(source: Source<'a>) -> Self {
        Self {
            source,
            changes: Changes::default(),
            members: Vec::with_capacity(32),
            made_keys: Vec::new(),
            open: Vec::with_capacity(16),
        }
    }
}

// What runs for every value is inlined into one loop: handing values over in memory took a third of the time.
impl Builder<'_> {
    /// The end of the value at `position`. `depth` counts what is open around it.
    pub(super) fn value(&mut self, mut position: usize, depth: usize) -> Read<usize> {
        self.open.clear();
        loop {
            let end = match self.source.at(position) {
                b'"' => self.text(position)?,
                b'-' | b'0'..=b'9' => self.source.number(position)?,
                b't' | b'f' | b'n' => self.source.literal(position)?,
                bracket @ (b'{' | b'[') => match self.enter(position, bracket, depth)? {
                    Step::Ended(end) => end,
                    Step::Value(inside) => {
                        position = inside;
                        continue;
                    },
                },
                _ => return Err(self.source.wrong(position, VALUE)),
            };
            match self.follow(end)? {
                Step::Value(next) => position = next,
                Step::Ended(end) => return Ok(end),
            }
        }
    }

    #[inline(always)]
    fn text(&mut self, quote: usize) -> Read<usize> {
        let text = self.source.text(quote + 1)?;
        let end = text.end() + 1;
        if !text.is_same() {
            self.changes.add(quote, end, Kind::Text);
        }
        Ok(end)
    }

    /// Enters an object or array; an empty one ends at once.
    #[inline(always)]
    fn enter(&mut self, start: usize, bracket: u8, depth: usize) -> Read<Step> {
        if depth + self.open.len() >= DEPTH_MAX {
            return Err(self.source.wrong(start, TOO_DEEP));
        }
        let opened = if bracket == b'{' { self.object(start) } else { Open::ARRAY };
        let inside = self.pass(start + 1);
        match (opened.object, self.source.at(inside)) {
            (true, b'}') => {
                self.changes.settle(opened.change);
                Ok(Step::Ended(inside + 1))
            },
            (false, b']') => Ok(Step::Ended(inside + 1)),
            (object, _) => {
                self.open.push(opened);
                if object { self.key(inside) } else { Ok(Step::Value(inside)) }
            },
        }
    }

    /// What follows a value that ended: the next one, behind the end of all that ends with it.
    #[inline(always)]
    fn follow(&mut self, mut end: usize) -> Read<Step> {
        while let Some(&open) = self.open.last() {
            if open.object {
                self.end_member(end);
            }
            let next = self.pass(end);
            match (self.source.at(next), open.object) {
                (b',', true) => {
                    let key = self.pass(next + 1);
                    return self.key(key);
                },
                (b',', false) => return Ok(Step::Value(self.pass(next + 1))),
                (b'}', true) => self.close(open, next + 1),
                (b']', false) => {},
                (_, true) => return Err(self.source.wrong(next, AFTER_PAIR)),
                (_, false) => return Err(self.source.wrong(next, AFTER_ELEMENT)),
            }
            self.open.pop();
            end = next + 1;
        }
        Ok(Step::Ended(end))
    }

    /// The next member of the innermost object.
    #[inline(always)]
    fn key(&mut self, position: usize) -> Read<Step> {
        let (member, value) = self.member(position)?;
        if let Some(&around) = self.open.last()
            && !self.add(around, member)
            && let Some(around) = self.open.last_mut()
        {
            around.in_order = false;
        }
        Ok(Step::Value(value))
    }
}

impl Open {
    const ARRAY: Self = Self { start: 0, mark: 0, change: 0, object: false, in_order: true };
}

impl Builder<'_> {
    /// An object that begins at `start`.
    #[inline]
    pub(super) fn object(&mut self, start: usize) -> Open {
        let (mark, change) = (offset(self.members.len()), self.changes.next());
        self.changes.add(start, start, Kind::Same);
        Open { start: offset(start), mark, change, object: true, in_order: true }
    }

    /// The member whose key is at `position`, and where its value begins.
    #[inline(always)]
    pub(super) fn member(&mut self, position: usize) -> Read<(Member, usize)> {
        if self.source.at(position) != b'"' {
            return Err(self.source.wrong(position, KEY));
        }
        let change = self.changes.next();
        let text = self.source.text(position + 1)?;
        let key = if text.is_plain() {
            Key::in_input(self.source.0, position + 1, text.end())
        } else {
            self.made_key(position, text)
        };
        let colon = self.pass(text.end() + 1);
        if self.source.at(colon) != b':' {
            return Err(self.source.wrong(colon, AFTER_KEY));
        }
        Ok((Member::new(key, position, change), self.pass(colon + 1)))
    }

    #[cold]
    fn made_key(&mut self, quote: usize, text: Text) -> Key {
        if !text.is_same() {
            self.changes.add(quote, text.end() + 1, Kind::Text);
        }
        let start = self.made_keys.len();
        unescape(Span::new(quote + 1, text.end()).of(self.source.0), &mut self.made_keys);
        Key::made(&self.made_keys, start)
    }

    /// Adds a member to the innermost object; says whether its keys still ascend.
    #[inline(always)]
    pub(super) fn add(&mut self, object: Open, member: Member) -> bool {
        let before = self.members.last().filter(|_| self.members.len() > object.mark as usize);
        let (input, made_keys) = (self.source.0, &self.made_keys);
        let ascends =
            before.is_none_or(|before| before.key().is_before(member.key(), input, made_keys));
        self.members.push(member);
        ascends
    }

    /// The value of the last member ended.
    #[inline(always)]
    pub(super) fn end_member(&mut self, end: usize) {
        if let Some(member) = self.members.last_mut() {
            member.span.end = offset(end);
        }
    }

    /// The next position that is no blank; blanks are not written.
    #[inline(always)]
    pub(super) fn pass(&mut self, position: usize) -> usize {
        if self.source.at(position) > b' ' { position } else { self.pass_blanks(position) }
    }

    #[inline(never)]
    fn pass_blanks(&mut self, position: usize) -> usize {
        let end = self.source.blanks(position);
        if end > position {
            self.changes.add(position, end, Kind::Blanks);
        }
        end
    }

    /// Ends an object.
    #[inline]
    pub(super) fn close(&mut self, object: Open, end: usize) {
        if object.in_order {
            self.changes.settle(object.change);
        } else {
            self.take_apart(object, end);
        }
        self.members.truncate(object.mark as usize);
    }

    #[inline(never)]
    fn take_apart(&mut self, object: Open, end: usize) {
        self.sort(object);
        let members = self.members.get(object.mark as usize..).unwrap_or_default();
        let parts = members.iter().map(Member::part);
        self.changes.take_apart(object.change, object.span(end), parts);
    }

    /// Puts the members of an object in order; of equal ones the last stays.
    pub(super) fn sort(&mut self, object: Open) {
        let (input, made_keys) = (self.source.0, &self.made_keys);
        let order = |a: &Member, b: &Member| a.key().compare(b.key(), input, made_keys);
        sort_family(&mut self.members, object.mark as usize, order);
    }

    /// The members of an object.
    pub(super) fn held(&self, object: Open) -> &[Member] {
        self.members.get(object.mark as usize..).unwrap_or_default()
    }

    /// Whether an object is to be written as it stands.
    pub(super) fn is_same(&self, object: Open) -> bool {
        object.in_order && self.changes.is_same_from(object.change + 1)
    }

    /// Drops the members of an object that have this key.
    pub(super) fn forget(&mut self, object: Open, key: Key) {
        let (input, made_keys) = (self.source.0, &self.made_keys);
        let mut index = 0;
        self.members.retain(|member| {
            index += 1;
            index <= object.mark || member.key().of(input, made_keys) != key.of(input, made_keys)
        });
    }

    /// Drops all that has been found.
    pub(super) fn forget_all(&mut self) {
        self.members.clear();
        self.changes.clear();
        self.made_keys.clear();
    }
}
