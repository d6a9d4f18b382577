//! Why a body could not be decoded, in the words of Go's decoders.
//!
//! With `router.return_error_msg` these texts leave the gateway, and people match on them.

use std::fmt;

use super::flatmap::Broken;
use super::rss::FeedError;
use super::xml::XmlError;

/// A body that is not what its `encoding` promises.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Nothing but blanks.
    #[error("EOF")]
    Empty,
    /// The body ended within its first value.
    #[error("unexpected EOF")]
    Truncated,
    /// A byte that cannot stand where it stands.
    #[error("invalid character {} {context}", Quoted(*found))]
    Syntax {
        /// The byte.
        found: u8,
        /// Where the parser was.
        context: &'static str,
    },
    /// Well-formed, but of another kind than the backend's `encoding` and `is_collection` say.
    #[error("json: cannot unmarshal {found} into Go value of type {wanted}")]
    Kind {
        /// Kind of the body's value.
        found: &'static str,
        /// Go's name of the wanted type.
        wanted: &'static str,
    },
    /// No XML.
    #[error("xml.Decoder.Token() - {0}")]
    Xml(Box<XmlError>),
    /// An operation of `flatmap_filter` lacks arguments.
    #[error(transparent)]
    Flatmap(#[from] Broken),
    /// No YAML.
    #[error("{0}")]
    Yaml(Box<str>),
    /// No feed.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// Longer than [`super::BODY_BYTES_MAX`].
    #[error("body too large")]
    TooLarge,
}

/// A byte as Go shows it: read as Latin-1, in single quotes, escaped when it cannot be printed.
struct Quoted(u8);

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\'' => f.write_str(r"'\''"),
            b'\\' => f.write_str(r"'\\'"),
            0x07 => f.write_str(r"'\a'"),
            0x08 => f.write_str(r"'\b'"),
            0x09 => f.write_str(r"'\t'"),
            0x0A => f.write_str(r"'\n'"),
            0x0B => f.write_str(r"'\v'"),
            0x0C => f.write_str(r"'\f'"),
            0x0D => f.write_str(r"'\r'"),
            byte @ (0x00..0x20 | 0x7F) => write!(f, r"'\x{byte:02x}'"),
            byte @ (0x80..=0xA0 | 0xAD) => write!(f, r"'\u{byte:04x}'"),
            byte => write!(f, "'{}'", char::from(byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: u8, shown: &str) {
        let error = DecodeError::Syntax { found, context: "in string literal" };
        assert_eq!(error.to_string(), format!("invalid character {shown} in string literal"));
    }

    #[test]
    fn bytes_are_shown_as_go_shows_them() {
        check(0x00, r"'\x00'");
        check(b'\n', r"'\n'");
        check(b'\'', r"'\''");
        check(b'"', "'\"'");
        check(b'\\', r"'\\'");
        check(0x7F, r"'\x7f'");
        check(0x80, r"'\u0080'");
        check(0xA0, r"'\u00a0'");
        check(0xAD, r"'\u00ad'");
        check(0xEF, "'ï'");
    }

    #[test]
    fn a_body_of_the_wrong_kind_names_both_kinds() {
        let error = DecodeError::Kind { found: "array", wanted: "map[string]interface {}" };
        let text = "json: cannot unmarshal array into Go value of type map[string]interface {}";
        assert_eq!(error.to_string(), text);
    }
}
