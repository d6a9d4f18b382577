//! The functions of the language itself: comparison, logic, indexing, printing, escaping.

use super::escape;
use super::function::{Context, Function, Type};
use super::print;
use super::value::{Element, IntType, Value};

const ANY: Option<Type> = Some(Type::Any);
const REFLECT: Option<Type> = Some(Type::Reflect);

macro_rules! functions {
    ($($name:literal $fixed:tt $rest:expr => $body:expr;)*) => {
        &[$(Function { name: $name, fixed: &$fixed, rest: $rest, body: $body },)*]
    };
}

/// By name; `slice` is the language's own and is replaced where sprig is offered.
pub(super) const FUNCTIONS: &[Function] = {
    use Type::Reflect as R;
    functions! {
        "and" [R] REFLECT => |_, _| Ok(Value::Nil);
        "or" [R] REFLECT => |_, _| Ok(Value::Nil);
        "not" [R] None => |_, args| Ok(Value::Bool(!args.iter().any(Value::is_true)));
        "call" [R] REFLECT => call;
        "len" [R] None => |_, args| length(first(args));
        "index" [R] REFLECT => |_, args| index(args);
        "slice" [R] REFLECT => |_, args| slice(args);
        "eq" [R] REFLECT => |_, args| equals(args).map(Value::Bool);
        "ne" [R, R] None => |_, args| equals(args).map(|is_equal| Value::Bool(!is_equal));
        "lt" [R, R] None => |_, args| less(args).map(Value::Bool);
        "le" [R, R] None => |_, args| less_or_equal(args).map(Value::Bool);
        "gt" [R, R] None => |_, args| less_or_equal(args).map(|is_less| Value::Bool(!is_less));
        "ge" [R, R] None => |_, args| less(args).map(|is_less| Value::Bool(!is_less));
        "print" [] ANY => |context, args| print::sprint(context, args).map(Value::text);
        "println" [] ANY => |context, args| print::sprintln(context, args).map(Value::text);
        "printf" [Type::Text] ANY => printf;
        "html" [] ANY => |context, args| plain(context, args).map(|text| Value::text(escape::html(&text)));
        "js" [] ANY => |context, args| plain(context, args).map(|text| Value::text(escape::js(&text)));
        "urlquery" [] ANY => |context, args| plain(context, args).map(|text| Value::text(escape::query(&text)));
    }
};

/// Functions that stop at the first argument that decides: at true or at false?
pub(super) fn short_circuit(name: &str) -> Option<bool> {
    match name {
        "and" => Some(false),
        "or" => Some(true),
        _ => None,
    }
}

fn first(args: &[Value]) -> &Value {
    args.first().unwrap_or(&Value::Nil)
}

fn call(_: &mut Context<'_>, args: &[Value]) -> Result<Value, String> {
    match first(args) {
        Value::Nil => Err("call of nil".to_owned()),
        other => Err(format!("non-function of type {}", other.type_name())),
    }
}

fn printf(context: &mut Context<'_>, args: &[Value]) -> Result<Value, String> {
    match args.split_first() {
        Some((Value::Text(format), rest)) => print::sprintf(context, format, rest).map(Value::text),
        _ => Ok(Value::Nil),
    }
}

/// The arguments as one text; what is not there shows as such.
fn plain(context: &mut Context<'_>, args: &[Value]) -> Result<Vec<u8>, String> {
    let shown: Vec<Value> = args
        .iter()
        .map(|arg| if arg.is_nil() { Value::text("<no value>") } else { arg.clone() })
        .collect();
    print::sprint(context, &shown)
}

fn length(of: &Value) -> Result<Value, String> {
    match of {
        Value::Nil => Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        Value::Text(text) => Ok(Value::count(text.len())),
        Value::List(list) => Ok(Value::count(list.len())),
        Value::Map(map) => Ok(Value::count(map.len())),
        other => Err(format!("len of type {}", other.type_name())),
    }
}

