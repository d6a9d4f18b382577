//! The top of a body: what kind it must be, and what stands for it if it is no object.

use bytes::Bytes;

use super::build::{Builder, Member};
use super::change::{Part, Writer};
use super::levels::{Reader, Rule, Whole};
use super::scan::{Fault, Read, Source};
use super::skip;
use crate::decode::DecodeError;
use crate::decode::data::{Data, Document, Entry, Key, Span, Typed, Value};
use crate::decode::shape::{Found, Shape};

/// What a body must be.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode) enum Root {
    /// An object, or `null`.
    Object,
    /// An array, or `null`: becomes `{"collection": …}`.
    Array,
    /// Anything: arrays become `{"collection": …}`, scalars `{"content": …}`.
    Any,
}

/// Decodes a body's first value and gives it its shape.
pub(in crate::decode) fn decode(
    root: Root,
    shape: &Shape,
    body: Bytes,
) -> Result<Data, DecodeError> {
    read(root, shape, body).map_err(|fault| *fault)
}

fn read(root: Root, shape: &Shape, body: Bytes) -> Read<Data> {
    let source = Source(&body);
    let start = source.blanks(0);
    if start >= body.len() {
        return Err(Box::new(DecodeError::Empty));
    }
    let mut reader = Reader { builder: Builder::new(source), skipped: skip::Open::new() };
    let kept = match (root, source.at(start)) {
        (Root::Object | Root::Any, b'{') => reader.object(shape, start)?,
        (Root::Object, b'n') => reader.null(shape, start)?,
        (Root::Array, b'n' | b'[') | (Root::Any, _) => reader.wrapped(root, shape, start)?,
        (Root::Object | Root::Array, first) => {
            reader.skip(start, 0)?;
            return Err(wrong_kind(root, first));
        },
    };
    let Kept { found, fields, written } = kept;
    let made_keys = reader.builder.made_keys;
    let input = match written {
        None => body,
        Some(written) if u32::try_from(written.len()).is_err() => {
            return Err(Box::new(DecodeError::TooLarge));
        },
        Some(written) => Bytes::from(written),
    };
    Ok(shape.arrange(found, fields, Document { input, made_keys, ..Document::default() }))
}

/// What is kept of a body.
struct Kept {
    found: Found,
    fields: Vec<Entry>,
    /// What they point into, unless that is the body.
    written: Option<Vec<u8>>,
}

impl Kept {
    const fn of(found: Found) -> Self {
        Self { found, fields: Vec::new(), written: None }
    }
}

#[cold]
fn wrong_kind(root: Root, first: u8) -> Fault {
    let found = match first {
        b'{' => "object",
        b'[' => "array",
        b'"' => "string",
        b't' | b'f' => "bool",
        _ => "number",
    };
    let wanted = match root {
        Root::Array => "[]interface {}",
        Root::Object | Root::Any => "map[string]interface {}",
    };
    Box::new(DecodeError::Kind { found, wanted })
}

impl Reader<'_> {
    fn object(&mut self, shape: &Shape, start: usize) -> Read<Kept> {
        let rule = Rule::of(&shape.filter);
        let mut found = None;
        match shape.target.as_slice() {
            [] => found = Some(self.fields(rule, start, 0)?),
            path => _ = self.target(path, rule, start, 0, &mut found)?,
        }
        Ok(found.map_or_else(|| Kept::of(Found::EMPTY), |whole| self.builder.finish(whole)))
    }

    fn null(&self, shape: &Shape, start: usize) -> Read<Kept> {
        let end = self.builder.source.literal(start)?;
        let is_whole = shape.target.is_empty();
        Ok(Kept::of(if is_whole { Found::Null(Span::new(start, end)) } else { Found::EMPTY }))
    }

    /// A body that is no object, as the only field of one.
    fn wrapped(&mut self, root: Root, shape: &Shape, start: usize) -> Read<Kept> {
        let first = self.builder.source.at(start);
        let is_list = first == b'[' || matches!(root, Root::Array);
        let name: &[u8] = if is_list { b"collection" } else { b"content" };
        if !shape.keeps_leaf(name) {
            self.skip(start, 0)?;
            return Ok(Kept::of(Found::EMPTY));
        }
        let end = self.builder.value(start, 0)?;
        let (span, written) = self.builder.alone(Span::new(start, end));
        let value = match first {
            b'n' if is_list => Value::Opaque(span, Typed::NoList),
            _ => Value::Verbatim(span),
        };
        let key = Key::make(&mut self.builder.made_keys, name);
        let fields = vec![Entry::new(key, value, false)];
        Ok(Kept { found: Found::EMPTY, fields, written })
    }
}

