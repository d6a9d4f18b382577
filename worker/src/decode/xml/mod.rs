//! `xml`: a document as an object, as KrakenD's `mxj` makes it.
//!
//! The root element is the only top-level key. Attributes are `-name`, repeated siblings an array,
//! all leaves strings; the text of an element that has anything else is `#text`. Prefixes are
//! dropped. Only the first root element is read.

mod build;
mod charset;
mod declaration;
mod error;
mod name;
mod name_table;
mod scan;
#[cfg(test)]
mod tests;
mod text;

use bytes::Bytes;

use super::data::{Data, Document, Entry, Key, Value};
use super::error::DecodeError;
use super::prune::prune;
use super::shape::{Found, Shape};
use build::Builder;

pub use error::{Problem, XmlError};
pub(super) use name::Name;
pub(super) use scan::{Attribute, Scanner, Stop, Token};
pub(super) use text::Text;

/// Whether documents are forgiven what browsers forgive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strictness {
    /// `xml`.
    Strict,
    /// `rss`: missing end tags are made up, attributes need no value, unknown entities stay.
    Lenient,
}

/// How deep a document may nest. Go has no bound here; it is the one of its JSON reader.
const LEVELS_MAX: usize = 10_000;

const COLLECTION: &[u8] = b"collection";

/// Reads a document and gives it its shape.
pub(super) fn decode(is_collection: bool, shape: &Shape, body: Bytes) -> Result<Data, DecodeError> {
    let mut scanner = Scanner::new(body, Strictness::Strict);
    let (root, document) = Builder::new(&mut scanner).run().map_err(|stop| match stop {
        Stop::End => DecodeError::Empty,
        Stop::Error(error) => DecodeError::Xml(error),
    })?;
    Ok(if is_collection { wrap(shape, root, document) } else { prune(shape, vec![root], document) })
}

/// What `is_collection` makes of a document: for shapes a thing that cannot be entered.
fn wrap(shape: &Shape, root: Entry, mut document: Document) -> Data {
    let mut children = Vec::new();
    if shape.keeps_leaf(COLLECTION) {
        let value: Value = document.adopt(&[root]);
        let key = Key::make(&mut document.made_keys, COLLECTION);
        children.push(Entry::new(key, value, false));
    }
    shape.arrange(Found::EMPTY, children, document)
}
