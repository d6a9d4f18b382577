//! The functions of sprig 3.2.3 that KrakenD offers, by their names there.
//!
//! Each file is one subject with its own table. What a panic is in Go is an error with its text here.

mod case;
mod convert;
pub(super) mod date;
mod date_read;
mod dict;
mod encode;
mod json;
mod layout;
mod list;
mod math;
mod path;
mod random;
mod regex;
pub(super) mod semver;
mod strings;
mod unsupported;
mod url;

use super::function::{Context, Function, Type};
use super::value::{List, Map, Value};

pub(super) use json::{Form, from_node, to_json};

/// All tables.
pub(super) const TABLES: [&[Function]; 10] = [
    convert::FUNCTIONS,
    date::FUNCTIONS,
    dict::FUNCTIONS,
    encode::FUNCTIONS,
    json::FUNCTIONS,
    list::FUNCTIONS,
    math::FUNCTIONS,
    path::FUNCTIONS,
    regex::FUNCTIONS,
    strings::FUNCTIONS,
];

macro_rules! functions {
    ($($name:literal $fixed:tt $rest:expr => $body:expr;)*) => {
        &[$(Function { name: $name, fixed: &$fixed, rest: $rest, body: $body },)*]
    };
}
use functions;

type Outcome = Result<Value, String>;

const ANY: Option<Type> = Some(Type::Any);

/// The bytes of an argument that is declared as a string.
fn text(args: &[Value], at: usize) -> &[u8] {
    match args.get(at) {
        Some(Value::Text(text)) => text,
        _ => &[],
    }
}

/// The same, with each byte that is not UTF-8 as U+FFFD.
fn letters(args: &[Value], at: usize) -> String {
    lossy(text(args, at))
}

/// As Go goes through the runes of a string: each invalid byte is one U+FFFD.
fn lossy(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    out
}

fn int(args: &[Value], at: usize) -> i64 {
    match args.get(at) {
        Some(Value::Int(int, _)) => *int,
        _ => 0,
    }
}

fn any(args: &[Value], at: usize) -> &Value {
    args.get(at).unwrap_or(&Value::Nil)
}

fn map(args: &[Value], at: usize) -> Map {
    match args.get(at) {
        Some(Value::Map(map)) => map.clone(),
        _ => Map::nil(),
    }
}

/// A slice, or the complaint of a function that wants one.
fn list(value: &Value, complaint: &str) -> Result<List, String> {
    match value {
        Value::List(list) => Ok(list.clone()),
        Value::Nil => Err(NIL_POINTER.to_owned()),
        other => Err(format!("{complaint} {}", other.kind_name())),
    }
}

/// What Go says of `reflect.TypeOf(nil).Kind()`.
const NIL_POINTER: &str = "runtime error: invalid memory address or nil pointer dereference";

/// Sprig's `strval`: any value as text.
fn string_of(context: &mut Context<'_>, value: &Value) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    super::print::plain(context, &mut out, value)?;
    Ok(out)
}

/// Sprig's `strslice`: any value as a list of texts.
fn strings_of(context: &mut Context<'_>, value: &Value) -> Result<Vec<Vec<u8>>, String> {
    match value {
        Value::Nil => Ok(Vec::new()),
        Value::List(list) => {
            let items = list.to_vec();
            items
                .iter()
                .filter(|item| !item.is_nil())
                .map(|item| string_of(context, item))
                .collect()
        },
        other => Ok(vec![string_of(context, other)?]),
    }
}

fn is_empty(value: &Value) -> bool {
    !value.is_true()
}
