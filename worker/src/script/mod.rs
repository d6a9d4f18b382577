//! `modifier/lua-endpoint`, `lua-proxy`, `lua-backend`: scripts that look at requests and answers and change them.
//!
//! On the way: [`endpoint`] in front of the rate limits (and of the router, for the service's own), [`proxy`] around an
//! endpoint's pipe, [`backend`] around one call. Requests without a script never come here; what they look
//! like to one ([`draft`], [`view`]) is what expressions see too.
//! KrakenD: `sources`, then `pre`, then the next layer, then `post`, in one environment per request and block; an error ends
//! it with what `custom_error` says, or 500. Syntax errors are told at start, and are 500s for each request.

mod block;
mod call;
pub(crate) mod draft;
mod error;
mod host;
mod item;
mod machine;
pub(crate) mod backend;
pub(crate) mod endpoint;
pub(crate) mod proxy;
pub(crate) mod view;

use std::cell::RefCell;
use std::rc::Rc;

use mlua::{MultiValue, Value};
use tokio::time::Instant;

pub(crate) use block::{Block, Libraries, Next, ReadsBody, Settings};
pub use error::ScriptError;

use block::Phase;
use draft::{AnswerDraft, Draft};
use host::request::{ContextObject, RequestObject};
use host::response::ResponseObject;
use machine::{Machine, Ran};

use crate::plan::ThreadState;

/// What one thread's scripts run in.
#[derive(Debug, Default)]
pub(crate) struct Machines(RefCell<Option<Rc<Machine>>>);

/// As whom a script sees the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// `request`
    Request,
    /// `ctx`
    Context,
}

/// A block that runs for one request.
struct Session<'a> {
    thread: &'a ThreadState,
    block: &'a Block,
    machine: Rc<Machine>,
    environment: mlua::Table,
    deadline: Instant,
}

impl Machines {
    /// All machines of one thread are one, but those of blocks with open libraries.
    fn of(&self, libraries: Libraries) -> mlua::Result<Rc<Machine>> {
        if libraries == Libraries::All {
            return Machine::new(libraries).map(Rc::new);
        }
        if let Some(machine) = &*self.0.borrow() {
            return Ok(Rc::clone(machine));
        }
        let machine = Rc::new(Machine::new(libraries)?);
        *self.0.borrow_mut() = Some(Rc::clone(&machine));
        Ok(machine)
    }
}

fn broken(error: &mlua::Error) -> ScriptError {
    ScriptError::plain(error.to_string())
}

impl<'a> Session<'a> {
    fn new(
        thread: &'a ThreadState,
        block: &'a Block,
        role: Role,
        draft: &Rc<RefCell<Draft>>,
        deadline: Instant,
    ) -> Result<Self, ScriptError> {
        let begin = || -> mlua::Result<_> {
            let machine = thread.machines.of(block.libraries)?;
            let environment = machine.environment(block.libraries)?;
            let draft = Rc::clone(draft);
            let (name, object) = match role {
                Role::Request => {
                    ("request", machine.lua.create_any_userdata(RequestObject(draft))?)
                },
                Role::Context => ("ctx", machine.lua.create_any_userdata(ContextObject(draft))?),
            };
            machine.offer(&environment, name, object)?;
            Ok((machine, environment))
        };
        let (machine, environment) = begin().map_err(|error| broken(&error))?;
        Ok(Self { thread, block, machine, environment, deadline })
    }

    /// `sources` and `pre`.
    async fn before(&self) -> Result<(), ScriptError> {
        self.run(Phase::Sources).await?;
        self.run(Phase::Pre).await
    }

    /// `post`.
    async fn after(&self, answer: &Rc<RefCell<AnswerDraft>>) -> Result<(), ScriptError> {
        let object = self.machine.lua.create_any_userdata(ResponseObject(Rc::clone(answer)));
        let offered =
            object.and_then(|object| self.machine.offer(&self.environment, "response", object));
        offered.map_err(|error| broken(&error))?;
        self.run(Phase::Post).await
    }

