//! `response`: what the next layer answered.

use std::cell::RefCell;
use std::rc::Rc;

use mlua::Value;

use super::request::{header_list, headers};
use super::{Args, Functions, table_of, text};
use crate::script::draft::AnswerDraft;

/// What `response.load()` gives.
pub(in crate::script) struct ResponseObject(pub(in crate::script) Rc<RefCell<AnswerDraft>>);

fn answer(args: &Args) -> Result<Rc<RefCell<AnswerDraft>>, String> {
    Ok(Rc::clone(&args.object::<ResponseObject>()?.0))
}

pub(super) const RESPONSE: Functions = &[
    ("isComplete", |_, args| {
        let answer = answer(args)?;
        if args.len() == 1 {
            return Ok(vec![Value::Boolean(answer.borrow().complete)]);
        }
        answer.borrow_mut().complete = args.value(2).as_boolean().unwrap_or(false);
        Ok(Vec::new())
    }),
    ("statusCode", |lua, args| {
        let answer = answer(args)?;
        if args.len() == 1 {
            return Ok(vec![Value::Number(f64::from(answer.borrow().status))]);
        }
        let status = args.number(lua, 2)?.trunc();
        let status = (0..1000_u16).find(|known| f64::from(*known) == status);
        answer.borrow_mut().status = status.unwrap_or(0);
        Ok(Vec::new())
    }),
    ("data", |lua, args| {
        let data = Rc::clone(&answer(args)?.borrow().data);
        Ok(vec![table_of(lua, data)?])
    }),
    ("headers", |lua, args| {
        let answer = answer(args)?;
        // KrakenD reads the very name, and sets its canonical form.
        let as_it_is = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let answer = &mut answer.borrow_mut();
        headers(lua, args, &mut answer.fields, as_it_is)
    }),
    ("headerList", |lua, args| header_list(lua, args, &mut answer(args)?.borrow_mut().fields)),
    ("body", |lua, args| {
        let answer = answer(args)?;
        if args.len() != 2 {
            return Ok(vec![text(lua, &answer.borrow().body)?]);
        }
        let answer = &mut answer.borrow_mut();
        answer.body = args.text(lua, 2)?.into();
        answer.body_is_new = true;
        Ok(Vec::new())
    }),
];
