//! The words of JSON: blanks, strings, numbers, literals. Finds where they end, copies nothing.
//!
//! Go's `encoding/json` decides what is well-formed and how an error reads: bytes that are not UTF-8
//! are no error, and a body that ends too early is told apart from one that is wrong.

use crate::decode::DecodeError;

/// Objects and arrays may be nested this deep.
pub(super) const DEPTH_MAX: usize = 10_000;

pub(super) const VALUE: &str = "looking for beginning of value";
pub(super) const KEY: &str = "looking for beginning of object key string";
pub(super) const AFTER_KEY: &str = "after object key";
pub(super) const AFTER_PAIR: &str = "after object key:value pair";
pub(super) const AFTER_ELEMENT: &str = "after array element";
pub(super) const TOO_DEEP: &str = "exceeded max depth";

/// A body that is being read. Every position is an index into it; past its end stands a NUL, which
/// fits nowhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a>(pub(super) &'a [u8]);

/// What is wrong with a body. On the heap, so that `Read<usize>` fits two registers.
pub(super) type Fault = Box<DecodeError>;

/// What was read, or what is wrong.
pub(super) type Read<T> = Result<T, Fault>;

/// A string: where its inside ends, and what is odd about it. One number, for the sake of registers, too.
#[derive(Clone, Copy)]
pub(super) struct Text(usize);

impl Text {
    const RESPELLED: usize = 1;
    const ESCAPED: usize = 2;

    /// The position of the closing quote.
    pub(super) const fn end(self) -> usize {
        self.0 >> 2
    }

    /// It is written as it stands. Not if it holds one of `<>&`, U+2028, U+2029, bytes that are not UTF-8, or
    /// escapes that Go would spell otherwise.
    pub(super) const fn is_same(self) -> bool {
        self.0 & Self::RESPELLED == 0
    }

    /// It is written as it stands and says just that.
    pub(super) const fn is_plain(self) -> bool {
        self.0 & (Self::RESPELLED | Self::ESCAPED) == 0
    }
}

