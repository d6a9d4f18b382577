//! Lists.

use super::{ANY, Outcome, any, convert, functions, int, is_empty, list};
use crate::template::function::{Context, Function, Type};
use crate::template::value::{Element, List, Value};

const DEPTH_MAX: usize = 200;

pub(super) const FUNCTIONS: &[Function] = {
    use Type::{Any, Int};
    functions! {
        "append" [Any, Any] None => |context, args| push(context, args);
        "chunk" [Int, Any] None => chunk;
        "compact" [Any] None => compact;
        "concat" [] ANY => concat;
        "first" [Any] None => |_, args| at_end(any(args, 0), "Cannot find first on type", |items| items.first().cloned());
        "has" [Any, Any] None => has;
        "initial" [Any] None => |_, args| part(any(args, 0), "Cannot find initial on type", |items| items.split_last().map(|(_, rest)| rest.to_vec()));
        "last" [Any] None => |_, args| at_end(any(args, 0), "Cannot find last on type", |items| items.last().cloned());
        "list" [] ANY => make;
        "mustAppend" [Any, Any] None => |context, args| push(context, args);
        "mustChunk" [Int, Any] None => chunk;
        "mustCompact" [Any] None => compact;
        "mustFirst" [Any] None => |_, args| at_end(any(args, 0), "Cannot find first on type", |items| items.first().cloned());
        "mustHas" [Any, Any] None => has;
        "mustInitial" [Any] None => |_, args| part(any(args, 0), "Cannot find initial on type", |items| items.split_last().map(|(_, rest)| rest.to_vec()));
        "mustLast" [Any] None => |_, args| at_end(any(args, 0), "Cannot find last on type", |items| items.last().cloned());
        "mustPrepend" [Any, Any] None => prepend;
        "mustPush" [Any, Any] None => |context, args| push(context, args);
        "mustRest" [Any] None => |_, args| part(any(args, 0), "Cannot find rest on type", |items| items.split_first().map(|(_, rest)| rest.to_vec()));
        "mustReverse" [Any] None => reverse;
        "mustSlice" [Any] ANY => slice;
        "mustUniq" [Any] None => uniq;
        "mustWithout" [Any] ANY => without;
        "prepend" [Any, Any] None => prepend;
        "push" [Any, Any] None => |context, args| push(context, args);
        "rest" [Any] None => |_, args| part(any(args, 0), "Cannot find rest on type", |items| items.split_first().map(|(_, rest)| rest.to_vec()));
        "reverse" [Any] None => reverse;
        "slice" [Any] ANY => slice;
        "tuple" [] ANY => make;
        "uniq" [Any] None => uniq;
        "until" [Int] None => |context, args| {
            let count = int(args, 0);
            until_step(context, 0, count, if count < 0 { -1 } else { 1 }).map(ints)
        };
        "untilStep" [Int, Int, Int] None => |context, args| {
            until_step(context, int(args, 0), int(args, 1), int(args, 2)).map(ints)
        };
        "without" [Any] ANY => without;
    }
};

fn make(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(Value::List(List::of(args.to_vec())))
}

fn push(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut items = list(any(args, 0), "Cannot push on type")?.to_vec();
    context.make_items(items.len() + 1)?;
    items.push(any(args, 1).clone());
    Ok(Value::List(List::of(items)))
}

fn prepend(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut items = list(any(args, 0), "Cannot prepend on type")?.to_vec();
    context.make_items(items.len() + 1)?;
    items.insert(0, any(args, 1).clone());
    Ok(Value::List(List::of(items)))
}

fn chunk(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let items = list(any(args, 1), "Cannot chunk type")?.to_vec();
    let size = usize::try_from(int(args, 0)).ok().filter(|size| *size > 0);
    let Some(size) = size else {
        return Err("runtime error: makeslice: len out of range".to_owned());
    };
    let chunks = items.chunks(size).map(|chunk| Value::List(List::of(chunk.to_vec())));
    Ok(Value::List(List::typed(Element::List, chunks.collect())))
}

