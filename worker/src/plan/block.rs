//! Blocks that Go reads into a struct (`auth/…`), so that keys count in any case and a value of another type
//! spoils the whole block.

use std::collections::BTreeMap;

use baton_shared::config::node::{Node, Value};

/// A block that is read key by key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'a> {
    members: &'a [(String, Node)],
}

/// A value that KrakenD cannot read; the whole block is then none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is not {wanted}")]
pub(crate) struct WrongType {
    pub(crate) key: &'static str,
    pub(crate) wanted: &'static str,
}

impl<'a> Block<'a> {
    /// `None`: it is no object.
    pub(crate) fn of(settings: &'a Node) -> Option<Self> {
        match &settings.value {
            Value::Object(members) => Some(Self { members }),
            _ => None,
        }
    }

    /// The last of that name counts.
    fn written(&self, key: &str) -> Option<&'a Value> {
        let found = self.members.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(key));
        found.map(|(_, node)| &node.value)
    }

    /// `null` is as if it were not there.
    fn find(&self, key: &str) -> Option<&'a Value> {
        self.written(key).filter(|value| **value != Value::Null)
    }

    /// Whether it stands there and says nothing.
    pub(crate) fn is_null(&self, key: &str) -> bool {
        self.written(key) == Some(&Value::Null)
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
            Some(value) => texts_of(value).ok_or(WrongType { key, wanted: "a list of texts" }),
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
        let named = members.iter().map(|(name, node)| Some((&**name, texts_of(&node.value)?)));
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
        let lists = items.iter().map(|item| texts_of(&item.value));
        lists.collect::<Option<Vec<_>>>().ok_or_else(wrong)
    }
}

fn text_of(item: &Node) -> Option<&str> {
    match &item.value {
        Value::String(text) => Some(text),
        Value::Null => Some(""),
        _ => None,
    }
}

fn texts_of(value: &Value) -> Option<Vec<&str>> {
    let items = match value {
        Value::Null => return Some(Vec::new()),
        Value::Array(items) => items,
        _ => return None,
    };
    items.iter().map(text_of).collect()
}
