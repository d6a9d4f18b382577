//! `request` (of the endpoint or of a backend) and `ctx` (the client's request as it came).
//!
//! With one argument a method tells, with more it sets.

use std::cell::RefCell;
use std::rc::Rc;

use mlua::{Lua, Value};

use super::{Args, Functions, ListObject, NEED_ARGUMENTS, Outcome, list_of_texts, table_of, text};
use crate::script::draft::{self, Draft, Fields, canonical};
use crate::script::item::{Item, List, Table};

/// What `request.load()` gives.
pub(in crate::script) struct RequestObject(pub(in crate::script) Rc<RefCell<Draft>>);

/// What `ctx.load()` gives.
pub(in crate::script) struct ContextObject(pub(in crate::script) Rc<RefCell<Draft>>);

fn request(args: &Args) -> Result<Rc<RefCell<Draft>>, String> {
    Ok(Rc::clone(&args.object::<RequestObject>()?.0))
}

fn context(args: &Args) -> Result<Rc<RefCell<Draft>>, String> {
    Ok(Rc::clone(&args.object::<ContextObject>()?.0))
}

const NOTHING: Outcome = Ok(Vec::new());

pub(super) const REQUEST: Functions = &[
    ("method", |lua, args| method(lua, args, &*request(args)?)),
    ("path", |lua, args| {
        let draft = request(args)?;
        if args.len() == 1 {
            return Ok(vec![text(lua, &draft.borrow().path)?]);
        }
        draft.borrow_mut().path = args.text(lua, 2)?;
        NOTHING
    }),
    ("query", |lua, args| {
        let draft = request(args)?;
        if args.len() == 1 {
            return Ok(vec![text(lua, draft::encoded(&draft.borrow().query))?]);
        }
        draft.borrow_mut().query = draft::encoded(&args.text(lua, 2)?);
        NOTHING
    }),
    ("url", |lua, args| {
        let draft = request(args)?;
        if args.len() == 1 {
            return Ok(vec![text(lua, &draft.borrow().url)?]);
        }
        draft.borrow_mut().url = args.text(lua, 2)?;
        NOTHING
    }),
    ("params", |lua, args| params(lua, args, &*request(args)?)),
    ("headers", |lua, args| {
        let draft = request(args)?;
        let draft = &mut draft.borrow_mut();
        headers(lua, args, &mut draft.fields, canonical)
    }),
    ("headerList", |lua, args| header_list(lua, args, &mut request(args)?.borrow_mut().fields)),
    ("body", |lua, args| body(lua, args, &*request(args)?)),
];

pub(super) const CONTEXT: Functions = &[
    ("method", |lua, args| method(lua, args, &*context(args)?)),
    ("url", |lua, args| {
        let draft = context(args)?;
        if args.len() == 1 {
            return Ok(vec![text(lua, &draft.borrow().url)?]);
        }
        let url = args.text(lua, 2)?;
        let query = url.iter().position(|byte| *byte == b'?').and_then(|at| url.get(at + 1..));
        draft.borrow_mut().query = query.unwrap_or_default().to_vec();
        draft.borrow_mut().url = url;
        NOTHING
    }),
    ("host", |lua, args| {
        let draft = context(args)?;
        if args.len() == 1 {
            return Ok(vec![text(lua, &draft.borrow().host)?]);
        }
        draft.borrow_mut().host = String::from_utf8_lossy(&args.text(lua, 2)?).into_owned();
        NOTHING
    }),
    ("query", |lua, args| {
        let draft = context(args)?;
        let draft = &mut *draft.borrow_mut();
        match args.len() {
            1 => Err(NEED_ARGUMENTS.to_owned()),
            2 => {
                let query = draft.looked_up.get_or_insert_with(|| draft.query.clone());
                Ok(vec![text(lua, draft::first_value(query, &args.text(lua, 2)?))?])
            },
            _ => {
                let (name, value) = (args.text(lua, 2)?, args.text(lua, 3)?);
                draft.query = draft::with_value(&draft.query, &name, &value);
                NOTHING
            },
        }
    }),
    ("params", |lua, args| params(lua, args, &*context(args)?)),
    ("headers", |lua, args| {
        let draft = context(args)?;
        let draft = &mut draft.borrow_mut();
        headers(lua, args, &mut draft.fields, canonical)
    }),
    ("headerList", |lua, args| header_list(lua, args, &mut context(args)?.borrow_mut().fields)),
    ("body", |lua, args| body(lua, args, &*context(args)?)),
];

