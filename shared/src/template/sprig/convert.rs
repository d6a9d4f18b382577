//! Defaults, types and conversions; what fails or answers for all kinds of values.

use super::{ANY, Outcome, any, functions, is_empty, lossy, text};
use crate::template::function::{Function, Type};
use crate::template::numbers;
use crate::template::value::{IntType, Value};

pub(super) const FUNCTIONS: &[Function] = {
    use Type::{Any, Text};
    functions! {
        "all" [] ANY => |_, args| Ok(Value::Bool(!args.iter().any(is_empty)));
        "any" [] ANY => |_, args| Ok(Value::Bool(!args.iter().all(is_empty)));
        "atoi" [Text] None => |_, args| {
            Ok(Value::int(numbers::parse_int_or_nearest(&lossy(text(args, 0)), 10)))
        };
        "coalesce" [] ANY => |_, args| {
            Ok(args.iter().find(|arg| !is_empty(arg)).cloned().unwrap_or_default())
        };
        "deepEqual" [Any, Any] None => |_, args| {
            Ok(Value::Bool(any(args, 0).deep_equal(any(args, 1), DEPTH_MAX)))
        };
        "default" [Any] ANY => |_, args| {
            Ok(args.get(1).filter(|given| !is_empty(given)).unwrap_or_else(|| any(args, 0)).clone())
        };
        "empty" [Any] None => |_, args| Ok(Value::Bool(is_empty(any(args, 0))));
        "env" [Text] None => |_, args| Ok(Value::text(variable(&lossy(text(args, 0)))));
        "expandenv" [Text] None => |_, args| Ok(Value::text(expand(&lossy(text(args, 0)))));
        "fail" [Text] None => |_, args| Err(lossy(text(args, 0)));
        "float64" [Any] None => |_, args| Ok(Value::Float(to_float(any(args, 0))));
        "int" [Any] None => |_, args| Ok(Value::int(to_int(any(args, 0))));
        "int64" [Any] None => |_, args| Ok(Value::Int(to_int(any(args, 0)), IntType::Int64));
        "kindIs" [Text, Any] None => |_, args| {
            Ok(Value::Bool(text(args, 0) == any(args, 1).kind_name().as_bytes()))
        };
        "kindOf" [Any] None => |_, args| Ok(Value::text(any(args, 0).kind_name()));
        "ternary" [Any, Any, Type::Bool] None => |_, args| {
            let is_true = matches!(args.get(2), Some(Value::Bool(true)));
            Ok(any(args, usize::from(!is_true)).clone())
        };
        "typeIs" [Text, Any] None => |_, args| {
            Ok(Value::Bool(text(args, 0) == any(args, 1).type_name().as_bytes()))
        };
        "typeIsLike" [Text, Any] None => |_, args| {
            let (wanted, found) = (text(args, 0), any(args, 1).type_name());
            let is_alike = wanted == found.as_bytes() || [b"*", wanted].concat() == found.as_bytes();
            Ok(Value::Bool(is_alike))
        };
        "typeOf" [Any] None => |_, args| Ok(Value::text(any(args, 0).type_name()));
    }
};

/// Deeper values are not equal to anything: one of them contains itself.
const DEPTH_MAX: usize = 200;

/// Any value as an integer; 0 when it is none.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(int, _) => *int,
        Value::Float(float) => numbers::to_int(*float),
        Value::Text(text) => {
            numbers::parse_int(without_zero_decimals(&lossy(text)), 0).unwrap_or(0)
        },
        Value::Bool(is_true) => i64::from(*is_true),
        Value::Nil | Value::List(_) | Value::Map(_) | Value::Time(_) | Value::Version(_) => 0,
    }
}

/// `12.00` → `12`
fn without_zero_decimals(text: &str) -> &str {
    match text.rsplit_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
        _ => text,
    }
}

/// Any value as a float; 0 when it is none.
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
        Value::Int(int, _) => *int as f64,
        Value::Float(float) => *float,
        Value::Text(text) => numbers::parse_float(&lossy(text)).unwrap_or(0.0),
        Value::Bool(is_true) => f64::from(u8::from(*is_true)),
        Value::Nil | Value::List(_) | Value::Map(_) | Value::Time(_) | Value::Version(_) => 0.0,
    }
}

fn variable(name: &str) -> Vec<u8> {
    use std::os::unix::ffi::OsStringExt;
    if name.is_empty() || name.contains(['=', '\0']) {
        return Vec::new();
    }
    std::env::var_os(name).map(OsStringExt::into_vec).unwrap_or_default()
}

/// Go's `os.ExpandEnv`: `$name`, `${name}`, and one of the shell's special letters.
fn expand(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        out.extend_from_slice(before.as_bytes());
        if behind.is_empty() {
            out.push(b'$');
            return out;
        }
        let (name, length) = shell_name(behind);
        match (name, length) {
            // `${}` and the like are eaten; a dollar before something else stays.
            ("", 0) => out.push(b'$'),
            ("", _) => {},
            (name, _) => out.extend_from_slice(&variable(name)),
        }
        rest = behind.get(length..).unwrap_or("");
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// The name behind a dollar, and how much of the text it takes.
fn shell_name(text: &str) -> (&str, usize) {
    const SPECIAL: &str = "*#$@!?-0123456789";
    if let Some(inner) = text.strip_prefix('{') {
        let first = inner.chars().next();
        if first.is_some_and(|first| SPECIAL.contains(first)) && inner.get(1..2) == Some("}") {
            return (inner.get(..1).unwrap_or(""), 3);
        }
        return match inner.find('}') {
            Some(0) => ("", 2),
            Some(end) => (inner.get(..end).unwrap_or(""), end + 2),
            None => ("", 1),
        };
    }
    if text.starts_with(|first| SPECIAL.contains(first)) {
        return (text.get(..1).unwrap_or(""), 1);
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    (text.get(..end).unwrap_or(""), end)
}

/// A function that cannot be what it is in Go.
pub(super) fn not_supported(name: &str, why: &str) -> Outcome {
    Err(format!("{name} is not supported: {why}"))
}
