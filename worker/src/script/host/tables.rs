//! `luaTable`, `luaList`, `luaNil`: data that scripts read and make.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use mlua::{Lua, Value};

use super::{Args, Functions, NEED_ARGUMENTS, Outcome, text, userdata};
use crate::script::item::{Item, List, Table};

/// Tables of a script nested deeper than this are cut off.
const DEPTH_MAX: usize = 512;

/// An object.
pub(super) struct TableObject(Table);

/// A view of a list.
pub(in crate::script) struct ListObject(pub(in crate::script) List);

/// `null`.
struct NilObject;

pub(super) const TABLE: Functions = &[
    ("get", table_get),
    ("set", table_set),
    ("len", |_, args| {
        let length = args.object::<TableObject>()?.0.borrow().len();
        Ok(vec![number(length)])
    }),
    ("del", |lua, args| {
        needs(args, 2)?;
        let key = args.text(lua, 2)?;
        args.object::<TableObject>()?.0.borrow_mut().remove(&key);
        Ok(Vec::new())
    }),
    ("keys", |lua, args| {
        let table = args.object::<TableObject>()?;
        let keys = table.0.borrow().keys().map(|key| Item::Text(key.as_slice().into())).collect();
        Ok(vec![userdata(lua, ListObject(List::of(keys)))?])
    }),
    ("keyExists", |lua, args| {
        needs(args, 2)?;
        let exists = args.object::<TableObject>()?.0.borrow().contains_key(&args.text(lua, 2)?);
        Ok(vec![Value::Boolean(exists)])
    }),
];

pub(super) const LIST: Functions = &[
    ("get", |lua, args| {
        needs(args, 2)?;
        let list = args.object::<ListObject>()?;
        let item = args.index(lua, 2)?.and_then(|index| list.0.get(index));
        item.map_or_else(|| Ok(Vec::new()), |item| Ok(vec![to_lua(lua, &item)?]))
    }),
    ("set", |lua, args| {
        needs(args, 3)?;
        let item = of_lua(lua, args.value(3));
        let index = args.index(lua, 2)?;
        let mut list = args.object_mut::<ListObject>()?;
        if let Some(index) = index {
            let kept = list.0.get(index).unwrap_or(Item::Null);
            list.0.set(index, item.unwrap_or(kept));
        }
        Ok(Vec::new())
    }),
    ("len", |_, args| Ok(vec![number(args.object::<ListObject>()?.0.len())])),
    ("del", |lua, args| {
        needs(args, 2)?;
        let index = args.index(lua, 2)?;
        let mut list = args.object_mut::<ListObject>()?;
        if let Some(index) = index {
            list.0.delete(index);
        }
        Ok(Vec::new())
    }),
];

pub(super) fn table_new(lua: &Lua, _: &Args) -> Outcome {
    Ok(vec![table_of(lua, Table::default())?])
}

pub(super) fn list_new(lua: &Lua, _: &Args) -> Outcome {
    Ok(vec![userdata(lua, ListObject(List::default()))?])
}

pub(super) fn nil_new(lua: &Lua, _: &Args) -> Outcome {
    Ok(vec![userdata(lua, NilObject)?])
}

/// A table as a `luaTable`.
pub(in crate::script) fn table_of(lua: &Lua, table: Table) -> Result<Value, String> {
    userdata(lua, TableObject(table))
}

/// Texts as a `luaList`.
pub(in crate::script) fn list_of_texts(lua: &Lua, texts: &[Vec<u8>]) -> Result<Value, String> {
    let items = texts.iter().map(|text| Item::Text(text.as_slice().into())).collect();
    userdata(lua, ListObject(List::of(items)))
}

fn table_get(lua: &Lua, args: &Args) -> Outcome {
    needs(args, 2)?;
    let table = args.object::<TableObject>()?;
    let key = args.text(lua, 2)?;
    match table.0.borrow().get(&key) {
        Some(item) => Ok(vec![to_lua(lua, item)?]),
        // No value at all: `tostring` of it is an error.
        None => Ok(Vec::new()),
    }
}

