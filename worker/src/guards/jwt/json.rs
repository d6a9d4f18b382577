//! JSON of tokens and key sets, as strict as their readers in KrakenD: no member twice, nothing behind the value.
//!
//! Numbers are `float64`, as claims are in KrakenD.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::decode::{DecodeError, first_value_end};

/// Members that are compared one by one; beyond, they are sorted first: an attacker chooses their number.
const FEW: usize = 16;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(Box<str>),
    List(Vec<Self>),
    Object(Members),
}

/// The members of an object, in order.
pub(crate) type Members = Vec<(Box<str>, Json)>;

/// Why a text is no value, in the words of KrakenD's reader; nothing of the text but the byte that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("unexpected end of JSON input")]
    Cut,
    #[error("{}", DecodeError::Syntax { found: *found, context })]
    Syntax { found: u8, context: &'static str },
    /// Only the grammar is kept to: a member stands there twice, or it is too deep, no UTF-8, a number beyond all others.
    #[error("json: duplicate key in object, or a value that is not read")]
    Refused,
}

impl Unreadable {
    /// What is wrong with a text that cannot be read.
    #[cold]
    fn of(text: &[u8]) -> Self {
        let end = match first_value_end(text) {
            Ok(end) => end,
            Err(DecodeError::Syntax { found, context }) => return Self::Syntax { found, context },
            Err(DecodeError::Empty | DecodeError::Truncated) => return Self::Cut,
            Err(_) => return Self::Refused,
        };
        let behind = text.iter().skip(end).find(|byte| !b" \t\r\n".contains(byte));
        behind.map_or(Self::Refused, |found| Self::Syntax {
            found: *found,
            context: "after top-level value",
        })
    }
}

/// Reads one value of a token.
pub(crate) fn read_of_token(bytes: &[u8]) -> Result<Json, Unreadable> {
    read(bytes).map_err(|_in_other_words| Unreadable::of(bytes))
}

/// Reads one value; its depth is bounded by the reader (128).
pub(crate) fn read(bytes: &[u8]) -> Result<Json, serde_json::Error> {
    serde_json::from_slice(bytes)
}

/// Reads one value that something may follow.
pub(crate) fn read_first(bytes: &[u8]) -> Result<Json, serde_json::Error> {
    Json::deserialize(&mut serde_json::Deserializer::from_slice(bytes))
}

/// The member of this name.
pub(crate) fn member<'a>(members: &'a [(Box<str>, Json)], name: &str) -> Option<&'a Json> {
    members.iter().find(|(found, _)| &**found == name).map(|(_, value)| value)
}

impl Json {
    /// What Go calls its kind.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::List(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// The members, if it is an object.
    pub(crate) fn members(&self) -> Option<&Members> {
        match self {
            Self::Object(members) => Some(members),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "as in Go, where a claim is a float64")]
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "as in Go, where a claim is a float64")]
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.into()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut members = Members::new();
        while let Some(name) = entries.next_key::<Box<str>>()? {
            members.push((name, entries.next_value()?));
        }
        if has_a_name_twice(&members) {
            return Err(de::Error::custom("a member stands there twice"));
        }
        Ok(Json::Object(members))
    }
}

fn has_a_name_twice(members: &Members) -> bool {
    if members.len() > FEW {
        let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        return names.windows(2).any(|pair| pair.first() == pair.last());
    }
    let mut rest = members.as_slice();
    while let Some(((name, _), behind)) = rest.split_first() {
        if member(behind, name).is_some() {
            return true;
        }
        rest = behind;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_stands_twice_refuses_the_whole_at_any_depth_and_in_any_spelling() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"[{"a":1},{"a":1,"b":2,"a":3}]"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        let many = |last: &str| {
            let members: Vec<String> = (0..500).map(|n| format!("\"k{n}\":0")).collect();
            format!("{{{},\"{last}\":0}}", members.join(","))
        };
        assert!(read(many("k7").as_bytes()).is_err());
        assert!(read(many("K7").as_bytes()).is_ok());
    }

    #[test]
    fn what_is_no_single_value_is_refused_and_what_follows_may_be_left_unread() {
        for text in ["", "{", "{}x", "{} {}", "nope", "{\"a\":1,}", "\"\u{0}\"", "01"] {
            assert!(read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(read(b" {} \n").is_ok());
        assert_eq!(read_first(b"{} trailing").unwrap(), Json::Object(Members::new()));
        assert!(read("[".repeat(100_000).as_bytes()).is_err());
        assert!(read(b"\"\xFF\"").is_err());
    }

    #[test]
    fn what_cannot_be_read_is_told_as_go_tells_it() {
        for (text, told) in [
            ("", "unexpected end of JSON input"),
            (" ", "unexpected end of JSON input"),
            (r#"{"a":1"#, "unexpected end of JSON input"),
            ("nope", "invalid character 'o' in literal null (expecting 'u')"),
            ("{}x", "invalid character 'x' after top-level value"),
            ("{} {}", "invalid character '{' after top-level value"),
            ("{a}", "invalid character 'a' looking for beginning of object key string"),
            ("\u{1}", "invalid character '\\x01' looking for beginning of value"),
            ("'", "invalid character '\\'' looking for beginning of value"),
        ] {
            assert_eq!(read_of_token(text.as_bytes()).unwrap_err().to_string(), told, "{text}");
        }
        for text in [r#"{"a":1,"a":1}"#, "1e999", &"[".repeat(200)] {
            let told = read_of_token(text.as_bytes()).unwrap_err();
            assert!(told == Unreadable::Refused || text.starts_with('['), "{text}: {told}");
        }
    }

    #[test]
    fn numbers_are_floats() {
        assert_eq!(
            read(b"12345678901234567890").unwrap(),
            Json::Number(12_345_678_901_234_567_000.0)
        );
        assert_eq!(read(b"-5").unwrap(), Json::Number(-5.0));
        assert!(read(b"1e999").is_err());
    }
}
