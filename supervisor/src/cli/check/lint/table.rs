//! The tables in `keys/` → a JSON schema. A line is a key, a paragraph is an object.
//!
//! ```text
//! [name] open        an object; closed unless `open` (comment keys, `@ $ _ #`, are free, unless
//!                    `strict`); `untyped`: other kinds pass; `keys 1..2`: so many members
//! [name] = TYPE      a name for a type
//! : one-of a+b / c   exactly one of these sets of keys must be there (`any-of`: at least one)
//! key TYPE           a key that may stand there; `key!`: must
//! # …                a remark
//! ```
//! A type is `text`, `text /pattern/`, `flag`, `int 0..9`, `number ..1`, `duration`, `object`, `any`,
//! `null`, `is a|b` (one of these texts), `is# 1|2` (numbers), `list 1.. TYPE`, `set TYPE` (no item
//! twice), `map TYPE`, `@name`, `TYPE or TYPE`.

use baton_shared::config::namespace::{KNOWN, Level};
use serde_json::{Map, Value, json};

/// The tables, in no particular order.
const TABLES: [&str; 5] = [
    include_str!("keys/core.txt"),
    include_str!("keys/guard.txt"),
    include_str!("keys/martian.txt"),
    include_str!("keys/telemetry.txt"),
    include_str!("keys/enterprise.txt"),
];

/// The version of JSON schema that the published one is written in.
const DRAFT: &str = "https://json-schema.org/draft/2019-09/schema";
/// What a duration is to the published schema: one number, one unit.
const DURATION: &str = "^[0-9]+(ns|ms|us|\u{b5}s|s|m|h)$";
/// Keys that are remarks.
const REMARKS: &str = "^[@$_#]";

/// A line that cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: `{line}`")]
pub(in crate::cli::check) struct TableError {
    what: &'static str,
    line: String,
}

/// The whole schema of a configuration.
///
/// # Errors
/// When a table is wrong: never in a build that was tested.
pub(in crate::cli::check) fn schema() -> Result<Value, TableError> {
    let mut blocks = Map::new();
    for table in TABLES {
        read(table, &mut blocks)?;
    }
    for (name, level) in LEVELS {
        let namespaces = extra_config(&blocks, level, name);
        blocks.insert(format!("extra_config@{name}"), namespaces);
    }
    blocks.insert("duration".to_owned(), json!({"type": "string", "pattern": DURATION}));
    let root = blocks.remove("root").unwrap_or_default();
    let Value::Object(mut root) = root else {
        return Err(TableError { what: "no object", line: "root".to_owned() });
    };
    root.insert("$schema".to_owned(), DRAFT.into());
    root.insert("title".to_owned(), "A configuration of KrakenD 2.13, as Baton reads it".into());
    root.insert("$defs".to_owned(), Value::Object(blocks));
    Ok(Value::Object(root))
}

const LEVELS: [(&str, Level); 4] = [
    ("service", Level::Service),
    ("endpoint", Level::Endpoint),
    ("backend", Level::Backend),
    ("agent", Level::Agent),
];

/// Every namespace of a level with its own keys; an agent has exactly one of its two.
fn extra_config(blocks: &Map<String, Value>, level: Level, name: &str) -> Value {
    let here = KNOWN.iter().filter(|known| known.levels.contains(&level));
    let properties: Map<String, Value> = here
        .map(|known| {
            let special = format!("{}@{name}", known.short);
            let block =
                if blocks.contains_key(&special) { special } else { known.short.to_owned() };
            (known.short.to_owned(), reference(&block))
        })
        .collect();
    if level == Level::Agent {
        let one_of: Vec<Value> = properties.keys().map(|key| json!({"required": [key]})).collect();
        return json!({"properties": properties, "oneOf": one_of});
    }
    json!({
        "type": "object",
        "properties": properties,
        "patternProperties": {REMARKS: {}},
        "additionalProperties": false,
    })
}

