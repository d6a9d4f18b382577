//! What can be wrong with XML, in the words of Go's `encoding/xml`.
//!
//! With `router.return_error_msg` these texts leave the gateway.

use std::fmt;

/// XML that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// It is not well-formed.
    #[error("XML syntax error on line {line}: {problem}")]
    Syntax {
        /// From 1, counted by line feeds up to where the reader stopped.
        line: u32,
        /// What is wrong there.
        problem: Problem,
    },
    /// A version that nobody reads.
    #[error("xml: unsupported version {}; only version 1.0 is supported", Quoted(.0))]
    Version(Box<str>),
    /// A charset that nobody knows.
    #[error("xml: opening charset {label}: unsupported charset: {label}", label = Quoted(.0))]
    Charset(Box<str>),
    /// Ours: more text or levels than one document may have.
    #[error("xml: {0}")]
    TooMuch(&'static str),
}

/// What is wrong with a piece of XML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The document ends inside something.
    #[error("unexpected EOF")]
    End,
    /// The document ends inside `<![CDATA[`.
    #[error("unexpected EOF in CDATA section")]
    EndInCdata,
    /// Something else was to stand here.
    #[error("{0}")]
    Expected(&'static str),
    /// More than blanks after an end tag's name.
    #[error("invalid characters between </{0} and >")]
    EndTag(Box<str>),
    /// A name with characters that no name has.
    #[error("invalid XML name: {0}")]
    Name(Box<str>),
    /// An entity that is none.
    #[error("invalid character entity {0}")]
    Entity(Box<str>),
    /// Bytes that are no UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// A character that XML does not allow.
    #[error("illegal character code U+{0:04X}")]
    Character(u32),
    /// An end without a start.
    #[error("unexpected end element </{0}>")]
    Unopened(Box<str>),
    /// Another end was due.
    #[error("element <{open}> closed by </{found}>")]
    Mismatch {
        /// Name of the open element.
        open: Box<str>,
        /// Name of the end tag.
        found: Box<str>,
    },
    /// The same name with another prefix.
    #[error(
        "element <{open}> in space {open_space} closed by </{found}> in space {}",
        if found_space.is_empty() { r#""""# } else { found_space }
    )]
    Space {
        /// Name of the open element.
        open: Box<str>,
        /// Its prefix.
        open_space: Box<str>,
        /// Name of the end tag.
        found: Box<str>,
        /// Its prefix.
        found_space: Box<str>,
    },
}

/// A name in a message is no longer than this: it is the backend's to choose.
const SHOWN_BYTES_MAX: usize = 1024;

/// Bytes of the document as a message shows them.
pub(super) fn shown(bytes: &[u8]) -> Box<str> {
    let bytes = bytes.get(..SHOWN_BYTES_MAX).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into()
}

/// Text as Go's `%q` shows it.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                control if control.is_ascii_control() => {
                    write!(f, "\\x{:02x}", u32::from(control))?;
                },
                other => write!(f, "{other}")?,
            }
        }
        f.write_str("\"")
    }
}
