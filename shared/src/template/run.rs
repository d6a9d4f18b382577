//! Walks a parsed template and writes the text.
//!
//! Go's order and messages: what was looked at last is the place of an error.

use std::fmt;
use std::rc::Rc;

use super::function::{Context, Files, Limits};
use super::node::{Branch, Command, Node, Pipe, Tree, Word};
use super::value::{Element, Slot, Value};
use super::{RenderError, Set, go, print};

/// Lists, templates and pipelines within each other; Go's own bound is 100,000 templates. The stack
/// of a rendering ([`super::STACK_BYTES`]) is made for it.
pub(super) const DEPTH_MAX: usize = 1_000;

/// Why a walk does not go on.
pub(super) enum Halt {
    Fault(String),
    Break,
    Continue,
}

impl From<String> for Halt {
    fn from(text: String) -> Self {
        Self::Fault(text)
    }
}

pub(super) type Walked<T> = Result<T, Halt>;

/// What is being looked at.
#[derive(Clone, Copy)]
pub(super) enum Here<'t> {
    Nothing,
    Pipe(&'t Pipe),
    Command(&'t Command),
    Word(&'t Word),
    Action(&'t Pipe),
    Template { at: usize, name: &'t str, pipe: Option<&'t Pipe> },
}

impl Here<'_> {
    fn at(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Pipe(pipe) | Self::Action(pipe) => pipe.at,
            Self::Command(command) => command.words.first().map_or(0, |word| word.at),
            Self::Word(word) => word.at,
            Self::Template { at, .. } => at,
        }
    }
}

impl fmt::Display for Here<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Pipe(pipe) => pipe.fmt(f),
            Self::Command(command) => command.fmt(f),
            Self::Word(word) => word.operand.fmt(f),
            Self::Action(pipe) => write!(f, "{{{{{pipe}}}}}"),
            Self::Template { name, pipe, .. } => {
                write!(f, "{{{{template {}", go::quote(name.as_bytes()))?;
                pipe.iter().try_for_each(|pipe| write!(f, " {pipe}"))?;
                f.write_str("}}")
            },
        }
    }
}

pub(super) struct Run<'t, 'f> {
    pub(super) set: &'t Set,
    pub(super) tree: &'t Tree,
    pub(super) here: Here<'t>,
    pub(super) context: Context<'f>,
    variables: Vec<(&'t str, Slot)>,
    out: Vec<u8>,
    depth: usize,
}

/// Renders one template of a set.
pub(super) fn render(
    set: &Set,
    tree: &Tree,
    data: Value,
    files: &mut dyn Files,
    limits: Limits,
) -> Result<Vec<u8>, RenderError> {
    let mut run = Run {
        set,
        tree,
        here: Here::Nothing,
        context: Context::new(files, limits),
        variables: vec![("$", Slot::plain(data.clone()))],
        out: Vec::new(),
        depth: 0,
    };
    match run.list(&Slot::plain(data), &tree.root) {
        // The parser lets no `break` stand outside of a loop.
        Ok(()) | Err(Halt::Break | Halt::Continue) => Ok(run.out),
        Err(Halt::Fault(text)) => Err(run.error(&text)),
    }
}

impl<'t> Run<'t, '_> {
    fn error(&self, text: &str) -> RenderError {
        let source = &self.tree.source;
        let place = source.place(self.here.at());
        let name = go::quote(self.tree.name.as_bytes());
        let text = format!("template: {place}: executing {name} at <{}>: {text}", self.here);
        let (line, _) = source.line_and_column(self.here.at());
        RenderError { text, file: source.name.clone(), line }
    }