fn method(lua: &Lua, args: &Args, draft: &RefCell<Draft>) -> Outcome {
    if args.len() == 1 {
        return Ok(vec![text(lua, &draft.borrow().method)?]);
    }
    draft.borrow_mut().method = String::from_utf8_lossy(&args.text(lua, 2)?).into_owned();
    NOTHING
}

fn params(lua: &Lua, args: &Args, draft: &RefCell<Draft>) -> Outcome {
    match args.len() {
        1 => {
            let draft = draft.borrow();
            let texts = draft.params.iter();
            let members =
                texts.map(|(key, value)| (key.clone(), Item::Text(value.as_slice().into())));
            let table: Table = Rc::new(RefCell::new(members.collect()));
            Ok(vec![table_of(lua, table)?])
        },
        2 => {
            let value = draft.borrow().params.get(&args.text(lua, 2)?).cloned();
            Ok(vec![text(lua, value.unwrap_or_default())?])
        },
        _ => {
            let (name, value) = (args.text(lua, 2)?, args.text(lua, 3)?);
            draft.borrow_mut().params.insert(name, value);
            NOTHING
        },
    }
}

/// `read` makes the name that is looked up; what is set has its canonical form.
pub(super) fn headers(
    lua: &Lua,
    args: &Args,
    fields: &mut Fields,
    read: fn(&[u8]) -> String,
) -> Outcome {
    match args.len() {
        1 => {
            let lists = fields.iter().map(|(name, values)| {
                let items = values.iter().map(|value| Item::Text(value.as_slice().into()));
                (name.clone().into_bytes(), Item::List(List::of(items.collect())))
            });
            let table: Table = Rc::new(RefCell::new(lists.collect()));
            Ok(vec![table_of(lua, table)?])
        },
        2 => {
            let values = fields.get(&read(&args.text(lua, 2)?));
            let first = values.and_then(|values| values.first()).map(Vec::as_slice);
            Ok(vec![text(lua, first.unwrap_or_default())?])
        },
        _ => {
            let name = canonical(&args.text(lua, 2)?);
            if matches!(args.value(3), Value::Nil) {
                fields.remove(&name);
            } else {
                fields.insert(name, vec![args.text(lua, 3)?]);
            }
            NOTHING
        },
    }
}

pub(super) fn header_list(lua: &Lua, args: &Args, fields: &mut Fields) -> Outcome {
    if args.len() < 2 {
        return Err(NEED_ARGUMENTS.to_owned());
    }
    let name = canonical(&args.text(lua, 2)?);
    if args.len() == 2 {
        let values = fields.get(&name).map(Vec::as_slice);
        return Ok(vec![list_of_texts(lua, values.unwrap_or_default())?]);
    }
    let list = args.userdata::<ListObject>(3);
    let list = list.ok_or("invalid header value, must be a luaList")?;
    let values = list.0.all();
    fields.insert(name, values.iter().map(shown).collect());
    NOTHING
}

/// As Go's `%s` shows it; of other things than text nothing sensible.
fn shown(item: &Item) -> Vec<u8> {
    match item {
        Item::Text(text) => text.to_vec(),
        Item::Digits(digits) => digits.as_bytes().to_vec(),
        Item::Number(number) => number.to_string().into_bytes(),
        Item::Bool(value) => value.to_string().into_bytes(),
        Item::Null | Item::Table(_) | Item::List(_) => Vec::new(),
    }
}

fn body(lua: &Lua, args: &Args, draft: &RefCell<Draft>) -> Outcome {
    if args.len() != 2 {
        return Ok(vec![text(lua, &draft.borrow().body)?]);
    }
    let draft = &mut draft.borrow_mut();
    draft.body = args.text(lua, 2)?.into();
    draft.body_is_new = true;
    NOTHING
}
