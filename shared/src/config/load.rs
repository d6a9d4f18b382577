//! The way of a configuration: bytes → document → environment laid over → decoded → checked and
//! defaulted. Nothing is read from disk and no clock is asked, but through [`Sources`].

use std::sync::Arc;

use super::decode::{Faults, Place, service};
use super::environment::Environment;
use super::finding::{Finding, Problem};
use super::init::init;
use super::model::{ServiceConfig, Source};
use super::node::Value;
use super::read::{Document, Format, ReadError, read};
use crate::control::message::{Invalid, Notice};

/// A configuration that can be compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Checked and defaulted.
    pub config: ServiceConfig,
    /// What has no effect, or looks like a slip.
    pub notices: Vec<Finding>,
}

/// A configuration that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// KrakenD's text, as `run` and `check` print it.
    pub text: String,
    /// Every problem that was found, with its place.
    pub findings: Vec<Finding>,
}

/// KrakenD's code for a refused configuration.
const EXIT_REFUSED: u8 = 255;

impl From<&Refusal> for Invalid {
    fn from(refusal: &Refusal) -> Self {
        Self {
            text: refusal.text.clone(),
            findings: refusal.findings.iter().map(Notice::from).collect(),
            exit_code: EXIT_REFUSED,
        }
    }
}

/// Where the files of a configuration come from: the disk, or the process that watches them.
pub trait Sources {
    /// The content of the file at `path`, as the configuration or the person names it.
    ///
    /// # Errors
    /// Why it cannot be had, in the system's words: `open krakend.json: no such file or directory`.
    fn file(&mut self, path: &str) -> Result<Vec<u8>, String>;
}

/// Loads the configuration at `path` out of `sources`.
///
/// # Errors
/// When the file cannot be had, or as [`load`].
pub fn open(
    path: &str,
    environment: &Environment,
    sources: &mut dyn Sources,
) -> Result<Loaded, Refusal> {
    match sources.file(path) {
        Ok(bytes) => load(path, &bytes, environment),
        Err(text) => Err(refused_as_a_whole(path, &text.clone(), 0, Problem::Syntax { text })),
    }
}

/// Loads a configuration whose content is at hand; `path` is for messages and gives the format.
///
/// # Errors
/// When KrakenD would refuse it, or when `"@baton"` is wrong.
pub fn load(path: &str, bytes: &[u8], environment: &Environment) -> Result<Loaded, Refusal> {
    if environment.is_flexible() && has_template_actions(bytes) {
        let text = Problem::Template.to_string();
        return Err(refused_as_a_whole(path, &text, 1, Problem::Template));
    }
    let format = Format::of(path);
    let Document { mut root, repeated } = match read(format, bytes) {
        Ok(document) => document,
        Err(error) => return Err(unreadable(path, error)),
    };
    let mut faults = Faults::new(path.to_owned(), format);
    for again in repeated {
        let place = Place { name: String::new(), at: again.at, line: again.line };
        faults.notice(&place, Problem::Repeated { earlier_line: again.earlier_line });
    }
    if let Value::Object(members) = &mut root.value {
        environment.lay_over(members);
    }
    let source = Source { file: path.to_owned(), document: Arc::new(root) };
    let decoded = service(source, &mut faults);
    let (Some(decoded), true) = (decoded, faults.findings.is_empty()) else {
        return Err(undecodable(path, faults));
    };
    match init(decoded, &mut faults) {
        (config, None) => Ok(Loaded { config, notices: faults.notices }),
        (_, Some(text)) => {
            Err(Refusal { text: format!("'{path}': {text}"), findings: faults.findings })
        },
    }
}

/// Without them a template renders to itself.
fn has_template_actions(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"{{")
}

fn refused_as_a_whole(path: &str, text: &str, line: u32, problem: Problem) -> Refusal {
    let pointer = crate::words::JsonPointer::root();
    let finding = Finding { file: path.to_owned(), line, pointer, problem };
    Refusal { text: format!("'{path}': {text}"), findings: vec![finding] }
}

fn unreadable(path: &str, ReadError { text, line, at }: ReadError) -> Refusal {
    let problem = Problem::Syntax { text: text.clone() };
    let finding = Finding { file: path.to_owned(), line, pointer: at, problem };
    Refusal { text: format!("'{path}': {text}"), findings: vec![finding] }
}

/// KrakenD's list of what its decoder refuses; what only Baton refuses is told in its own words.
fn undecodable(path: &str, faults: Faults) -> Refusal {
    let lines = if faults.kinds.is_empty() {
        faults.findings.iter().map(|f| format!("{}: {}", f.pointer, f.problem)).collect()
    } else {
        faults.kinds
    };
    let lines = lines.join("\n");
    let text = format!("'{path}': decoding failed due to the following error(s):\n\n{lines}");
    Refusal { text, findings: faults.findings }
}

#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests;
