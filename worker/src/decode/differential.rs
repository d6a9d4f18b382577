//! Random documents and shapes: what this room makes of them against a plain tree of `serde_json`.

use std::fmt::Write as _;

use baton_shared::config::model::BackendConfig;
use serde_json::{Map, Value};

use super::tests::{decode, json};

/// A small generator (xorshift): the seed is in the failure, so that a case can be repeated.
struct Random(u64);

impl Random {
    fn of(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let index = usize::try_from(self.below(from.len() as u64)).unwrap();
        from[index]
    }

    fn blank(&mut self) -> &'static str {
        self.pick(&["", "", "", "", " ", "\n  ", "\t", "          "])
    }

    fn path(&mut self) -> String {
        let mut path = String::new();
        for index in 0..=self.below(3) {
            path += if index == 0 { "" } else { "." };
            path += self.pick(&["a", "b", "c", "é", "", "longer_key_a"]);
        }
        path
    }

    fn paths(&mut self) -> Vec<String> {
        (0..=self.below(10)).map(|_| self.path()).collect()
    }
}

const KEYS: [&str; 12] = [
    "a",
    "b",
    "c",
    "\\u0061",
    "é",
    "<",
    "",
    "q\\\"",
    "longer_key\\n",
    "longer_key_b",
    "longer_key_a",
    "longer_k",
];
const SCALARS: [&str; 12] = [
    "null",
    "true",
    "-1",
    "1234567",
    "\"\"",
    "\"plain text of some length\"",
    "\"<&>\"",
    "\"é\\u00e9\\n\\u0000\\/\"",
    "\"\u{2028}\\u2029\"",
    "\"\\ud83d\\ude00 日本語\"",
    "\"\\\\\\\"\"",
    "\"\\b\\f\\n\\r\\t\"",
];

fn value(random: &mut Random, depth: u32, text: &mut String) {
    match if depth == 0 { 0 } else { random.below(4) } {
        0 | 1 => *text += random.pick(&SCALARS),
        2 => list(random, text, '[', ']', |random, text| value(random, depth - 1, text)),
        _ => object(random, depth, text),
    }
}

fn object(random: &mut Random, depth: u32, text: &mut String) {
    list(random, text, '{', '}', |random, text| {
        let (key, blank) = (random.pick(&KEYS), random.blank());
        write!(text, "\"{key}\"{blank}:").unwrap();
        *text += random.blank();
        value(random, depth - 1, text);
    });
}

fn list(
    random: &mut Random,
    text: &mut String,
    open: char,
    close: char,
    mut each: impl FnMut(&mut Random, &mut String),
) {
    text.push(open);
    *text += random.blank();
    for index in 0..random.below(6) {
        *text += if index == 0 { "" } else { "," };
        *text += random.blank();
        each(random, text);
        *text += random.blank();
    }
    text.push(close);
}

/// KrakenD's rules on a plain tree.
fn shape(mut root: Value, target: &str, allow: &[String], deny: &[String]) -> Value {
    if !target.is_empty() {
        for key in target.split('.') {
            root = root.get_mut(key).map(Value::take).filter(Value::is_object).unwrap_or_default();
        }
    }
    let mut fields = if let Value::Object(fields) = root { fields } else { Map::new() };
    if allow.is_empty() {
        for path in deny {
            remove(&mut fields, path);
        }
        return Value::Object(fields);
    }
    let mut tree = Value::Object(Map::new());
    for path in allow {
        let mut level = &mut tree;
        for key in path.split('.') {
            if !level.is_object() {
                *level = Value::Object(Map::new());
            }
            level = level.as_object_mut().unwrap().entry(key).or_insert(Value::Null);
        }
        *level = Value::Bool(true);
    }
    prune(&tree, &mut fields);
    Value::Object(fields)
}

fn remove(fields: &mut Map<String, Value>, path: &str) {
    match path.split_once('.') {
        None => drop(fields.remove(path)),
        Some((key, below)) => {
            if let Some(Value::Object(fields)) = fields.get_mut(key) {
                remove(fields, below);
            }
        },
    }
}

fn prune(tree: &Value, fields: &mut Map<String, Value>) {
    fields.retain(|key, value| match (tree.get(key), value) {
        (Some(Value::Bool(_)), _) => true,
        (Some(below), Value::Object(fields)) => {
            prune(below, fields);
            !fields.is_empty()
        },
        _ => false,
    });
}

/// `serde_json` sorts keys, too; what is left is the escaping.
fn canonical(value: &Value) -> String {
    let mut text = String::new();
    for character in value.to_string().chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                write!(text, "\\u{:04x}", u32::from(character)).unwrap();
            },
            other => text.push(other),
        }
    }
    text
}

#[test]
fn random_documents_and_shapes_come_out_as_from_a_plain_tree() {
    for seed in 1..=20_000 {
        let random = &mut Random::of(seed);
        let mut body = String::new();
        object(random, 4, &mut body);
        let target = if random.below(3) == 0 { random.path() } else { String::new() };
        let (allow, deny) = match random.below(3) {
            0 => (random.paths(), Vec::new()),
            1 => (Vec::new(), random.paths()),
            _ => (Vec::new(), Vec::new()),
        };
        let plain = shape(serde_json::from_str(&body).unwrap(), &target, &allow, &deny);
        let set = |backend: &mut BackendConfig| {
            (backend.target, backend.allow, backend.deny) =
                (target.clone(), allow.clone(), deny.clone());
        };
        let found = decode(set, &body).map(|data| json(&data));
        assert_eq!(
            found,
            Ok(canonical(&plain)),
            "seed {seed}: {body:?} target {target:?} allow {allow:?} deny {deny:?}"
        );
    }
}

#[test]
fn random_damage_is_refused_or_read_and_never_panics() {
    let junk = b"{}[]\",:\\0123eE+-.tfnu \n\x00\x01\xFF\xA0'x";
    for seed in 1..=20_000 {
        let random = &mut Random::of(seed);
        let mut body = String::new();
        value(random, 4, &mut body);
        let mut bytes = body.into_bytes();
        for _ in 0..=random.below(3) {
            let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
            let with = usize::try_from(random.below(junk.len() as u64)).unwrap();
            bytes[at] = junk[with];
        }
        for allow in [Vec::new(), random.paths()] {
            let set = |encoding: &str| {
                let (encoding, allow) = (encoding.to_owned(), allow.clone());
                |backend: &mut BackendConfig| {
                    (backend.encoding, backend.allow) = (encoding, allow);
                }
            };
            let object = decode(set("json"), &bytes).map(|data| json(&data));
            let any = decode(set("safejson"), &bytes).map(|data| json(&data));
            assert!(object.is_err() || any.is_ok(), "seed {seed}: {bytes:?}");
        }
    }
}
