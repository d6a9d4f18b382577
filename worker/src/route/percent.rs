//! Percent-encoding as Go's `net/url` does it: what KrakenD decodes, compares and writes.
//!
//! On the way: the router decodes a request's path here once; templates, queries and redirects encode
//! what they write. Pure functions over bytes: a path may hold any byte.
//! KrakenD: three sets of bytes that may stay (path, "is a valid path already", query), RFC 3986 §2.

use std::borrow::Cow;
use std::fmt;

/// A `%` that two hexadecimal digits do not follow: it and up to two bytes after it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BadEscape {
    bytes: [u8; 3],
    len: u8,
}

impl BadEscape {
    fn at(rest: &[u8]) -> Self {
        let mut bytes = [0; 3];
        let mut len = 0;
        for (slot, byte) in bytes.iter_mut().zip(rest) {
            *slot = *byte;
            len += 1;
        }
        Self { bytes, len }
    }

    /// The faulty bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Display for BadEscape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid URL escape {}", GoQuoted(self.as_bytes()))
    }
}

impl fmt::Debug for BadEscape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for BadEscape {}

/// Where a byte may stand unescaped.
mod class {
    /// Go writes it as it is when it encodes a path.
    pub(super) const PATH: u8 = 1;
    /// Go takes a path that holds it for an already encoded one.
    pub(super) const VALID_PATH: u8 = 2;
    /// Go writes it as it is when it encodes a query key or value.
    pub(super) const QUERY: u8 = 4;
    /// May stay in a value that a template puts into a query.
    pub(super) const QUERY_VALUE: u8 = 8;
}

const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 256")]
        let value = byte as u8;
        table[byte] = match value {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                class::PATH | class::VALID_PATH | class::QUERY | class::QUERY_VALUE
            },
            b'$' | b',' | b':' | b'@' => class::PATH | class::VALID_PATH | class::QUERY_VALUE,
            b'&' | b'+' | b'/' | b';' | b'=' => class::PATH | class::VALID_PATH,
            b'!' | b'\'' | b'(' | b')' | b'*' | b'[' | b']' => {
                class::VALID_PATH | class::QUERY_VALUE
            },
            _ => 0,
        };
        byte += 1;
    }
    table
}

fn is(byte: u8, class: u8) -> bool {
    CLASSES.get(usize::from(byte)).is_some_and(|classes| classes & class != 0)
}

/// Whether this byte lets the rest of a path stay as it is (a `%` is judged by the caller).
pub(crate) fn is_valid_in_path(byte: u8) -> bool {
    is(byte, class::VALID_PATH)
}

/// `%` and two digits.
pub(crate) fn push_escaped(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
    out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 0x0F)]);
}

fn escape(text: &[u8], keep: u8, out: &mut Vec<u8>) {
    for &byte in text {
        if is(byte, keep) { out.push(byte) } else { push_escaped(byte, out) }
    }
}

/// Encodes a whole path: `/` and the sub-delimiters that Go leaves alone stay.
pub(crate) fn escape_path(path: &[u8], out: &mut Vec<u8>) {
    escape(path, class::PATH, out);
}

/// Encodes a key or value of a query as forms do: a blank becomes `+`.
pub(crate) fn escape_query(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b' ' => out.push(b'+'),
            _ if is(byte, class::QUERY) => out.push(byte),
            _ => push_escaped(byte, out),
        }
    }
}

/// Encodes a value for the middle of a query that is otherwise written by hand: nothing in it can
/// end the value, begin another one or break the request line.
pub(crate) fn escape_query_value(text: &[u8], out: &mut Vec<u8>) {
    escape(text, class::QUERY_VALUE, out);
}

/// Writes a value into a path whose other bytes need no encoding: it adds no segment, query,
/// fragment or escape.
pub(crate) fn escape_path_value(value: &[u8], slash: Slash, encode_all: bool, out: &mut Vec<u8>) {
    for &byte in value {
        let stays = match byte {
            b'/' => slash == Slash::Stays,
            b'?' | b'#' | b'%' => false,
            _ => !encode_all || is(byte, class::PATH),
        };
        if stays { out.push(byte) } else { push_escaped(byte, out) }
    }
}

/// What becomes of a `/` in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slash {
    /// It separates segments.
    Stays,
    /// It becomes `%2F`.
    Encoded,
}

/// Decodes `%XX`; borrows when there is nothing to decode.
///
/// # Errors
/// The first `%` without two hexadecimal digits.
pub(crate) fn decode(text: &[u8]) -> Result<Cow<'_, [u8]>, BadEscape> {
    decode_with(text, false)
}

