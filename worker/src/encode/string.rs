//! `string`: the text under `content` and nothing else.

use bytes::Bytes;

use crate::decode::{Data, Value, unescape};

/// The text; empty if there is none.
pub(super) fn content(data: &Data) -> Bytes {
    let Some((document, value)) = data.find(b"content") else { return Bytes::new() };
    let input = &document.input;
    match value {
        Value::Plain(span) => input.slice(span.start as usize..span.end as usize),
        Value::Verbatim(span) => match span.of(input) {
            [b'"', inside @ .., b'"'] if memchr::memchr(b'\\', inside).is_some() => {
                let mut text = Vec::with_capacity(inside.len());
                unescape(inside, &mut text);
                Bytes::from(text)
            },
            [b'"', .., b'"'] => input.slice(span.start as usize + 1..span.end as usize - 1),
            _ => Bytes::new(),
        },
        Value::Object(_) | Value::Array(_) | Value::Opaque(..) => Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tests::decode;

    #[test]
    fn the_text_is_what_the_string_says() {
        let text = |body: &str| content(&decode(|_| {}, body).unwrap());
        assert_eq!(text(r#"{"content":"plain"}"#), "plain");
        assert_eq!(text(r#"{"content":"a\"b\n\u00e9\/<"}"#), "a\"b\né/<");
        assert_eq!(text(r#"{"content":["a"]}"#), "");
        assert_eq!(text(r#"{"other":"a"}"#), "");
    }
}
