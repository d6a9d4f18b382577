//! `proxy.static`: data of the configuration laid over the answer.
//!
//! On the way: behind merge and flatmap, before the answer is encoded. Its top-level fields replace those of
//! the answer.
//! KrakenD: by `strategy`: always (also any unknown name), or when nothing failed, something failed, all is
//! complete, something is missing. Where everything failed, the data alone is the answer, with 200.

use baton_shared::config::node::{Node, Value};
use baton_shared::config::read::Format;

use super::{Outcome, Part};
use crate::backend::Failure;
use crate::decode::{Canonical, Data, Numbers};
use crate::encode::{Integers, json_text, static_json};
use crate::respond::lines::Completed;

/// The data, and when it is used.
#[derive(Debug)]
pub(crate) struct StaticData {
    strategy: Strategy,
    data: Data,
}

/// When static data is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strategy {
    Always,
    Success,
    Errored,
    Complete,
    Incomplete,
}

impl StaticData {
    /// Compiles `static` of a file in this format; `None` if it has no effect: it has no object under `data`.
    pub(crate) fn compile(settings: &Node, format: Format) -> Option<Self> {
        let Value::Object(members) = &settings.value else { return None };
        let member =
            |key| members.iter().find(|(name, _)| name == key).map(|(_, node)| &node.value);
        let Some(Value::Object(fields)) = member("data") else { return None };
        let strategy = match member("strategy") {
            Some(Value::String(name)) => Strategy::of(name),
            Some(_) | None => Strategy::Always,
        };
        let mut fields: Vec<_> = fields.iter().collect();
        fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut data = Canonical::default();
        for (name, node) in fields {
            // The loader has given numbers of JSON the text that Go would: they are exact here.
            let json = static_json(node, Integers::Exact);
            data.member(
                name.as_bytes(),
                |out| json_text(name.as_bytes(), out),
                |out| out.extend_from_slice(&json),
            );
        }
        let numbers = match format {
            Format::Json => Numbers::Float,
            Format::Yaml | Format::Toml => Numbers::Exact,
        };
        Some(Self { strategy, data: data.into_data(numbers) })
    }

    /// Whether a call of an endpoint that streams gets the data, and then counts as one with data.
    pub(crate) fn suits_a_stream(&self, failed: bool) -> bool {
        match self.strategy {
            Strategy::Always => true,
            Strategy::Success | Strategy::Complete => !failed,
            Strategy::Errored | Strategy::Incomplete => failed,
        }
    }

    /// Whether it has no fields.
    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty_object()
    }

    /// Lays the data over what came of the calls, if it is for that.
    pub(super) fn apply(&self, outcome: Outcome) -> Outcome {
        if !self.suits(&outcome) {
            return outcome;
        }
        match outcome {
            Outcome::Data(part) => Outcome::Data(self.over(part)),
            Outcome::Partial(part, failure) => Outcome::Partial(self.over(part), failure),
            // KrakenD panics before it comes here.
            failed @ Outcome::Failed(Failure::Flatmap) => failed,
            Outcome::Failed(failure) => {
                let part = Part::new(self.data.copied(), Completed::False);
                Outcome::Partial(part, failure)
            },
        }
    }

    fn suits(&self, outcome: &Outcome) -> bool {
        let (failed, completed) = match outcome {
            Outcome::Data(part) => (false, part.completed),
            Outcome::Partial(part, _) => (true, part.completed),
            Outcome::Failed(_) => (true, Completed::False),
        };
        match self.strategy {
            Strategy::Always => true,
            Strategy::Success => !failed,
            Strategy::Errored => failed,
            Strategy::Complete => !failed && completed == Completed::True,
            Strategy::Incomplete => completed == Completed::False,
        }
    }

    fn over(&self, part: Part) -> Part {
        let mut data = part.data;
        data.merge(self.data.copied());
        Part { data, ..part }
    }
}

impl Strategy {
    fn of(name: &str) -> Self {
        match name {
            "success" => Self::Success,
            "errored" => Self::Errored,
            "complete" => Self::Complete,
            "incomplete" => Self::Incomplete,
            _ => Self::Always,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tests::{decode, json};

    fn node(value: Value) -> Node {
        Node { line: 1, value }
    }

    fn object(members: Vec<(&str, Value)>) -> Value {
        let own = |(key, value): (&str, Value)| (key.to_owned(), node(value));
        Value::Object(members.into_iter().map(own).collect())
    }

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    fn compiled(strategy: &str) -> StaticData {
        let data = object(vec![("s", Value::Number("1".to_owned())), ("a", text("<over>"))]);
        let settings = object(vec![("strategy", text(strategy)), ("data", data)]);
        StaticData::compile(&node(settings), Format::Json).unwrap()
    }

    fn part(completed: Completed) -> Part {
        Part::new(decode(|_| {}, r#"{"a":1,"b":2}"#).unwrap(), completed)
    }

    fn outcomes() -> [Outcome; 4] {
        [
            Outcome::Data(part(Completed::True)),
            Outcome::Data(part(Completed::False)),
            Outcome::Partial(part(Completed::False), Failure::Late),
            Outcome::Failed(Failure::Late),
        ]
    }

    #[track_caller]
    fn check(strategy: &str, applies: [bool; 4]) {
        let plan = compiled(strategy);
        for (outcome, applies) in outcomes().into_iter().zip(applies) {
            let before = format!("{outcome:?}");
            let data = match plan.apply(outcome) {
                Outcome::Data(part) | Outcome::Partial(part, _) => json(&part.data),
                Outcome::Failed(_) => "failed".to_owned(),
            };
            assert_eq!(data.contains(r#""a":"\u003cover\u003e""#), applies, "{strategy}: {before}");
            assert_eq!(data.contains(r#""s":1"#), applies, "{strategy}: {before}");
        }
    }

    #[test]
    fn the_strategy_decides_on_what_came_of_the_calls() {
        check("always", [true; 4]);
        check("ALWAYS", [true; 4]);
        check("success", [true, true, false, false]);
        check("errored", [false, false, true, true]);
        check("complete", [true, false, false, false]);
        check("incomplete", [false, true, true, true]);
    }

    #[test]
    fn data_alone_after_a_failure_is_never_complete() {
        let outcome = compiled("errored").apply(Outcome::Failed(Failure::Late));
        let Outcome::Partial(part, Failure::Late) = outcome else { panic!("{outcome:?}") };
        assert_eq!(part.completed, Completed::False);
        assert_eq!(json(&part.data), r#"{"a":"\u003cover\u003e","s":1}"#);
    }

    #[test]
    fn without_an_object_under_data_nothing_is_done() {
        for settings in [
            object(vec![("strategy", text("always"))]),
            object(vec![("data", Value::Array(Vec::new()))]),
            text("x"),
        ] {
            assert!(StaticData::compile(&node(settings), Format::Json).is_none());
        }
        let empty =
            StaticData::compile(&node(object(vec![("data", object(Vec::new()))])), Format::Json)
                .unwrap();
        let null = Part::new(Data::null(), Completed::True);
        let Outcome::Data(part) = empty.apply(Outcome::Data(null)) else { panic!("it succeeds") };
        assert_eq!(json(&part.data), "{}");
    }
}
