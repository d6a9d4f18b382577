//! What expressions are evaluated with: the `cel` crate's standard library, and where cel-go does something else.
//!
//! The names begin with `@`, so that no expression can name them: [`super::rewrite`] puts them in.

use std::any::Any;
use std::cell::Cell;
use std::sync::{Arc, LazyLock};

use cel::common::types::{
    CelBool, CelBytes, CelDouble, CelDuration, CelInt, CelList, CelString, CelTimestamp,
    DURATION_TYPE, DYN_TYPE, STRING_TYPE, Type,
};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use regex::bytes::Regex;

use crate::encode::shortest;
use crate::guards::pattern;

/// `@text`: a number becomes text as Go prints it, before it is made text.
pub(super) const TEXT: &str = "@text";
/// `@flag`: the texts that are flags in Go, before they become some.
pub(super) const FLAG: &str = "@flag";
/// `@utc`: a time is asked for its parts in UTC, whatever its text said.
pub(super) const UTC: &str = "@utc";
/// `@step`: one turn of a loop, with what it made.
pub(super) const STEP: &str = "@step";

/// Turns that the loops of one expression may take together.
const STEPS_MAX: u32 = 100_000;
/// A turn that makes so many bytes counts as another.
const STEP_BYTES: usize = 256;
/// So many turns count for a pattern that is compiled meanwhile.
const PATTERN_STEPS: usize = 1_000;

thread_local! {
    /// Of the expression that is evaluated now.
    static STEPS_LEFT: Cell<u32> = const { Cell::new(STEPS_MAX) };
}

/// A regular expression that was compiled at start.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Arc<Regex>);

const PATTERN_NAME: &str = "@pattern";
static PATTERN: Type = Type::new_unspecified_type(PATTERN_NAME);

type Arguments<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Made<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// What every expression of this process shares; the error is for whoever changes this file.
pub(super) static ENVIRONMENT: LazyLock<Result<Arc<Env>, DeclarationError>> =
    LazyLock::new(|| environment().map(Arc::new));

fn environment() -> Result<Env, DeclarationError> {
    let mut env = Env::stdlib().with_optional_support(false);
    let text = || STRING_TYPE;
    let pattern = || Type::new_unspecified_type(PATTERN_NAME);
    env.add_overload("matches", "matches_text", vec![text(), text()], matches)?;
    env.add_overload("matches", "matches_pattern", vec![text(), pattern()], matches)?;
    env.add_member_overload("matches", "text_matches", text(), vec![text()], matches)?;
    env.add_member_overload("matches", "text_matches_pattern", text(), vec![pattern()], matches)?;
    env.add_overload("int", "duration_to_int", vec![DURATION_TYPE], nanoseconds)?;
    env.add_overload(TEXT, TEXT, vec![DYN_TYPE], as_text)?;
    env.add_overload(FLAG, FLAG, vec![DYN_TYPE], as_flag)?;
    env.add_overload(UTC, UTC, vec![DYN_TYPE], in_utc)?;
    env.add_overload(STEP, STEP, vec![DYN_TYPE], step)?;
    Ok(env)
}

/// An expression is about to be evaluated.
pub(super) fn begin() {
    STEPS_LEFT.set(STEPS_MAX);
}

impl Pattern {
    pub(super) fn compile(text: &str) -> Option<Self> {
        Some(Self(Arc::new(pattern::compile(text).ok()?)))
    }
}

impl Val for Pattern {
    fn get_type(&self) -> &Type {
        &PATTERN
    }

    fn cel_type() -> &'static Type {
        &PATTERN
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Pattern {}

fn failed<T>(function: &str, why: &str) -> Result<T, ExecutionError> {
    Err(ExecutionError::function_error(function, why))
}

fn bool<'b, 'v>(value: bool) -> CowVal<'b, 'v> {
    CowVal::owned(CelBool::from(value))
}

/// Go's dialect. A pattern that is only known now is compiled for this once.
#[expect(clippy::needless_pass_by_value, reason = "the form of all functions")]
fn matches<'b, 'v>(arguments: Arguments<'b, 'v>) -> Made<'b, 'v> {
    let [text, sought] = arguments.as_slice() else { return failed("matches", "two arguments") };
    let Some(text) = text.downcast_ref::<CelString<'_>>() else {
        return failed("matches", "no such overload");
    };
    if let Some(Pattern(pattern)) = sought.downcast_ref::<Pattern>() {
        return Ok(bool(pattern.is_match(text.as_bytes())));
    }
    let Some(sought) = sought.downcast_ref::<CelString<'_>>() else {
        return failed("matches", "no such overload");
    };
    spend(PATTERN_STEPS)?;
    match pattern::compile(sought) {
        Ok(pattern) => Ok(bool(pattern.is_match(text.as_bytes()))),
        Err(why) => failed("matches", &format!("error parsing regexp: {why}")),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form of all functions")]
fn nanoseconds<'b, 'v>(arguments: Arguments<'b, 'v>) -> Made<'b, 'v> {
    let duration = arguments.first().and_then(|first| first.downcast_ref::<CelDuration>());
    match duration.and_then(|duration| duration.inner().num_nanoseconds()) {
        Some(nanoseconds) => Ok(CowVal::owned(CelInt::from(nanoseconds))),
        None => failed("int", "range"),
    }
}

/// Go's `%g`.
fn as_text<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Made<'b, 'v> {
    let Some(value) = arguments.pop() else { return failed("string", "no argument") };
    match value.downcast_ref::<CelDouble>() {
        Some(number) => Ok(CowVal::owned(CelString::from(go_float(*number.inner())))),
        None => Ok(value),
    }
}

fn go_float(number: f64) -> String {
    match number {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        number => shortest(number),
    }
}

fn as_flag<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Made<'b, 'v> {
    let Some(value) = arguments.pop() else { return failed("bool", "no argument") };
    match value.downcast_ref::<CelString<'_>>().map(|text| text.inner()) {
        Some("T") => Ok(bool(true)),
        Some("F") => Ok(bool(false)),
        Some(_) | None => Ok(value),
    }
}

fn in_utc<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Made<'b, 'v> {
    let Some(value) = arguments.pop() else { return failed("timestamp", "no argument") };
    match value.downcast_ref::<CelTimestamp>() {
        Some(time) => Ok(CowVal::owned(CelTimestamp::from(time.inner().to_utc().fixed_offset()))),
        None => Ok(value),
    }
}

fn step<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Made<'b, 'v> {
    let Some(value) = arguments.pop() else { return failed("loop", "no value") };
    let bytes = match value.downcast_ref::<CelString<'_>>() {
        Some(text) => text.len(),
        None => match value.downcast_ref::<CelList<'_>>() {
            Some(list) => size_of_val(list.inner()),
            None => value.downcast_ref::<CelBytes<'_>>().map_or(0, |bytes| bytes.inner().len()),
        },
    };
    spend(1 + bytes / STEP_BYTES)?;
    Ok(value)
}

fn spend(steps: usize) -> Result<(), ExecutionError> {
    let left = u32::try_from(steps).ok().and_then(|steps| STEPS_LEFT.get().checked_sub(steps));
    STEPS_LEFT.set(left.unwrap_or(0));
    match left {
        Some(_) => Ok(()),
        None => failed("loop", &format!("more than {STEPS_MAX} steps")),
    }
}
