//! Go's quoting: strings and characters written as literals, and literals read back.

use std::fmt::Write as _;

/// Go's `strconv.Quote`.
pub(super) fn quote(bytes: &[u8]) -> String {
    quote_with(bytes, '"', false)
}

/// As [`quote`], with everything beyond ASCII escaped.
pub(super) fn quote_ascii(bytes: &[u8]) -> String {
    quote_with(bytes, '"', true)
}

/// Go's `strconv.QuoteRune`.
pub(super) fn quote_char(letter: char, is_ascii: bool) -> String {
    let mut out = String::from('\'');
    push_escaped(&mut out, letter, '\'', is_ascii);
    out.push('\'');
    out
}

fn quote_with(bytes: &[u8], quote: char, is_ascii: bool) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push(quote);
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            push_escaped(&mut out, letter, quote, is_ascii);
        }
        for byte in chunk.invalid() {
            let _infallible = write!(out, "\\x{byte:02x}");
        }
    }
    out.push(quote);
    out
}

fn push_escaped(out: &mut String, letter: char, quote: char, is_ascii: bool) {
    let code = u32::from(letter);
    match letter {
        '\\' => out.push_str("\\\\"),
        letter if letter == quote => {
            out.push('\\');
            out.push(quote);
        },
        letter if is_printable(letter) && (!is_ascii || letter.is_ascii()) => out.push(letter),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        letter if letter < ' ' || letter == '\x7f' => {
            let _infallible = write!(out, "\\x{code:02x}");
        },
        _ if code < 0x1_0000 => {
            let _infallible = write!(out, "\\u{code:04x}");
        },
        _ => {
            let _infallible = write!(out, "\\U{code:08x}");
        },
    }
}

/// Go's `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols, and the ASCII blank.
pub(super) fn is_printable(letter: char) -> bool {
    match letter {
        // Marks: escaped by Rust, printed by Go.
        ' '..='~' | '\u{300}'..='\u{36f}' => true,
        _ => letter.escape_debug().count() == 1,
    }
}

/// Go's `%#U`: `U+0021 '!'`.
pub(super) fn code_point(letter: char) -> String {
    let code = u32::from(letter);
    if is_printable(letter) { format!("U+{code:04X} '{letter}'") } else { format!("U+{code:04X}") }
}

/// Go's `strconv.CanBackquote`.
pub(super) fn can_backquote(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        text.chars().all(|c| (c >= ' ' || c == '\t') && !matches!(c, '`' | '\x7f' | '\u{feff}'))
    })
}

/// Go's `strconv.Unquote` of a string literal with double quotes or backquotes.
pub(super) fn unquote(literal: &str) -> Option<Vec<u8>> {
    if let Some(raw) = literal.strip_prefix('`') {
        let raw = raw.strip_suffix('`')?;
        return Some(raw.bytes().filter(|byte| *byte != b'\r').collect());
    }
    let mut rest = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let (piece, behind) = unquote_char(rest, '"')?;
        match piece {
            Piece::Letter(letter) => {
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            },
            Piece::Byte(byte) => out.push(byte),
        }
        rest = behind;
    }
    Some(out)
}

/// What one escape stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Letter(char),
    Byte(u8),
}

/// Go's `strconv.UnquoteChar`: the first letter or escape of `text`, and what follows.
pub(super) fn unquote_char(text: &str, quote: char) -> Option<(Piece, &str)> {
    let mut letters = text.chars();
    let first = letters.next()?;
    if first == quote {
        return None;
    }
    if first != '\\' {
        return Some((Piece::Letter(first), letters.as_str()));
    }
    let kind = letters.next()?;
    let rest = letters.as_str();
    let simple = match kind {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' => '\\',
        'x' => return number(rest, 2, 16).map(|(code, rest)| (byte(code), rest)),
        'u' => return letter(number(rest, 4, 16)?),
        'U' => return letter(number(rest, 8, 16)?),
        '0'..='7' => {
            let (code, rest) = number(text.get(1..)?, 3, 8)?;
            return (code <= 0xff).then(|| (byte(code), rest));
        },
        found if found == quote => quote,
        _ => return None,
    };
    Some((Piece::Letter(simple), rest))
}

fn byte(code: u32) -> Piece {
    let byte = u8::try_from(code).unwrap_or(u8::MAX);
    if byte < 0x80 { Piece::Letter(char::from(byte)) } else { Piece::Byte(byte) }
}

fn letter((code, rest): (u32, &str)) -> Option<(Piece, &str)> {
    Some((Piece::Letter(char::from_u32(code)?), rest))
}

fn number(text: &str, digits: usize, base: u32) -> Option<(u32, &str)> {
    let written = text.get(..digits)?;
    if !written.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    Some((u32::from_str_radix(written, base).ok()?, text.get(digits..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_as_go_quotes_them() {
        let cases: [(&[u8], &str); 6] = [
            (b"a\"b\\", r#""a\"b\\""#),
            ("é\u{301}\u{1f600}".as_bytes(), "\"é\u{301}\u{1f600}\""),
            (b"\n\t\x00\x7f\x07", r#""\n\t\x00\x7f\a""#),
            (b"\xff", r#""\xff""#),
            ("\u{a0}\u{feff}".as_bytes(), r#""\u00a0\ufeff""#),
            (b"", r#""""#),
        ];
        for (bytes, text) in cases {
            assert_eq!(quote(bytes), text);
        }
        assert_eq!(quote_ascii("é\u{1f600}".as_bytes()), r#""\u00e9\U0001f600""#);
        assert_eq!(quote_char('\'', false), r"'\''");
    }

    #[test]
    fn literals_are_read_back() {
        assert_eq!(unquote(r#""a\x41\u00e9\101\"""#).unwrap(), "aAéA\"".as_bytes());
        assert_eq!(unquote(r#""\xff""#).unwrap(), b"\xff");
        assert_eq!(unquote("`a\\n\r`").unwrap(), b"a\\n");
        for wrong in [r#""\q""#, r#""\x4""#, r#""\ud800""#, r#""\'""#, r#""\400""#] {
            assert_eq!(unquote(wrong), None, "{wrong}");
        }
    }
}
