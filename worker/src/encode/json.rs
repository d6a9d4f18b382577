//! `json` and `json-collection`: data to JSON as KrakenD spells it.
//!
//! No blanks, keys sorted by their bytes at every depth, numbers as the backend wrote them, strings
//! escaped as Go's `encoding/json` does. Decoding has sorted already: this is one walk over spans,
//! with an explicit stack, since depth is the backend's choice.

use std::slice::Iter;

use bytes::Bytes;

use super::escape;
use crate::decode::{Data, Document, Entry, Value};

/// The whole object.
pub(crate) fn object(data: &Data) -> Bytes {
    let Some(fields) = &data.root else { return Bytes::from_static(b"null") };
    if let ([only], Some(span)) = (data.documents.as_slice(), data.verbatim) {
        return only.input.slice(span.start as usize..span.end as usize);
    }
    let mut writer = Writer::new(data.written_bytes_guess());
    for (index, field) in fields.iter().enumerate() {
        writer.out.push(if index == 0 { b'{' } else { b',' });
        if let Some(document) = data.document(field) {
            writer.member(document, &field.entry);
        }
    }
    writer.out.extend_from_slice(if fields.is_empty() { b"{}" } else { b"}" });
    Bytes::from(writer.out)
}

/// The whole object with texts in place of some of its fields that are objects: `token` gets such a field's name and its
/// JSON and says whether it has a text for it, and whether that could be made.
pub(crate) fn with_tokens(
    data: &Data,
    token: impl Fn(&[u8], &[u8]) -> Option<Option<Vec<u8>>>,
) -> Option<Bytes> {
    let Some(fields) = &data.root else { return Some(Bytes::from_static(b"null")) };
    let mut writer = Writer::new(data.written_bytes_guess());
    for (index, field) in fields.iter().enumerate() {
        writer.out.push(if index == 0 { b'{' } else { b',' });
        let Some(document) = data.document(field) else { continue };
        let name = document.key(field.entry.key());
        let mut json = Vec::new();
        value(document, field.entry.value, &mut json);
        let text = if json.first() == Some(&b'{') { token(name, &json) } else { None };
        match text {
            None => writer.member(document, &field.entry),
            Some(text) => {
                // The key alone.
                let alone = Entry::new(field.entry.key(), field.entry.value, false);
                writer.begin(document, &alone, true);
                escape::plain(&text?, &mut writer.out);
            },
        }
    }
    writer.out.extend_from_slice(if fields.is_empty() { b"{}" } else { b"}" });
    Some(Bytes::from(writer.out))
}

/// What stands under `collection`; without it an empty array.
pub(super) fn collection(data: &Data) -> Bytes {
    let Some((document, value)) = data.find(b"collection") else {
        return Bytes::from_static(b"[]");
    };
    if let Value::Verbatim(span) | Value::Opaque(span, _) = value {
        return document.input.slice(span.start as usize..span.end as usize);
    }
    let mut writer = Writer::new(data.written_bytes_guess());
    writer.value(document, value);
    Bytes::from(writer.out)
}

/// One value, behind what `out` holds already.
pub(crate) fn value(document: &Document, value: Value, out: &mut Vec<u8>) {
    let mut writer = Writer { out: std::mem::take(out) };
    writer.value(document, value);
    *out = writer.out;
}

struct Writer {
    out: Vec<u8>,
}

/// A family that is being written.
struct Family<'a> {
    rest: Iter<'a, Entry>,
    object: bool,
}

