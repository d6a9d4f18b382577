//! JSON in and out, as Go's `encoding/json`.

use std::fmt::Write as _;

use super::{Outcome, any, functions, text};
use crate::config::node::{Node, Value as Json};
use crate::config::{number, read};
use crate::template::function::{Context, Function, Type};
use crate::template::value::{Entries, List, Map, Value};

/// Values within values; one may contain itself.
const DEPTH_MAX: usize = 1_000;

pub(super) const FUNCTIONS: &[Function] = {
    use Type::{Any, Text};
    functions! {
        "fromJson" [Text] None => |context, args| Ok(from_json(context, text(args, 0)).unwrap_or_default());
        "mustFromJson" [Text] None => |context, args| from_json(context, text(args, 0));
        "mustToJson" [Any] None => |context, args| to_json(context, any(args, 0), Form::Compact).map(Value::text);
        "mustToPrettyJson" [Any] None => |context, args| to_json(context, any(args, 0), Form::Pretty).map(Value::text);
        "mustToRawJson" [Any] None => |context, args| to_json(context, any(args, 0), Form::Raw).map(Value::text);
        "toJson" [Any] None => |context, args| Ok(Value::text(to_json(context, any(args, 0), Form::Compact).unwrap_or_default()));
        "toPrettyJson" [Any] None => |context, args| Ok(Value::text(to_json(context, any(args, 0), Form::Pretty).unwrap_or_default()));
        "toRawJson" [Any] None => |context, args| to_json(context, any(args, 0), Form::Raw).map(Value::text);
    }
};

fn from_json(context: &mut Context<'_>, bytes: &[u8]) -> Outcome {
    let node = read::json::read_any(bytes).map_err(|error| error.text)?;
    context.make_items(bytes.len())?;
    Ok(from_node(&node))
}

/// A document as values: every number a float64.
pub(in crate::template) fn from_node(node: &Node) -> Value {
    match &node.value {
        Json::Null => Value::Nil,
        Json::Bool(is_true) => Value::Bool(*is_true),
        Json::Number(text) => Value::Float(text.parse().unwrap_or(0.0)),
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::List(List::of(items.iter().map(from_node).collect())),
        Json::Object(members) => {
            let entry = |(key, node): &(String, Node)| (key.as_bytes().into(), from_node(node));
            Value::Map(Map::of(members.iter().map(entry).collect::<Entries>()))
        },
    }
}

/// How a document is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::template) enum Form {
    /// In one line, safe in HTML.
    Compact,
    /// Indented by two blanks, safe in HTML.
    Pretty,
    /// In one line, letters as they are.
    Raw,
}

/// A value as JSON, keys in order.
pub(in crate::template) fn to_json(
    context: &mut Context<'_>,
    value: &Value,
    form: Form,
) -> Result<String, String> {
    let mut out = String::new();
    push(context, &mut out, value, form, 0)?;
    Ok(out)
}

fn push(
    context: &mut Context<'_>,
    out: &mut String,
    value: &Value,
    form: Form,
    depth: usize,
) -> Result<(), String> {
    context.step()?;
    if depth >= DEPTH_MAX {
        let kind = value.type_name();
        return Err(format!("json: unsupported value: encountered a cycle via {kind}"));
    }
    if out.len() > context.limits.bytes {
        return Err(format!("a value would be larger than {} bytes", context.limits.bytes));
    }
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(is_true) => out.push_str(if *is_true { "true" } else { "false" }),
        Value::Int(int, _) => out.push_str(&int.to_string()),
        Value::Float(float) if float.is_finite() => out.push_str(&number::go_json(*float)),
        Value::Float(float) => {
            let shown = crate::template::print::shown(&Value::Float(*float), 'v');
            return Err(format!("json: unsupported value: {shown}"));
        },
        Value::Text(text) => push_string(out, text, form),
        Value::Time(time) => push_string(out, super::date::rfc3339(time).as_bytes(), form),
        Value::Version(version) => push_string(out, version.to_string().as_bytes(), form),
        Value::List(list) if list.items.is_none() => out.push_str("null"),
        Value::Map(map) if map.is_nil => out.push_str("null"),
        Value::List(list) => {
            let items = list.to_vec();
            return block(context, out, ('[', ']'), &items, form, depth, |_, _, item| item);
        },
        Value::Map(map) => {
            let entries = map.to_vec();
            return block(
                context,
                out,
                ('{', '}'),
                &entries,
                form,
                depth,
                |out, form, (key, item)| {
                    push_string(out, key, form);
                    out.push_str(if form == Form::Pretty { ": " } else { ":" });
                    item
                },
            );
        },
    }
    Ok(())
}

/// Brackets around items, each on a line of its own where that is wanted.
fn block<T>(
    context: &mut Context<'_>,
    out: &mut String,
    (open, close): (char, char),
    items: &[T],
    form: Form,
    depth: usize,
    begin: impl for<'v> Fn(&mut String, Form, &'v T) -> &'v Value,
) -> Result<(), String> {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        new_line(out, form, depth + 1);
        let value = begin(out, form, item);
        push(context, out, value, form, depth + 1)?;
    }
    if !items.is_empty() {
        new_line(out, form, depth);
    }
    out.push(close);
    Ok(())
}

fn new_line(out: &mut String, form: Form, depth: usize) {
    if form == Form::Pretty {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    }
}

fn push_string(out: &mut String, bytes: &[u8], form: Form) {
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        push_letters(out, chunk.valid(), form);
        chunk.invalid().iter().for_each(|_| out.push_str("\\ufffd"));
    }
    out.push('"');
}

fn push_letters(out: &mut String, text: &str, form: Form) {
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' if form != Form::Raw => push_code(out, letter),
            '\u{2028}' | '\u{2029}' => push_code(out, letter),
            letter if letter < ' ' => push_code(out, letter),
            other => out.push(other),
        }
    }
}

fn push_code(out: &mut String, letter: char) {
    let _infallible = write!(out, "\\u{:04x}", u32::from(letter));
}