/// Decodes `%XX`, and `+` as a blank, as query strings and forms are read.
///
/// # Errors
/// The first `%` without two hexadecimal digits.
pub(crate) fn decode_query(text: &[u8]) -> Result<Cow<'_, [u8]>, BadEscape> {
    decode_with(text, true)
}

fn decode_with(text: &[u8], plus_is_blank: bool) -> Result<Cow<'_, [u8]>, BadEscape> {
    let plain = if plus_is_blank {
        memchr::memchr2(b'%', b'+', text).is_none()
    } else {
        memchr::memchr(b'%', text).is_none()
    };
    if plain {
        return Ok(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        match (byte, tail) {
            (b'%', [high, low, after @ ..]) => {
                let (Some(high), Some(low)) = (hex(*high), hex(*low)) else {
                    return Err(BadEscape::at(rest));
                };
                decoded.push(high << 4 | low);
                rest = after;
                continue;
            },
            (b'%', _) => return Err(BadEscape::at(rest)),
            (b'+', _) if plus_is_blank => decoded.push(b' '),
            _ => decoded.push(byte),
        }
        rest = tail;
    }
    Ok(Cow::Owned(decoded))
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Bytes in Go's `%q` form, as its error texts show them.
pub(crate) struct GoQuoted<'t>(pub(crate) &'t [u8]);

impl fmt::Display for GoQuoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for chunk in self.0.utf8_chunks() {
            for letter in chunk.valid().chars() {
                write_quoted(letter, f)?;
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_str("\"")
    }
}

fn write_quoted(letter: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match letter {
        '"' => f.write_str("\\\""),
        '\\' => f.write_str("\\\\"),
        '\u{7}' => f.write_str("\\a"),
        '\u{8}' => f.write_str("\\b"),
        '\u{c}' => f.write_str("\\f"),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        '\u{b}' => f.write_str("\\v"),
        '\0'..='\u{1f}' | '\u{7f}' => write!(f, "\\x{:02x}", u32::from(letter)),
        _ if letter.is_control() => write!(f, "\\u{:04x}", u32::from(letter)),
        _ => write!(f, "{letter}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_without_two_digits_is_named_as_go_names_it() {
        for (text, named) in [
            ("%", r#"invalid URL escape "%""#),
            ("a%b", r#"invalid URL escape "%b""#),
            ("a%2", r#"invalid URL escape "%2""#),
            ("%41%zzz", r#"invalid URL escape "%zz""#),
            ("%\n\"", r#"invalid URL escape "%\n\"""#),
        ] {
            assert_eq!(decode(text.as_bytes()).unwrap_err().to_string(), named, "{text}");
        }
    }

    #[test]
    fn decoding_borrows_when_nothing_is_encoded() {
        assert!(matches!(decode(b"/a+b/\xE9"), Ok(Cow::Borrowed(b"/a+b/\xE9"))));
        assert_eq!(decode(b"/a%2Fb%e9+").unwrap().as_ref(), b"/a/b\xE9+");
        assert_eq!(decode_query(b"a+b%2B").unwrap().as_ref(), b"a b+");
    }

    #[test]
    fn what_go_leaves_alone_in_a_path_and_in_a_query_stays() {
        let all = b"aZ0-_.~$&+,/:;=@?!'()*[] \"%\xC3\xA9";
        let mut path = Vec::new();
        escape_path(all, &mut path);
        assert_eq!(
            String::from_utf8_lossy(&path),
            "aZ0-_.~$&+,/:;=@%3F%21%27%28%29%2A%5B%5D%20%22%25%C3%A9"
        );
        let mut query = Vec::new();
        escape_query(b"~*-_.!'() &=+", &mut query);
        assert_eq!(String::from_utf8_lossy(&query), "~%2A-_.%21%27%28%29+%26%3D%2B");
    }

    #[test]
    fn quoting_shows_control_bytes_and_broken_utf8_as_go_does() {
        let quoted = GoQuoted(b"a\x00\n\x7F\xFF\xC3\xA9\"\\").to_string();
        assert_eq!(quoted, "\"a\\x00\\n\\x7f\\xff\u{e9}\\\"\\\\\"");
    }

    #[test]
    fn any_bytes_decode_or_fail_without_a_panic() {
        for first in 0..=255u8 {
            for second in [b'%', b'0', b'f', 0, 255] {
                let text = [b'%', first, second, first];
                let _decoded = decode(&text);
                let _decoded = decode_query(&text);
            }
        }
    }
}
