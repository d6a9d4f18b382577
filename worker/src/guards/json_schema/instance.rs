//! A client's body as the value that a schema is compared with.
//!
//! KrakenD (Go's stream decoder): one JSON value and nothing behind it but blanks; of two members with the same name the
//! last one stays; text that is not UTF-8 is replaced; numbers may be larger than any number here, and count as the largest.

use serde_json::{Number, Value};

use crate::decode::{self, DecodeError, Maker};

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
    decode::walk(&Values, body, DEPTH_MAX).ok_or(InstanceError::TooDeep)
}

/// Makes values of JSON.
struct Values;

impl Maker for Values {
    type Value = Value;

    fn null(&self) -> Value {
        Value::Null
    }

    fn boolean(&self, value: bool) -> Value {
        Value::Bool(value)
    }

    fn number(&self, text: &str) -> Value {
        Value::Number(number(text))
    }

    fn text(&self, text: String) -> Value {
        Value::String(text)
    }

    fn list(&self, items: Vec<Value>) -> Value {
        Value::Array(items)
    }

    fn object(&self, members: Vec<(String, Value)>) -> Value {
        Value::Object(members.into_iter().collect())
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
