//! `string`: the whole body, whatever it is, as `{"content": "<body>"}`.

use bytes::Bytes;

use super::data::{Data, Document, Entry, Key, Span, Value};

use super::shape::{Found, Shape};

/// Gives the body its shape; nothing can be wrong with it.
pub(super) fn decode(shape: &Shape, body: Bytes) -> Data {
    let mut document = Document { input: body, ..Document::default() };
    let mut children = Vec::new();
    if shape.keeps_leaf(CONTENT) {
        let value = Value::Plain(Span::new(0, document.input.len()));
        let key = Key::make(&mut document.made_keys, CONTENT);
        children.push(Entry::new(key, value, false));
    }
    shape.arrange(Found::EMPTY, children, document)
}

const CONTENT: &[u8] = b"content";
