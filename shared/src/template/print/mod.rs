//! Go's `fmt`: `Sprint`, `Sprintln`, `Sprintf` with its verbs, flags and complaints.

mod format;
mod scalar;

use super::function::Context;
use super::value::Value;
use super::{go, numbers};

pub(super) use format::sprintf;

/// Values within values that are shown; a map may contain itself.
const NESTING_MAX: usize = 100;

/// Go's `fmt.Sprint`: a blank between two that are both no strings.
pub(super) fn sprint(context: &mut Context<'_>, args: &[Value]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut was_text = true;
    for arg in args {
        let is_text = matches!(arg, Value::Text(_));
        if !is_text && !was_text {
            out.push(b' ');
        }
        was_text = is_text;
        plain(context, &mut out, arg)?;
    }
    Ok(out)
}

/// Go's `fmt.Sprintln`.
pub(super) fn sprintln(context: &mut Context<'_>, args: &[Value]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        plain(context, &mut out, arg)?;
    }
    out.push(b'\n');
    Ok(out)
}

/// One value as `%v` shows it.
pub(super) fn plain(
    context: &mut Context<'_>,
    out: &mut Vec<u8>,
    value: &Value,
) -> Result<(), String> {
    let spec = Spec { verb: 'v', ..Spec::default() };
    any(context, out, value, &spec, 0)
}

/// One value in a message, under that verb; what is too large is cut.
pub(super) fn shown(value: &Value, verb: char) -> String {
    let mut files = super::function::NoFiles;
    let limits = super::function::Limits { bytes: 4096, ..Default::default() };
    let mut context = Context::new(&mut files, limits);
    let mut out = Vec::new();
    let spec = Spec { verb, ..Spec::default() };
    match any(&mut context, &mut out, value, &spec, 0) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(_too_large) => "…".to_owned(),
    }
}

/// What stands between `%` and the end of a verb.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of a verb, as they are written")]
struct Spec {
    verb: char,
    width: Option<usize>,
    precision: Option<usize>,
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%#v`
    go_syntax: bool,
}

impl Spec {
    /// Appends `bytes`, padded to the width in letters.
    fn pad(&self, out: &mut Vec<u8>, bytes: &[u8], may_zero: bool) {
        let letters = bytes.utf8_chunks().map(|c| c.valid().chars().count() + c.invalid().len());
        let missing = self.width.unwrap_or(0).saturating_sub(letters.sum());
        if self.minus {
            out.extend_from_slice(bytes);
            out.resize(out.len() + missing, b' ');
        } else {
            let fill = if self.zero && may_zero { b'0' } else { b' ' };
            out.resize(out.len() + missing, fill);
            out.extend_from_slice(bytes);
        }
    }
}

/// A value under a verb.
fn any(
    context: &mut Context<'_>,
    out: &mut Vec<u8>,
    value: &Value,
    spec: &Spec,
    depth: usize,
) -> Result<(), String> {
    context.step()?;
    if out.len() > context.limits.bytes {
        return Err(format!("a value would be larger than {} bytes", context.limits.bytes));
    }
    match (value, spec.verb) {
        (_, 'w') => return bad_verb(context, out, value, spec, depth),
        (Value::Nil, 'T' | 'v') => spec.pad(out, b"<nil>", true),
        (_, 'T') => spec.pad(out, value.type_name().as_bytes(), true),
        (Value::Bool(is_true), 't' | 'v') => {
            spec.pad(out, is_true.to_string().as_bytes(), true);
        },
        (Value::Int(int, kind), _) if scalar::is_int_verb(spec.verb) => {
            scalar::int(out, *int, *kind, spec);
        },
        (Value::Float(float), _) if scalar::is_float_verb(spec.verb) => {
            scalar::float(out, *float, spec);
        },
        (Value::Text(text), 'v' | 's' | 'x' | 'X' | 'q') => scalar::text(out, text, spec),
        (Value::Time(_) | Value::Version(_), 'v' | 's' | 'x' | 'X' | 'q') => {
            scalar::text(out, stringer(value).as_bytes(), spec);
        },
        (Value::List(_) | Value::Map(_), 'p') => out.extend_from_slice(b"0xc000012345"),
        (Value::List(_) | Value::Map(_), _) if depth >= NESTING_MAX => {
            return Err("a value contains itself, or too many others".to_owned());
        },
        (Value::List(list), _) => return items(context, out, value, &list.to_vec(), spec, depth),
        (Value::Map(map), _) => {
            let entries = map.to_vec();
            return members(context, out, value, &entries, spec, depth);
        },
        _ => return bad_verb(context, out, value, spec, depth),
    }
    Ok(())
}

