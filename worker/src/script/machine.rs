//! A Lua state of one thread, and the environments that scripts of requests run in.
//!
//! Each request has an environment of its own: nothing of it is seen by another. Machines with all libraries open serve one
//! request only, since those reach everywhere. A script that does not pause is ended soon, since all that its thread serves
//! waits for it; the memory of a machine has a bound.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mlua::{HookTriggers, Lua, LuaOptions, MultiValue, StdLib, Table, Thread, Value, VmState};

use super::block::{Block, Libraries, Phase};
use super::error::ScriptError;
use super::host;

/// A script may run so long without a pause.
const RUN_MAX: Duration = Duration::from_millis(250);
/// So often it is looked at the clock.
const LOOK_EACH_INSTRUCTIONS: u32 = 10_000;
/// What a machine's scripts may hold.
const MEMORY_BYTES_MAX: usize = 64 << 20;

/// What a script that ran too long is told.
pub(super) const TOO_LONG: &str = "the script took too long";

/// A Lua state.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) lua: Lua,
    environment: mlua::Function,
    clock: Rc<Clock>,
}

/// When the running script must have ended.
#[derive(Debug, Default)]
pub(super) struct Clock {
    until: Cell<Option<Instant>>,
    over: Cell<bool>,
}

impl Clock {
    fn start(&self, deadline: Instant) {
        let own = Instant::now() + RUN_MAX;
        self.until.set(Some(own.min(deadline)));
        self.over.set(false);
    }

    /// Whether it has run too long; it stays so until the next start.
    pub(super) fn is_over(&self) -> bool {
        let over = self.over.get() || self.until.get().is_some_and(|until| Instant::now() > until);
        self.over.set(over);
        over
    }
}

/// What came of running a piece of a script.
pub(super) enum Ran {
    Done,
    /// It waits for an answer, which goes on with it.
    Waits(Running, Box<host::http::Ask>),
}

/// A script that waits.
pub(super) struct Running {
    thread: Thread,
    phase: Phase,
}

impl Machine {
    /// # Errors
    /// When there is no memory for it.
    pub(super) fn new(libraries: Libraries) -> mlua::Result<Self> {
        let lua = match libraries {
            Libraries::Base => Lua::new_with(StdLib::TABLE, LuaOptions::default())?,
            // The person who wrote the configuration asks for it.
            Libraries::All => Lua::new(),
        };
        let clock: Rc<Clock> = Rc::default();
        let triggers = HookTriggers::new().every_nth_instruction(LOOK_EACH_INSTRUCTIONS);
        let watched = Rc::clone(&clock);
        lua.set_global_hook(triggers, move |_, _| match watched.is_over() {
            true => Err(mlua::Error::runtime(TOO_LONG)),
            false => Ok(VmState::Continue),
        })?;
        let host = host::functions(&lua, &clock)?;
        let prelude = lua.load(include_str!("prelude.lua")).set_name("=baton");
        let environment = prelude.call(host)?;
        lua.set_memory_limit(MEMORY_BYTES_MAX)?;
        Ok(Self { lua, environment, clock })
    }

    /// An environment for one request.
    pub(super) fn environment(&self, libraries: Libraries) -> mlua::Result<Table> {
        self.environment.call(libraries == Libraries::All)
    }

    /// Puts an object into an environment, as `NAME.load()`.
    pub(super) fn offer(
        &self,
        environment: &Table,
        name: &str,
        object: mlua::AnyUserData,
    ) -> mlua::Result<()> {
        let load = self.lua.create_function(move |_, ()| Ok(object.clone()))?;
        let table = self.lua.create_table()?;
        table.raw_set("load", load)?;
        environment.raw_set(name, table)
    }

    /// Runs one phase of a block up to its end or its first pause.
    pub(super) fn run(
        &self,
        block: &Block,
        phase: Phase,
        environment: &Table,
        deadline: Instant,
    ) -> Result<Ran, ScriptError> {
        let Some(code) = block.code(phase)? else { return Ok(Ran::Done) };
        let chunk = self.lua.load(code).set_mode(mlua::chunk::ChunkMode::Binary).set_name("=S");
        let function = chunk.set_environment(environment.clone()).into_function();
        let thread = function.and_then(|function| self.lua.create_thread(function));
        let thread = thread.map_err(|error| ScriptError::plain(error.to_string()))?;
        self.go_on(block, Running { thread, phase }, MultiValue::new(), deadline)
    }

    /// Runs on with what the script waited for.
    pub(super) fn go_on(
        &self,
        block: &Block,
        running: Running,
        answer: MultiValue,
        deadline: Instant,
    ) -> Result<Ran, ScriptError> {
        self.clock.start(deadline);
        let Running { thread, phase } = running;
        let values =
            thread.resume::<MultiValue>(answer).map_err(|error| failed(block, phase, &error))?;
        if !thread.is_resumable() {
            return Ok(Ran::Done);
        }
        let ask = match values.into_iter().next() {
            Some(Value::UserData(ask)) => ask.take::<host::http::Ask>().ok(),
            _ => None,
        };
        match ask {
            Some(ask) => Ok(Ran::Waits(Running { thread, phase }, Box::new(ask))),
            None => {
                let text = "attempt to yield from outside a coroutine".to_owned();
                Err(ScriptError::plain(text))
            },
        }
    }
}

/// `S:3: message`, with what `custom_error` put into it.
fn failed(block: &Block, phase: Phase, error: &mlua::Error) -> ScriptError {
    let whole = text_of(error);
    // A traceback follows where there is one.
    let whole = whole.split_once("\nstack traceback:").map_or(&*whole, |(text, _)| text);
    let placed = whole.strip_prefix("S:").and_then(|rest| {
        let (line, text) = rest.split_once(": ")?;
        Some((line.parse::<usize>().ok()?, text))
    });
    let (line, text) = placed.map_or((None, whole), |(line, text)| (Some(line), text));
    ScriptError::custom(text)
        .unwrap_or_else(|| ScriptError::plain(block.blame(phase, text.to_owned(), line)))
}

fn text_of(error: &mlua::Error) -> String {
    match error {
        mlua::Error::RuntimeError(text) => text.clone(),
        mlua::Error::CallbackError { cause, .. } => text_of(cause),
        mlua::Error::MemoryError(_) => "the script took too much memory".to_owned(),
        other => other.to_string(),
    }
}
