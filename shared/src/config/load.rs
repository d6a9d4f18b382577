//! The way of a configuration: (template → text →) bytes → document → environment laid over → decoded → checked and
//! defaulted. Nothing is read from disk and no clock is asked, but through [`Sources`].

use std::sync::Arc;

use super::decode::{Faults, Place, service};
use super::environment::Environment;
use super::finding::{Finding, Problem};
use super::flexible;
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
///
/// Paths are as the configuration or the person names them; errors are in the system's words:
/// `open krakend.json: no such file or directory`.
pub trait Sources: Send {
    /// The content of a file.
    ///
    /// # Errors
    /// Why it cannot be had.
    fn file(&mut self, path: &str) -> Result<Vec<u8>, String>;

    /// The names in a folder that end so, sorted.
    ///
    /// # Errors
    /// Why they cannot be had.
    fn folder(&mut self, path: &str, ending: &str) -> Result<Vec<String>, String> {
        let _needless = ending;
        Err(format!("open {path}: no such file or directory"))
    }

    /// Keeps a rendered configuration where `FC_OUT` says.
    ///
    /// # Errors
    /// Why it cannot be written.
    fn keep(&mut self, path: &str, text: &[u8]) -> Result<(), String> {
        let (_nowhere, _needless) = (path, text);
        Ok(())
    }
}

/// A configuration as it is read: rendered, if it is a template.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// How it is named in messages.
    pub name: String,
    /// JSON, YAML or TOML.
    pub format: Format,
    /// The content.
    pub bytes: Vec<u8>,
    /// What is to be said about the rendering.
    pub notices: Vec<Finding>,
}

/// The text of the configuration at `path`, out of `sources`.
///
/// # Errors
/// When a file cannot be had, or the template cannot be rendered.
pub fn text(
    path: &str,
    environment: &Environment,
    sources: &mut dyn Sources,
) -> Result<Text, Refusal> {
    let bytes = sources
        .file(path)
        .map_err(|text| refused_as_a_whole(path, &text.clone(), 0, Problem::Syntax { text }))?;
    let Some(flexible) = environment.flexible() else {
        let (name, format) = (path.to_owned(), Format::of(path));
        return Ok(Text { name, format, bytes, notices: Vec::new() });
    };
    let rendered = flexible::render(path, &bytes, flexible, sources)?;
    let (name, format) = if flexible.out.is_empty() {
        let is_as_written = rendered.text == bytes;
        let name = if is_as_written { path.to_owned() } else { format!("{path} (rendered)") };
        (name, Format::Json) // whatever the ending
    } else {
        (flexible.out.clone(), Format::of(&flexible.out))
    };
    if !flexible.out.is_empty() {
        sources.keep(&flexible.out, &rendered.text).map_err(|text| {
            refused_as_a_whole(&flexible.out, &text.clone(), 0, Problem::Syntax { text })
        })?;
    }
    Ok(Text { name, format, bytes: rendered.text, notices: rendered.notices })
}

/// Loads the configuration at `path` out of `sources`.
///
/// # Errors
/// When the file cannot be had or rendered, or as [`load`].
pub fn open(
    path: &str,
    environment: &Environment,
    sources: &mut dyn Sources,
) -> Result<Loaded, Refusal> {
    let text = text(path, environment, sources)?;
    let is_rendered = text.name != path;
    match load_text(&text, environment) {
        Ok(mut loaded) => {
            loaded.notices.splice(0..0, text.notices);
            Ok(loaded)
        },
        Err(refusal) if is_rendered => Err(with_excerpt(refusal, &text)),
        Err(refusal) => Err(refusal),
    }
}

/// The rendered text is nowhere to be looked at: the line in question is shown.
fn with_excerpt(mut refusal: Refusal, text: &Text) -> Refusal {
    const SHOWN_MAX: usize = 160;
    for finding in &mut refusal.findings {
        let Problem::Syntax { text: why } = &mut finding.problem else { continue };
        let at = usize::try_from(finding.line).unwrap_or(0).checked_sub(1);
        let line = at.and_then(|at| text.bytes.split(|byte| *byte == b'\n').nth(at));
        let Some(line) = line.map(|line| String::from_utf8_lossy(line.trim_ascii())) else {
            continue;
        };
        let mut shown: String = line.chars().take(SHOWN_MAX).collect();
        if shown.len() < line.len() {
            shown.push('…');
        }
        *why = format!("{why}; the rendered line is: {shown}");
    }
    refusal
}

/// Loads a configuration whose content is at hand, and is no template; `path` is for messages and
/// gives the format.
///
/// # Errors
/// When KrakenD would refuse it, or when `"@baton"` is wrong.
pub fn load(path: &str, bytes: &[u8], environment: &Environment) -> Result<Loaded, Refusal> {
    let (name, format) = (path.to_owned(), Format::of(path));
    let text = Text { name, format, bytes: bytes.to_vec(), notices: Vec::new() };
    load_text(&text, environment)
}

fn load_text(text: &Text, environment: &Environment) -> Result<Loaded, Refusal> {
    let (path, bytes, format) = (text.name.as_str(), &text.bytes, text.format);
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