/// Begins a list or map; what stands between its parts and behind the last. None: it is nil, and that is all.
fn open(
    out: &mut Vec<u8>,
    value: &Value,
    spec: &Spec,
    plain: &str,
) -> Option<(&'static str, &'static str)> {
    if !spec.go_syntax {
        out.extend_from_slice(plain.as_bytes());
        return Some((" ", "]"));
    }
    let is_nil = match value {
        Value::List(list) => list.items.is_none(),
        Value::Map(map) => map.is_nil,
        _ => false,
    };
    let begin = if is_nil { "(nil)" } else { "{" };
    out.extend_from_slice(format!("{}{begin}", value.type_name()).as_bytes());
    (!is_nil).then_some((", ", "}"))
}

fn items(
    context: &mut Context<'_>,
    out: &mut Vec<u8>,
    list: &Value,
    items: &[Value],
    spec: &Spec,
    depth: usize,
) -> Result<(), String> {
    bracketed(out, list, spec, "[", items, |out, item| inner(context, out, item, spec, depth))
}

fn members(
    context: &mut Context<'_>,
    out: &mut Vec<u8>,
    map: &Value,
    entries: &[(super::value::Text, Value)],
    spec: &Spec,
    depth: usize,
) -> Result<(), String> {
    bracketed(out, map, spec, "map[", entries, |out, (key, value)| {
        inner(context, out, &Value::Text(key.clone()), spec, depth)?;
        out.push(b':');
        inner(context, out, value, spec, depth)
    })
}

/// What a list or map holds, each by `one`, between its brackets.
fn bracketed<T>(
    out: &mut Vec<u8>,
    whole: &Value,
    spec: &Spec,
    begin: &str,
    parts: &[T],
    mut one: impl FnMut(&mut Vec<u8>, &T) -> Result<(), String>,
) -> Result<(), String> {
    let Some((between, close)) = open(out, whole, spec, begin) else { return Ok(()) };
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(between.as_bytes());
        }
        one(out, part)?;
    }
    out.extend_from_slice(close.as_bytes());
    Ok(())
}

/// An item of a list or map: there `nil` shows as itself under every verb but `%#v`.
fn inner(
    context: &mut Context<'_>,
    out: &mut Vec<u8>,
    item: &Value,
    spec: &Spec,
    depth: usize,
) -> Result<(), String> {
    if item.is_nil() {
        let text: &[u8] = if spec.go_syntax { b"interface {}(nil)" } else { b"<nil>" };
        out.extend_from_slice(text);
        return Ok(());
    }
    any(context, out, item, spec, depth + 1)
}

/// `%!d(string=x)`
fn bad_verb(
    context: &mut Context<'_>,
    out: &mut Vec<u8>,
    value: &Value,
    spec: &Spec,
    depth: usize,
) -> Result<(), String> {
    out.extend_from_slice(format!("%!{}(", spec.verb).as_bytes());
    if value.is_nil() {
        out.extend_from_slice(b"<nil>");
    } else {
        out.extend_from_slice(value.type_name().as_bytes());
        out.push(b'=');
        let again = Spec { verb: 'v', ..spec.clone() };
        any(context, out, value, &again, depth)?;
    }
    out.push(b')');
    Ok(())
}

/// What has a `String` method.
pub(super) fn stringer(value: &Value) -> String {
    match value {
        Value::Time(time) => super::sprig::date::long(time),
        Value::Version(version) => version.to_string(),
        _ => String::new(),
    }
}
