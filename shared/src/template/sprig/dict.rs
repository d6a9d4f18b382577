//! Maps; `set`, `unset` and `merge` change the map that they are given.

use std::rc::Rc;

use super::{ANY, Outcome, any, functions, map, string_of, text};
use crate::template::function::{Context, Function, Type};
use crate::template::value::{Element, Entries, List, Map, Value};

/// Maps within maps that are merged or copied; one may contain itself.
const DEPTH_MAX: usize = 100;

pub(super) const FUNCTIONS: &[Function] = {
    use Type::{Any, Map as Dict, Text};
    functions! {
        "deepCopy" [Any] None => copy_all;
        "dict" [] ANY => dict;
        "dig" [] ANY => |_, args| dig(args);
        "get" [Dict, Text] None => |_, args| {
            Ok(map(args, 0).get(text(args, 1)).unwrap_or_else(|| Value::text("")))
        };
        "hasKey" [Dict, Text] None => |_, args| Ok(Value::Bool(map(args, 0).get(text(args, 1)).is_some()));
        "keys" [] Some(Dict) => |_, args| {
            let keys = (0..args.len()).flat_map(|at| map(args, at).to_vec());
            Ok(Value::List(List::texts(keys.map(|(key, _)| key))))
        };
        "merge" [Dict] Some(Dict) => |context, args| merge_all(context, args, Winner::First);
        "mergeOverwrite" [Dict] Some(Dict) => |context, args| merge_all(context, args, Winner::Last);
        "mustDeepCopy" [Any] None => copy_all;
        "mustMerge" [Dict] Some(Dict) => |context, args| merge_all(context, args, Winner::First);
        "mustMergeOverwrite" [Dict] Some(Dict) => |context, args| merge_all(context, args, Winner::Last);
        "omit" [Dict] Some(Text) => |_, args| Ok(select(args, |is_named| !is_named));
        "pick" [Dict] Some(Text) => |_, args| Ok(select(args, |is_named| is_named));
        "pluck" [Text] Some(Dict) => |_, args| {
            let found = (1..args.len()).filter_map(|at| map(args, at).get(text(args, 0)));
            Ok(Value::List(List::of(found.collect())))
        };
        "set" [Dict, Text, Any] None => |_, args| set(args);
        "unset" [Dict, Text] None => |_, args| {
            let dict = map(args, 0);
            drop(dict.entries.borrow_mut().remove(text(args, 1)));
            Ok(Value::Map(dict))
        };
        "values" [Dict] None => |_, args| {
            let values = map(args, 0).to_vec().into_iter().map(|(_, value)| value);
            Ok(Value::List(List::of(values.collect())))
        };
    }
};

fn dict(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut entries = Entries::new();
    for pair in args.chunks(2) {
        let [key, rest @ ..] = pair else { continue };
        let key = string_of(context, key)?;
        entries.insert(key.into(), rest.first().cloned().unwrap_or_else(|| Value::text("")));
    }
    Ok(Value::Map(Map::of(entries)))
}

fn set(args: &[Value]) -> Outcome {
    let dict = map(args, 0);
    if dict.is_nil {
        return Err("assignment to entry in nil map".to_owned());
    }
    dict.entries.borrow_mut().insert(text(args, 1).into(), any(args, 2).clone());
    Ok(Value::Map(dict))
}

fn select(args: &[Value], is_wanted: fn(bool) -> bool) -> Value {
    let names: Vec<&[u8]> = (1..args.len()).map(|at| text(args, at)).collect();
    let kept = map(args, 0).to_vec().into_iter();
    let kept = kept.filter(|(key, _)| is_wanted(names.contains(&key.as_ref())));
    Value::Map(Map::of(kept.collect()))
}

fn dig(args: &[Value]) -> Outcome {
    let [keys @ .., default, dict] = args else {
        return Err("dig needs at least three arguments".to_owned());
    };
    if keys.is_empty() {
        return Err("dig needs at least three arguments".to_owned());
    }
    let mut at = dict.clone();
    for key in keys {
        let Value::Map(map) = &at else { return Err(conversion(&at, "map[string]interface {}")) };
        if map.element != Element::Any {
            return Err(conversion(&at, "map[string]interface {}"));
        }
        let Value::Text(key) = key else { return Err(conversion(key, "string")) };
        let Some(next) = map.get(key) else { return Ok(default.clone()) };
        at = next;
    }
    Ok(at)
}

fn conversion(value: &Value, wanted: &str) -> String {
    let found = if value.is_nil() { "nil".to_owned() } else { value.type_name() };
    format!("interface conversion: interface {{}} is {found}, not {wanted}")
}

/// Whose value stays when both maps have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Winner {
    First,
    Last,
}

fn merge_all(context: &mut Context<'_>, args: &[Value], winner: Winner) -> Outcome {
    let target = map(args, 0);
    let target = if target.is_nil { Map::of(Entries::new()) } else { target };
    for at in 1..args.len() {
        merge(context, &target, &map(args, at), winner, 0)?;
    }
    Ok(Value::Map(target))
}

/// As the library does it: empty values count as missing, maps are merged in place, and what is
/// taken over is shared, not copied.
fn merge(
    context: &mut Context<'_>,
    target: &Map,
    source: &Map,
    winner: Winner,
    depth: usize,
) -> Result<(), String> {
    if depth >= DEPTH_MAX {
        return Err("a map contains itself, or too many others".to_owned());
    }
    if Rc::ptr_eq(&target.entries, &source.entries) {
        return Ok(());
    }
    for (key, value) in source.to_vec() {
        context.step()?;
        let old = target.get(&key);
        if value.is_nil() {
            if winner == Winner::Last {
                target.entries.borrow_mut().insert(key, value);
            }
            continue;
        }
        if let (Some(Value::Map(old)), Value::Map(new)) = (&old, &value)
            && !old.is_nil
        {
            merge(context, old, new, winner, depth + 1)?;
            if old.len() > 0 {
                continue;
            }
        }
        let is_free = old.as_ref().is_none_or(super::is_empty);
        if is_free || winner == Winner::Last {
            target.entries.borrow_mut().insert(key, value);
        }
    }
    Ok(())
}

fn copy_all(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    match any(args, 0) {
        Value::Nil => Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        value => copy(context, value, 0),
    }
}

fn copy(context: &mut Context<'_>, value: &Value, depth: usize) -> Outcome {
    context.step()?;
    if depth >= DEPTH_MAX {
        return Err("a value contains itself, or too many others".to_owned());
    }
    Ok(match value {
        Value::List(list) if list.items.is_some() => {
            let items: Result<Vec<Value>, String> =
                list.to_vec().iter().map(|item| copy(context, item, depth + 1)).collect();
            let items = items?;
            context.make_items(items.len())?;
            Value::List(List::typed(list.element, items))
        },
        Value::Map(map) if !map.is_nil => {
            let mut entries = Entries::new();
            for (key, value) in map.to_vec() {
                entries.insert(key, copy(context, &value, depth + 1)?);
            }
            context.make_items(entries.len())?;
            Value::Map(Map::typed(map.element, entries))
        },
        other => other.clone(),
    })
}
