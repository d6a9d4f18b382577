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
    /// A number, as written.
    Number(String),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Node>),
    /// An object, in file order; of duplicate keys the last is kept.
    Object(Vec<(String, Node)>),
}
