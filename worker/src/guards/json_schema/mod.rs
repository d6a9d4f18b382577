//! `validation/json-schema`: the client's body against a schema.
//!
//! On the way: in front of the pipe, behind scripts that may repair a body. Reads the whole body; nobody is called for it.
//! KrakenD: the draft is 2020-12 unless the schema says otherwise; files are read beside the working directory, and nothing
//! is ever downloaded. A schema that cannot be compiled is left out, loudly. The words are those of its library.

mod instance;
mod source;
pub mod text;

use baton_shared::config::node::{Node, Value as Found};
use boon::{CompileError, Compiler, SchemaIndex, Schemas};
use serde_json::{Map, Number, Value};

pub(crate) use source::wanted;

use crate::plan::Files;

/// The name of the schema itself, as KrakenD has it.
const OWN: &str = "schema.json";

/// A schema, compiled.
pub(crate) struct JsonSchema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl std::fmt::Debug for JsonSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonSchema").finish_non_exhaustive()
    }
}

impl JsonSchema {
    /// Compares a body with the schema; the error is what the client may be told.
    pub(crate) fn check(&self, body: &[u8]) -> Result<(), String> {
        if body.is_empty() {
            return Err("could not validate an empty body".to_owned());
        }
        let instance = instance::read(body).map_err(|error| error.to_string())?;
        self.schemas.validate(&instance, self.index).map_err(|error| {
            let whole = text::text(&error);
            // The first line names the schema: KrakenD cuts it off.
            whole.split_once('\n').map_or(String::new(), |(_, faults)| faults.to_owned())
        })
    }

    /// Compiles a block.
    pub(crate) fn compile(settings: &Node, files: &Files) -> Result<Self, String> {
        let mut compiler = Compiler::new();
        compiler.use_loader(Box::new(source::Held::new(files)));
        let mut schemas = Schemas::new();
        compiler.add_resource(OWN, value(settings)).map_err(|error| words(&error))?;
        let index = compiler.compile(OWN, &mut schemas).map_err(|error| words(&error))?;
        Ok(Self { schemas, index })
    }
}

/// Why a schema cannot be compiled.
pub fn words(error: &CompileError) -> String {
    match error {
        CompileError::LoadUrlError { url, src } => format!("failing loading \"{url}\": {src}"),
        CompileError::ValidationError { url, src } => {
            format!("\"{url}\" is not valid against metaschema: {}", text::text(src))
        },
        other => format!("{other:#}"),
    }
}

/// A part of a configuration as JSON.
pub fn value(node: &Node) -> Value {
    match &node.value {
        Found::Null => Value::Null,
        Found::Bool(flag) => Value::Bool(*flag),
        Found::Number(digits) => {
            digits.parse::<Number>().map_or_else(|_too_large| Value::Null, Value::Number)
        },
        Found::String(text) => Value::String(text.clone()),
        Found::Array(items) => items.iter().map(value).collect(),
        Found::Object(members) => members
            .iter()
            .map(|(key, node)| (key.clone(), value(node)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use baton_shared::config::read::json;

    use super::*;

    fn compiled(schema: &str) -> Result<JsonSchema, String> {
        JsonSchema::compile(&json::read_any(schema.as_bytes()).unwrap(), &Files::new())
    }

    #[track_caller]
    fn check(schema: &str, body: &str, expected: &str) {
        let found = compiled(schema).unwrap().check(body.as_bytes());
        assert_eq!(found.err().unwrap_or_default(), expected, "{schema} {body}");
    }

    #[test]
    fn faults_are_told_in_the_words_of_krakends_library() {
        let schema = r#"{"type":"object","required":["a"],"properties":{
            "a":{"type":["string","null"],"minLength":3},
            "b":{"anyOf":[{"type":"string"},{"minimum":5}]}},"additionalProperties":false}"#;
        check(schema, r#"{"a":"abc","b":7}"#, "");
        check(schema, r#"{"a":"a"}"#, "- at '/a': minLength: got 1, want 3");
        check(schema, "{}", "- at '': missing property 'a'");
        check(schema, r#"{"a":1}"#, "- at '/a': got number, want null or string");
        check(schema, r#"{"a":null,"x":1}"#, "- at '': additional properties 'x' not allowed");
        let nested = "- at '/b': 'anyOf' failed\n  - at '/b': got number, want string\n  \
                      - at '/b': minimum: got 1, want 5";
        check(schema, r#"{"a":null,"b":1}"#, nested);
        check(schema, "", "could not validate an empty body");
    }

    #[test]
    fn a_combinator_is_told_also_where_one_schema_of_it_failed() {
        let all = r#"{"properties":{"o":{"allOf":[{"required":["b"]},
            {"properties":{"x":{"oneOf":[{"type":"string"}]}}}]}}}"#;
        check(all, r#"{"o":{}}"#, "- at '/o': 'allOf' failed\n  - at '/o': missing property 'b'");
        let deep = "- at '/o': 'allOf' failed\n  - at '/o/x': 'oneOf' failed, none matched\n    \
                    - at '/o/x': got number, want string";
        check(all, r#"{"o":{"b":1,"x":1}}"#, deep);
    }

    #[test]
    fn a_schema_may_be_a_word_and_formats_count_in_old_drafts() {
        check("false", "1", "- at '': false schema");
        check("true", "1", "");
        check(r#"{"format":"email"}"#, "\"x\"", "");
        let old = r#"{"$schema":"http://json-schema.org/draft-07/schema#","format":"email"}"#;
        check(old, "\"x\"", "- at '': 'x' is not valid email: missing @");
    }

    #[test]
    fn what_go_cannot_compile_is_an_error() {
        for schema in [
            r#"{"type":"zzz"}"#,
            r#"{"items":[{}]}"#,
            r#"{"pattern":"^(?!x)"}"#,
            r##"{"$ref":"#/nope"}"##,
            r#"{"$ref":"http://h/x.json"}"#,
            r#"{"$ref":"none.json"}"#,
            "5",
            "[]",
            "\"x\"",
        ] {
            assert!(compiled(schema).is_err(), "{schema}");
        }
    }
}
