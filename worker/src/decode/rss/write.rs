//! JSON, written in the order in which Go has the fields.

use std::collections::BTreeMap;

use crate::encode::json_string;

#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
    /// Something stands before, so that a comma is due.
    due: bool,
}

impl Writer {
    /// Begins a value that has nothing to do with those before; where it begins.
    pub(super) const fn begin(&mut self) -> usize {
        self.due = false;
        self.out.len()
    }

    pub(super) fn object(&mut self, fields: impl FnOnce(&mut Self)) {
        self.comma();
        self.out.push(b'{');
        self.due = false;
        fields(self);
        self.out.push(b'}');
        self.due = true;
    }

    pub(super) fn array<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        each: impl Fn(T, &mut Self),
    ) {
        self.comma();
        self.out.push(b'[');
        self.due = false;
        for item in items {
            each(item, self);
        }
        self.out.push(b']');
        self.due = true;
    }

    /// The value comes next.
    pub(super) fn key(&mut self, key: &str) {
        self.text(key);
        self.out.push(b':');
        self.due = false;
    }

    pub(super) fn null(&mut self) {
        self.comma();
        self.out.extend_from_slice(b"null");
        self.due = true;
    }

    pub(super) fn text(&mut self, text: &str) {
        self.comma();
        json_string(text.as_bytes(), &mut self.out);
        self.due = true;
    }

    pub(super) fn text_field(&mut self, key: &str, text: &str) {
        self.key(key);
        self.text(text);
    }

    /// A field that is left out when it is empty.
    pub(super) fn filled_field(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.text_field(key, text);
        }
    }

    /// A list that is left out when it is empty.
    pub(super) fn filled_list(&mut self, key: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.key(key);
            self.array(texts, |text, out| out.text(text));
        }
    }

    pub(super) fn texts_by_name(&mut self, texts: &BTreeMap<String, String>) {
        self.object(|out| {
            for (name, text) in texts {
                out.text_field(name, text);
            }
        });
    }

    fn comma(&mut self) {
        if self.due {
            self.out.push(b',');
        }
    }
}