fn compact(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut items = list(any(args, 0), "Cannot compact on type")?.to_vec();
    items.retain(|item| !is_empty(item));
    Ok(Value::List(List::of(items)))
}

fn concat(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut all = Vec::new();
    for arg in args {
        let Value::List(list) = arg else {
            if arg.is_nil() {
                return Err(super::NIL_POINTER.to_owned());
            }
            return Err(format!("Cannot concat type {} as list", arg.kind_name()));
        };
        context.make_items(list.len())?;
        all.extend(list.to_vec());
    }
    Ok(Value::List(if all.is_empty() { List::nil(Element::Any) } else { List::of(all) }))
}

fn at_end(of: &Value, complaint: &str, pick: fn(&[Value]) -> Option<Value>) -> Outcome {
    Ok(pick(&list(of, complaint)?.to_vec()).unwrap_or_default())
}

/// Of an empty list nothing is left: a nil slice.
fn part(of: &Value, complaint: &str, pick: fn(&[Value]) -> Option<Vec<Value>>) -> Outcome {
    let rest = pick(&list(of, complaint)?.to_vec());
    Ok(Value::List(rest.map_or_else(|| List::nil(Element::Any), List::of)))
}

fn has(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    if any(args, 1).is_nil() {
        return Ok(Value::Bool(false));
    }
    let items = list(any(args, 1), "Cannot find has on type")?.to_vec();
    contains(context, &items, any(args, 0)).map(Value::Bool)
}

fn contains(context: &mut Context<'_>, items: &[Value], wanted: &Value) -> Result<bool, String> {
    for item in items {
        context.step()?;
        if wanted.deep_equal(item, DEPTH_MAX) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn reverse(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut items = list(any(args, 0), "Cannot find reverse on type")?.to_vec();
    items.reverse();
    Ok(Value::List(List::of(items)))
}

fn uniq(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut kept: Vec<Value> = Vec::new();
    for item in list(any(args, 0), "Cannot find uniq on type")?.to_vec() {
        if !contains(context, &kept, &item)? {
            kept.push(item);
        }
    }
    Ok(Value::List(List::of(kept)))
}

fn without(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let unwanted = args.get(1..).unwrap_or_default();
    let mut kept = Vec::new();
    for item in list(any(args, 0), "Cannot find without on type")?.to_vec() {
        if !contains(context, unwanted, &item)? {
            kept.push(item);
        }
    }
    Ok(Value::List(List::of(kept)))
}

fn slice(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    let list = list(any(args, 0), "list should be type of slice or array but")?;
    let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
    if length == 0 {
        return Ok(Value::Nil);
    }
    let from = args.get(1).map_or(0, convert::to_int);
    let to = args.get(2).map_or(length, convert::to_int);
    let items = list.to_vec();
    let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    match range.and_then(|(from, to)| items.get(from..to)) {
        Some(items) => Ok(Value::List(List::typed(list.element, items.to_vec()))),
        None => Err("reflect.Value.Slice: slice index out of bounds".to_owned()),
    }
}

/// `start`, `start + step`, … before `stop`.
pub(super) fn until_step(
    context: &mut Context<'_>,
    start: i64,
    stop: i64,
    step: i64,
) -> Result<Vec<i64>, String> {
    let is_down = stop < start;
    if start == stop || step == 0 || is_down == (step > 0) {
        return Ok(Vec::new());
    }
    let count = stop.abs_diff(start).div_ceil(step.unsigned_abs());
    context.make_items(usize::try_from(count).unwrap_or(usize::MAX))?;
    let mut at = start;
    let mut all = Vec::new();
    while if is_down { at > stop } else { at < stop } {
        all.push(at);
        match at.checked_add(step) {
            Some(next) => at = next,
            None => break,
        }
    }
    Ok(all)
}

fn ints(all: Vec<i64>) -> Value {
    Value::List(List::typed(Element::Int, all.into_iter().map(Value::int).collect()))
}
