//! Blocks that are read key by key; a value of another type spoils the whole block.

use std::collections::BTreeMap;

use baton_shared::config::node::{Node, Value};

/// A block that is read key by key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'a> {
    members: &'a [(String, Node)],
    reading: Reading,
}

/// How Go reads a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Into a struct: keys count in any case, and `null` is as if it were not there.
    Struct,
    /// Out of a map, each value by its type: keys are exact, and `null` is of another type.
    Map,
}

/// A value that KrakenD cannot read; the whole block is then none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is not {wanted}")]
pub(crate) struct WrongType {
    pub(crate) key: &'static str,
    pub(crate) wanted: &'static str,
}

impl<'a> Block<'a> {
    /// As most are read. `None`: it is no object.
    pub(crate) fn of(settings: &'a Node) -> Option<Self> {
        Self::read_as(Reading::Struct, settings)
    }

    /// One whose keys are exact and whose values are never `null`. `None`: it is no object.
    pub(crate) fn exact(settings: &'a Node) -> Option<Self> {
        Self::read_as(Reading::Map, settings)
    }

    fn read_as(reading: Reading, settings: &'a Node) -> Option<Self> {
        match &settings.value {
            Value::Object(members) => Some(Self { members, reading }),
            _ => None,
        }
    }

    /// The last of that name counts.
    fn find(&self, key: &str) -> Option<&'a Value> {
        let is_meant = |name: &str| match self.reading {
            Reading::Struct => name.eq_ignore_ascii_case(key),
            Reading::Map => name == key,
        };
        let (_, node) = self.members.iter().rev().find(|(name, _)| is_meant(name))?;
        Some(&node.value).filter(|value| self.reading == Reading::Map || **value != Value::Null)
    }

    /// A text; empty without one.
    pub(crate) fn text(&self, key: &'static str) -> Result<&'a str, WrongType> {
        match self.find(key) {
            None => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(WrongType { key, wanted: "a text" }),
        }
    }

    /// A flag; unset without one.
    pub(crate) fn flag(&self, key: &'static str) -> Result<bool, WrongType> {
        match self.find(key) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => Err(WrongType { key, wanted: "true or false" }),
        }
    }

    /// A number that fits; 0 without one.
    pub(crate) fn number<T: std::str::FromStr + Default>(
        &self,
        key: &'static str,
    ) -> Result<T, WrongType> {
        let wrong = WrongType { key, wanted: "a whole number that is not negative" };
        match self.find(key) {
            None => Ok(T::default()),
            Some(Value::Number(text)) => text.parse().map_err(|_other: T::Err| wrong),
            Some(_) => Err(wrong),
        }
    }

    /// A list of texts; empty without one.
    pub(crate) fn texts(&self, key: &'static str) -> Result<Vec<&'a str>, WrongType> {
        match self.find(key) {
            None => Ok(Vec::new()),
            Some(value) => {
                self.reading.texts(value).ok_or(WrongType { key, wanted: "a list of texts" })
            },
        }
    }

    /// A list of numbers that fit; empty without one.
    pub(crate) fn numbers<T: std::str::FromStr>(
        &self,
        key: &'static str,
    ) -> Result<Vec<T>, WrongType> {
        let wrong = || WrongType { key, wanted: "a list of numbers" };
        let items = match self.find(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(wrong()),
        };
        let number = |item: &Node| match &item.value {
            Value::Number(text) => text.parse().ok(),
            _ => None,
        };
        items.iter().map(number).collect::<Option<Vec<T>>>().ok_or_else(wrong)
    }

    /// Lists of texts by their names, sorted; empty without them.
    pub(crate) fn named_texts(
        &self,
        key: &'static str,
    ) -> Result<BTreeMap<&'a str, Vec<&'a str>>, WrongType> {
        let wrong = || WrongType { key, wanted: "an object of lists of texts" };
        let members = match self.find(key) {
            None => return Ok(BTreeMap::new()),
            Some(Value::Object(members)) => members,
            Some(_) => return Err(wrong()),
        };
        let texts = |node: &'a Node| self.reading.texts(&node.value);
        let named = members.iter().map(|(name, node)| Some((&**name, texts(node)?)));
        named.collect::<Option<_>>().ok_or_else(wrong)
    }

    /// A list of lists of texts; empty without one.
    pub(crate) fn lists(&self, key: &'static str) -> Result<Vec<Vec<&'a str>>, WrongType> {
        let wrong = || WrongType { key, wanted: "a list of lists of texts" };
        let items = match self.find(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(wrong()),
        };
        let lists = items.iter().map(|item| self.reading.texts(&item.value));
        lists.collect::<Option<Vec<_>>>().ok_or_else(wrong)
    }
}

impl Reading {
    fn texts(self, value: &Value) -> Option<Vec<&str>> {
        let items = match value {
            Value::Null if self == Self::Struct => return Some(Vec::new()),
            Value::Array(items) => items,
            _ => return None,
        };
        items.iter().map(|item| self.text(item)).collect()
    }

    fn text(self, item: &Node) -> Option<&str> {
        match &item.value {
            Value::String(text) => Some(text),
            Value::Null if self == Self::Struct => Some(""),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use baton_shared::config::read::{Format, read};

    use super::*;

    fn with<T>(text: &str, look: impl FnOnce([Block<'_>; 2]) -> T) -> T {
        let document = read(Format::Json, text.as_bytes()).unwrap();
        look([Block::of(&document.root).unwrap(), Block::exact(&document.root).unwrap()])
    }

    #[test]
    fn keys_count_in_any_case_or_in_their_own() {
        with(r#"{"Key":"a","KEY":"b"}"#, |[any, exact]| {
            assert_eq!((any.text("key"), exact.text("key")), (Ok("b"), Ok("")));
            assert_eq!(exact.text("Key"), Ok("a"));
        });
    }

    #[test]
    fn what_is_null_is_not_there_or_of_another_type() {
        with(r#"{"a":null,"b":["x",null],"c":{"x":null}}"#, |[any, exact]| {
            assert_eq!(
                (any.text("a"), any.flag("a"), any.number::<u8>("a")),
                (Ok(""), Ok(false), Ok(0))
            );
            assert_eq!((any.texts("a"), any.texts("b")), (Ok(vec![]), Ok(vec!["x", ""])));
            assert_eq!(any.named_texts("c"), Ok(BTreeMap::from([("x", vec![])])));
            assert!(exact.text("a").is_err() && exact.flag("a").is_err());
            assert!(exact.texts("b").is_err() && exact.named_texts("c").is_err());
        });
    }
}
