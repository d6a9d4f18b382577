//! What of a body is to be written otherwise than it stands, and writing it.
//!
//! Most of a body leaves the gateway as it came. So reading notes only the places that do not, in the order of the
//! body, and writing copies what is between them. Only objects whose members do not stand in order are taken apart.

use super::scan::Source;
use crate::decode::data::{Span, offset};
use crate::encode::json_respelled;

/// A place that is written otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    span: Span,
    kind: Kind,
}

/// How it is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// As it stands: an object that might have had to be taken apart.
    Same,
    /// Not at all.
    Blanks,
    /// A string, from quote to quote, as the gateway spells it.
    Text,
    /// An object, member by member: they are parts. What follows it goes on at the change `after`.
    Members { parts: Span, after: u32 },
}

/// Something that is written in one go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) span: Span,
    /// The first change that it may hold.
    pub(super) change: u32,
}

/// All changes of a body.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Ascending; those inside of an object follow it.
    list: Vec<Change>,
    /// Members of objects that are taken apart, each family in one piece.
    parts: Vec<Part>,
}

impl Changes {
    pub(super) fn next(&self) -> u32 {
        offset(self.list.len())
    }

    #[inline]
    pub(super) fn add(&mut self, start: usize, end: usize, kind: Kind) {
        self.list.push(Change { span: Span::new(start, end), kind });
    }

    /// Whether there is none from `change` on.
    pub(super) fn is_same_from(&self, change: u32) -> bool {
        self.list.len() <= change as usize
    }

    /// Takes the last change back if it is this one: nothing is different in an object.
    #[inline]
    pub(super) fn settle(&mut self, object: u32) {
        if self.list.len() == object as usize + 1 {
            self.list.pop();
        }
    }

    /// The object of this change is written member by member.
    pub(super) fn take_apart(
        &mut self,
        object: u32,
        span: Span,
        members: impl Iterator<Item = Part>,
    ) {
        let first = self.parts.len();
        for member in members {
            match self.parts.get_mut(first..).and_then(<[Part]>::last_mut) {
                // Nothing but a comma is between them.
                Some(last) if last.span.end + 1 == member.span.start => {
                    last.span.end = member.span.end;
                },
                Some(_) | None => self.parts.push(member),
            }
        }
        let (parts, after) = (Span::new(first, self.parts.len()), self.next());
        if let Some(change) = self.list.get_mut(object as usize) {
            *change = Change { span, kind: Kind::Members { parts, after } };
        }
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.parts.clear();
    }
}

/// What is copied without a call.
const BLOCK: usize = 32;

/// Writes parts of a body as they leave the gateway.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    source: Source<'a>,
    changes: &'a Changes,
    pub(super) out: Vec<u8>,
    /// Objects that are being taken apart. Explicit: how deep a body nests is its sender's choice.
    open: Vec<Apart>,
}

/// An object that is being taken apart.
#[derive(Debug)]
struct Apart {
    /// Members that are still to come.
    rest: Span,
    /// What is to be written behind the object.
    behind: Part,
}

impl<'a> Writer<'a> {
    pub(super) fn new(source: Source<'a>, changes: &'a Changes) -> Self {
        let out = Vec::with_capacity(source.0.len() + BLOCK);
        Self { source, changes, out, open: Vec::new() }
    }

    /// Writes a part.
    pub(super) fn part(&mut self, part: Part) {
        let mut left = Some(part);
        while let Some(part) = left {
            left = self.up_to_an_object(part).or_else(|| self.go_on());
        }
    }

