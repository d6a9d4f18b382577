//! A document with positions: what JSON, YAML and TOML are read into.

/// A value and the line on which it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// From 1; 0 when it does not come from a file (an environment variable).
    pub line: u32,
    /// The value.
    pub value: Value,
}

/// The JSON data model; numbers keep their text.
#[derive(Clone, Debug, PartialEq)]
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
