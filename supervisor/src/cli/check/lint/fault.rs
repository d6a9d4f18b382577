//! Settings of a namespace against its table: each fault with its place, in Baton's words. The rules
//! are those of the built-in schema, but for what a running gateway takes all the same.

use std::collections::HashMap;
use std::sync::LazyLock;

use baton_shared::config::duration::GoDuration;
use baton_shared::config::nearest::nearest;
use baton_shared::config::node::Node;
use baton_shared::words::JsonPointer;
use baton_worker::guards::json_schema::value;
use boon::{Compiler, ErrorKind, InstanceToken, SchemaIndex, Schemas, ValidationError};
use serde_json::Value;

use super::{BUILT_IN, table};

/// Something in the settings that is not as the table has it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli::check) struct Fault {
    /// Where.
    pub(in crate::cli::check) at: JsonPointer,
    /// What was found, and what would be right.
    pub(in crate::cli::check) text: String,
}

/// The tables, ready to judge; each is compiled when it is first asked for.
pub(in crate::cli::check) struct Judge {
    schema: &'static Value,
    compiler: Compiler,
    schemas: Schemas,
    known: HashMap<String, Option<SchemaIndex>>,
}

impl Judge {
    /// `None`: the tables are wrong; never in a build that was tested.
    pub(in crate::cli::check) fn new() -> Option<Self> {
        static SCHEMA: LazyLock<Option<Value>> = LazyLock::new(|| table::schema().ok());
        let schema = SCHEMA.as_ref()?;
        let mut compiler = Compiler::new();
        compiler.add_resource(BUILT_IN, schema.clone()).ok()?;
        Some(Self { schema, compiler, schemas: Schemas::new(), known: HashMap::new() })
    }

    /// The faults of the settings of the namespace `name` on `level`, which stand at `at`.
    pub(in crate::cli::check) fn faults(
        &mut self,
        name: &str,
        level: &str,
        settings: &Node,
        at: &JsonPointer,
    ) -> Vec<Fault> {
        let Some(index) = self.index(name, level) else { return Vec::new() };
        let value = value(settings);
        let Err(error) = self.schemas.validate(&value, index) else { return Vec::new() };
        let mut faults = Vec::new();
        let teller = Teller { schema: self.schema, value: &value, at };
        teller.collect(&error, &mut faults);
        faults
    }

    fn index(&mut self, name: &str, level: &str) -> Option<SchemaIndex> {
        let special = format!("{name}@{level}");
        let block = if self.has(&special) { special } else { name.to_owned() };
        if let Some(index) = self.known.get(&block) {
            return *index;
        }
        let pointer = block.replace('~', "~0").replace('/', "~1");
        let place = format!("{BUILT_IN}#/$defs/{pointer}");
        let index = self
            .has(&block)
            .then(|| self.compiler.compile(&place, &mut self.schemas).ok())
            .flatten();
        self.known.insert(block, index);
        index
    }

    fn has(&self, block: &str) -> bool {
        self.schema.get("$defs").is_some_and(|blocks| blocks.get(block).is_some())
    }
}

struct Teller<'a> {
    schema: &'a Value,
    /// The settings.
    value: &'a Value,
    /// Where they stand.
    at: &'a JsonPointer,
}

