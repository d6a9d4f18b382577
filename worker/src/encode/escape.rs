//! Strings as Go's `encoding/json` writes them for the web.
//!
//! `<`, `>`, `&`, U+2028 and U+2029 are escaped, so that JSON may stand in HTML and JavaScript; other
//! text stays as it is.

use crate::decode::pieces;

/// Writes the inside of a JSON string as a JSON string.
pub(crate) fn quoted(inside: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    pieces(inside, |piece| escape(piece.as_bytes(), out));
    out.push(b'"');
}

/// Writes any bytes as a JSON string; what is no UTF-8 becomes `\ufffd`, byte by byte.
pub(crate) fn plain(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        escape(chunk.valid().as_bytes(), out);
        for _ in chunk.invalid() {
            out.extend_from_slice(br"\ufffd");
        }
    }
    out.push(b'"');
}

/// Writes text as a JSON string.
pub(crate) fn text(utf8: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    escape(utf8, out);
    out.push(b'"');
}

fn escape(utf8: &[u8], out: &mut Vec<u8>) {
    let mut rest = utf8;
    while let Some(index) = rest.iter().position(|byte| STOPS[usize::from(*byte)]) {
        let (clean, from) = rest.split_at(index);
        out.extend_from_slice(clean);
        let length = escape_first(from, out);
        rest = from.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// Escapes the first character of `text`; its length in bytes.
fn escape_first(text: &[u8], out: &mut Vec<u8>) -> usize {
    let short = match text {
        [b'"', ..] => br#"\""#,
        [b'\\', ..] => br"\\",
        [0x08, ..] => br"\b",
        [0x0C, ..] => br"\f",
        [b'\n', ..] => br"\n",
        [b'\r', ..] => br"\r",
        [b'\t', ..] => br"\t",
        [0xE2, 0x80, last @ (0xA8 | 0xA9), ..] => {
            out.extend_from_slice(if *last == 0xA8 { br"\u2028" } else { br"\u2029" });
            return 3;
        },
        [lead @ 0x80..=0xFF, ..] => {
            out.push(*lead);
            return 1;
        },
        [other, ..] => {
            const HEX: [u8; 16] = *b"0123456789abcdef";
            out.extend_from_slice(br"\u00");
            out.push(HEX[usize::from(other >> 4)]);
            out.push(HEX[usize::from(other & 15)]);
            return 1;
        },
        [] => return 0,
    };
    out.extend_from_slice(short);
    1
}

/// Bytes at which [`escape`] looks closer: 0xE2 begins U+2028 and U+2029.
const STOPS: [bool; 256] = {
    let mut table = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = true;
        control += 1;
    }
    let mut index = 0;
    let others = *b"\"\\<>&\xE2";
    while index < others.len() {
        table[others[index] as usize] = true;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_html_or_javascript_would_read_is_escaped() {
        let html = written(|out| text("<a href=\"x\">&\u{2028}\u{2029}".as_bytes(), out));
        assert_eq!(html, r#""\u003ca href=\"x\"\u003e\u0026\u2028\u2029""#);
    }

    #[test]
    fn control_bytes_are_escaped_and_del_is_not() {
        let controls = written(|out| text(b"\x08\x0C\n\r\t\0\x1F\x7F/", out));
        assert_eq!(controls, "\"\\b\\f\\n\\r\\t\\u0000\\u001f\x7F/\"");
    }

    #[test]
    fn other_text_stays_as_it_is() {
        let kept = "é😀\u{2027}\u{202A}\u{FFFD}€";
        assert_eq!(written(|out| text(kept.as_bytes(), out)), format!("\"{kept}\""));
    }

    #[test]
    fn broken_utf8_is_escaped_in_plain_text_and_replaced_in_json() {
        assert_eq!(written(|out| plain(b"x\xFF\xFEy", out)), r#""x\ufffd\ufffdy""#);
        assert_eq!(written(|out| quoted(b"x\xFF\xFEy", out)), "\"x\u{FFFD}\u{FFFD}y\"");
    }
}
