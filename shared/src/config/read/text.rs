//! Small things that the readers share: Go's quoting, lossy UTF-8, repeated keys.

use std::collections::HashMap;

use super::{REPEATED_MAX, Repeated};
use crate::config::node::Node;
use crate::words::JsonPointer;

/// A byte in the form that Go's JSON errors show it: taken for a Latin-1 character, in single quotes.
pub(super) fn quoted_byte(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_owned(),
        b'\\' => r"'\\'".to_owned(),
        0x07 => r"'\a'".to_owned(),
        0x08 => r"'\b'".to_owned(),
        0x0c => r"'\f'".to_owned(),
        b'\n' => r"'\n'".to_owned(),
        b'\r' => r"'\r'".to_owned(),
        b'\t' => r"'\t'".to_owned(),
        0x0b => r"'\v'".to_owned(),
        0..=0x1f | 0x7f => format!("'\\x{byte:02x}'"),
        0x80..=0xa0 | 0xad => format!("'\\u{byte:04x}'"),
        0x20..=0x7e | 0xa1..=0xff => format!("'{}'", char::from(byte)),
    }
}

/// Appends `bytes`; each byte that is not part of valid UTF-8 becomes U+FFFD, as in Go.
pub(super) fn push_lossy(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
}

/// Of members with one key the last, at the place of the first. The others go to `repeated`.
pub(super) fn last_of_each(
    members: Vec<(String, Node)>,
    at: &JsonPointer,
    repeated: &mut Vec<Repeated>,
) -> Vec<(String, Node)> {
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(members.len());
    if members.iter().all(|(key, _)| places.insert(key, 0).is_none()) {
        return members;
    }
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut kept: Vec<(String, Node)> = Vec::with_capacity(members.len());
    for (key, node) in members {
        let place = *places.entry(key.clone()).or_insert(kept.len());
        let Some((_, earlier)) = kept.get_mut(place) else {
            kept.push((key, node));
            continue;
        };
        if repeated.len() < REPEATED_MAX {
            let (line, earlier_line) = (node.line, earlier.line);
            repeated.push(Repeated { at: at.key(&key), line, earlier_line });
        }
        *earlier = node;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_quoted_as_go_quotes_them() {
        let cases: [(u8, &str); 8] = [
            (b'n', "'n'"),
            (b'\'', r"'\''"),
            (b'"', "'\"'"),
            (b'\n', r"'\n'"),
            (0, r"'\x00'"),
            (0xef, "'ï'"),
            (0x80, r"'\u0080'"),
            (0xad, r"'\u00ad'"),
        ];
        for (byte, text) in cases {
            assert_eq!(quoted_byte(byte), text);
        }
    }

    #[test]
    fn each_invalid_byte_becomes_one_replacement() {
        let mut out = String::new();
        push_lossy(&mut out, b"a\xe2\x82b\xff");
        assert_eq!(out, "a\u{fffd}\u{fffd}b\u{fffd}");
    }
}