fn index(args: &[Value]) -> Result<Value, String> {
    let Some((item, indexes)) = args.split_first() else { return Ok(Value::Nil) };
    if item.is_nil() {
        return Err("index of untyped nil".to_owned());
    }
    let mut item = item.clone();
    for index in indexes {
        item = match &item {
            Value::Nil => return Err("index of nil pointer".to_owned()),
            Value::Text(text) => {
                let at = index_of(index, text.len())?;
                let byte = text.get(at).ok_or_else(|| beyond("string"))?;
                Value::Int(i64::from(*byte), IntType::Uint8)
            },
            Value::List(list) => {
                let at = index_of(index, list.len())?;
                list.get(at).ok_or_else(|| beyond("slice"))?
            },
            Value::Map(map) => match (index, map.element) {
                (Value::Text(key), Element::Text) => {
                    map.get(key).unwrap_or_else(|| Value::text(""))
                },
                (Value::Text(key), _) => map.get(key).unwrap_or_default(),
                (Value::Nil, _) => {
                    return Err("value is nil; should be of type string".to_owned());
                },
                (other, _) => {
                    let kind = other.type_name();
                    return Err(format!("value has type {kind}; should be string"));
                },
            },
            other => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(item)
}

/// The place right behind the end passes Go's check, and then panics.
fn beyond(what: &str) -> String {
    format!("reflect: {what} index out of range")
}

fn index_of(index: &Value, length: usize) -> Result<usize, String> {
    match index {
        Value::Int(int, _) => usize::try_from(*int)
            .ok()
            .filter(|at| *at <= length)
            .ok_or_else(|| format!("index out of range: {int}")),
        Value::Nil => Err("cannot index slice/array with nil".to_owned()),
        other => Err(format!("cannot index slice/array with type {}", other.type_name())),
    }
}

fn slice(args: &[Value]) -> Result<Value, String> {
    let Some((item, indexes)) = args.split_first() else { return Ok(Value::Nil) };
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let length = match item {
        Value::Nil => return Err("slice of untyped nil".to_owned()),
        Value::Text(_) if indexes.len() == 3 => {
            return Err("cannot 3-index slice a string".to_owned());
        },
        Value::Text(text) => text.len(),
        Value::List(list) => list.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let mut ends = [0, length, length];
    for (end, index) in ends.iter_mut().zip(indexes) {
        *end = index_of(index, length)?;
    }
    let [from, to, max] = ends;
    for (low, high) in [(from, to), (to, max)] {
        if low > high {
            return Err(format!("invalid slice index: {low} > {high}"));
        }
    }
    Ok(match item {
        Value::Text(text) => Value::text(text.get(from..to).unwrap_or_default()),
        Value::List(list) => Value::List(super::value::List::typed(
            list.element,
            list.to_vec().get(from..to).unwrap_or_default().to_vec(),
        )),
        _ => Value::Nil,
    })
}

const INCOMPATIBLE: &str = "incompatible types for comparison";
const INVALID: &str = "invalid type for comparison";

fn equals(args: &[Value]) -> Result<bool, String> {
    let Some((one, others)) = args.split_first() else { return Ok(false) };
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if equal(one, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(one: &Value, other: &Value) -> Result<bool, String> {
    let is_basic = |value: &Value| {
        matches!(value, Value::Bool(_) | Value::Int(..) | Value::Float(_) | Value::Text(_))
    };
    match (one, other) {
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        #[expect(clippy::float_cmp, reason = "as Go compares")]
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        (Value::Text(a), Value::Text(b)) => Ok(a == b),
        (Value::Int(a, _), Value::Int(b, _)) => Ok(a == b),
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => match (one, other) {
            (Value::List(list), _) | (_, Value::List(list)) => Ok(list.items.is_none()),
            (Value::Map(map), _) | (_, Value::Map(map)) => Ok(map.is_nil),
            _ => Ok(false),
        },
        _ if is_basic(one) || is_basic(other) => Err(INCOMPATIBLE.to_owned()),
        (Value::Time(a), Value::Time(b)) => Ok(a == b),
        (Value::Version(a), Value::Version(b)) => Ok(std::rc::Rc::ptr_eq(a, b)),
        (a, b) if a.kind_name() == b.kind_name() => {
            Err(format!("non-comparable type {}: {}", print::shown(b, 's'), b.type_name()))
        },
        (a, b) => Err(format!(
            "non-comparable types {}: {}, {}: {}",
            print::shown(a, 's'),
            a.type_name(),
            b.type_name(),
            print::shown(b, 'v')
        )),
    }
}

fn less(args: &[Value]) -> Result<bool, String> {
    let [one, other] = args else { return Ok(false) };
    let is_basic = |value: &Value| {
        matches!(value, Value::Bool(_) | Value::Int(..) | Value::Float(_) | Value::Text(_))
    };
    match (one, other) {
        (Value::Float(a), Value::Float(b)) => Ok(a < b),
        (Value::Text(a), Value::Text(b)) => Ok(a < b),
        (Value::Int(a, _), Value::Int(b, _)) => Ok(a < b),
        (Value::Bool(_), Value::Bool(_)) => Err(INVALID.to_owned()),
        _ if is_basic(one) && is_basic(other) => Err(INCOMPATIBLE.to_owned()),
        _ => Err(INVALID.to_owned()),
    }
}

fn less_or_equal(args: &[Value]) -> Result<bool, String> {
    Ok(less(args)? || equals(args)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FUNCTIONS.len());
    }
}
