//! Bytes of a configuration → [`Node`]s with lines: JSON, YAML or TOML, picked by the file's ending.
//!
//! Total: any bytes give a document or an error with a place. Depth, size and what YAML aliases may
//! grow to are bounded. The texts of errors are KrakenD's where its parser's are known.

pub mod json;
mod text;
mod toml;
mod yaml;

use super::node::Node;
use crate::words::JsonPointer;

/// A larger configuration is refused.
pub const BYTES_MAX: usize = 64 << 20;

/// Deeper nesting is refused, so that nothing that walks a document can exhaust a stack
/// (KrakenD's own bound is 10,000).
pub const DEPTH_MAX: usize = 1_000;

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Always an object.
    pub root: Node,
    /// Keys that stand more than once in one object; the last counts. Not more than [`REPEATED_MAX`].
    pub repeated: Vec<Repeated>,
}

/// As many repeated keys are told of.
pub const REPEATED_MAX: usize = 100;

/// A key that stands more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// Where the later one stands.
    pub at: JsonPointer,
    /// The line of the later one.
    pub line: u32,
    /// The line of the earlier one.
    pub earlier_line: u32,
}

/// Why bytes are no configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ReadError {
    /// In the words of KrakenD's parser.
    pub text: String,
    /// The line, from 1.
    pub line: u32,
    /// As deep as the reader had come.
    pub at: JsonPointer,
}

/// The format of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Everything that is not one of the others.
    Json,
    /// `.yml`, `.yaml`
    Yaml,
    /// `.toml`
    Toml,
}

impl Format {
    /// By the ending of the file's name, which is case-sensitive as in KrakenD.
    #[must_use]
    pub fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        match name.rfind('.').and_then(|dot| name.get(dot..)) {
            Some(".yml" | ".yaml") => Self::Yaml,
            Some(".toml") => Self::Toml,
            Some(_) | None => Self::Json,
        }
    }
}

/// Reads a whole configuration.
///
/// # Errors
/// When the bytes are not of the format, are no object, or exceed a bound.
pub fn read(format: Format, bytes: &[u8]) -> Result<Document, ReadError> {
    if bytes.len() > BYTES_MAX {
        let text = format!("{} bytes are more than the {BYTES_MAX} that are read", bytes.len());
        return Err(ReadError { text, line: 1, at: JsonPointer::root() });
    }
    match format {
        Format::Json => json::read(bytes),
        Format::Yaml => yaml::read(bytes),
        Format::Toml => toml::read(bytes),
    }
}

/// Reads YAML that is no configuration: the first document, whatever it is. Aliases may copy
/// `copied_bytes_max`.
///
/// # Errors
/// When it is not well-formed, nests deeper than [`DEPTH_MAX`], or its aliases copy more.
pub fn yaml_value(bytes: &[u8], copied_bytes_max: usize) -> Result<Node, ReadError> {
    yaml::value(bytes, copied_bytes_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_picks_the_format() {
        let cases = [
            ("krakend.json", Format::Json),
            ("dir.yaml/krakend", Format::Json),
            ("krakend", Format::Json),
            ("a.b.yml", Format::Yaml),
            ("a.yaml", Format::Yaml),
            ("a.YAML", Format::Json),
            ("a.toml", Format::Toml),
            (".toml", Format::Toml),
        ];
        for (path, format) in cases {
            assert_eq!(Format::of(path), format, "{path}");
        }
    }
}