    /// Writes as far as no object is taken apart; gives the first member of one.
    fn up_to_an_object(&mut self, mut part: Part) -> Option<Part> {
        let end = part.span.end;
        let changes = self.changes.list.get(part.change as usize..).unwrap_or_default();
        for (index, change) in (part.change..).zip(changes) {
            let Change { span, kind } = *change;
            if span.start >= end {
                break;
            }
            if matches!(kind, Kind::Same) {
                continue;
            }
            self.copy(part.span.start, span.start);
            part = Part { span: Span { start: span.end, end }, change: index + 1 };
            match kind {
                Kind::Same | Kind::Blanks => {},
                Kind::Text => {
                    let text = span.of(self.source.0);
                    let inside = text.get(1..text.len() - 1).unwrap_or_default();
                    json_respelled(inside, &mut self.out);
                },
                Kind::Members { parts, after } => {
                    self.out.push(b'{');
                    self.open.push(Apart { rest: parts, behind: Part { change: after, ..part } });
                    return self.next_member();
                },
            }
        }
        self.copy(part.span.start, end);
        None
    }

    /// What follows a part that ended: another member, or what is behind their object.
    fn go_on(&mut self) -> Option<Part> {
        if self.open.is_empty() {
            return None;
        }
        if self.open.last().is_some_and(|object| object.rest.start < object.rest.end) {
            self.out.push(b',');
        }
        self.next_member()
    }

    /// The next member of the innermost object, or what is behind it.
    fn next_member(&mut self) -> Option<Part> {
        let object = self.open.last_mut()?;
        let member = object.rest.of(&self.changes.parts).first().copied();
        object.rest.start += 1;
        if member.is_some() {
            return member;
        }
        self.out.push(b'}');
        self.open.pop().map(|object| object.behind)
    }

    /// Copies a part of the body. Most are short: those are copied as a block of fixed size, which needs no call,
    /// and cut.
    #[inline]
    fn copy(&mut self, start: u32, end: u32) {
        let (start, end) = (start as usize, end as usize);
        let length = end.saturating_sub(start);
        match self.source.0.get(start..).and_then(<[u8]>::first_chunk::<BLOCK>) {
            Some(block) if length <= BLOCK => {
                let written = self.out.len() + length;
                self.out.extend_from_slice(block);
                self.out.truncate(written);
            },
            _ => self.out.extend_from_slice(self.source.0.get(start..end).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::decode::tests::{decode, json};

    #[track_caller]
    fn check(body: &str, expected: &str) {
        assert_eq!(decode(|_| {}, body).map(|data| json(&data)).as_deref(), Ok(expected), "{body}");
    }

    #[test]
    fn objects_in_objects_are_put_in_order_each() {
        check(
            r#"{"b":{"d":{"f":1,"e":2},"c":3},"a":{"h":4,"g":5},"x":6}"#,
            r#"{"a":{"g":5,"h":4},"b":{"c":3,"d":{"e":2,"f":1}},"x":6}"#,
        );
        check(
            r#"{"a":[{"c":1,"b":[{"e":2,"d":3}]},4]}"#,
            r#"{"a":[{"b":[{"d":3,"e":2}],"c":1},4]}"#,
        );
    }

    #[test]
    fn what_stands_together_is_moved_together() {
        check(r#"{"o":{"c":1,"d":2,"a":3,"b":4}}"#, r#"{"o":{"a":3,"b":4,"c":1,"d":2}}"#);
        check(
            r#"{"o":{"c":"<","d":2 ,"a":3, "b":4}}"#,
            "{\"o\":{\"a\":3,\"b\":4,\"c\":\"\\u003c\",\"d\":2}}",
        );
        check(r#"{"o":{"b":1,"a":2,"a":3,"b":4}}"#, r#"{"o":{"a":3,"b":4}}"#);
    }

    #[test]
    fn a_deep_body_out_of_order_is_written_in_linear_time() {
        let levels = 9_000;
        let ballast = "x".repeat(100_000);
        let nest = |before: &str, after: &str, inner: String| {
            format!("{}{inner}{}", before.repeat(levels), after.repeat(levels))
        };
        check(
            &nest(r#"{"b":0,"a":"#, "}", format!("\"{ballast}\"")),
            &nest(r#"{"a":"#, r#","b":0}"#, format!("\"{ballast}\"")),
        );
    }
}
