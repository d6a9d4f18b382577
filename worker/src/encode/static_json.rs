//! A value of the configuration as JSON, written once at start: error bodies, static data.
//!
//! KrakenD reads JSON files into `float64`, so that integers beyond 2^53 lose digits; YAML and TOML
//! integers stay what they are.

use baton_shared::config::node::{Node, Value};

use super::{escape, go_number};

/// What becomes of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integers {
    /// Numbers are `float64`: the file is JSON.
    AsFloats,
    /// They keep all digits: the file is YAML or TOML.
    Exact,
}

/// Writes `node` as Go would: keys sorted, no blanks, numbers by `integers`.
#[must_use]
pub fn static_json(node: &Node, integers: Integers) -> Vec<u8> {
    let mut out = Vec::new();
    write(&node.value, integers, &mut out);
    out
}

// Recursion: the loader bounds how deep a configuration nests.
fn write(value: &Value, integers: Integers, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(text) => out.extend_from_slice(number(text, integers).as_bytes()),
        Value::String(text) => escape::text(text.as_bytes(), out),
        Value::Array(items) => list(out, *b"[]", items, |item, out| {
            write(&item.value, integers, out);
        }),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            list(out, *b"{}", &fields, |(key, node), out| {
                escape::text(key.as_bytes(), out);
                out.push(b':');
                write(&node.value, integers, out);
            });
        },
    }
}

fn list<T>(
    out: &mut Vec<u8>,
    [open, close]: [u8; 2],
    items: &[T],
    each: impl Fn(&T, &mut Vec<u8>),
) {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(item, out);
    }
    out.push(close);
}

fn number(text: &str, integers: Integers) -> String {
    let is_integer = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if integers == Integers::Exact && is_integer {
        return text.to_owned();
    }
    let float = text.parse().ok().and_then(go_number::float64);
    float.unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(value: Value) -> Node {
        Node { line: 1, value }
    }

    fn numbers(texts: &[&str], integers: Integers) -> String {
        let items = texts.iter().map(|text| node(Value::Number((*text).to_owned())));
        let json = static_json(&node(Value::Array(items.collect())), integers);
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn numbers_of_a_json_file_are_floats() {
        let texts = ["12345678901234567", "1.0", "1e21", "1e3", "-0.0"];
        assert_eq!(numbers(&texts, Integers::AsFloats), "[12345678901234568,1,1e+21,1000,-0]");
    }

    #[test]
    fn integers_of_a_yaml_file_are_exact() {
        assert_eq!(
            numbers(&["12345678901234567", "-3", "1.50"], Integers::Exact),
            "[12345678901234567,-3,1.5]"
        );
    }

    #[test]
    fn keys_are_sorted_and_strings_escaped() {
        let field = |key: &str, value| (key.to_owned(), node(value));
        let object = Value::Object(vec![
            field("z", Value::Null),
            field("a<", Value::String("&".to_owned())),
            field("B", Value::Object(Vec::new())),
        ]);
        let json = static_json(&node(object), Integers::AsFloats);
        assert_eq!(String::from_utf8_lossy(&json), r#"{"B":{},"a\u003c":"\u0026","z":null}"#);
    }
}
