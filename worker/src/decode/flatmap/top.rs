//! The top-level fields of data, as JSON.

use std::borrow::Cow;

use super::label::Label;
use super::tree::{Inside, Node};
use crate::decode::data::{Data, Field, Span, Value};
use crate::encode::{json_text, json_value};

/// A top-level field; only what was no JSON is copied.
#[derive(Debug)]
pub(super) struct Top<'a> {
    /// From its quote to its colon.
    key: Cow<'a, [u8]>,
    json: Cow<'a, [u8]>,
    /// Nobody sees parts of it.
    opaque: bool,
}

impl<'a> Top<'a> {
    /// All of them.
    pub(super) fn all(data: &'a Data) -> Vec<Self> {
        let fields = data.root.as_deref().unwrap_or_default();
        fields.iter().filter_map(|field| Self::of(data, field)).collect()
    }

    fn of(data: &'a Data, field: &Field) -> Option<Self> {
        let (document, entry) = (data.document(field)?, &field.entry);
        let name = entry.key();
        let key = if entry.joined {
            let written = Span { start: name.span.start - 1, end: name.span.end + 2 };
            Cow::Borrowed(written.of(&document.input))
        } else if name.made {
            Cow::Owned(written(document.key(name)))
        } else {
            Cow::Owned([b"\"", document.key(name), b"\":"].concat())
        };
        let json = match entry.value {
            Value::Verbatim(span) | Value::Opaque(span, _) => {
                Cow::Borrowed(span.of(&document.input))
            },
            value @ (Value::Plain(_) | Value::Object(_) | Value::Array(_)) => {
                let mut json = Vec::new();
                json_value(document, value, &mut json);
                Cow::Owned(json)
            },
        };
        Some(Self { key, json, opaque: matches!(entry.value, Value::Opaque(..)) })
    }

    /// It as a node.
    pub(super) fn node(&self) -> Node<'_> {
        let node = Node::leaf(Label::Key(&self.key), &self.json);
        let inside = if self.opaque { Inside::Known } else { node.inside };
        Node { inside, ..node }
    }
}

/// A text as a member's key, from its quote to its colon.
pub(super) fn written(text: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(text.len() + 3);
    json_text(text, &mut written);
    written.push(b':');
    written
}