fn read(table: &str, blocks: &mut Map<String, Value>) -> Result<(), TableError> {
    let mut open: Option<(String, Block)> = None;
    let close = |open: Option<(String, Block)>, blocks: &mut Map<String, Value>| {
        open.map(|(name, block)| blocks.insert(name, block.schema()))
    };
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let wrong = |what| TableError { what, line: line.to_owned() };
        if line.starts_with("# ") {
            continue;
        }
        if let Some(head) = line.strip_prefix('[') {
            close(open.take(), blocks);
            let (name, words) = head.split_once(']').ok_or_else(|| wrong("no end of the name"))?;
            if let Some(kind) = words.trim().strip_prefix('=') {
                blocks.insert(name.to_owned(), kind_of(kind).ok_or_else(|| wrong("no type"))?);
            } else {
                let block = Block::of(words).ok_or_else(|| wrong("no such word"))?;
                open = Some((name.to_owned(), block));
            }
        } else {
            let (_, block) = open.as_mut().ok_or_else(|| wrong("a key outside of an object"))?;
            block.add(line).ok_or_else(|| wrong("no type"))?;
        }
    }
    close(open, blocks);
    Ok(())
}

/// An object that is being read.
#[derive(Default)]
struct Block {
    schema: Map<String, Value>,
    properties: Map<String, Value>,
    required: Vec<Value>,
    is_open: bool,
    is_strict: bool,
    is_untyped: bool,
}

impl Block {
    fn of(words: &str) -> Option<Self> {
        let mut block = Self::default();
        let mut words = words.split_whitespace();
        while let Some(word) = words.next() {
            match word {
                "open" => block.is_open = true,
                "strict" => block.is_strict = true,
                "untyped" => block.is_untyped = true,
                "keys" => {
                    bounds(words.next()?, "minProperties", "maxProperties", &mut block.schema)?;
                },
                _ => return None,
            }
        }
        Some(block)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        if let Some(sets) = line.strip_prefix(": ") {
            let (word, sets) = sets.split_once(' ')?;
            let keyword = match word {
                "one-of" => "oneOf",
                "any-of" => "anyOf",
                _ => return None,
            };
            let sets = sets.split('/').map(|set| key_set(set.trim())).collect();
            self.schema.insert(keyword.to_owned(), sets);
            return Some(());
        }
        let (key, kind) = line.split_once(char::is_whitespace)?;
        let name = key.strip_suffix('!').unwrap_or(key);
        if name != key {
            self.required.push(name.into());
        }
        let is_new = self.properties.insert(name.to_owned(), kind_of(kind)?).is_none();
        is_new.then_some(())
    }

    fn schema(self) -> Value {
        let Self { mut schema, properties, required, is_open, is_strict, is_untyped } = self;
        if !is_untyped {
            schema.insert("type".to_owned(), "object".into());
        }
        schema.insert("properties".to_owned(), properties.into());
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        }
        if !is_open {
            schema.insert("additionalProperties".to_owned(), false.into());
        }
        if !is_open && !is_strict {
            schema.insert("patternProperties".to_owned(), json!({REMARKS: {}}));
        }
        schema.into()
    }
}

/// `a+b`: these keys must be there; `nothing`: no key may.
fn key_set(set: &str) -> Value {
    if set == "nothing" {
        return json!({"maxProperties": 0});
    }
    json!({"required": set.split('+').collect::<Vec<_>>()})
}

fn reference(block: &str) -> Value {
    let pointer = block.replace('~', "~0").replace('/', "~1");
    json!({"$ref": format!("#/$defs/{pointer}")})
}

fn kind_of(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Some((one, other)) = text.split_once(" or ") {
        return Some(json!({"anyOf": [kind_of(one)?, kind_of(other)?]}));
    }
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    let mut schema = Map::new();
    let kind = match word {
        "any" => return Some(json!({})),
        "duration" => return Some(reference("duration")),
        "is" => return texts(rest),
        "is#" => {
            let numbers: Option<Vec<i64>> = rest.split('|').map(|n| n.parse().ok()).collect();
            return Some(json!({"enum": numbers?}));
        },
        "list" | "set" | "map" => return container(word, rest),
        "text" => "string",
        "flag" => "boolean",
        "int" => "integer",
        "number" => "number",
        "object" => "object",
        "null" => "null",
        _ => return word.strip_prefix('@').filter(|_| rest.is_empty()).map(reference),
    };
    schema.insert("type".to_owned(), kind.into());
    match (word, rest) {
        (_, "") => {},
        ("int" | "number", range) => bounds(range, "minimum", "maximum", &mut schema)?,
        ("text", pattern) => {
            let pattern = pattern.strip_prefix('/')?.strip_suffix('/')?;
            schema.insert("pattern".to_owned(), pattern.into());
        },
        _ => return None,
    }
    Some(schema.into())
}

