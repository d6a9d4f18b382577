//! An expression on one text, which it calls `value`: whether a plan is meant by what a header field says.
//!
//! Its types and names must fit: unlike those of `validation/cel`, it is refused with the configuration if they do not.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use baton_shared::log;
use cel::common::ast::IdedExpr;
use cel::common::types::{CelBool, CelString};
use cel::{Context, Env, Value};

use super::rewrite::Gathered;
use super::types::Type;
use super::values::Variables;
use super::{checker, declared, functions};

/// What the text is called.
const VALUE: &str = "value";

/// An expression on a text.
pub(crate) struct OfValue {
    environment: Arc<Env>,
    expression: IdedExpr,
    gathered: Gathered,
}

impl fmt::Debug for OfValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfValue").field("expression", &self.expression).finish_non_exhaustive()
    }
}

impl OfValue {
    /// Or what is wrong with it.
    pub(crate) fn compile(text: &str) -> Result<Self, String> {
        let environment =
            functions::ENVIRONMENT.as_ref().map(Arc::clone).map_err(ToString::to_string)?;
        let program = environment.compile(text).map_err(|errors| {
            errors.to_string().lines().next().unwrap_or("it is no expression").to_owned()
        })?;
        let mut expression = program.expression().clone();
        match checker::check_with(&expression, &[(VALUE, Type::Text)])? {
            Type::Bool | Type::Dyn => {},
            other => return Err(format!("its result is no bool, but {}", other.name())),
        }
        let mut gathered = Gathered::default();
        gathered.prepare(&mut expression);
        let is_foreign = |name: &&str| {
            declared::name(name).is_some_and(|found| found != Type::Meta) && **name != *"now"
        };
        if let Some(name) = gathered.needs.keys().map(|name| &**name).find(is_foreign) {
            return Err(format!("it names `{name}`; there are `{VALUE}` and `now`"));
        }
        Ok(Self { environment, expression, gathered })
    }

    /// An error is no yes.
    pub(crate) fn holds_for(&self, value: &[u8]) -> bool {
        let mut variables = Variables::new(&self.gathered.needs, &self.gathered.patterns);
        variables.value(VALUE, || CelString::from(String::from_utf8_lossy(value).into_owned()));
        variables.value("now", || CelString::from(log::rfc3339_local(SystemTime::now())));
        let mut context = Context::with_env(Arc::clone(&self.environment));
        context.set_variable_resolver(&variables);
        functions::begin();
        Value::resolve_val(&self.expression, &context)
            .is_ok_and(|found| found.downcast_ref::<CelBool>().is_some_and(|held| *held.inner()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sees_one_text_and_an_error_is_no_yes() {
        let holds =
            |text: &str, value: &str| OfValue::compile(text).unwrap().holds_for(value.as_bytes());
        assert!(holds("value.matches('^User-[a-z]+$')", "User-a"));
        assert!(!holds("value.matches('^User-[a-z]+$')", "User-1"));
        assert!(holds("value == 'gold' || value.startsWith('gold-')", "gold-1"));
        assert!(holds("value in ['a', 'b'] && timestamp(now).getFullYear() > 2000", "b"));
        assert!(holds("int(value) > 5", "6") && !holds("int(value) > 5", "six"));
        assert!(holds("['a'].exists(value, value == 'a')", "b"), "a name of its own");
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused() {
        for (text, said) in [
            ("", ""),
            ("value ==", ""),
            ("value == 1", "found no matching overload"),
            ("value", "its result is no bool, but string"),
            ("req_method == 'GET'", "it names `req_method`"),
            ("value == JWT.sub", "it names `JWT`"),
            ("hasHeader('X-A')", "undeclared reference to 'hasHeader'"),
            ("valeu == 'a'", "undeclared reference to 'valeu'"),
        ] {
            let error = OfValue::compile(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
