//! Escaping for HTML, JavaScript and queries, as Go's templates do it.

use std::fmt::Write as _;

use super::go;

pub(super) fn html(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            plain => out.push(*plain),
        }
    }
    out
}

pub(super) fn js(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for letter in String::from_utf8_lossy(bytes).chars() {
        match letter {
            '\\' => out.push_str(r"\\"),
            '\'' => out.push_str(r"\'"),
            '"' => out.push_str("\\\""),
            '<' => out.push_str(r"\u003C"),
            '>' => out.push_str(r"\u003E"),
            '&' => out.push_str(r"\u0026"),
            '=' => out.push_str(r"\u003D"),
            ' '..='\x7f' => out.push(letter),
            _ if !letter.is_ascii() && go::is_printable(letter) => out.push(letter),
            _ => {
                let _infallible = write!(out, "\\u{:04X}", u32::from(letter));
            },
        }
    }
    out
}

/// Go's `url.QueryEscape`.
pub(super) fn query(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(*byte));
            },
            b' ' => out.push('+'),
            other => {
                let _infallible = write!(out, "%{other:02X}");
            },
        }
    }
    out
}