/// One of these texts, or of these lists of texts: `a|b`, `[a,b]|[c]`.
fn texts(list: &str) -> Option<Value> {
    let one = |text: &str| match text.strip_prefix('[') {
        None => Some(json!(text)),
        Some(list) => Some(json!(list.strip_suffix(']')?.split(',').collect::<Vec<_>>())),
    };
    let allowed: Option<Vec<Value>> = list.split('|').map(one).collect();
    Some(json!({"enum": allowed?}))
}

fn container(word: &str, rest: &str) -> Option<Value> {
    let mut schema = Map::new();
    let (range, inner) = match rest.split_once(' ') {
        Some((range, inner)) if range.contains("..") => (range, inner),
        _ => ("..", rest),
    };
    let inner = kind_of(inner)?;
    if word == "map" {
        schema.insert("type".to_owned(), "object".into());
        schema.insert("additionalProperties".to_owned(), inner);
        bounds(range, "minProperties", "maxProperties", &mut schema)?;
    } else {
        schema.insert("type".to_owned(), "array".into());
        schema.insert("items".to_owned(), inner);
        bounds(range, "minItems", "maxItems", &mut schema)?;
        if word == "set" {
            schema.insert("uniqueItems".to_owned(), true.into());
        }
    }
    Some(schema.into())
}

/// `1..5`, `1..`, `..5`
fn bounds(range: &str, least: &str, most: &str, schema: &mut Map<String, Value>) -> Option<()> {
    let (from, to) = range.split_once("..")?;
    for (bound, keyword) in [(from, least), (to, most)] {
        if !bound.is_empty() {
            schema.insert(keyword.to_owned(), bound.parse::<u64>().ok()?.into());
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    match value {
                        Value::String(text) if key == "$ref" => found.push(text.clone()),
                        _ => references(value, found),
                    }
                }
            },
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {},
        }
    }

    #[test]
    fn every_name_that_is_used_is_there_and_every_one_that_is_there_is_used() {
        let schema = schema().unwrap();
        let mut used = Vec::new();
        references(&schema, &mut used);
        for reference in &used {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(schema.pointer(pointer).is_some(), "{reference}");
        }
        for name in schema["$defs"].as_object().unwrap().keys() {
            let Value::Object(one) = reference(name) else { panic!("{name}") };
            let one = one["$ref"].as_str().unwrap();
            assert!(used.iter().any(|used| used == one), "nobody uses {name}");
        }
    }

    #[test]
    fn lines_become_schemas() {
        let mut blocks = Map::new();
        let table = "[a] open keys 1..\n: any-of b / c+d\nb! int 1..5\nc list 1.. text /^x$/\n\
                     d set is |y or null\n[e] = map duration";
        read(table, &mut blocks).unwrap();
        assert_eq!(
            Value::Object(blocks),
            json!({
                "a": {
                    "type": "object",
                    "minProperties": 1,
                    "anyOf": [{"required": ["b"]}, {"required": ["c", "d"]}],
                    "required": ["b"],
                    "properties": {
                        "b": {"type": "integer", "minimum": 1, "maximum": 5},
                        "c": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^x$"}},
                        "d": {"anyOf": [
                            {"type": "array", "uniqueItems": true, "items": {"enum": ["", "y"]}},
                            {"type": "null"}
                        ]},
                    },
                },
                "e": {"type": "object", "additionalProperties": {"$ref": "#/$defs/duration"}},
            })
        );
        for wrong in
            ["[a", "a text", "[a]\nb nothing", "[a] wide", "[a]\nb text\nb text", "[a]\n: some b"]
        {
            assert!(read(wrong, &mut Map::new()).is_err(), "{wrong}");
        }
    }
}
