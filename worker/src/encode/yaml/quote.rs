//! Texts in double quotes, as Go's `strconv.Quote` writes them.

use std::io::Write as _;

pub(super) fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().for_each(|character| push(character, out));
        for byte in chunk.invalid() {
            let _written = write!(out, "\\x{byte:02x}");
        }
    }
    out.push(b'"');
}

fn push(character: char, out: &mut Vec<u8>) {
    let short = match character {
        '"' => b"\\\"",
        '\\' => b"\\\\",
        '\u{7}' => b"\\a",
        '\u{8}' => b"\\b",
        '\u{C}' => b"\\f",
        '\n' => b"\\n",
        '\r' => b"\\r",
        '\t' => b"\\t",
        '\u{B}' => b"\\v",
        printable if is_printable(printable) => {
            out.extend_from_slice(printable.encode_utf8(&mut [0; 4]).as_bytes());
            return;
        },
        other => {
            let code = u32::from(other);
            // Writing to memory does not fail.
            let _written = match code {
                ..0x20 | 0x7F => write!(out, "\\x{code:02x}"),
                0x20..=0xFFFF => write!(out, "\\u{code:04x}"),
                _ => write!(out, "\\U{code:08x}"),
            };
            return;
        },
    };
    out.extend_from_slice(short);
}

/// Whether Go shows it: no control, format, separator or private character. What Unicode has not
/// assigned is known only where whole planes are empty.
fn is_printable(character: char) -> bool {
    !matches!(u32::from(character),
        ..0x20 | 0x7F..=0xA0 | 0xAD
        | 0x600..=0x605 | 0x61C | 0x6DD | 0x70F | 0x890 | 0x891 | 0x8E2 | 0x1680 | 0x180E
        | 0x2000..=0x200F | 0x2028..=0x202F | 0x205F..=0x206F | 0x3000 | 0xE000..=0xF8FF
        | 0xFEFF | 0xFFF0..=0xFFFB | 0xFFFE | 0xFFFF
        | 0x110BD | 0x110CD | 0x13430..=0x1343F | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A
        | 0x32400..=0xE00FF | 0xE01F0..)
}