impl Source<'_> {
    pub(super) fn at(self, position: usize) -> u8 {
        self.0.get(position).copied().unwrap_or(0)
    }

    /// The error for the byte at `position`: the body's end, or that it does not fit.
    #[cold]
    #[inline(never)]
    pub(super) fn wrong(self, position: usize, context: &'static str) -> Fault {
        Box::new(match self.0.get(position) {
            Some(&found) => DecodeError::Syntax { found, context },
            None => DecodeError::Truncated,
        })
    }

    /// The next position from here on that is no blank.
    #[inline]
    pub(super) fn blanks(self, position: usize) -> usize {
        if self.at(position) > b' ' { position } else { self.more_blanks(position) }
    }

    fn more_blanks(self, mut position: usize) -> usize {
        loop {
            match self.at(position) {
                b' ' if self.eight(position) == Some(EIGHT_BLANKS) => position += 8,
                b' ' | b'\n' | b'\r' | b'\t' => position += 1,
                _ => return position,
            }
        }
    }

    fn eight(self, position: usize) -> Option<u64> {
        let bytes = self.0.get(position..position.checked_add(8)?)?;
        bytes.try_into().ok().map(u64::from_le_bytes)
    }

    /// The end of a string whose value nobody needs; begins behind the opening quote.
    #[inline]
    pub(super) fn skip_text(self, mut position: usize) -> Read<usize> {
        loop {
            position = self.plain(position, stops_a_skip, &SKIP_STOPS);
            match self.at(position) {
                b'"' => return Ok(position),
                b'\\' => position = self.escape(position)?,
                _ => return Err(self.wrong(position, "in string literal")),
            }
        }
    }

    /// The end of a number or literal that is well-formed: where something follows it.
    #[inline]
    pub(super) fn word(self, start: usize) -> usize {
        self.plain(start, stops_a_word, &WORD_STOPS)
    }

    /// A string that will be written; begins behind the opening quote.
    #[inline(always)]
    pub(super) fn text(self, start: usize) -> Read<Text> {
        let end = self.plain(start, stops_a_text, &TEXT_STOPS);
        if self.at(end) == b'"' { Ok(Text(end << 2)) } else { self.odd_text(start, end) }
    }

    /// The same from the first byte that is odd.
    #[inline(never)]
    fn odd_text(self, start: usize, mut position: usize) -> Read<Text> {
        let (mut odd, mut ascii) = (0, true);
        loop {
            match self.at(position) {
                b'"' => break,
                b'\\' => {
                    odd |= Text::ESCAPED;
                    if matches!(self.at(position + 1), b'/' | b'u') {
                        odd |= Text::RESPELLED;
                    }
                    position = self.escape(position)?;
                },
                b'<' | b'>' | b'&' => {
                    odd |= Text::RESPELLED;
                    position += 1;
                },
                0x80.. => {
                    ascii = false;
                    position += 1;
                    while self.at(position) >= 0x80 {
                        position += 1;
                    }
                },
                _ => return Err(self.wrong(position, "in string literal")),
            }
            position = self.plain(position, stops_a_text, &TEXT_STOPS);
        }
        if !ascii && !is_plain_utf8(self.0.get(start..position).unwrap_or_default()) {
            odd |= Text::RESPELLED;
        }
        Ok(Text(position << 2 | odd))
    }

    /// The next position of a byte that stops: eight bytes at a time, near the end one by one.
    #[inline(always)]
    fn plain(
        self,
        mut position: usize,
        stops: impl Fn(u64) -> u64,
        is_stop: &[bool; 256],
    ) -> usize {
        while let Some(eight) = self.eight(position) {
            let found = stops(eight);
            if found != 0 {
                return position + found.trailing_zeros() as usize / 8;
            }
            position += 8;
        }
        self.plain_end(position, is_stop)
    }

    #[cold]
    fn plain_end(self, mut position: usize, is_stop: &[bool; 256]) -> usize {
        while self.0.get(position).is_some_and(|byte| !is_stop[usize::from(*byte)]) {
            position += 1;
        }
        position
    }

    /// The end of an escape; begins at its backslash.
    fn escape(self, backslash: usize) -> Read<usize> {
        match self.at(backslash + 1) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(backslash + 2),
            b'u' => {
                let digits = backslash + 2..backslash + 6;
                match digits.clone().find(|digit| !self.at(*digit).is_ascii_hexdigit()) {
                    None => Ok(digits.end),
                    Some(bad) => Err(self.wrong(bad, "in \\u hexadecimal character escape")),
                }
            },
            _ => Err(self.wrong(backslash + 1, "in string escape code")),
        }
    }

    /// The end of a number; begins at its sign or first digit.
    #[inline]
    pub(super) fn number(self, start: usize) -> Read<usize> {
        let mut position = start + usize::from(self.at(start) == b'-');
        position = match self.at(position) {
            b'0' => position + 1,
            b'1'..=b'9' => self.digits(position + 1),
            _ => return Err(self.wrong(position, "in numeric literal")),
        };
        if self.at(position) == b'.' {
            position = self.some_digits(position + 1, "after decimal point in numeric literal")?;
        }
        if matches!(self.at(position), b'e' | b'E') {
            let signed = usize::from(matches!(self.at(position + 1), b'+' | b'-'));
            position = self.some_digits(position + 1 + signed, "in exponent of numeric literal")?;
        }
        Ok(position)
    }

    fn digits(self, mut position: usize) -> usize {
        while self.at(position).is_ascii_digit() {
            position += 1;
        }
        position
    }

    fn some_digits(self, start: usize, context: &'static str) -> Read<usize> {
        let end = self.digits(start);
        if end == start { Err(self.wrong(start, context)) } else { Ok(end) }
    }

    /// The end of `true`, `false` or `null`; begins at its first byte, which has been seen.
    #[inline]
    pub(super) fn literal(self, start: usize) -> Read<usize> {
        let rest = self.0.get(start..).unwrap_or_default();
        let length = match self.at(start) {
            b'f' if rest.starts_with(b"false") => 5,
            b't' if rest.starts_with(b"true") => 4,
            b'n' if rest.starts_with(b"null") => 4,
            _ => return Err(self.broken_literal(start)),
        };
        Ok(start + length)
    }

    #[cold]
    fn broken_literal(self, start: usize) -> Fault {
        let (word, contexts): (&[u8], &[&'static str]) = match self.at(start) {
            b't' => (
                b"true",
                &[
                    "in literal true (expecting 'r')",
                    "in literal true (expecting 'u')",
                    "in literal true (expecting 'e')",
                ],
            ),
            b'f' => (
                b"false",
                &[
                    "in literal false (expecting 'a')",
                    "in literal false (expecting 'l')",
                    "in literal false (expecting 's')",
                    "in literal false (expecting 'e')",
                ],
            ),
            _ => (
                b"null",
                &[
                    "in literal null (expecting 'u')",
                    "in literal null (expecting 'l')",
                    "in literal null (expecting 'l')",
                ],
            ),
        };
        let rest = word.iter().enumerate().skip(1);
        for ((index, byte), context) in rest.zip(contexts) {
            if self.at(start + index) != *byte {
                return self.wrong(start + index, context);
            }
        }
        Box::new(DecodeError::Truncated)
    }
}

