//! JSON as it leaves the gateway, read once more: it is well-formed and without blanks.

use super::scan::Source;
use crate::decode::data::Span;

/// A place in such JSON: at a value, or behind one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    source: Source<'a>,
    position: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(json: &'a [u8], position: usize) -> Self {
        Self { source: Source(json), position }
    }

    /// The byte here; NUL at the end.
    #[inline]
    pub(crate) fn sign(&self) -> u8 {
        self.source.at(self.position)
    }

    /// To the next child, from a bracket or from behind a child; from behind the last one out of the container.
    #[inline]
    pub(crate) fn goes_on(&mut self) -> bool {
        let sign = self.sign();
        self.position += 1;
        match sign {
            b'{' | b'[' if matches!(self.sign(), b'}' | b']') => {
                self.position += 1;
                false
            },
            b',' | b'{' | b'[' => true,
            _ => false,
        }
    }

    /// A member's key, from its quote to its colon.
    #[inline]
    pub(crate) fn key(&mut self) -> &'a [u8] {
        let start = self.position;
        let quote = self.source.skip_text(start + 1).unwrap_or(start);
        self.position = quote + 2;
        self.since(start).of(self.source.0)
    }

    /// A value.
    #[inline]
    pub(crate) fn value(&mut self) -> Span {
        let start = self.position;
        self.position = match self.sign() {
            b'"' => self.source.skip_text(start + 1).map_or(start, |quote| quote + 1),
            b'{' | b'[' => end_of_container(self.source, start),
            _ => self.source.word(start),
        };
        self.since(start)
    }

    fn since(&self, start: usize) -> Span {
        Span::new(start, self.position)
    }
}

/// What stands between the quotes of such a key.
pub(crate) fn inside(key: &[u8]) -> &[u8] {
    key.get(1..key.len().saturating_sub(2)).unwrap_or_default()
}

/// Needs no look at what stands where.
fn end_of_container(source: Source<'_>, start: usize) -> usize {
    let (mut position, mut depth) = (start, 0_usize);
    while let Some(&sign) = source.0.get(position) {
        match sign {
            b'"' => position = source.skip_text(position + 1).unwrap_or(position),
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return position + 1,
            b'}' | b']' => depth -= 1,
            _ => {},
        }
        position += 1;
    }
    position
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let input = format!("x{text}y");
        let json = input.as_bytes();
        let shown = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut cursor = Cursor::new(json, 1);
        let is_object = cursor.sign() == b'{';
        let mut children = Vec::new();
        while cursor.goes_on() {
            let key = if is_object { shown(cursor.key()) } else { String::new() };
            children.push((key, shown(cursor.value().of(json))));
        }
        let expected = expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        assert_eq!(children, expected.collect::<Vec<_>>(), "{text}");
        assert_eq!(cursor.sign(), b'y', "{text}");
    }

    #[test]
    fn each_child_is_found_once_and_none_is_entered() {
        check("{}", &[]);
        check("[]", &[]);
        check(
            r#"{"a":1,"b":{"c":[2]},"":"}"}"#,
            &[(r#""a":"#, "1"), (r#""b":"#, r#"{"c":[2]}"#), (r#""":"#, r#""}""#)],
        );
        check(
            r#"[[],"a\"]",null,-1.5e3,{}]"#,
            &[("", "[]"), ("", r#""a\"]""#), ("", "null"), ("", "-1.5e3"), ("", "{}")],
        );
        check(r#"{"q\"":true}"#, &[(r#""q\"":"#, "true")]);
    }

    #[test]
    fn what_is_cut_off_ends() {
        let whole = r#"[{"a":[1,"x\"y",{"b":null}]},[],2]"#;
        for end in 0..whole.len() {
            let cut = whole.get(..end).unwrap().as_bytes();
            let mut cursor = Cursor::new(cut, 0);
            let mut children = 0;
            while cursor.goes_on() {
                cursor.value();
                children += 1;
            }
            assert!(children <= 3, "cut at {end}");
        }
    }
}
