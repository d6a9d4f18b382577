//! The charset that `<?xml … encoding="…"?>` names: what follows is turned into UTF-8.

use bytes::Bytes;
use encoding_rs::Encoding;

use super::error::{XmlError, shown};
use crate::decode::BODY_BYTES_MAX;

/// How often a document changed its charset.
#[derive(Debug, Default)]
pub(super) struct Switches(u8);

/// One declaration is the rule; Go follows each that comes. A text may treble with each.
const SWITCHES_MAX: u8 = 2;

impl Switches {
    /// The document anew: `read` as it was, `rest` in UTF-8.
    pub(super) fn switch(
        &mut self,
        label: &[u8],
        read: &[u8],
        rest: &[u8],
    ) -> Result<Bytes, XmlError> {
        let Some(encoding) = Encoding::for_label(label) else {
            return Err(XmlError::Charset(shown(label)));
        };
        self.0 += 1;
        if self.0 > SWITCHES_MAX {
            return Err(XmlError::TooMuch("more charsets than a document may have"));
        }
        if read.len() + 3 * rest.len() >= BODY_BYTES_MAX {
            return Err(XmlError::TooMuch("more text than a document may have"));
        }
        let (mut text, _) = encoding.decode_without_bom_handling(rest);
        // Where these charsets have no character the WHATWG puts a control character, Go has none.
        let is_hole = |character: char| ('\u{80}'..='\u{9F}').contains(&character);
        if encoding.name().starts_with("windows-") && text.contains(is_hole) {
            text = text.replace(is_hole, "\u{FFFD}").into();
        }
        let mut whole = Vec::with_capacity(read.len() + text.len() + 1);
        whole.extend_from_slice(read);
        whole.extend_from_slice(text.as_bytes());
        // KrakenD ends a body with a line feed; only charset readers get to see it.
        if self.0 == 1 {
            whole.push(b'\n');
        }
        Ok(whole.into())
    }
}

/// The value of `name="…"` in a declaration; empty without one. As Go looks for it: anywhere.
pub(super) fn parameter<'a>(name: &str, text: &'a [u8]) -> &'a [u8] {
    let mut rest = text;
    while let Some(found) = memchr::memmem::find(rest, name.as_bytes()) {
        rest = rest.get(found + name.len()..).unwrap_or_default();
        let [b'=', quote, value @ ..] = rest else { continue };
        if matches!(quote, b'\'' | b'"') {
            let end = memchr::memchr(*quote, value);
            return end.and_then(|end| value.get(..end)).unwrap_or_default();
        }
    }
    b""
}
