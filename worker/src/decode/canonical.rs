//! An object that is written at once as it leaves the gateway, and the fields that it has.

use bytes::Bytes;

use super::data::{Data, Document, Entry, Key, Numbers, Span, Value};

/// The object while it is written.
#[derive(Debug, Default)]
pub(crate) struct Canonical {
    out: Vec<u8>,
    made_keys: Vec<u8>,
    fields: Vec<Entry>,
}

impl Canonical {
    /// So many bytes are expected.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// Writes a member; they come in the order of their names. `name_as_json` writes the name as a JSON
    /// string, `value` writes canonical JSON.
    pub(crate) fn member(
        &mut self,
        name: &[u8],
        name_as_json: impl FnOnce(&mut Vec<u8>),
        value: impl FnOnce(&mut Vec<u8>),
    ) {
        let out = &mut self.out;
        out.push(if self.fields.is_empty() { b'{' } else { b',' });
        let key_at = out.len();
        name_as_json(out);
        let is_plain = out.len() == key_at + name.len() + 2;
        out.push(b':');
        let value_at = out.len();
        value(out);
        let value = Value::Verbatim(Span::new(value_at, out.len()));
        let key = if is_plain {
            Key::in_input(out, key_at + 1, key_at + 1 + name.len())
        } else {
            Key::make(&mut self.made_keys, name)
        };
        self.fields.push(Entry::new(key, value, is_plain));
    }

    /// The object; `numbers` tells whose its numbers are.
    pub(crate) fn into_data(self, numbers: Numbers) -> Data {
        let Self { mut out, made_keys, fields } = self;
        out.extend_from_slice(if fields.is_empty() { b"{}" } else { b"}" });
        let verbatim = Some(Span::new(0, out.len()));
        let document =
            Document { input: Bytes::from(out), made_keys, entries: Vec::new(), numbers };
        Data { verbatim, ..Data::of(document, Some(fields)) }
    }
}
