//! Go's `text/template`, for configurations that are templates: text → tokens → trees → text.
//!
//! The language, its functions and its messages are Go's; sprig's functions stand beside. A
//! rendering has bounds ([`Limits`]): no template can hang the process or swell it.

mod builtin;
mod call;
mod escape;
mod function;
mod go;
mod methods;
mod node;
mod numbers;
mod parse;
mod print;
mod run;
mod sprig;
mod value;

use std::collections::BTreeMap;
use std::rc::Rc;

pub use function::{Body, Context, Files, Function, Library, Limits, NoFiles, Type};
pub use value::{Element, Entries, IntType, List, Map, Text, Value};

use self::node::{Source, Tree, is_empty};
use crate::config::node::Node;

/// The stack that rendering may need, with [`run::DEPTH_MAX`] things within each other.
pub const STACK_BYTES: usize = 64 << 20;

/// A template that cannot be parsed or rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct RenderError {
    /// Go's message: `template: krakend.json:1:23: executing "krakend.json" at <.x>: …`.
    pub text: String,
    /// The template file.
    pub file: String,
    /// The line in it, from 1.
    pub line: u32,
}

/// Templates that can call each other by name.
#[derive(Debug)]
pub struct Set {
    library: Library,
    trees: BTreeMap<String, Tree>,
}

impl Set {
    /// No templates yet.
    #[must_use]
    pub const fn new(library: Library) -> Self {
        Self { library, trees: BTreeMap::new() }
    }

    /// Parses a file, which becomes the template of that name, and with it what it defines. A later
    /// one of the same name replaces an earlier, unless it is empty.
    ///
    /// # Errors
    /// In Go's words.
    pub fn add(&mut self, name: &str, text: &[u8]) -> Result<(), RenderError> {
        let text = String::from_utf8_lossy(text).into_owned();
        let source = Rc::new(Source { name: name.to_owned(), text });
        let is_function = |name: &str| self.library.get(name).is_some();
        let trees = parse::parse(&source, &is_function).map_err(|fault| RenderError {
            text: fault.text,
            file: name.to_owned(),
            line: fault.line,
        })?;
        for (name, tree) in trees {
            if !is_empty(&tree.root) || !self.trees.contains_key(&name) {
                self.trees.insert(name, tree);
            }
        }
        Ok(())
    }

    /// Renders the template of that name. Deep templates need [`STACK_BYTES`] of stack.
    ///
    /// # Errors
    /// In Go's words, or when a bound is passed.
    pub fn render(
        &self,
        name: &str,
        data: Value,
        files: &mut dyn Files,
        limits: Limits,
    ) -> Result<Vec<u8>, RenderError> {
        let Some(tree) = self.tree(name) else {
            let shown = go::quote(name.as_bytes());
            let text = format!("template: no template {shown} associated with template \"config\"");
            return Err(RenderError { text, file: name.to_owned(), line: 1 });
        };
        run::render(self, tree, data, files, limits)
    }

    fn tree(&self, name: &str) -> Option<&Tree> {
        self.trees.get(name)
    }

    fn function(&self, name: &str) -> Option<&Function> {
        self.library.get(name)
    }
}

impl Library {
    /// The functions that KrakenD offers to configurations: Go's, sprig's, `marshal` and `include`.
    #[must_use]
    pub fn flexible() -> Self {
        sprig::TABLES.into_iter().fold(Self::builtin(), Self::with).with(OWN)
    }
}

/// KrakenD's own.
const OWN: &[Function] = &[
    Function { name: "marshal", fixed: &[Type::Any], rest: None, body: marshal },
    Function { name: "include", fixed: &[Type::Any], rest: None, body: include },
];

fn marshal(context: &mut Context<'_>, args: &[Value]) -> Result<Value, String> {
    let value = args.first().unwrap_or(&Value::Nil);
    let json = sprig::to_json(context, value, sprig::Form::Compact);
    Ok(Value::text(json.unwrap_or_default()))
}

fn include(context: &mut Context<'_>, args: &[Value]) -> Result<Value, String> {
    match args.first() {
        Some(Value::Text(path)) => Ok(Value::text(context.files.include(path))),
        other => {
            let found = other
                .filter(|value| !value.is_nil())
                .map_or_else(|| "nil".to_owned(), Value::type_name);
            Err(format!("interface conversion: interface {{}} is {found}, not string"))
        },
    }
}

/// KrakenD's `marshal`, for other libraries.
#[must_use]
pub const fn marshal_function() -> Function {
    Function { name: "marshal", fixed: &[Type::Any], rest: None, body: marshal }
}

impl From<&Node> for Value {
    fn from(node: &Node) -> Self {
        sprig::from_node(node)
    }
}

#[cfg(test)]
mod tests;