impl Builder<'_> {
    /// A value that is the only one, and what it stands in unless that is the body.
    fn alone(&self, value: Span) -> (Span, Option<Vec<u8>>) {
        if self.changes.is_same_from(0) {
            return (value, None);
        }
        let mut writer = Writer::new(self.source, &self.changes);
        writer.part(Part { span: value, change: 0 });
        (Span::new(0, writer.out.len()), Some(writer.out))
    }

    /// The members of the outermost object as fields.
    fn finish(&mut self, (object, end): Whole) -> Kept {
        if self.is_same(object) {
            let field = |member: &Member| {
                let Span { start, end } = member.part().span;
                field(self.source, member.key(), start as usize, end as usize)
            };
            let fields = self.held(object).iter().map(field).collect();
            let found = Found::Object { verbatim: Some(object.span(end)) };
            return Kept { found, fields, written: None };
        }
        if !object.in_order {
            self.sort(object);
        }
        let members = self.held(object);
        let mut fields = Vec::with_capacity(members.len());
        let mut writer = Writer::new(self.source, &self.changes);
        for member in members {
            writer.out.push(if fields.is_empty() { b'{' } else { b',' });
            let start = writer.out.len();
            writer.part(member.part());
            let end = writer.out.len();
            fields.push(field(Source(&writer.out), member.key(), start, end));
        }
        let mut written = writer.out;
        written.extend_from_slice(if fields.is_empty() { b"{}" } else { b"}" });
        let found = Found::Object { verbatim: Some(Span::new(0, written.len())) };
        Kept { found, fields, written: Some(written) }
    }
}

/// A member that stands at a place as it is to be written.
fn field(source: Source<'_>, key: Key, start: usize, end: usize) -> Entry {
    // Behind the quotes and the colon.
    if !key.made {
        let value = start + (key.span.end - key.span.start) as usize + 3;
        return Entry::new(key.at(start + 1), Value::Verbatim(Span::new(value, end)), true);
    }
    let quote = source.skip_text(start + 1).unwrap_or(start);
    Entry::new(key, Value::Verbatim(Span::new(quote + 2, end)), false)
}

#[cfg(test)]
mod tests {
    use crate::decode::tests::{decode, json};

    #[track_caller]
    fn refused(body: impl AsRef<[u8]>, text: &str) {
        let shown = String::from_utf8_lossy(body.as_ref()).into_owned();
        let error = decode(|_| {}, body).map(|data| json(&data)).unwrap_err();
        assert_eq!(error.to_string(), text, "body: {shown}");
    }

    #[track_caller]
    fn read(body: &str, expected: &str) {
        let found = decode(|_| {}, body).map(|data| json(&data));
        assert_eq!(found.as_deref(), Ok(expected), "body: {body}");
    }

    #[test]
    fn a_body_that_ends_too_early_is_told_from_an_empty_one() {
        refused("", "EOF");
        refused(" \r\n\t", "EOF");
        let early =
            ["{", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "nul", "[1", "\"a\\"];
        for body in early {
            refused(body, "unexpected EOF");
        }
        for body in ["-", "1.", "1e", "1e+", "{\"a\":\"\\u00", "{\"a\":tru"] {
            refused(body, "unexpected EOF");
        }
    }

    #[test]
    fn every_prefix_of_a_document_is_refused_or_read() {
        let whole =
            "{\"k\\u00e9y\":[1.5e-3,true,null,\"\u{2028}\\ud83d\\ude00\"],\"é\":{\"a\":{}}} x";
        let bytes = whole.as_bytes();
        for end in 0..=bytes.len() {
            let cut = bytes.get(..end).unwrap();
            let is_whole = end >= bytes.len() - 2;
            for allow in ["", "é.a", "é", "k"] {
                let paths = if allow.is_empty() { Vec::new() } else { vec![allow.to_owned()] };
                let found = decode(|backend| backend.allow = paths, cut);
                assert_eq!(found.is_ok(), is_whole, "cut at {end}, allow {allow:?}");
            }
        }
    }

    #[test]
    fn what_follows_the_first_value_is_not_read() {
        read("{\"a\":1} trailing", "{\"a\":1}");
        read("{\"a\":1}{", "{\"a\":1}");
        read("null{", "null");
    }