impl Writer {
    fn new(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes) }
    }

    /// An object's member: key and value.
    fn member(&mut self, document: &Document, entry: &Entry) {
        if let Some(value) = self.begin(document, entry, true) {
            self.value(document, value);
        }
    }

    fn value(&mut self, document: &Document, value: Value) {
        let mut open: Vec<Family<'_>> = Vec::new();
        open.extend(self.leaf_or_family(document, value));
        while let Some(family) = open.last_mut() {
            let object = family.object;
            let Some(entry) = family.rest.next() else {
                self.out.push(if object { b'}' } else { b']' });
                open.pop();
                self.comma_after(open.last());
                continue;
            };
            let below = self
                .begin(document, entry, object)
                .and_then(|value| self.leaf_or_family(document, value));
            match below {
                Some(below) => open.push(below),
                None => self.comma_after(open.last()),
            }
        }
    }

    /// Writes a leaf; opens anything else.
    fn leaf_or_family<'a>(&mut self, document: &'a Document, value: Value) -> Option<Family<'a>> {
        let (object, span) = match value {
            Value::Object(span) => (true, span),
            Value::Array(span) => (false, span),
            Value::Verbatim(span) | Value::Opaque(span, _) => {
                self.copy(&document.input, span.start as usize, span.end as usize);
                return None;
            },
            Value::Plain(span) => {
                escape::plain(span.of(&document.input), &mut self.out);
                return None;
            },
        };
        self.out.push(if object { b'{' } else { b'[' });
        Some(Family { rest: span.of(&document.entries).iter(), object })
    }

    /// Writes a child's key; gives its value back unless that is written, too.
    fn begin(&mut self, document: &Document, entry: &Entry, object: bool) -> Option<Value> {
        if !object {
            return Some(entry.value);
        }
        let key = entry.key();
        let start = key.span.start as usize;
        if key.made {
            escape::text(document.key(key), &mut self.out);
            self.out.push(b':');
            return Some(entry.value);
        }
        let end = match entry.value {
            Value::Verbatim(span) if entry.joined => span.end as usize,
            _ => key.span.end as usize + 1,
        };
        // From the opening quote.
        self.copy(&document.input, start - 1, end);
        if entry.joined {
            return None;
        }
        self.out.push(b':');
        Some(entry.value)
    }

    /// Copies a part of the input. Most are short: those are copied as a block of fixed size, which
    /// needs no call, and cut.
    #[inline]
    fn copy(&mut self, input: &[u8], start: usize, end: usize) {
        const BLOCK: usize = 32;
        let length = end.saturating_sub(start);
        match input.get(start..).and_then(<[u8]>::first_chunk::<BLOCK>) {
            Some(block) if length <= BLOCK => {
                let written = self.out.len() + length;
                self.out.extend_from_slice(block);
                self.out.truncate(written);
            },
            _ => self.out.extend_from_slice(input.get(start..end).unwrap_or_default()),
        }
    }

    fn comma_after(&mut self, family: Option<&Family<'_>>) {
        if family.is_some_and(|family| !family.rest.as_slice().is_empty()) {
            self.out.push(b',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tests::{decode, json};

    #[track_caller]
    fn check(body: &str, expected: &str) {
        let data = decode(|_| {}, body).unwrap();
        assert_eq!(json(&data), expected);
        // Once more without the shortcut for bodies that stand as they are to be written.
        let mut merged = Data::empty();
        merged.merge(data);
        assert_eq!(json(&merged), expected);
    }

    #[test]
    fn strings_are_spelled_as_go_spells_them() {
        check(
            r#"{"z":"<a href=\"x\">&</a>","b":"\u2028\u003c","a":"é😀\ud83d\ude00"}"#,
            r#"{"a":"é😀😀","b":"\u2028\u003c","z":"\u003ca href=\"x\"\u003e\u0026\u003c/a\u003e"}"#,
        );
        check(
            "{\"a\":\"\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f\\/\"}",
            "{\"a\":\"\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}/\"}",
        );
        check(
            r#"{"a":"\ud800A","b":"\udc00\ud800"}"#,
            "{\"a\":\"\u{FFFD}A\",\"b\":\"\u{FFFD}\u{FFFD}\"}",
        );
        check("{\"\u{2028}<\":\"\u{2029}\"}", r#"{"\u2028\u003c":"\u2029"}"#);
    }

    #[test]
    fn numbers_keep_their_text() {
        let numbers = r#"{"n":[1.0,1e5,1E+2,-0,1e400,123456789012345678901234567890,0.1000]}"#;
        check(numbers, numbers);
    }

    #[test]
    fn keys_are_sorted_by_their_bytes_at_every_depth() {
        check(
            r#"{"é":6,"a":5,"_":4,"B":3,"9":2,"10":1}"#,
            r#"{"10":1,"9":2,"B":3,"_":4,"a":5,"é":6}"#,
        );
        check(r#"{"a":{"z":1,"b":{"y":1,"a":2}}}"#, r#"{"a":{"b":{"a":2,"y":1},"z":1}}"#);
        check(
            r#"{"longer_key_b":1,"longer_key_a":2,"longer_k":3,"longer_":4}"#,
            r#"{"longer_":4,"longer_k":3,"longer_key_a":2,"longer_key_b":1}"#,
        );
        check(r#"{"a\u0000":1,"a":2}"#, r#"{"a":2,"a\u0000":1}"#);
    }

    #[test]
    fn blanks_go() {
        check("{ \"a\" : [ 1 , { } , null ] }", r#"{"a":[1,{},null]}"#);
        check("{\"b\":[\n  1\n],\"a\":{\"x\":[ ]\t}}\n", r#"{"a":{"x":[]},"b":[1]}"#);
    }

    #[test]
    fn a_body_that_stands_as_it_is_to_be_written_is_not_copied() {
        let body = Bytes::from_static(br#" {"a":[1,{"b":"x"}],"b":"y"} "#);
        let backend = crate::decode::tests::backend(|_| {});
        let data = crate::decode::Decoder::compile(&backend).unwrap().decode(body.clone()).unwrap();
        assert_eq!(object(&data).as_ptr(), body.slice(1..).as_ptr());
    }

    #[test]
    fn a_collection_is_written_alone() {
        let of = |body: &str, is_collection| {
            let data = decode(|backend| backend.is_collection = is_collection, body).unwrap();
            String::from_utf8(collection(&data).to_vec()).unwrap()
        };
        assert_eq!(of("[1,{\"b\":1,\"a\":[2]}]", true), "[1,{\"a\":[2],\"b\":1}]");
        assert_eq!(of("[]", true), "[]");
        assert_eq!(of("null", true), "null");
        assert_eq!(of("{\"collection\": {\"a\":1}}", false), "{\"a\":1}");
        assert_eq!(of("{}", false), "[]");
        assert_eq!(of("null", false), "[]");
    }
}
