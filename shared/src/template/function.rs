//! Functions that templates call: their parameters with Go's types, and what they may use up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::value::{Element, IntType, Value};

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `interface {}`
    Any,
    /// `reflect.Value`: the language's own functions.
    Reflect,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `float64`
    Float,
    /// `string`
    Text,
    /// `map[string]interface {}`
    Map,
    /// `time.Time`
    Time,
    /// `*semver.Version`
    Version,
}

impl Type {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Reflect => "reflect.Value",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float64",
            Self::Text => "string",
            Self::Map => "map[string]interface {}",
            Self::Time => "time.Time",
            Self::Version => "*semver.Version",
        }
    }

    pub(super) const fn can_be_nil(self) -> bool {
        matches!(self, Self::Any | Self::Reflect | Self::Map | Self::Version)
    }

    pub(super) fn takes(self, value: &Value) -> bool {
        match self {
            Self::Any | Self::Reflect => true,
            Self::Bool => matches!(value, Value::Bool(_)),
            Self::Int => matches!(value, Value::Int(_, IntType::Int)),
            Self::Float => matches!(value, Value::Float(_)),
            Self::Text => matches!(value, Value::Text(_)),
            Self::Map => matches!(value, Value::Map(map) if map.element == Element::Any),
            Self::Time => matches!(value, Value::Time(_)),
            Self::Version => matches!(value, Value::Version(_)),
        }
    }
}

/// What a function does. The arguments have the types of the parameters; the error is Go's text.
pub type Body = fn(&mut Context<'_>, &[Value]) -> Result<Value, String>;

/// A function.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// The name by which templates call it.
    pub name: &'static str,
    /// Parameters that must be there.
    pub fixed: &'static [Type],
    /// The type of any number of further ones.
    pub rest: Option<Type>,
    /// What it does.
    pub body: Body,
}

impl Function {
    /// The type of the parameter at `index`.
    pub(super) fn parameter(&self, index: usize) -> Type {
        self.fixed.get(index).copied().or(self.rest).unwrap_or(Type::Any)
    }
}

/// The functions that a template may call, by name.
#[derive(Clone, Debug)]
pub struct Library(BTreeMap<&'static str, Function>);

impl Library {
    /// The language's own functions.
    #[must_use]
    pub fn builtin() -> Self {
        Self(BTreeMap::new()).with(super::builtin::FUNCTIONS)
    }

    /// These too; of two with one name the later counts.
    #[must_use]
    pub fn with(mut self, functions: &[Function]) -> Self {
        self.0.extend(functions.iter().map(|function| (function.name, *function)));
        self
    }

    pub(super) fn get(&self, name: &str) -> Option<&Function> {
        self.0.get(name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

/// Where `include` finds files.
pub trait Files {
    /// The content of a file; nothing when there is none.
    fn include(&mut self, path: &[u8]) -> Vec<u8>;
}

/// No files.
#[derive(Clone, Copy, Debug)]
pub struct NoFiles;

impl Files for NoFiles {
    fn include(&mut self, _path: &[u8]) -> Vec<u8> {
        Vec::new()
    }
}

/// What one rendering may use: no template can hang or swell the process.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nodes, commands and rounds of loops.
    pub steps: u64,
    /// Of the rendered text, and of a single value.
    pub bytes: usize,
    /// Of all values that functions make.
    pub bytes_made: u64,
    /// How long.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: 20_000_000,
            bytes: 64 << 20,
            bytes_made: 512 << 20,
            time: Duration::from_secs(10),
        }
    }
}

/// What functions see of a rendering.
pub struct Context<'f> {
    pub(super) files: &'f mut dyn Files,
    pub(super) limits: Limits,
    steps_left: u64,
    made_left: u64,
    until: Instant,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Context {{ steps_left: {} }}", self.steps_left)
    }
}

/// So often the clock is looked at.
const STEPS_PER_LOOK: u64 = 1024;

impl<'f> Context<'f> {
    pub(super) fn new(files: &'f mut dyn Files, limits: Limits) -> Self {
        let until = Instant::now() + limits.time;
        let (steps_left, made_left) = (limits.steps, limits.bytes_made);
        Self { files, limits, steps_left, made_left, until }
    }

    pub(super) fn step(&mut self) -> Result<(), String> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or_else(|| {
            format!("more than {} steps: does a loop not end?", self.limits.steps)
        })?;
        if self.steps_left.is_multiple_of(STEPS_PER_LOOK) && Instant::now() > self.until {
            return Err(format!("takes longer than {:?}", self.limits.time));
        }
        Ok(())
    }

    /// To be asked before something of `bytes` is made.
    pub(super) fn make(&mut self, bytes: usize) -> Result<(), String> {
        if bytes > self.limits.bytes {
            return Err(format!("a value would be larger than {} bytes", self.limits.bytes));
        }
        self.made_left = self
            .made_left
            .checked_sub(bytes as u64)
            .ok_or_else(|| format!("makes more than {} bytes in all", self.limits.bytes_made))?;
        Ok(())
    }

    /// To be asked before a list of `count` items is made.
    pub(super) fn make_items(&mut self, count: usize) -> Result<(), String> {
        self.make(count.saturating_mul(size_of::<Value>()))
    }

    /// After a function: what it made counts.
    pub(super) fn made(&mut self, value: &Value) -> Result<(), String> {
        match value {
            Value::Text(text) => self.make(text.len()),
            Value::List(list) => self.make_items(list.len()),
            _ => Ok(()),
        }
    }
}
