//! The smallest things of a JSON text: literals, numbers, strings.

use super::{ReadError, Scan};
use crate::config::node::Value;
use crate::config::number;
use crate::config::read::text;

impl Scan<'_> {
    pub(super) fn literal(&mut self, word: &str, value: Value) -> Result<Value, ReadError> {
        for expected in word.bytes() {
            let found = self.byte_or_blank();
            if found != expected {
                let place = format!("in literal {word} (expecting '{}')", char::from(expected));
                return Err(self.invalid(found, &place));
            }
            self.at += 1;
        }
        Ok(value)
    }

    pub(super) fn number(&mut self) -> Result<String, ReadError> {
        let start = self.at;
        if self.byte_or_blank() == b'-' {
            self.at += 1;
        }
        match self.byte_or_blank() {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.skip_digits(),
            other => return Err(self.invalid(other, "in numeric literal")),
        }
        if self.byte_or_blank() == b'.' {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.byte_or_blank(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.byte_or_blank(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        let written: String = self
            .bytes
            .get(start..self.at)
            .unwrap_or_default()
            .iter()
            .map(|b| char::from(*b))
            .collect();
        let float: f64 = written.parse().unwrap_or(f64::INFINITY);
        if !float.is_finite() && self.range.is_none() {
            let text =
                format!("json: cannot unmarshal number {written} into Go value of type float64");
            self.range = Some(self.error(text));
        }
        Ok(number::go_json(float))
    }

    fn digits(&mut self, place: &str) -> Result<(), ReadError> {
        match self.byte_or_blank() {
            b'0'..=b'9' => {
                self.skip_digits();
                Ok(())
            },
            other => Err(self.invalid(other, place)),
        }
    }

    fn skip_digits(&mut self) {
        while self.byte_or_blank().is_ascii_digit() {
            self.at += 1;
        }
    }

    pub(super) fn string(&mut self) -> Result<String, ReadError> {
        self.at += 1; // the opening quote
        let mut out = String::new();
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let plain = rest.iter().take_while(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f)).count();
            text::push_lossy(&mut out, rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                },
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                },
                Some(control) => return Err(self.invalid(*control, "in string literal")),
                None => return Err(self.ended()),
            }
        }
    }

    /// One escape, behind its backslash. A surrogate without its other half is U+FFFD.
    fn escape(&mut self) -> Result<char, ReadError> {
        let simple = match self.byte_or_blank() {
            plain @ (b'"' | b'\\' | b'/') => char::from(plain),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode_escape();
            },
            other => return Err(self.invalid(other, "in string escape code")),
        };
        self.at += 1;
        Ok(simple)
    }

    fn unicode_escape(&mut self) -> Result<char, ReadError> {
        let first = self.four_hex_digits()?;
        if let Some(plain) = char::from_u32(first) {
            return Ok(plain);
        }
        let behind = self.at;
        if self.bytes.get(behind..behind + 2) == Some(b"\\u") {
            self.at += 2;
            let second = self.four_hex_digits()?;
            if (0xd800..0xdc00).contains(&first) && (0xdc00..0xe000).contains(&second) {
                let both = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = behind; // it stands for itself
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn four_hex_digits(&mut self) -> Result<u32, ReadError> {
        let mut value = 0;
        for _ in 0..4 {
            let found = self.byte_or_blank();
            let digit = char::from(found)
                .to_digit(16)
                .ok_or_else(|| self.invalid(found, "in \\u hexadecimal character escape"))?;
            value = value * 16 + digit;
            self.at += 1;
        }
        Ok(value)
    }
}
