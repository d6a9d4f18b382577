//! Broken configurations: no panic, and every refusal has a place.

use super::*;
use crate::config::node::Node;

/// Good ones, in every format, that use every level.
const GOOD: &[(&str, &str)] = &[
    ("krakend.json", include_str!("good.json")),
    ("krakend.yaml", include_str!("good.yaml")),
    ("krakend.toml", include_str!("good.toml")),
];

/// Loads whatever it is; `true`: it was good.
fn check(path: &str, bytes: &[u8]) -> bool {
    match load(path, bytes, &Environment::default()) {
        Ok(_) => true,
        Err(refusal) => {
            assert!(refusal.text.starts_with(&format!("'{path}': ")), "{}", refusal.text);
            assert!(!refusal.findings.is_empty(), "{}", refusal.text);
            for finding in &refusal.findings {
                let pointer = finding.pointer.as_str();
                assert!(pointer.is_empty() || pointer.starts_with('/'), "{finding}");
                assert!(finding.line > 0, "{finding}");
            }
            false
        },
    }
}

#[test]
fn the_good_ones_are_good() {
    for (path, text) in GOOD {
        let loaded = load(path, text.as_bytes(), &Environment::default());
        let loaded = loaded.unwrap_or_else(|refusal| panic!("{path}: {refusal}"));
        assert_eq!(loaded.notices, [], "{path}");
    }
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused_or_read() {
    for (path, text) in GOOD {
        let good = (0..text.len()).filter(|cut| check(path, &text.as_bytes()[..*cut])).count();
        assert!(!path.ends_with(".json") || good <= 1, "{path}: cut and still good: {good}");
    }
}

#[test]
fn a_file_with_any_byte_replaced_is_refused_or_read() {
    let mut random = Random(0x5eed);
    for (path, text) in GOOD {
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = random.byte();
            check(path, &bytes);
        }
    }
}

#[test]
fn bytes_at_random_places_are_refused_or_read() {
    let mut random = Random(7);
    for (path, text) in GOOD {
        for _ in 0..2_000 {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..1 + random.below(6) {
                let at = random.below(bytes.len());
                match random.below(3) {
                    0 => bytes[at] = random.byte(),
                    1 => drop(bytes.remove(at)),
                    _ => bytes.insert(
                        at,
                        *b"{}[]:,\"\\-0e.&*!|>#'\n \t=".get(random.below(24)).unwrap_or(&0),
                    ),
                }
            }
            check(path, &bytes);
        }
        let noise: Vec<u8> = (0..4_000).map(|_| random.byte()).collect();
        check(path, &noise);
    }
}

#[test]
fn a_value_of_any_other_kind_is_refused_or_converted() {
    let (path, text) = GOOD[0];
    let mut root = read(Format::Json, text.as_bytes()).unwrap().root;
    let count = count(&root);
    for place in 0..count {
        for other in
            ["null", "true", "-1", "1e300", "\"\"", "\"x\"", "[]", "[[]]", "{}", "{\"a\":{}}"]
        {
            let mut left = place;
            let before = replace(&mut root, &mut left, Value::String("\u{0}".to_owned())).unwrap();
            let broken = to_json(&root).replace("\"\\u0000\"", other);
            check(path, broken.as_bytes());
            let mut left = place;
            replace(&mut root, &mut left, before);
        }
    }
}

/// xorshift64*: a failure repeats with the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.next() & 0xff).unwrap()
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).unwrap() % bound
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::Array(items) => items.iter().map(count).sum::<usize>(),
        Value::Object(members) => members.iter().map(|(_, node)| count(node)).sum(),
        _ => 0,
    }
}

/// Replaces the value at the `left`th place in document order.
fn replace(node: &mut Node, left: &mut usize, value: Value) -> Option<Value> {
    if *left == 0 {
        return Some(std::mem::replace(&mut node.value, value));
    }
    *left -= 1;
    match &mut node.value {
        Value::Array(items) => items.iter_mut().find_map(|node| replace(node, left, value.clone())),
        Value::Object(members) => {
            members.iter_mut().find_map(|(_, node)| replace(node, left, value.clone()))
        },
        _ => None,
    }
}

fn to_json(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(digits) => digits.clone(),
        Value::String(text) => serde_json::to_string(text).unwrap(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(to_json).collect::<Vec<_>>().join(","))
        },
        Value::Object(members) => {
            let members = members.iter().map(|(key, node)| {
                format!("{}:{}", serde_json::to_string(key).unwrap(), to_json(node))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        },
    }
}
