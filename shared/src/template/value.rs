//! What a template computes with: Go's values, as far as JSON settings and the functions make them.
//!
//! Types matter: `eq 1 1.0` is an error in Go, and messages name them. Lists and maps are shared:
//! `set` changes the map for everybody who holds it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use jiff::ZonedDateTime as Zoned;

use super::sprig::semver::Version;

/// A string of Go: bytes that need not be UTF-8.
pub type Text = Rc<[u8]>;

/// Any value.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// `nil`, and what does not exist.
    #[default]
    Nil,
    /// `bool`
    Bool(bool),
    /// One of the integer types.
    Int(i64, IntType),
    /// `float64`
    Float(f64),
    /// `string`
    Text(Text),
    /// A slice.
    List(List),
    /// A map with strings for keys.
    Map(Map),
    /// `time.Time`
    Time(Rc<Zoned>),
    /// `*semver.Version`
    Version(Rc<Version>),
}

/// The integer types that occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntType {
    /// `int`
    Int,
    /// `int64`
    Int64,
    /// `uint8`: a byte of a string.
    Uint8,
    /// `uint64`: a part of a version.
    Uint64,
}

impl IntType {
    pub(super) const fn is_signed(self) -> bool {
        matches!(self, Self::Int | Self::Int64)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint64 => "uint64",
        }
    }
}

/// What the elements of a list or map are declared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `interface {}`
    Any,
    /// `string`
    Text,
    /// `int`
    Int,
    /// `[]interface {}`
    List,
}

impl Element {
    const fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Text => "string",
            Self::Int => "int",
            Self::List => "[]interface {}",
        }
    }
}

/// A slice. Copies share the items.
#[derive(Clone)]
pub struct List {
    /// The declared type of the items.
    pub(super) element: Element,
    /// The items; none: a nil slice, which is `null` in JSON.
    pub(super) items: Option<Rc<RefCell<Vec<Value>>>>,
}

impl List {
    /// `[]interface {}` of these.
    #[must_use]
    pub fn of(items: Vec<Value>) -> Self {
        Self::typed(Element::Any, items)
    }

    pub(super) fn typed(element: Element, items: Vec<Value>) -> Self {
        Self { element, items: Some(Rc::new(RefCell::new(items))) }
    }

    pub(super) const fn nil(element: Element) -> Self {
        Self { element, items: None }
    }

    pub(super) fn texts<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::typed(Element::Text, texts.into_iter().map(|one| Value::text(one.as_ref())).collect())
    }

    /// The items as they are now.
    #[must_use]
    pub fn to_vec(&self) -> Vec<Value> {
        self.items.as_ref().map(|items| items.borrow().clone()).unwrap_or_default()
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.as_ref().map_or(0, |items| items.borrow().len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn get(&self, index: usize) -> Option<Value> {
        self.items.as_ref()?.borrow().get(index).cloned()
    }
}

/// The entries of a map, by key in order of the bytes.
pub type Entries = BTreeMap<Text, Value>;

/// A map. Copies share the entries.
#[derive(Clone)]
pub struct Map {
    /// The declared type of the values: [`Element::Any`] or [`Element::Text`].
    pub(super) element: Element,
    pub(super) entries: Rc<RefCell<Entries>>,
    /// A nil map: `null` in JSON.
    pub(super) is_nil: bool,
}

impl Map {
    /// `map[string]interface {}` of these.
    #[must_use]
    pub fn of(entries: Entries) -> Self {
        Self::typed(Element::Any, entries)
    }

    pub(super) fn typed(element: Element, entries: Entries) -> Self {
        Self { element, entries: Rc::new(RefCell::new(entries)), is_nil: false }
    }

    /// A nil `map[string]interface {}`.
    #[must_use]
    pub fn nil() -> Self {
        Self { is_nil: true, ..Self::of(Entries::new()) }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.entries.borrow().get(key).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    pub(super) fn to_vec(&self) -> Vec<(Text, Value)> {
        self.entries.borrow().iter().map(|(key, value)| (Rc::clone(key), value.clone())).collect()
    }
}

// A map may contain itself: only the outside is shown.
impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[]{} of {}", self.element.name(), self.len())
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "map[string]{} of {}", self.element.name(), self.len())
    }
}