fn table_set(lua: &Lua, args: &Args) -> Outcome {
    needs(args, 3)?;
    let table = args.object::<TableObject>()?;
    let key = args.text(lua, 2)?;
    if let Some(item) = of_lua(lua, args.value(3)) {
        table.0.borrow_mut().insert(key, item);
    }
    Ok(Vec::new())
}

fn needs(args: &Args, count: usize) -> Result<(), String> {
    if args.len() == count { Ok(()) } else { Err(NEED_ARGUMENTS.to_owned()) }
}

#[expect(clippy::cast_precision_loss, reason = "no list is that long")]
fn number(count: usize) -> Value {
    Value::Number(count as f64)
}

fn to_lua(lua: &Lua, item: &Item) -> Result<Value, String> {
    match item {
        Item::Null => userdata(lua, NilObject),
        Item::Bool(value) => Ok(Value::Boolean(*value)),
        Item::Digits(digits) => Ok(Value::Number(digits.parse().unwrap_or(0.0))),
        Item::Number(number) => Ok(Value::Number(*number)),
        Item::Text(bytes) => text(lua, bytes),
        Item::Table(table) => table_of(lua, Rc::clone(table)),
        Item::List(list) => userdata(lua, ListObject(list.clone())),
    }
}

/// What a script sets; none: it is nothing that data can hold. A table of Lua's own is an object, whatever its keys.
fn of_lua(lua: &Lua, value: &Value) -> Option<Item> {
    match value {
        Value::Table(table) => Some(Item::Table(members(lua, table, 0))),
        other => plain(other),
    }
}

fn plain(value: &Value) -> Option<Item> {
    Some(match value {
        Value::Boolean(value) => Item::Bool(*value),
        #[expect(clippy::cast_precision_loss, reason = "it was a double before")]
        Value::Integer(number) => Item::Number(*number as f64),
        Value::Number(number) => Item::Number(*number),
        Value::String(text) => Item::Text(text.as_bytes().as_ref().into()),
        Value::UserData(data) => {
            if let Ok(table) = data.borrow::<TableObject>() {
                Item::Table(Rc::clone(&table.0))
            } else if let Ok(list) = data.borrow::<ListObject>() {
                Item::List(list.0.clone())
            } else if data.is::<NilObject>() {
                Item::Null
            } else {
                return None;
            }
        },
        _ => return None,
    })
}

fn members(lua: &Lua, table: &mlua::Table, depth: usize) -> Table {
    let mut members = BTreeMap::new();
    for pair in table.pairs::<Value, Value>() {
        let Ok((key, value)) = pair else { continue };
        let Ok(Some(key)) = lua.coerce_string(key) else { continue };
        let item = match &value {
            Value::Table(_) if depth >= DEPTH_MAX => Some(Item::Null),
            Value::Table(inner) => Some(nested(lua, inner, depth + 1)),
            other => plain(other),
        };
        if let Some(item) = item {
            members.insert(key.as_bytes().to_vec(), item);
        }
    }
    Rc::new(RefCell::new(members))
}

/// Below the first level a table whose keys are all whole numbers is a list, and an empty one is `null`.
fn nested(lua: &Lua, table: &mlua::Table, depth: usize) -> Item {
    let members = members(lua, table, depth);
    let place = |key: &Vec<u8>| std::str::from_utf8(key).ok()?.parse::<i64>().ok();
    let mut placed: Vec<(i64, Item)> = Vec::new();
    for (key, item) in members.borrow().iter() {
        match place(key) {
            Some(place) => placed.push((place, item.clone())),
            None => return Item::Table(Rc::clone(&members)),
        }
    }
    if placed.is_empty() {
        return Item::Null;
    }
    placed.sort_by_key(|(place, _)| *place);
    Item::List(List::of(placed.into_iter().map(|(_, item)| item).collect()))
}
