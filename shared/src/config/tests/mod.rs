//! Whole configurations against what the real KrakenD says of them.

mod decoding;
mod flexible;
mod dumps;
mod findings;
mod formats;
mod json_texts;
mod mutation;
mod values;

use std::ffi::OsString;

use super::*;

/// Loads a JSON text as `krakend.json`, without environment.
fn load_json(text: &str) -> Result<Loaded, Refusal> {
    load("krakend.json", text.as_bytes(), &Environment::default())
}

fn load_with(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Refusal> {
    let variables = variables.iter().map(|(n, v)| (OsString::from(n), OsString::from(v)));
    load("krakend.json", text.as_bytes(), &Environment::of(variables))
}

/// The configuration of a JSON text that must be good.
fn config(text: &str) -> ServiceConfig {
    load_json(text).unwrap_or_else(|refusal| panic!("{text}\n{refusal}")).config
}

/// One endpoint around the text of its members, with `root` members before.
fn endpoint(root: &str, members: &str) -> String {
    format!(r#"{{"version":3,{root}"endpoints":[{{{members}}}]}}"#)
}

const BACKEND: &str = r#""backend":[{"url_pattern":"/b","host":["http://h:80"]}]"#;

/// The text of a refusal, without the file's name.
fn refused(text: &str) -> String {
    let refusal = load_json(text).expect_err(text);
    assert!(!refusal.findings.is_empty(), "{text}");
    let text = refusal.text.strip_prefix("'krakend.json': ").expect("the file is named").to_owned();
    text.replace("decoding failed due to the following error(s):\n\n", "decoding: ")
}