impl Value {
    /// A string.
    #[must_use]
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        Self::Text(text.as_ref().into())
    }

    pub(super) const fn int(int: i64) -> Self {
        Self::Int(int, IntType::Int)
    }

    pub(super) fn count(count: usize) -> Self {
        Self::int(i64::try_from(count).unwrap_or(i64::MAX))
    }

    pub(super) const fn is_nil(&self) -> bool {
        matches!(self, Self::Nil)
    }

    /// Go's name of its type.
    pub(super) fn type_name(&self) -> String {
        match self {
            Self::Nil => "<nil>".to_owned(),
            Self::Bool(_) => "bool".to_owned(),
            Self::Int(_, kind) => kind.name().to_owned(),
            Self::Float(_) => "float64".to_owned(),
            Self::Text(_) => "string".to_owned(),
            Self::List(list) => format!("[]{}", list.element.name()),
            Self::Map(map) => format!("map[string]{}", map.element.name()),
            Self::Time(_) => "time.Time".to_owned(),
            Self::Version(_) => "*semver.Version".to_owned(),
        }
    }

    /// Go's name of its kind.
    pub(super) const fn kind_name(&self) -> &'static str {
        match self {
            Self::Nil => "invalid",
            Self::Bool(_) => "bool",
            Self::Int(_, kind) => kind.name(),
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Time(_) => "struct",
            Self::Version(_) => "ptr",
        }
    }

    /// What `if` thinks of it.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(is_true) => *is_true,
            Self::Int(int, _) => *int != 0,
            Self::Float(float) => *float != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => map.len() != 0,
            Self::Time(_) | Self::Version(_) => true,
        }
    }

    /// Go's `reflect.DeepEqual`; false beyond `depth`.
    pub(super) fn deep_equal(&self, other: &Self, depth: usize) -> bool {
        let Some(depth) = depth.checked_sub(1) else { return false };
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a, of), Self::Int(b, kind)) => a == b && of == kind,
            #[expect(clippy::float_cmp, reason = "as Go compares")]
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Time(a), Self::Time(b)) => a == b,
            (Self::Version(a), Self::Version(b)) => a == b,
            (Self::List(a), Self::List(b)) => {
                a.element == b.element
                    && a.items.is_some() == b.items.is_some()
                    && a.len() == b.len()
                    && a.to_vec().iter().zip(&b.to_vec()).all(|(a, b)| a.deep_equal(b, depth))
            },
            (Self::Map(a), Self::Map(b)) => {
                let is_same = |((k, a), (l, b)): (&(Text, Self), &(Text, Self))| {
                    k == l && a.deep_equal(b, depth)
                };
                a.element == b.element
                    && a.is_nil == b.is_nil
                    && a.len() == b.len()
                    && a.to_vec().iter().zip(&b.to_vec()).all(is_same)
            },
            _ => false,
        }
    }
}

/// A value in its place, as Go's `reflect` sees it: an element of a map or list is of the type that
/// the map declares, whatever is in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    pub(super) value: Value,
    /// Declared as `interface {}`.
    pub(super) is_boxed: bool,
}

impl Slot {
    pub(super) const fn plain(value: Value) -> Self {
        Self { value, is_boxed: false }
    }

    pub(super) const fn boxed(value: Value) -> Self {
        Self { value, is_boxed: true }
    }

    /// Neither a value nor a place for one.
    pub(super) const fn is_absent(&self) -> bool {
        self.value.is_nil() && !self.is_boxed
    }

    pub(super) fn type_name(&self) -> String {
        if self.is_boxed { "interface {}".to_owned() } else { self.value.type_name() }
    }
}
