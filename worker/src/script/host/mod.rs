//! What scripts call: one file per object, functions of plain arguments and results.
//!
//! A function gives its results or the text of an error, which the prelude raises with the line of the caller.

pub(super) mod http;
pub(super) mod request;
pub(super) mod response;
mod tables;

use std::rc::Rc;

use baton_shared::log;
use mlua::{Lua, MultiValue, Table, Value};

use super::error::SEPARATOR;
use super::machine::Clock;
pub(super) use tables::{ListObject, list_of_texts, table_of};

/// Results, or what is wrong.
pub(super) type Outcome = Result<Vec<Value>, String>;
/// A function for scripts.
pub(super) type Function = fn(&Lua, &Args) -> Outcome;
/// Functions of an object, by name.
pub(super) type Functions = &'static [(&'static str, Function)];

/// The arguments of a call.
pub(super) struct Args {
    name: &'static str,
    values: Vec<Value>,
}

impl Args {
    pub(super) const fn len(&self) -> usize {
        self.values.len()
    }

    /// Counted from one, as Lua does.
    pub(super) fn value(&self, number: usize) -> &Value {
        self.values.get(number - 1).unwrap_or(&Value::Nil)
    }

    fn wrong(&self, number: usize, wanted: &str) -> String {
        let found = self.value(number).type_name();
        format!("bad argument #{number} to {} ({wanted} expected, got {found})", self.name)
    }

    /// Text, or a number as one.
    pub(super) fn text(&self, lua: &Lua, number: usize) -> Result<Vec<u8>, String> {
        match lua.coerce_string(self.value(number).clone()) {
            Ok(Some(text)) => Ok(text.as_bytes().to_vec()),
            Ok(None) | Err(_) => Err(self.wrong(number, "string")),
        }
    }

    /// A number, or text that is one.
    pub(super) fn number(&self, lua: &Lua, number: usize) -> Result<f64, String> {
        match lua.coerce_number(self.value(number).clone()) {
            Ok(Some(found)) => Ok(found),
            // Go reads a text that is no number as none at all.
            Ok(None) | Err(_) => {
                Err(format!("bad argument #{number} to {} (number expected, got nil)", self.name))
            },
        }
    }

    /// A number cut to a place in a list; none: it is below zero.
    pub(super) fn index(&self, lua: &Lua, number: usize) -> Result<Option<usize>, String> {
        /// No list of a script is longer.
        const LENGTH_MAX: f64 = 1_000_000.0;
        let found = self.number(lua, number)?.trunc();
        if found > LENGTH_MAX {
            return Err(format!("bad argument #{number} to {} (too large)", self.name));
        }
        Ok((found >= 0.0).then(|| whole(found)))
    }

    /// The object that the method is called on.
    pub(super) fn object<T: 'static>(&self) -> Result<mlua::UserDataRef<T>, String> {
        self.userdata(1).ok_or_else(|| self.wrong(1, "userdata"))
    }

    pub(super) fn object_mut<T: 'static>(&self) -> Result<mlua::UserDataRefMut<T>, String> {
        let Value::UserData(data) = self.value(1) else { return Err(self.wrong(1, "userdata")) };
        data.borrow_mut().map_err(|_other| self.wrong(1, "userdata"))
    }

    pub(super) fn userdata<T: 'static>(&self, number: usize) -> Option<mlua::UserDataRef<T>> {
        let Value::UserData(data) = self.value(number) else { return None };
        data.borrow().ok()
    }
}

/// Go's cut of a number to a whole one; what is far outside is at the edge.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn whole(number: f64) -> usize {
    number as usize
}

pub(super) fn text(lua: &Lua, bytes: impl AsRef<[u8]>) -> Result<Value, String> {
    lua.create_string(bytes).map(Value::String).map_err(|error| error.to_string())
}

pub(super) fn userdata<T: 'static>(lua: &Lua, data: T) -> Result<Value, String> {
    lua.create_any_userdata(data).map(Value::UserData).map_err(|error| error.to_string())
}

pub(super) const NEED_ARGUMENTS: &str = "need arguments";

fn function(lua: &Lua, name: &'static str, body: Function) -> mlua::Result<mlua::Function> {
    lua.create_function(move |lua, values: MultiValue| {
        let args = Args { name, values: values.into_iter().collect() };
        Ok(match body(lua, &args) {
            Ok(results) => std::iter::once(Value::Nil).chain(results).collect::<MultiValue>(),
            Err(text) => std::iter::once(Value::String(lua.create_string(text)?)).collect(),
        })
    })
}

/// Everything for the prelude.
pub(super) fn functions(lua: &Lua, clock: &Rc<Clock>) -> mlua::Result<Table> {
    let host = lua.create_table()?;
    for (name, body) in [
        ("table_new", tables::table_new as Function),
        ("list_new", tables::list_new),
        ("nil_new", tables::nil_new),
        ("http_ask", http::ask),
        ("custom_error", custom_error),
        ("print", print),
    ] {
        host.raw_set(name, function(lua, name, body)?)?;
    }
    let clock = Rc::clone(clock);
    host.raw_set("is_over", lua.create_function(move |_, ()| Ok(clock.is_over()))?)?;
    let methods = lua.create_table()?;
    for (kind, functions) in [
        ("luaTable", tables::TABLE),
        ("luaList", tables::LIST),
        ("request", request::REQUEST),
        ("ctx", request::CONTEXT),
        ("response", response::RESPONSE),
        ("http_response", http::RESPONSE),
    ] {
        let table = lua.create_table()?;
        for (name, body) in functions {
            table.raw_set(*name, function(lua, name, *body)?)?;
        }
        methods.raw_set(kind, table)?;
    }
    host.raw_set("methods", methods)?;
    host.raw_set("adopt", lua.create_function(|lua, methods: Table| adopt(lua, &methods))?)?;
    Ok(host)
}

/// Gives each type of object its methods.
fn adopt(lua: &Lua, methods: &Table) -> mlua::Result<()> {
    fn of<T: 'static>(lua: &Lua, methods: &Table, kind: &str) -> mlua::Result<()> {
        let table: Table = methods.raw_get(kind)?;
        lua.register_userdata_type::<T>(|registry| {
            mlua::UserDataFields::add_meta_field(registry, "__index", table);
        })
    }
    of::<tables::TableObject>(lua, methods, "luaTable")?;
    of::<ListObject>(lua, methods, "luaList")?;
    of::<request::RequestObject>(lua, methods, "request")?;
    of::<request::ContextObject>(lua, methods, "ctx")?;
    of::<response::ResponseObject>(lua, methods, "response")?;
    of::<http::ResponseObject>(lua, methods, "http_response")
}

/// `custom_error(message [, status [, content type]])`.
fn custom_error(lua: &Lua, args: &Args) -> Outcome {
    if args.len() == 0 {
        return Err(NEED_ARGUMENTS.to_owned());
    }
    let message = args.text(lua, 1)?;
    let code = if args.len() == 1 { -1.0 } else { args.number(lua, 2)?.trunc() };
    let mut text = format!("{}{SEPARATOR}{code}", String::from_utf8_lossy(&message));
    if args.len() > 2 {
        text.push_str(SEPARATOR);
        text.push_str(&String::from_utf8_lossy(&args.text(lua, 3)?));
    }
    Err(text)
}

/// Into the log: the output is the log's.
fn print(lua: &Lua, args: &Args) -> Outcome {
    let shown = (1..=args.len()).map(|number| match args.text(lua, number) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(_) => args.value(number).type_name().to_owned(),
    });
    log::info("Lua", shown.collect::<Vec<_>>().join("\t"));
    Ok(Vec::new())
}
