//! `check -l`, `-n`, `-s`: the configuration against a JSON schema.
//!
//! The built-in schema is Baton's own, made of the tables in `keys/`; nothing is ever downloaded.
//! Texts are KrakenD's, which scripts compare.

mod source;
mod table;
mod fault;

use baton_shared::config::read::{Format, read};
use baton_worker::guards::json_schema::{text, value, words};
use boon::{CompileError, Compiler, SchemaIndex, Schemas};

pub(super) use fault::Judge;
pub(super) use table::schema;

use self::source::Local;

/// What to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Against<'a> {
    /// The schema that is built in.
    BuiltIn,
    /// A file of the person's own, or what they believe to be one.
    Path(&'a str),
}

/// Why a configuration does not pass.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failed {
    /// What was being done, in KrakenD's words.
    pub(super) doing: &'static str,
    pub(super) why: String,
}

/// Under this name the built-in schema appears in texts, as in KrakenD.
const BUILT_IN: &str = "schema.json";

/// Compares the text of a configuration, which must be JSON, with a schema.
///
/// # Errors
/// When it does not fit, or one of the two cannot be read.
pub(super) fn lint(bytes: &[u8], against: Against<'_>) -> Result<(), Failed> {
    let document = read(Format::Json, bytes).map_err(|error| Failed {
        doing: "converting configuration content to JSON",
        why: error.text,
    })?;
    let mut schemas = Schemas::new();
    let index = compile(against, &mut schemas)?;
    schemas.validate(&value(&document.root), index).map_err(|error| Failed {
        doing: "linting the configuration file",
        why: text::text(&error),
    })
}

fn compile(against: Against<'_>, schemas: &mut Schemas) -> Result<SchemaIndex, Failed> {
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(Local));
    let place = match against {
        Against::Path(path) => path,
        Against::BuiltIn => {
            let schema = schema().map_err(|error| Failed {
                doing: "parsing the embed schema",
                why: error.to_string(),
            })?;
            compiler.add_resource(BUILT_IN, schema).map_err(|error| uncompilable(&error))?;
            BUILT_IN
        },
    };
    compiler.compile(place, schemas).map_err(|error| uncompilable(&error))
}

fn uncompilable(error: &CompileError) -> Failed {
    Failed { doing: "compiling the schema", why: words(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of faults, without the first.
    fn faults(text: &str) -> Vec<String> {
        match lint(text.as_bytes(), Against::BuiltIn) {
            Ok(()) => Vec::new(),
            Err(failed) => failed.why.lines().skip(1).map(str::to_owned).collect(),
        }
    }

    #[test]
    fn a_plain_configuration_passes_with_remarks_and_batons_own_keys() {
        let text = r##"{"$schema":"x","version":3,"@baton":{"drain":"1s"},"_why":1,"#":2,"endpoints":[
            {"endpoint":"/a","@baton":{},"backend":[{"url_pattern":"/b","host":["http://h"]}]}]}"##;
        assert_eq!(faults(text), [""; 0]);
    }

    #[test]
    fn faults_read_as_krakends() {
        let cases: &[(&str, &[&str])] = &[
            (r#"{"version":3,"port":"1"}"#, &["- at '/port': got string, want integer"]),
            (r#"{"version":3,"port":70000}"#, &["- at '/port': maximum: got 70,000, want 65,535"]),
            (
                r#"{"version":3,"nope":1,"timeout":"1.5s"}"#,
                &[
                    "- at '': additional properties 'nope' not allowed",
                    "- at '/timeout': '1.5s' does not match pattern '^[0-9]+(ns|ms|us|µs|s|m|h)$'",
                ],
            ),
            (r#"{}"#, &["- at '': missing property 'version'"]),
            (r#"{"version":2}"#, &["- at '/version': value must be 3"]),
            (
                r#"{"version":3,"endpoints":[{"endpoint":"/a","backend":[]}]}"#,
                &["- at '/endpoints/0/backend': minItems: got 0, want 1"],
            ),
            (
                r#"{"version":3,"endpoints":[{"endpoint":"/a","method":"get"}]}"#,
                &[
                    "- at '/endpoints/0': validation failed",
                    "  - at '/endpoints/0': missing property 'backend'",
                    "  - at '/endpoints/0/method': value must be one of 'GET', 'POST', 'PUT', \
                     'PATCH', 'DELETE'",
                ],
            ),
            (
                r#"{"version":3,"tls":7}"#,
                &[
                    "- at '/tls': 'anyOf' failed",
                    "  - at '/tls': got number, want object",
                    "  - at '/tls': got number, want null",
                ],
            ),
            (
                r#"{"version":3,"extra_config":{"nope/ns":{}}}"#,
                &["- at '/extra_config': additional properties 'nope/ns' not allowed"],
            ),
        ];
        for (text, wanted) in cases {
            let mut found = faults(text);
            // The order of faults is no one's promise.
            let mut wanted = wanted.to_vec();
            if !wanted.iter().any(|line| line.starts_with("  ")) {
                found.sort();
                wanted.sort_unstable();
            }
            assert_eq!(found, wanted, "{text}");
        }
    }

    #[test]
    fn the_first_line_names_the_schema() {
        let failed = lint(b"{}", Against::BuiltIn).expect_err("nothing");
        assert_eq!(failed.doing, "linting the configuration file");
        let first = failed.why.lines().next().unwrap();
        assert!(first.starts_with("jsonschema validation failed with 'file:///"), "{first}");
        assert!(first.ends_with("/schema.json#'"), "{first}");
    }

    #[test]
    fn yaml_cannot_be_linted() {
        let failed = lint(b"version: 3", Against::BuiltIn).expect_err("no JSON");
        assert_eq!(failed.doing, "converting configuration content to JSON");
        assert_eq!(failed.why, "invalid character 'v' looking for beginning of value");
    }

    #[test]
    fn schemas_that_cannot_be_had_are_told() {
        let why = |path| lint(b"{}", Against::Path(path)).expect_err(path);
        let failed = why("/nowhere/s.json");
        assert_eq!(failed.doing, "compiling the schema");
        assert_eq!(
            failed.why,
            "failing loading \"file:///nowhere/s.json\": open /nowhere/s.json: no such file or \
             directory"
        );
        let failed = why("https://127.0.0.1:1/s.json");
        assert!(failed.why.contains("Baton never goes online"), "{}", failed.why);
    }
}
