//! Weak typing: one value into the kind that a key wants.
//!
//! `None` is "leave the default": the value is `null`, or a fault was noted.

use super::{Faults, Place};
use crate::config::duration::{DurationError, GoDuration};
use crate::config::finding::Problem;
use crate::config::node::{Node, Value};
use crate::config::number;
use crate::config::read::Format;

impl Faults {
    /// A text; booleans become `1` and `0`, numbers their digits.
    pub(super) fn text(&mut self, node: &Node, place: &Place) -> Option<String> {
        match &node.value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Bool(flag) => Some(if *flag { "1" } else { "0" }.to_owned()),
            Value::Number(digits) if digits.contains('e') => {
                Some(digits.parse::<f64>().map_or_else(|_| digits.clone(), |f| f.to_string()))
            },
            Value::Number(digits) => Some(digits.clone()),
            Value::Array(_) | Value::Object(_) => {
                self.unconvertible(node, place, "string", "a text")
            },
        }
    }

    /// A boolean; numbers other than 0 are true, texts as Go's `ParseBool`.
    pub(super) fn boolean(&mut self, node: &Node, place: &Place) -> Option<bool> {
        match &node.value {
            Value::Null => None,
            Value::Bool(flag) => Some(*flag),
            Value::Number(digits) => Some(digits.parse::<f64>().is_ok_and(|f| f != 0.0)),
            Value::String(text) => match text.as_str() {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
                "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
                _ => {
                    self.unparsable(node, place, "bool", "strconv.ParseBool: invalid syntax", BOOL)
                },
            },
            Value::Array(_) | Value::Object(_) => self.unconvertible(node, place, "bool", BOOL),
        }
    }

    /// An integer; fractions are cut off, texts may have a prefix for their base.
    pub(super) fn integer(&mut self, node: &Node, place: &Place) -> Option<i64> {
        match &node.value {
            Value::String(text) if text.is_empty() => Some(0),
            Value::String(text) => match number::parse_int(text) {
                Ok(value) => Some(value),
                Err(why) => self.unparsable(
                    node,
                    place,
                    "int",
                    &format!("strconv.ParseInt: {why}"),
                    INTEGER,
                ),
            },
            _ => self.scalar_as_integer(node, place, "int"),
        }
    }

    /// A number of 16 bits; what does not fit is cut as Go cuts it, but in texts refused.
    pub(super) fn sixteen_bits(&mut self, node: &Node, place: &Place) -> Option<u16> {
        const LOW: i64 = 0xffff;
        let value = match &node.value {
            Value::String(text) if text.is_empty() => 0,
            Value::String(text) => {
                let parsed = number::parse_uint(text).and_then(|value| {
                    u16::try_from(value).map_err(|_too_large| number::IntError::Range)
                });
                match parsed {
                    Ok(value) => return Some(value),
                    Err(why) => {
                        let why = format!("strconv.ParseUint: {why}");
                        return self.unparsable(node, place, "uint16", &why, INTEGER);
                    },
                }
            },
            _ => self.scalar_as_integer(node, place, "uint16")?,
        };
        u16::try_from(value & LOW).ok()
    }

    /// A floating point number.
    pub(super) fn float(&mut self, node: &Node, place: &Place) -> Option<f64> {
        match &node.value {
            Value::Null => None,
            Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
            Value::Number(text) | Value::String(text) => match text.parse() {
                Ok(value) => Some(value),
                Err(_) if text.is_empty() => Some(0.0),
                Err(_) => {
                    let why = "strconv.ParseFloat: invalid syntax";
                    self.unparsable(node, place, "float64", why, "a number")
                },
            },
            Value::Array(_) | Value::Object(_) => {
                self.unconvertible(node, place, "float64", "a number")
            },
        }
    }

    /// A duration in Go's grammar; a number counts nanoseconds.
    pub(super) fn duration(&mut self, node: &Node, place: &Place) -> Option<GoDuration> {
        let Value::String(text) = &node.value else {
            return self.scalar_as_integer(node, place, "time.Duration").map(GoDuration);
        };
        match GoDuration::parse(text) {
            Ok(duration) => Some(duration),
            Err(why) => {
                self.kind(place, &duration_text(why, text), kind_of(node, DURATION));
                None
            },
        }
    }

    /// Everything that is no text, as an integer.
    fn scalar_as_integer(&mut self, node: &Node, place: &Place, go_type: &str) -> Option<i64> {
        let allowed = if go_type == "time.Duration" { DURATION } else { INTEGER };
        match &node.value {
            Value::Null => None,
            Value::Bool(flag) => Some(i64::from(*flag)),
            Value::Number(digits) => {
                Some(digits.parse().unwrap_or_else(|_| truncate(digits.parse().unwrap_or(0.0))))
            },
            Value::String(_) | Value::Array(_) | Value::Object(_) => {
                self.unconvertible(node, place, go_type, allowed)
            },
        }
    }

    /// A list; a single value is a list of one, an empty object an empty list.
    pub(super) fn list<T>(
        &mut self,
        node: &Node,
        place: &Place,
        mut item: impl FnMut(&mut Self, &Node, &Place) -> T,
    ) -> Vec<T> {
        match &node.value {
            Value::Null => Vec::new(),
            Value::Object(members) if members.is_empty() => Vec::new(),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, node)| item(self, node, &place.item(index, node)))
                .collect(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                vec![item(self, node, &place.lifted())]
            },
        }
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, node: &Node, place: &Place) -> Vec<String> {
        self.list(node, place, |faults, node, place| faults.text(node, place).unwrap_or_default())
    }

    /// Notes that no value of this kind can become `go_type`.
    pub(super) fn unconvertible<T>(
        &mut self,
        node: &Node,
        place: &Place,
        go_type: &str,
        allowed: &'static str,
    ) -> Option<T> {
        let kind = self.go_type(node);
        let text = format!("expected type '{go_type}', got unconvertible type '{kind}'");
        self.kind(place, &text, kind_of(node, allowed));
        None
    }

    fn unparsable<T>(
        &mut self,
        node: &Node,
        place: &Place,
        go_type: &str,
        why: &str,
        allowed: &'static str,
    ) -> Option<T> {
        let text = format!("cannot parse value as '{go_type}': {why}");
        self.kind(place, &text, kind_of(node, allowed));
        None
    }

    /// Notes that only an object can stand here.
    pub(super) fn no_object(&mut self, node: &Node, place: &Place) {
        let kind = match &node.value {
            Value::Array(_) => "slice",
            _ => self.go_type(node),
        };
        let text = format!("expected a map or struct, got \"{kind}\"");
        self.kind(place, &text, kind_of(node, "an object"));
    }

    /// The type that KrakenD's parser gives a value.
    fn go_type(&self, node: &Node) -> &'static str {
        match &node.value {
            Value::Null => "nil",
            Value::Bool(_) => "bool",
            Value::Number(digits) => match self.format {
                Format::Yaml if digits.parse::<i64>().is_ok() => "int",
                Format::Toml if digits.parse::<i64>().is_ok() => "int64",
                Format::Json | Format::Yaml | Format::Toml => "float64",
            },
            Value::String(_) => "string",
            Value::Array(_) => "[]interface {}",
            Value::Object(_) => "map[string]interface {}",
        }
    }
}

