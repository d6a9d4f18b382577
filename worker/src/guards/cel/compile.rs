//! `validation/cel`, compiled.

use std::sync::Arc;

use baton_shared::config::model::{EndpointConfig, ExtraConfig, Namespace};
use baton_shared::config::node::{Node, Value};
use baton_shared::words::JsonPointer;
use cel::Env;
use cel::common::ast::IdedExpr;

use super::rewrite::Gathered;
use super::{Expressions, Layer, Rejecter, checker, functions};
use crate::plan::Compiler;
use crate::plan::block::Block;

const NAME: &str = "validation/cel";
/// What files an expression where.
const BEFORE: &str = "req";
const AFTER: &str = "resp";
const TOKEN: &str = "JWT";

/// What a block holds: an expression for each of its items, perhaps empty.
struct Definitions<'a> {
    at: &'a JsonPointer,
    all: Vec<&'a str>,
}

/// An expression that cannot be parsed.
struct Unparsable {
    index: usize,
    text: String,
}

/// Whose the expressions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Endpoint,
    Backend,
}

/// The expressions of an endpoint.
pub(crate) fn of_endpoint(compiler: &mut Compiler<'_>, config: &EndpointConfig) -> Option<Layer> {
    let place = format!("ENDPOINT: {}", config.route);
    let has_tokens = config.extra_config.namespaces.contains_key("auth/validator");
    layer(compiler, &config.extra_config, &place, Owner::Endpoint, has_tokens)
}

/// The expressions of a backend, whose `url_pattern` KrakenD shows so.
pub(crate) fn of_backend(
    compiler: &mut Compiler<'_>,
    extra: &ExtraConfig,
    pattern: &str,
) -> Option<Layer> {
    layer(compiler, extra, &format!("BACKEND: {pattern}"), Owner::Backend, false)
}

fn layer(
    compiler: &mut Compiler<'_>,
    extra: &ExtraConfig,
    place: &str,
    owner: Owner,
    has_tokens: bool,
) -> Option<Layer> {
    let namespace = extra.namespaces.get(NAME)?;
    let definitions = match definitions(namespace) {
        Ok(definitions) => definitions,
        Err(why) => {
            let text = format!("{why}: NOTHING OF IT IS CHECKED, as with KrakenD");
            compiler.tell(&namespace.at, text);
            return None;
        },
    };
    definitions.tell_idle(compiler, has_tokens);
    let environment = environment(compiler, &namespace.at)?;
    let mut of = |key, moment| {
        let tag = format!("{place}][CEL][{moment}");
        definitions.expressions(compiler, &environment, key, tag, "Evaluator")
    };
    let both = of(BEFORE, "pre").and_then(|before| Ok((before, of(AFTER, "post")?)));
    match both {
        Ok((before, after)) => {
            let any = !before.all.is_empty() || !after.all.is_empty();
            any.then_some(Layer { before, after })
        },
        Err(Unparsable { index, text }) => {
            let whose = match owner {
                Owner::Endpoint => "of this endpoint",
                Owner::Backend => "of this backend",
            };
            let text = format!(
                "{text}: NO EXPRESSION {whose} on requests and answers IS CHECKED, as with KrakenD"
            );
            compiler.tell(&namespace.at.index(index), text);
            None
        },
    }
}

/// The expressions on the tokens of an endpoint.
pub(crate) fn rejecter(
    compiler: &mut Compiler<'_>,
    config: &EndpointConfig,
) -> Option<Box<Rejecter>> {
    let namespace = config.extra_config.namespaces.get(NAME)?;
    let definitions = definitions(namespace).ok()?;
    let environment = environment(compiler, &namespace.at)?;
    let tag = format!("ENDPOINT: {}][CEL", config.route);
    match definitions.expressions(compiler, &environment, TOKEN, tag, "Rejecter") {
        Ok(expressions) if expressions.all.is_empty() => None,
        Ok(expressions) => Some(Box::new(Rejecter(expressions))),
        Err(Unparsable { index, text }) => {
            let text = format!("{text}: NO EXPRESSION ON TOKENS IS CHECKED, as with KrakenD");
            compiler.tell(&namespace.at.index(index), text);
            None
        },
    }
}

fn environment(compiler: &mut Compiler<'_>, at: &JsonPointer) -> Option<Arc<Env>> {
    match &*functions::ENVIRONMENT {
        Ok(environment) => Some(Arc::clone(environment)),
        Err(error) => {
            compiler.refuse(at, error.to_string());
            None
        },
    }
}

/// As Go reads a list of structs: whatever is of another type spoils the whole.
fn definitions(namespace: &Namespace) -> Result<Definitions<'_>, String> {
    let items: &[Node] = match &namespace.settings.value {
        Value::Null => &[],
        Value::Array(items) => items,
        _ => return Err("must be a list of objects with a `check_expr`".to_owned()),
    };
    let all = items
        .iter()
        .enumerate()
        .map(|(index, item)| definition(item).map_err(|why| format!("item {index}: {why}")));
    Ok(Definitions { at: &namespace.at, all: all.collect::<Result<_, _>>()? })
}

fn definition(item: &Node) -> Result<&str, String> {
    if item.value == Value::Null {
        return Ok("");
    }
    let block = Block::of(item).ok_or("it is no object")?;
    block.text("mod_expr").and_then(|_unused| block.text("check_expr")).map_err(|e| e.to_string())
}

impl Definitions<'_> {
    /// Names the expressions that nobody evaluates.
    fn tell_idle(&self, compiler: &mut Compiler<'_>, has_tokens: bool) {
        for (index, text) in self.all.iter().enumerate() {
            let why = match [BEFORE, AFTER, TOKEN].map(|key| text.contains(key)) {
                [false, false, false] => "it names no variable but `now`",
                [false, false, true] if !has_tokens => "there is no `auth/validator` for its `JWT`",
                _ => continue,
            };
            compiler.tell(&self.at.index(index), format!("is never evaluated: {why}"));
        }
    }

    /// Those that have `key` in them.
    fn expressions(
        &self,
        compiler: &mut Compiler<'_>,
        environment: &Arc<Env>,
        key: &str,
        tag: String,
        role: &'static str,
    ) -> Result<Expressions, Unparsable> {
        let (mut all, mut gathered): (Vec<IdedExpr>, _) = (Vec::new(), Gathered::default());
        for (index, text) in self.all.iter().enumerate().filter(|(_, text)| text.contains(key)) {
            let program = environment.compile(text).map_err(|errors| {
                let told = errors.to_string();
                let first = told.lines().next().unwrap_or_default().to_owned();
                Unparsable { index, text: first }
            })?;
            let mut expression = program.expression().clone();
            if let Err(why) = checker::check(&expression) {
                let text = format!("{why}: this expression IS NOT CHECKED, as with KrakenD");
                compiler.tell(&self.at.index(index).key("check_expr"), text);
                continue;
            }
            gathered.prepare(&mut expression);
            all.push(expression);
        }
        let environment = Arc::clone(environment);
        Ok(Expressions { tag: tag.into(), role, environment, all: all.into(), gathered })
    }
}