    #[test]
    fn errors_name_the_byte_and_the_place() {
        let value = "looking for beginning of value";
        let key = "looking for beginning of object key string";
        refused("bad", &format!("invalid character 'b' {value}"));
        refused("\u{FEFF}{}", &format!("invalid character 'ï' {value}"));
        refused("\0", &format!("invalid character '\\x00' {value}"));
        refused("{\"a\":1,}", &format!("invalid character '}}' {key}"));
        refused("{'a':1}", &format!("invalid character '\\'' {key}"));
        refused("{a:1}", &format!("invalid character 'a' {key}"));
        refused("{\"a\":+1}", &format!("invalid character '+' {value}"));
        refused("{\"a\":[1,]}", &format!("invalid character ']' {value}"));
        refused("{\"a\":NaN}", &format!("invalid character 'N' {value}"));
        refused("{\"a\" 1}", "invalid character '1' after object key");
        refused("{\"a\":01}", "invalid character '1' after object key:value pair");
        refused("{\"a\":[1 2]}", "invalid character '2' after array element");
        refused("{\"a\":[1}", "invalid character '}' after array element");
        refused("{\"a\":\"\t\"}", "invalid character '\\t' in string literal");
        refused("{\"a\":\"\\x\"}", "invalid character 'x' in string escape code");
        let digit = "in \\u hexadecimal character escape";
        refused("{\"a\":\"\\u00G0\"}", &format!("invalid character 'G' {digit}"));
        refused("{\"a\":tru}", "invalid character '}' in literal true (expecting 'e')");
        refused("{\"a\":fAlse}", "invalid character 'A' in literal false (expecting 'a')");
        refused("{\"a\":nul}", "invalid character '}' in literal null (expecting 'l')");
        refused("{\"a\":-}", "invalid character '}' in numeric literal");
        refused("{\"a\":1.}", "invalid character '}' after decimal point in numeric literal");
        refused("{\"a\":1e}", "invalid character '}' in exponent of numeric literal");
    }

    #[test]
    fn a_body_of_another_kind_is_refused_only_if_it_is_well_formed() {
        let object = "Go value of type map[string]interface {}";
        refused("[1]", &format!("json: cannot unmarshal array into {object}"));
        refused("\"x\"", &format!("json: cannot unmarshal string into {object}"));
        refused("5", &format!("json: cannot unmarshal number into {object}"));
        refused("true", &format!("json: cannot unmarshal bool into {object}"));
        refused("[1", "unexpected EOF");
        let error = decode(|backend| backend.is_collection = true, "{\"a\":[1]}").unwrap_err();
        let text = "json: cannot unmarshal object into Go value of type []interface {}";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn ten_thousand_levels_are_read_and_one_more_is_refused() {
        let deep =
            |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        read(&deep(9_999), &deep(9_999));
        refused(deep(10_000), "invalid character '[' exceeded max depth");
        let unsorted =
            |levels| format!("{}1{}", "{\"b\":0,\"a\":".repeat(levels), "}".repeat(levels));
        assert!(decode(|_| {}, unsorted(10_000)).map(|data| json(&data)).is_ok());
        refused(unsorted(10_001), "invalid character '{' exceeded max depth");
        let skipped = decode(|backend| backend.allow = vec!["x".to_owned()], deep(10_000));
        assert!(skipped.is_err());
    }

    #[test]
    fn a_string_of_a_megabyte_passes() {
        let long = format!("{{\"a\":\"{}<\"}}", "x".repeat(1 << 20));
        read(&long, &long.replace('<', "\\u003c"));
    }

    #[test]
    fn of_duplicate_keys_the_last_counts_at_every_depth() {
        read("{\"a\":1,\"a\":2}", "{\"a\":2}");
        read("{\"d\":{\"x\":1},\"d\":{\"y\":2}}", "{\"d\":{\"y\":2}}");
        read("{\"b\":0,\"\\u0061\":1,\"a\":2,\"b\":3}", "{\"a\":2,\"b\":3}");
        read("{\"o\":[{\"a\":1,\"a\":2,\"A\":3}]}", "{\"o\":[{\"A\":3,\"a\":2}]}");
    }

    #[test]
    fn safejson_takes_anything() {
        let check = |body: &str, expected: &str| {
            let found = decode(|backend| backend.encoding = "safejson".to_owned(), body);
            assert_eq!(found.map(|data| json(&data)).as_deref(), Ok(expected));
        };
        check("{\"x\":1}", "{\"x\":1}");
        check("[1]", "{\"collection\":[1]}");
        check("5", "{\"content\":5}");
        check("null", "{\"content\":null}");
        check("\"<\"", "{\"content\":\"\\u003c\"}");
    }

    #[test]
    fn a_collection_is_wrapped_and_null_is_one() {
        let check = |body: &str, expected: &str| {
            let found = decode(|backend| backend.is_collection = true, body);
            assert_eq!(found.map(|data| json(&data)).as_deref(), Ok(expected));
        };
        check("[{\"b\":1,\"a\":2},3,null]", "{\"collection\":[{\"a\":2,\"b\":1},3,null]}");
        check("null", "{\"collection\":null}");
        check("[]", "{\"collection\":[]}");
    }
}