const BOOL: &str = "true or false";
const INTEGER: &str = "an integer";
const DURATION: &str = "a duration: write 100ms, 2s or 1h30m";

/// "This is not that", with the value shortened.
pub(super) fn kind_of(node: &Node, allowed: &'static str) -> Problem {
    let found = match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(digits) => digits.clone(),
        Value::String(text) if text.chars().nth(60).is_some() => {
            format!("\"{}…\"", text.chars().take(60).collect::<String>().escape_debug())
        },
        Value::String(text) => format!("\"{}\"", text.escape_debug()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    Problem::Kind { found, allowed }
}

/// KrakenD cuts Go's error at its last blank, to leave out the value: a value with a blank is only
/// left out from there.
fn duration_text(why: DurationError, text: &str) -> String {
    let whole = format!("time: {why} \"{text}\"");
    match why {
        DurationError::UnknownUnit => format!("time: {why}"),
        DurationError::Invalid | DurationError::MissingUnit => {
            whole.rsplit_once(' ').map(|(kept, _)| kept.to_owned()).unwrap_or_default()
        },
    }
}

/// As Go on amd64: what does not fit becomes the smallest integer.
fn truncate(float: f64) -> i64 {
    const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;
    if !(-TOO_LARGE..TOO_LARGE).contains(&float) {
        return i64::MIN;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the fraction is cut off; the range was checked"
    )]
    let whole = float as i64;
    whole
}
