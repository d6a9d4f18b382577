//! Names of elements, attributes and entities.

use super::name_table::{FIRST, LATER};
use crate::decode::data::Span;

/// A name in two parts, as the document spells it; without a prefix its span is empty.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::decode) struct Name {
    pub(in crate::decode) prefix: Span,
    pub(in crate::decode) local: Span,
}

impl Name {
    /// Cuts the name that stands at `start..end`; `None` if it has several colons. A colon with
    /// nothing before or behind it belongs to the name.
    pub(super) fn cut(input: &[u8], start: usize, end: usize) -> Option<Self> {
        let whole = Self { prefix: Span::default(), local: Span::new(start, end) };
        let name = input.get(start..end).unwrap_or_default();
        let Some(colon) = memchr::memchr(b':', name) else { return Some(whole) };
        if name.iter().skip(colon + 1).any(|byte| *byte == b':') {
            return None;
        }
        if colon == 0 || colon + 1 == name.len() {
            return Some(whole);
        }
        let colon = start + colon;
        Some(Self { prefix: Span::new(start, colon), local: Span::new(colon + 1, end) })
    }
}

/// Where the run of bytes that may belong to a name ends: ASCII that may not ends it.
pub(super) fn end(input: &[u8], start: usize) -> usize {
    let rest = input.get(start..).unwrap_or_default();
    let length = rest.iter().position(|byte| !NAME_BYTES[usize::from(*byte)]);
    start + length.unwrap_or(rest.len())
}

/// All of it is one name.
pub(super) fn is_name(bytes: &[u8]) -> bool {
    match bytes {
        [b'0'..=b'9' | b'.' | b'-', ..] | [] => false,
        ascii if ascii.is_ascii() => true, // Others than name bytes have ended it.
        bytes => std::str::from_utf8(bytes).is_ok_and(|name| {
            let mut characters = name.chars();
            characters.next().is_some_and(|first| is_listed(first, &FIRST))
                && characters.all(|later| is_listed(later, &FIRST) || is_listed(later, &LATER))
        }),
    }
}

/// ASCII that stands in names was told from other ASCII before.
fn is_listed(character: char, table: &[(u16, u16)]) -> bool {
    if character.is_ascii() {
        return true;
    }
    let Ok(code) = u16::try_from(u32::from(character)) else { return false };
    let index = table.partition_point(|(_, last)| *last < code);
    table.get(index).is_some_and(|(first, _)| *first <= code)
}

const NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = byte >= 0x80
            || byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b':' | b'.' | b'-');
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};
