//! The few methods that values have: times and versions.

use std::rc::Rc;

use super::function::{Function, Type};
use super::sprig::date;
use super::value::{IntType, Value};

macro_rules! methods {
    ($of:ident: $($name:literal $fixed:tt => $body:expr;)*) => {
        &[$(Function { name: $name, fixed: &$fixed, rest: None, body: $body },)*]
    };
}

const OF_TIME: &[Function] = {
    use Type::Time as T;
    methods! { Time:
        "Day" [T] => |_, args| part(args, |time| i64::from(time.day()));
        "Format" [T, Type::Text] => |_, args| match args {
            [Value::Time(time), Value::Text(layout)] => Ok(Value::text(date::format(time, layout))),
            _ => Ok(Value::Nil),
        };
        "Hour" [T] => |_, args| part(args, |time| i64::from(time.hour()));
        "Minute" [T] => |_, args| part(args, |time| i64::from(time.minute()));
        "Nanosecond" [T] => |_, args| part(args, |time| i64::from(time.subsec_nanosecond()));
        "Second" [T] => |_, args| part(args, |time| i64::from(time.second()));
        "String" [T] => |_, args| Ok(Value::text(args.first().map(super::print::stringer).unwrap_or_default()));
        "Unix" [T] => |_, args| part64(args, |time| time.timestamp().as_second());
        "UnixMilli" [T] => |_, args| part64(args, |time| time.timestamp().as_millisecond());
        "Year" [T] => |_, args| part(args, |time| i64::from(time.year()));
        "YearDay" [T] => |_, args| part(args, |time| i64::from(time.day_of_year()));
    }
};

fn part(args: &[Value], of: fn(&jiff::ZonedDateTime) -> i64) -> Result<Value, String> {
    match args {
        [Value::Time(time)] => Ok(Value::int(of(time))),
        _ => Ok(Value::Nil),
    }
}

fn part64(args: &[Value], of: fn(&jiff::ZonedDateTime) -> i64) -> Result<Value, String> {
    match args {
        [Value::Time(time)] => Ok(Value::Int(of(time), IntType::Int64)),
        _ => Ok(Value::Nil),
    }
}

const OF_VERSION: &[Function] = {
    use Type::Version as V;
    methods! { Version:
        "Compare" [V, V] => |_, args| compare(args, |order| Value::int(order as i64));
        "Equal" [V, V] => |_, args| compare(args, |order| Value::Bool(order.is_eq()));
        "GreaterThan" [V, V] => |_, args| compare(args, |order| Value::Bool(order.is_gt()));
        "LessThan" [V, V] => |_, args| compare(args, |order| Value::Bool(order.is_lt()));
        "Major" [V] => |_, args| Ok(number(args, |version| version.major));
        "Metadata" [V] => |_, args| Ok(text(args, |version| &version.metadata));
        "Minor" [V] => |_, args| Ok(number(args, |version| version.minor));
        "Original" [V] => |_, args| Ok(text(args, |version| &version.original));
        "Patch" [V] => |_, args| Ok(number(args, |version| version.patch));
        "Prerelease" [V] => |_, args| Ok(text(args, |version| &version.pre));
        "String" [V] => |_, args| Ok(Value::text(args.first().map(super::print::stringer).unwrap_or_default()));
    }
};

use super::sprig::semver::Version;

fn compare(args: &[Value], say: fn(std::cmp::Ordering) -> Value) -> Result<Value, String> {
    match args {
        [Value::Version(one), Value::Version(other)] => Ok(say(one.compare(other))),
        _ => Err("invalid memory address or nil pointer dereference".to_owned()),
    }
}

fn number(args: &[Value], of: fn(&Rc<Version>) -> u64) -> Value {
    match args {
        [Value::Version(version)] => {
            Value::Int(i64::try_from(of(version)).unwrap_or(i64::MAX), IntType::Uint64)
        },
        _ => Value::Nil,
    }
}

fn text(args: &[Value], of: fn(&Rc<Version>) -> &str) -> Value {
    match args {
        [Value::Version(version)] => Value::text(of(version)),
        _ => Value::Nil,
    }
}

/// The method of that name.
pub(super) fn find(of: &Value, name: &str) -> Option<Function> {
    let methods = match of {
        Value::Time(_) => OF_TIME,
        Value::Version(_) => OF_VERSION,
        _ => return None,
    };
    methods.iter().find(|method| method.name == name).copied()
}
