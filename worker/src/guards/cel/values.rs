//! Requests, answers and claims as expressions see them.
//!
//! KrakenD: numbers of a backend are texts, since they keep their digits; numbers of claims and of a configuration are
//! doubles. Only what some expression names is made.

use std::collections::HashMap;

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString,
};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;

use super::functions::Pattern;
use super::rewrite::{Need, Needs, pattern_place};
use crate::decode::{Data, Document, Maker, Numbers, Value, walk};
use crate::encode;
use crate::guards::jwt::json::{Json, Members};

/// Deeper parts of data are `null`.
const DEPTH_MAX: usize = 256;

type Made<'v> = Box<dyn Val + 'v>;

/// The variables of one evaluation.
#[derive(Debug)]
pub(super) struct Variables<'v> {
    needs: &'v Needs,
    patterns: &'v [Pattern],
    made: Vec<(&'static str, Made<'v>)>,
}

impl<'v> Variables<'v> {
    pub(super) const fn new(needs: &'v Needs, patterns: &'v [Pattern]) -> Self {
        Self { needs, patterns, made: Vec::new() }
    }

    /// A variable that is no map.
    pub(super) fn value<T: Val + 'v>(&mut self, name: &'static str, make: impl FnOnce() -> T) {
        if self.needs.contains_key(name) {
            self.made.push((name, Box::new(make())));
        }
    }

    /// A map, of which those members are made that somebody needs.
    pub(super) fn map(
        &mut self,
        name: &'static str,
        member: impl Fn(&str) -> Option<Made<'v>>,
        all: impl FnOnce() -> Vec<(String, Made<'v>)>,
    ) {
        let members = match self.needs.get(name) {
            None => return,
            Some(Need::All) => all(),
            Some(Need::Members(names)) => {
                names.iter().filter_map(|name| Some((name.to_string(), member(name)?))).collect()
            },
        };
        self.made.push((name, map(members)));
    }
}

impl VariableResolver for Variables<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        if let Some(place) = pattern_place(name) {
            return Some(CowVal::Borrowed(self.patterns.get(place)?));
        }
        let made = self.made.iter().find(|(known, _)| *known == name);
        made.map(|(_, value)| CowVal::Borrowed(&**value))
    }
}

fn map<'v>(members: Vec<(String, Made<'v>)>) -> Made<'v> {
    let members = members.into_iter().map(|(name, value)| (CelMapKey::from(name), value));
    Box::new(CelMap::from(members.collect::<HashMap<_, _>>()))
}

/// Bytes of a request; what is no UTF-8 is replaced.
pub(super) fn text(bytes: &[u8]) -> Made<'static> {
    Box::new(CelString::from(String::from_utf8_lossy(bytes).into_owned()))
}

pub(super) fn texts<B: AsRef<[u8]>>(values: impl IntoIterator<Item = B>) -> Made<'static> {
    let texts = values.into_iter().map(|value| text(value.as_ref()));
    Box::new(CelList::from(texts.collect::<Vec<_>>()))
}

/// A claim.
pub(super) fn of_claim(claim: &Json) -> Made<'static> {
    match claim {
        Json::Null => Box::new(CelNull),
        Json::Bool(value) => Box::new(CelBool::from(*value)),
        Json::Number(number) => Box::new(CelDouble::from(*number)),
        Json::Text(value) => text(value.as_bytes()),
        Json::List(items) => {
            Box::new(CelList::from(items.iter().map(of_claim).collect::<Vec<_>>()))
        },
        Json::Object(members) => map(of_claims(members)),
    }
}

pub(super) fn of_claims(claims: &Members) -> Vec<(String, Made<'static>)> {
    claims.iter().map(|(name, claim)| (name.to_string(), of_claim(claim))).collect()
}

/// A field of data.
pub(super) fn of_field(data: &Data, name: &str) -> Option<Made<'static>> {
    let (document, value) = data.find(name.as_bytes())?;
    Some(of_value(document, value))
}

pub(super) fn of_data(data: &Data) -> Vec<(String, Made<'static>)> {
    let fields = data.root.iter().flatten();
    let field = |field| {
        let document = data.document(field)?;
        let name = String::from_utf8_lossy(document.key(field.entry.key())).into_owned();
        Some((name, of_value(document, field.entry.value)))
    };
    fields.filter_map(field).collect()
}

fn of_value(document: &Document, value: Value) -> Made<'static> {
    let mut json = Vec::new();
    encode::json_value(document, value, &mut json);
    let values = Values { numbers: document.numbers };
    walk(&values, &json, DEPTH_MAX).unwrap_or_else(|| Box::new(CelNull))
}

/// Makes values of JSON.
struct Values {
    numbers: Numbers,
}

impl Maker for Values {
    type Value = Made<'static>;

    fn null(&self) -> Self::Value {
        Box::new(CelNull)
    }

    fn boolean(&self, value: bool) -> Self::Value {
        Box::new(CelBool::from(value))
    }

    fn number(&self, digits: &str) -> Self::Value {
        let whole = || digits.parse::<i64>().ok().filter(|_| self.numbers == Numbers::Exact);
        match (self.numbers, whole()) {
            (_, Some(whole)) => Box::new(CelInt::from(whole)),
            (Numbers::Text, None) => text(digits.as_bytes()),
            (Numbers::Float | Numbers::Exact, None) => {
                Box::new(CelDouble::from(digits.parse().unwrap_or(f64::NAN)))
            },
        }
    }

    fn text(&self, value: String) -> Self::Value {
        Box::new(CelString::from(value))
    }

    fn list(&self, items: Vec<Self::Value>) -> Self::Value {
        Box::new(CelList::from(items))
    }

    fn object(&self, members: Vec<(String, Self::Value)>) -> Self::Value {
        map(members)
    }
}

/// A value as Go's `%v` shows it, where it is one; its type otherwise.
pub(super) fn shown(value: &dyn Val) -> String {
    if let Some(flag) = value.downcast_ref::<CelBool>() {
        flag.inner().to_string()
    } else if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        text.inner().to_owned()
    } else if let Some(number) = value.downcast_ref::<CelInt>() {
        number.inner().to_string()
    } else if let Some(number) = value.downcast_ref::<CelDouble>() {
        encode::shortest(*number.inner())
    } else {
        value.get_type().name().to_owned()
    }
}