/// UTF-8 that holds neither U+2028 nor U+2029, which JSON output escapes.
fn is_plain_utf8(bytes: &[u8]) -> bool {
    let separators = |text: &str| text.contains(['\u{2028}', '\u{2029}']);
    std::str::from_utf8(bytes).is_ok_and(|text| !separators(text))
}

const EIGHT_BLANKS: u64 = repeat(b' ');
const HIGH_BITS: u64 = repeat(0x80);

const fn repeat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

// A byte below 0x80 less n has its high bit set if it was less than n. That bytes borrow from the next one spoils only
// what is above the lowest, which alone is looked for.

/// High bits where a byte of `eight` is zero; perhaps also at bytes from 0x81 on.
const fn zeros(eight: u64) -> u64 {
    eight.wrapping_sub(repeat(1))
}

/// High bits at control bytes, quotes and backslashes; the lowest is right.
const fn stops_a_skip(eight: u64) -> u64 {
    let controls = eight.wrapping_sub(repeat(0x20));
    let signs = zeros(eight ^ repeat(b'"')) | zeros(eight ^ repeat(b'\\'));
    (controls | signs) & !eight & HIGH_BITS
}

/// High bits at commas and closing brackets; the lowest is right. The brackets differ in one bit.
const fn stops_a_word(eight: u64) -> u64 {
    let comma = zeros(eight ^ repeat(b','));
    let bracket = zeros((eight | repeat(0x20)) ^ repeat(b'}'));
    (comma | bracket) & !eight & HIGH_BITS
}

/// As [`stops_a_skip`], and at what output may have to spell otherwise: `&<>` and all but ASCII.
/// One test finds `"` and `&`, which differ in one bit, another `<` and `>`.
const fn stops_a_text(eight: u64) -> u64 {
    let controls = eight.wrapping_sub(repeat(0x20));
    let quote_or_ampersand = zeros((eight | repeat(0x04)) ^ repeat(b'&'));
    let angle = zeros((eight | repeat(0x02)) ^ repeat(b'>'));
    let backslash = zeros(eight ^ repeat(b'\\'));
    (controls | quote_or_ampersand | angle | backslash | eight) & HIGH_BITS
}

const SKIP_STOPS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte < 0x20 || byte == b'"' as usize || byte == b'\\' as usize;
        byte += 1;
    }
    table
};

const WORD_STOPS: [bool; 256] = {
    let mut table = [false; 256];
    table[b',' as usize] = true;
    table[b'}' as usize] = true;
    table[b']' as usize] = true;
    table
};

const TEXT_STOPS: [bool; 256] = {
    let mut table = SKIP_STOPS;
    let mut byte = 0x80;
    while byte < 256 {
        table[byte] = true;
        byte += 1;
    }
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b'&' as usize] = true;
    table
};
