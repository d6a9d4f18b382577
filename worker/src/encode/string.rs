//! `string`: the text under `content` and nothing else.

use bytes::Bytes;

use crate::decode::{Data, Value, pieces};

/// The text; empty if there is none.
pub(super) fn content(data: &Data) -> Bytes {
    let Some((document, value)) = data.find(b"content") else { return Bytes::new() };
    let input = &document.input;
    match value {
        Value::Plain(span) => input.slice(span.start as usize..span.end as usize),
        Value::Verbatim(span) => match span.of(input) {
            [b'"', .., b'"'] => input.slice(span.start as usize + 1..span.end as usize - 1),
            _ => Bytes::new(),
        },
        Value::Quoted(span) => {
            let mut text = Vec::with_capacity(span.of(input).len());
            pieces(span.of(input), |piece| text.extend_from_slice(piece.as_bytes()));
            Bytes::from(text)
        },
        Value::Object(_) | Value::Array(_) | Value::Opaque(..) => Bytes::new(),
    }
}
