//! A client's body as the value that a schema is compared with.
//!
//! KrakenD (Go's stream decoder): one JSON value and nothing behind it but blanks; of two members with the same name the
//! last one stays; text that is not UTF-8 is replaced; numbers may be larger than any number here, and count as the largest.

use serde_json::{Map, Number, Value};

use crate::decode::{self, DecodeError};

/// Values nested deeper than this are refused, since comparing goes down as deep.
const DEPTH_MAX: usize = 512;

/// Why a body is no instance.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InstanceError {
    /// It is no JSON.
    #[error(transparent)]
    Syntax(DecodeError),
    /// Something follows its value.
    #[error("invalid character after top-level value")]
    More,
    /// It is nested too deeply.
    #[error("exceeded max depth")]
    TooDeep,
}

/// Reads a body.
pub(crate) fn read(body: &[u8]) -> Result<Value, InstanceError> {
    let end = decode::first_value_end(body).map_err(InstanceError::Syntax)?;
    if !body.get(end..).unwrap_or_default().trim_ascii_start().is_empty() {
        return Err(InstanceError::More);
    }
    let mut reader = Reader { body, at: 0 };
    reader.value(0)
}

/// Walks over JSON that is known to be well-formed.
struct Reader<'a> {
    body: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, InstanceError> {
        if depth > DEPTH_MAX {
            return Err(InstanceError::TooDeep);
        }
        Ok(match self.next_sign() {
            b'{' => self.object(depth)?,
            b'[' => self.array(depth)?,
            b'"' => Value::String(self.text()),
            b't' => self.literal(Value::Bool(true), 4),
            b'f' => self.literal(Value::Bool(false), 5),
            b'n' => self.literal(Value::Null, 4),
            _ => self.number(),
        })
    }

    /// The next byte that is no blank; it stays where it is.
    fn next_sign(&mut self) -> u8 {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.body.get(self.at) {
            self.at += 1;
        }
        self.body.get(self.at).copied().unwrap_or(0)
    }

    fn object(&mut self, depth: usize) -> Result<Value, InstanceError> {
        let mut members = Map::new();
        self.at += 1;
        loop {
            match self.next_sign() {
                b'"' => {
                    let key = self.text();
                    self.next_sign();
                    self.at += 1; // the colon
                    let value = self.value(depth + 1)?;
                    members.insert(key, value);
                },
                b',' => self.at += 1,
                _ => break,
            }
        }
        self.at += 1;
        Ok(Value::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Value, InstanceError> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            match self.next_sign() {
                b']' | 0 => break,
                b',' => self.at += 1,
                _ => items.push(self.value(depth + 1)?),
            }
        }
        self.at += 1;
        Ok(Value::Array(items))
    }

    fn text(&mut self) -> String {
        self.at += 1;
        let start = self.at;
        while let Some(&byte) = self.body.get(self.at) {
            match byte {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        let mut text = String::new();
        let inside = self.body.get(start..self.at).unwrap_or_default();
        decode::pieces(inside, |piece| text.push_str(piece));
        self.at += 1;
        text
    }

    fn literal(&mut self, value: Value, length: usize) -> Value {
        self.at += length;
        value
    }

    fn number(&mut self) -> Value {
        let start = self.at;
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        while self.body.get(self.at).is_some_and(is_part) {
            self.at += 1;
        }
        // Whatever this is, it goes on: what is well-formed has a digit here.
        self.at = self.at.max(start + 1);
        let text = self.body.get(start..self.at).and_then(|text| std::str::from_utf8(text).ok());
        text.map_or(Value::Null, |text| Value::Number(number(text)))
    }
}

fn number(text: &str) -> Number {
    if let Ok(whole) = text.parse::<i64>() {
        return whole.into();
    }
    if let Ok(whole) = text.parse::<u64>() {
        return whole.into();
    }
    let float = text.parse().unwrap_or(0.0_f64).clamp(f64::MIN, f64::MAX);
    Number::from_f64(float).unwrap_or_else(|| 0.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &str) {
        let shown = match read(body.as_bytes()) {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{body}");
    }

    #[test]
    fn bodies_are_read_as_go_reads_them() {
        check(
            " {\"a\" : [1 , -2.5,true,null], \"a\":{} ,\"b\\u0041\":\"\\n\"}\n",
            "{\"a\":{},\"bA\":\"\\n\"}",
        );
        check("[[],{},\"\\\"\",false]", "[[],{},\"\\\"\",false]");
        check("18446744073709551615", "18446744073709551615");
        check("1e400", &Value::from(f64::MAX).to_string());
        check("{} x", "invalid character after top-level value");
        check(" ", "EOF");
        check("{", "unexpected EOF");
        check("nope", "invalid character 'o' in literal null (expecting 'u')");
        check(&"[".repeat(600), "unexpected EOF");
        check(&format!("{}{}", "[".repeat(600), "]".repeat(600)), "exceeded max depth");
    }
}