    /// Whatever nests goes through here.
    pub(super) fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Walked<T>) -> Walked<T> {
        if self.depth >= DEPTH_MAX {
            let text = format!("exceeded maximum template depth ({DEPTH_MAX})");
            return Err(Halt::Fault(text));
        }
        self.depth += 1;
        let outcome = inner(self)?;
        self.depth -= 1;
        Ok(outcome)
    }

    fn list(&mut self, dot: &Slot, list: &'t [Node]) -> Walked<()> {
        let depth = self.depth;
        let outcome = self.deeper(|run| list.iter().try_for_each(|node| run.node(dot, node)));
        if matches!(outcome, Err(Halt::Break | Halt::Continue)) {
            self.depth = depth;
        }
        outcome
    }

    fn node(&mut self, dot: &Slot, node: &'t Node) -> Walked<()> {
        self.context.step()?;
        match node {
            Node::Text(text) => self.write(text),
            Node::Action(pipe) => {
                let value = self.pipeline(dot, pipe)?;
                self.here = Here::Action(pipe);
                if pipe.names.is_empty() { self.print(&value) } else { Ok(()) }
            },
            Node::If(branch) => self.choice(dot, branch, false),
            Node::With(branch) => self.choice(dot, branch, true),
            Node::Range(branch) => self.range(dot, branch),
            Node::Template { at, name, pipe } => self.template(dot, *at, name, pipe.as_ref()),
            Node::Break => Err(Halt::Break),
            Node::Continue => Err(Halt::Continue),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Walked<()> {
        if self.out.len() + bytes.len() > self.context.limits.bytes {
            let text = format!("the text would be larger than {} bytes", self.context.limits.bytes);
            return Err(Halt::Fault(text));
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn print(&mut self, value: &Slot) -> Walked<()> {
        if value.value.is_nil() {
            return self.write(b"<no value>");
        }
        let text = print::sprint(&mut self.context, std::slice::from_ref(&value.value))?;
        self.write(&text)
    }

    fn choice(&mut self, dot: &Slot, branch: &'t Branch, is_with: bool) -> Walked<()> {
        let mark = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let outcome = if value.value.is_true() {
            self.list(if is_with { &value } else { dot }, &branch.list)
        } else if let Some(list) = &branch.otherwise {
            self.list(dot, list)
        } else {
            Ok(())
        };
        self.variables.truncate(mark);
        outcome
    }

    fn range(&mut self, dot: &Slot, branch: &'t Branch) -> Walked<()> {
        let mark = self.variables.len();
        let outcome = self.rounds(dot, branch);
        self.variables.truncate(mark);
        match outcome {
            Err(Halt::Break) => Ok(()),
            other => other,
        }
    }

    fn rounds(&mut self, dot: &Slot, branch: &'t Branch) -> Walked<()> {
        let over = self.pipeline(dot, &branch.pipe)?.value;
        let mut is_empty = true;
        match &over {
            Value::Nil => {},
            Value::Int(count, kind) => {
                if branch.pipe.names.len() > 1 {
                    let text = format!("can't use {count} to iterate over more than one variable");
                    return Err(Halt::Fault(text));
                }
                for at in 0..*count {
                    is_empty = false;
                    self.round(branch, Slot::default(), &Slot::plain(Value::Int(at, *kind)))?;
                }
            },
            Value::List(list) => {
                let mut at = 0;
                // One by one: the body may change the list.
                while let Some(item) = list.get(at) {
                    is_empty = false;
                    let item = Slot { value: item, is_boxed: list.element == Element::Any };
                    self.round(branch, Slot::plain(Value::count(at)), &item)?;
                    at += 1;
                }
            },
            Value::Map(map) => {
                for (key, value) in map.to_vec() {
                    is_empty = false;
                    let value = Slot { value, is_boxed: map.element == Element::Any };
                    self.round(branch, Slot::plain(Value::Text(key)), &value)?;
                }
            },
            Value::Bool(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Time(_)
            | Value::Version(_) => {
                let shown = print::sprint(&mut self.context, std::slice::from_ref(&over))?;
                let shown = String::from_utf8_lossy(&shown);
                return Err(Halt::Fault(format!("range can't iterate over {shown}")));
            },
        }
        match &branch.otherwise {
            Some(list) if is_empty => self.list(dot, list),
            _ => Ok(()),
        }
    }

    fn round(&mut self, branch: &'t Branch, index: Slot, item: &Slot) -> Walked<()> {
        self.context.step()?;
        match (branch.pipe.names.as_slice(), branch.pipe.is_assign) {
            ([], _) => {},
            ([name], true) => self.assign(name, item.clone())?,
            ([first, second, ..], true) => {
                self.assign(first, index)?;
                self.assign(second, item.clone())?;
            },
            ([_], false) => self.set_top(1, item.clone()),
            ([_, _, ..], false) => {
                self.set_top(1, item.clone());
                self.set_top(2, index);
            },
        }
        let mark = self.variables.len();
        let outcome = self.list(item, &branch.list);
        self.variables.truncate(mark);
        match outcome {
            Err(Halt::Continue) => Ok(()),
            other => other,
        }
    }

    fn template(
        &mut self,
        dot: &Slot,
        at: usize,
        name: &'t str,
        pipe: Option<&'t Pipe>,
    ) -> Walked<()> {
        self.here = Here::Template { at, name, pipe };
        let Some(tree) = self.set.tree(name) else {
            let shown = go::quote(name.as_bytes());
            return Err(Halt::Fault(format!("template {shown} not defined")));
        };
        if self.depth >= DEPTH_MAX {
            let text = format!("exceeded maximum template depth ({DEPTH_MAX})");
            return Err(Halt::Fault(text));
        }
        let dot = match pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Slot::default(),
        };
        let variables = std::mem::replace(&mut self.variables, vec![("$", dot.clone())]);
        let caller = std::mem::replace(&mut self.tree, tree);
        self.list(&dot, &tree.root)?;
        self.variables = variables;
        self.tree = caller;
        Ok(())
    }

    /// What a pipeline gives; its declarations stay.
    pub(super) fn pipeline(&mut self, dot: &Slot, pipe: &'t Pipe) -> Walked<Slot> {
        self.here = Here::Pipe(pipe);
        let mut value: Option<Slot> = None;
        for command in &pipe.commands {
            self.context.step()?;
            let last = value.take();
            let mut given = self.deeper(|run| run.command(dot, command, last.as_ref()))?;
            given.is_boxed = false; // what is in an interface counts
            value = Some(given);
        }
        let value = value.unwrap_or_default();
        for name in &pipe.names {
            if pipe.is_assign {
                self.assign(name, value.clone())?;
            } else {
                self.variables.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    fn assign(&mut self, name: &str, value: Slot) -> Walked<()> {
        let found = self.variables.iter_mut().rev().find(|(known, _)| *known == name);
        let Some((_, slot)) = found else {
            return Err(Halt::Fault(format!("undefined variable: {name}")));
        };
        *slot = value;
        Ok(())
    }

    fn set_top(&mut self, from_end: usize, value: Slot) {
        let place = self.variables.len().checked_sub(from_end);
        if let Some((_, slot)) = place.and_then(|place| self.variables.get_mut(place)) {
            *slot = value;
        }
    }

    pub(super) fn variable(&self, name: &str) -> Walked<Slot> {
        let found = self.variables.iter().rev().find(|(known, _)| *known == name);
        match found {
            Some((_, slot)) => Ok(slot.clone()),
            None => Err(Halt::Fault(format!("undefined variable: {name}"))),
        }
    }
}

/// A text of the template as a value.
pub(super) fn text_of(literal: &Rc<[u8]>) -> Slot {
    Slot::plain(Value::Text(Rc::clone(literal)))
}
