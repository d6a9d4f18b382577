//! A document with positions: what JSON, YAML and TOML are read into.

use std::hash::{Hash, Hasher};

/// A value and the line on which it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// From 1; 0 when it does not come from a file (an environment variable).
    pub line: u32,
    /// The value.
    pub value: Value,
}

/// Where it stands does not count.
impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

/// The JSON data model; numbers keep their text.
#[derive(Clone, Debug, PartialEq, Hash)]
pub enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number in the text that KrakenD would answer with: what came from JSON is a float64 there
    /// (`1.50` → `1.5`, `12345678901234567` → `12345678901234568`), an integer of YAML or TOML is exact.
    Number(String),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Node>),
    /// An object, in file order; of duplicate keys the last is kept.
    Object(Vec<(String, Node)>),
}