impl Teller<'_> {
    fn collect(&self, error: &ValidationError<'_, '_>, faults: &mut Vec<Fault>) {
        let (at, found) = self.place(error);
        let mut tell = |at: JsonPointer, text: String| faults.push(Fault { at, text });
        match &error.kind {
            ErrorKind::Schema { .. } | ErrorKind::Group | ErrorKind::Reference { .. } => {
                error.causes.iter().for_each(|cause| self.collect(cause, faults));
            },
            ErrorKind::AdditionalProperties { got } => {
                let known = self.keys(error.schema_url);
                for key in got {
                    tell(at.key(key), unknown(key, &known));
                }
            },
            ErrorKind::Required { want } => {
                for key in want {
                    tell(at.clone(), format!("the key `{key}` is missing"));
                }
            },
            ErrorKind::Type { want, .. } => {
                let allowed: Vec<&str> = want.iter().map(kind_name).collect();
                tell(at, format!("{} is not {}", shown(found), allowed.join(" or ")));
            },
            ErrorKind::Enum { want } => {
                let names: Vec<String> = want.iter().map(bare).collect();
                let near = found
                    .as_str()
                    .and_then(|found| nearest(found, names.iter().map(String::as_str)));
                let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
                tell(at, format!("{} is none of {}{near}", shown(found), names.join(", ")));
            },
            ErrorKind::Pattern { .. } if is_duration(found) => {},
            ErrorKind::Pattern { want, .. } => {
                tell(at, format!("{} does not look like {want}", shown(found)));
            },
            ErrorKind::OneOf(_) | ErrorKind::AnyOf => {
                if let Some(text) = self.sets(error) {
                    tell(at, text);
                }
            },
            kind => tell(at, format!("{}: {}", shown(found), super::text::words(kind))),
        }
    }

    /// The place of a fault in the file, and what stands there.
    fn place(&self, error: &ValidationError<'_, '_>) -> (JsonPointer, &Value) {
        let mut at = self.at.clone();
        let mut found = self.value;
        for token in &error.instance_location.tokens {
            (at, found) = match token {
                InstanceToken::Prop(key) => (at.key(key), found.get(key.as_ref()).unwrap_or(found)),
                InstanceToken::Item(index) => (at.index(*index), found.get(index).unwrap_or(found)),
            };
        }
        (at, found)
    }

    /// What the schema has at a place that a fault names.
    fn rule(&self, url: &str) -> Option<&Value> {
        let (_, pointer) = url.split_once('#')?;
        let pointer = percent_encoding::percent_decode_str(pointer).decode_utf8().ok()?;
        self.schema.pointer(&pointer)
    }

    fn keys(&self, url: &str) -> Vec<&str> {
        let properties = self.rule(url).and_then(|rule| rule.get("properties")?.as_object());
        properties.map(|keys| keys.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    /// Which sets of keys would do; `None`: it is not about sets of keys.
    fn sets(&self, error: &ValidationError<'_, '_>) -> Option<String> {
        let rule = self.rule(error.schema_url)?;
        let (word, sets) = match (rule.get("oneOf"), rule.get("anyOf")) {
            (Some(sets), _) => ("exactly one of these", sets),
            (None, Some(sets)) => ("one of these", sets),
            (None, None) => return None,
        };
        let one = |set: &Value| -> Option<String> {
            let Some(keys) = set.get("required").and_then(Value::as_array) else {
                return set.get("maxProperties").map(|_none| "nothing at all".to_owned());
            };
            Some(keys.iter().map(bare).collect::<Vec<_>>().join(" with "))
        };
        let sets: Option<Vec<String>> = sets.as_array()?.iter().map(one).collect();
        Some(format!("{word} must stand here: {}", sets?.join("; ")))
    }
}

fn unknown(key: &str, known: &[&str]) -> String {
    let near = nearest(key, known.iter().copied());
    let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
    format!("the key `{key}` is unknown and has no effect{near}; known here: {}", known.join(", "))
}

const fn kind_name(kind: boon::Type) -> &'static str {
    match kind {
        boon::Type::Null => "null",
        boon::Type::Boolean => "true or false",
        boon::Type::Number => "a number",
        boon::Type::Integer => "a whole number",
        boon::Type::String => "a text",
        boon::Type::Array => "a list",
        boon::Type::Object => "an object",
    }
}

/// A value as it was written, shortened.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => {
            let text = other.to_string();
            match text.char_indices().nth(SHOWN_MAX) {
                Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
                None => text,
            }
        },
    }
}

/// Letters of a value that are shown.
const SHOWN_MAX: usize = 60;

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The schema has one number and one unit; a running gateway takes more.
fn is_duration(value: &Value) -> bool {
    value.as_str().is_some_and(|text| GoDuration::parse(text).is_ok())
}

#[cfg(test)]
mod tests {
    use baton_shared::config::read::{Format, read};

    use super::*;

    fn faults(name: &str, level: &str, settings: &str) -> Vec<String> {
        let node = read(Format::Json, settings.as_bytes()).unwrap().root;
        let at = JsonPointer::root().key("x");
        let faults = Judge::new().unwrap().faults(name, level, &node, &at);
        faults.into_iter().map(|fault| format!("{}: {}", fault.at, fault.text)).collect()
    }

    #[test]
    fn faults_say_where_what_and_what_would_be_right() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("router", r#"{"hide_version_header":true,"@x":1}"#, &[]),
            (
                "router",
                r#"{"hide_version_haeder":true}"#,
                &["/x/hide_version_haeder: the key `hide_version_haeder` is unknown and has no \
                   effect: did you mean `hide_version_header`?; known here: app_engine, "],
            ),
            (
                "router",
                r#"{"auto_options":"yes"}"#,
                &["/x/auto_options: \"yes\" is not true or false"],
            ),
            ("qos/ratelimit/proxy", r#"{"max_rate":1}"#, &["/x: the key `capacity` is missing"]),
            ("qos/ratelimit/router", r#"{"max_rate":1,"every":"1h30m"}"#, &[]),
            (
                "qos/ratelimit/router",
                r#"{"max_rate":1,"every":"1 hour"}"#,
                &["/x/every: \"1 hour\" does not look like ^[0-9]+("],
            ),
            (
                "qos/http-cache",
                r#"{"max_items":5}"#,
                &["/x: exactly one of these must stand here: max_size with max_items; shared; \
                   nothing at all"],
            ),
            (
                "backend/amqp/consumer",
                r#"{"name":"a","exchange":"b","routing_key":["c"],"backoff_strategy":"linaer"}"#,
                &[
                    "/x/backoff_strategy: \"linaer\" is none of linear, linear-jitter, exponential, \
                   exponential-jitter, fallback: did you mean `linear`?",
                ],
            ),
        ];
        for (name, settings, wanted) in cases {
            let found = faults(name, "backend", settings);
            assert_eq!(found.len(), wanted.len(), "{found:?}");
            for (found, wanted) in found.iter().zip(*wanted) {
                assert!(found.starts_with(wanted), "{found}\n{wanted}");
            }
        }
    }

    #[test]
    fn a_name_means_different_settings_on_different_levels() {
        assert_eq!(faults("auth/validator", "service", r#"{"shared_cache_duration":5}"#), [""; 0]);
        assert_eq!(faults("auth/validator", "endpoint", r#"{"shared_cache_duration":5}"#).len(), 2);
        assert_eq!(faults("nobody/knows", "endpoint", "{}"), [""; 0]);
    }
}
