//! What a JSON string says: escapes resolved, anything that is not text replaced by U+FFFD.
//!
//! As Go does it: a lone surrogate is one U+FFFD, of bytes that are not UTF-8 each one is.

/// Appends the text of a string's inside, which has been scanned.
pub(crate) fn unescape(inside: &[u8], text: &mut Vec<u8>) {
    pieces(inside, |piece| text.extend_from_slice(piece.as_bytes()));
}

/// Whether a string's inside says `text`.
pub(crate) fn is_text(inside: &[u8], text: &[u8]) -> bool {
    if memchr::memchr(b'\\', inside).is_none() && (inside == text || inside.is_ascii()) {
        return inside == text;
    }
    let mut said = Vec::with_capacity(inside.len());
    unescape(inside, &mut said);
    said == text
}

/// The text of a string's inside, piece by piece.
pub(crate) fn pieces(inside: &[u8], mut each: impl FnMut(&str)) {
    let mut rest = inside;
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        let (plain, escape) = rest.split_at(backslash);
        lossy(plain, &mut each);
        let (found, length) = resolve(escape);
        each(found.encode_utf8(&mut [0; 4]));
        rest = escape.get(length..).unwrap_or_default();
    }
    lossy(rest, &mut each);
}

/// Bytes as text; each byte that is part of none is replaced.
fn lossy(bytes: &[u8], mut each: impl FnMut(&str)) {
    for chunk in bytes.utf8_chunks() {
        if !chunk.valid().is_empty() {
            each(chunk.valid());
        }
        for _ in chunk.invalid() {
            each("\u{FFFD}");
        }
    }
}

/// The character that an escape stands for, and the escape's length.
fn resolve(escape: &[u8]) -> (char, usize) {
    let simple = match escape.get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{C}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return resolve_unicode(escape),
        Some(&itself) => char::from(itself),
        None => char::REPLACEMENT_CHARACTER,
    };
    (simple, 2)
}

/// `\uXXXX`, or two of them that are a surrogate pair.
fn resolve_unicode(escape: &[u8]) -> (char, usize) {
    let first = unit(escape).unwrap_or(0);
    if let Some(found) = char::from_u32(u32::from(first)) {
        return (found, 6);
    }
    let second = escape.get(6..).and_then(unit);
    match char::decode_utf16([Some(first), second].into_iter().flatten()).next() {
        Some(Ok(found)) => (found, 12),
        Some(Err(_)) | None => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// The code unit of the `\uXXXX` that `escape` begins with.
fn unit(escape: &[u8]) -> Option<u16> {
    let digits = escape.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(inside: impl AsRef<[u8]>, text: &str) {
        let mut found = Vec::new();
        unescape(inside.as_ref(), &mut found);
        assert_eq!(std::str::from_utf8(&found), Ok(text));
    }

    #[test]
    fn lone_surrogates_are_replaced_one_by_one() {
        check(r"\ud800", "\u{FFFD}");
        check(r"\ud800A", "\u{FFFD}A");
        check(r"\udc00\ud800", "\u{FFFD}\u{FFFD}");
        check(r"\ud800\ud83d\ude00", "\u{FFFD}😀");
        check(r"\ud800\u0041", "\u{FFFD}A");
    }

    #[test]
    fn each_byte_that_is_not_utf8_is_replaced() {
        check(b"x\xFF\xFEy", "x\u{FFFD}\u{FFFD}y");
        check(b"\xE2\x80", "\u{FFFD}\u{FFFD}");
        check(b"\xED\xA0\x80", "\u{FFFD}\u{FFFD}\u{FFFD}");
    }

    #[test]
    fn escapes_are_resolved() {
        check(r#"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"#, "\"\\/\u{8}\u{C}\n\r\té😀");
    }
}