    async fn run(&self, phase: Phase) -> Result<(), ScriptError> {
        let until = self.deadline.into_std();
        let mut ran = self.machine.run(self.block, phase, &self.environment, until)?;
        // Bounded: a call waits until the deadline at most, and behind it nothing runs on.
        while let Ran::Waits(running, ask) = ran {
            let answer = call::perform(self.thread, *ask, self.deadline).await;
            let values = self.values(answer).map_err(|error| broken(&error))?;
            ran = self.machine.go_on(self.block, running, values, until)?;
        }
        Ok(())
    }

    fn values(&self, answer: Result<host::http::Answer, String>) -> mlua::Result<MultiValue> {
        let lua = &self.machine.lua;
        Ok(match answer {
            Ok(answer) => {
                let object = host::http::ResponseObject(Some(answer));
                let object = Value::UserData(lua.create_any_userdata(object)?);
                [Value::Nil, object].into_iter().collect()
            },
            Err(text) => std::iter::once(Value::String(lua.create_string(text)?)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use baton_shared::config::node::Value as Setting;
    use http::header::CONTENT_TYPE;

    use crate::harness::{self, ask, get, on_a_thread};
    use crate::plan::ThreadState;
    use std::rc::Rc;

    fn thread(pre: &str) -> Rc<ThreadState> {
        let mut endpoint = harness::endpoint("json", &[]);
        let pre = Setting::String(pre.to_owned());
        harness::set(&mut endpoint.extra_config, "modifier/lua-endpoint", "pre", pre);
        harness::serving(&harness::service(endpoint))
    }

    /// Status and type of what a script of an endpoint answers.
    async fn run(thread: &Rc<ThreadState>) -> String {
        let answer = ask(thread, get()).await;
        let kind = answer.headers.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap().to_owned());
        format!("{} {}", answer.status.as_u16(), kind.unwrap_or_default())
    }

    #[track_caller]
    fn check(pre: &'static str, expected: &'static str) {
        on_a_thread(async move { assert_eq!(run(&thread(pre)).await, expected, "{pre}") });
    }

    #[test]
    fn a_script_that_never_ends_is_ended_whatever_it_catches() {
        check("while true do end", "500 ");
        check("while true do pcall(function() while true do end end) end", "500 ");
        check("local function f() return f() end f()", "500 ");
        check("local function f() return 1 + f() end f()", "500 ");
    }

    #[test]
    fn memory_has_a_bound_and_is_there_again_for_the_next_request() {
        on_a_thread(async {
            let pre = "local t = {} if ctx.load():headers('X-No') == '' and not kept then \
                       for i = 1, 1e9 do t[i] = {i} end end";
            let thread = thread(pre);
            for _ in 0..3 {
                assert_eq!(run(&thread).await, "500 ");
            }
        });
    }

    #[test]
    fn nothing_of_a_request_is_seen_by_the_next() {
        on_a_thread(async {
            let pre = "local seen = tostring(leak) .. tostring(table.leak) .. tostring(luaTable.leak) \
                       leak, table.leak, luaTable.leak = 1, 1, 1 \
                       table.concat = nil _G.type = nil \
                       custom_error('', 418, 'a/' .. seen)";
            let thread = thread(pre);
            for _ in 0..2 {
                assert_eq!(run(&thread).await, "418 a/nilnilnil");
            }
        });
    }

    #[test]
    fn what_reaches_the_machine_is_not_there_unless_it_is_asked_for() {
        let pre = "local found = '' for _, name in ipairs({'io', 'os', 'debug', 'dofile', 'loadfile', \
                   'require', 'package', 'string', 'getfenv', 'setfenv', 'newproxy'}) do \
                   if _G[name] then found = found .. name end end custom_error('', 418, 'a/' .. found)";
        check(pre, "418 a/");
    }

    #[test]
    fn numbers_keep_their_digits() {
        let pre = "custom_error('', 418, table.concat({1234567890123456, 0.1 + 0.2, 1e21, -1.5, 1e-7, \
                   10 / 2, 1e15, 100000.5, 0 / 0}, ','))";
        check(
            pre,
            "418 1234567890123456,0.30000000000000004,1e+21,-1.5,1e-07,5,1000000000000000,100000.5,NaN",
        );
    }

    #[test]
    fn errors_that_are_caught_are_texts_with_their_line() {
        let pre = "local ok, text = pcall(function() luaTable.new():get() end) \
                   custom_error('', 418, tostring(ok) .. text)";
        check(pre, "418 falseS:1: need arguments");
    }
}
