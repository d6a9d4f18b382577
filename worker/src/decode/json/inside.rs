//! The children of an object or array that was kept as one piece.

use super::scan::Source;
use crate::decode::data::Span;

/// Walks over the children of one container, without going into them.
#[derive(Debug)]
pub(crate) struct Inside<'a> {
    input: &'a [u8],
    position: usize,
    object: bool,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Child {
    /// The inside of its key; empty in an array.
    pub(crate) key: Span,
    pub(crate) value: Span,
}

impl<'a> Inside<'a> {
    /// The container at `span`, which is well-formed: it was read before, or made by us.
    pub(crate) fn new(input: &'a [u8], span: Span) -> Self {
        let start = span.start as usize;
        let object = input.get(start) == Some(&b'{');
        Self { input, position: start + 1, object }
    }

    fn read(&mut self) -> Option<Child> {
        let source = Source(self.input);
        let mut position = source.blanks(self.position);
        if source.at(position) == b',' {
            position = source.blanks(position + 1);
        }
        let mut key = Span::default();
        if self.object {
            let end = (source.at(position) == b'"')
                .then(|| source.skip_text(position + 1).ok())
                .flatten()?;
            key = Span::new(position + 1, end);
            // Behind the closing quote stands a colon.
            position = source.blanks(source.blanks(end + 1) + 1);
        }
        let end = end_of(source, position)?;
        self.position = end;
        Some(Child { key, value: Span::new(position, end) })
    }
}

/// The end of a value that is well-formed: that needs no look at what stands where.
fn end_of(source: Source<'_>, start: usize) -> Option<usize> {
    match *source.0.get(start)? {
        b'"' => Some(source.skip_text(start + 1).ok()? + 1),
        b'{' | b'[' => end_of_container(source, start),
        b']' | b'}' => None,
        _ => {
            let rest = source.0.get(start..)?;
            let ends =
                |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
            Some(start + rest.iter().position(ends).unwrap_or(rest.len()))
        },
    }
}

fn end_of_container(source: Source<'_>, start: usize) -> Option<usize> {
    let (mut position, mut depth) = (start, 0_usize);
    loop {
        match *source.0.get(position)? {
            b'"' => position = source.skip_text(position + 1).ok()?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return Some(position + 1),
            b'}' | b']' => depth -= 1,
            _ => {},
        }
        position += 1;
    }
}

impl Iterator for Inside<'_> {
    type Item = Child;

    fn next(&mut self) -> Option<Child> {
        self.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let input = format!("x{text}y");
        let of = |span: Span| std::str::from_utf8(span.of(input.as_bytes())).unwrap();
        let children: Vec<_> = Inside::new(input.as_bytes(), Span::new(1, input.len() - 1))
            .map(|child| (of(child.key), of(child.value)))
            .collect();
        assert_eq!(children, expected, "{text}");
    }

    #[test]
    fn each_child_is_found_once_and_none_is_entered() {
        check("{}", &[]);
        check("[]", &[]);
        check(
            r#"{"a":1,"b":{"c":[2]},"":"}"}"#,
            &[("a", "1"), ("b", r#"{"c":[2]}"#), ("", r#""}""#)],
        );
        check(
            r#"[[],"a\"]",null,-1.5e3]"#,
            &[("", "[]"), ("", r#""a\"]""#), ("", "null"), ("", "-1.5e3")],
        );
        check(r#"{"q\"":true}"#, &[(r#"q\""#, "true")]);
        check("[ 1 , 2 ]", &[("", "1"), ("", "2")]);
    }
}
