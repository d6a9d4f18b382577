//! A backend's body to data.
//!
//! One file per `encoding`, one line each in the two tables below ([`Encoding::of`],
//! [`Decoder::decode`]). All of it is pure: bytes in, [`Data`] or the reason why not.

mod canonical;
mod data;
mod error;
mod find;
mod flatmap;
mod json;
mod prune;
mod rss;
mod shape;
mod string;
mod trie;
mod xml;
mod yaml;
#[cfg(test)]
mod differential;
#[cfg(test)]
pub(crate) mod tests;

use bytes::Bytes;

use baton_shared::config::model::BackendConfig;
use baton_shared::config::node::Value as Setting;

pub use data::{Data, Numbers};
pub use error::DecodeError;
pub use flatmap::{Broken, Flatmap};
pub use rss::FeedError;
pub use shape::{PATH_KEYS_MAX, PathTooLong, Shape};
pub use xml::{Problem as XmlProblem, XmlError};

pub(crate) use canonical::Canonical;
pub(crate) use data::{Document, Entry, Typed, Value};
pub(crate) use flatmap::Doubt;
pub(crate) use json::{Maker, first_value_end, pieces, unescape, walk};

/// Longest body that can be decoded: positions are four bytes, and keys of broken UTF-8 may grow
/// to three times their length.
pub const BODY_BYTES_MAX: usize = 1 << 30;

/// A backend's `encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `json`, `fast-json`, every name that KrakenD does not know: an object, or an array with
    /// `is_collection`.
    Json,
    /// `safejson`: anything; arrays become `{"collection": …}`, scalars `{"content": …}`.
    SafeJson,
    /// `string`: `{"content": "<body>"}`.
    String,
    /// `xml`: the element tree of the document.
    Xml,
    /// `rss`: RSS, Atom or JSON Feed.
    Rss,
    /// `yaml`: a mapping, or a list with `is_collection`.
    Yaml,
    /// `no-op`: nothing is decoded; beside others it contributes `{}`.
    NoOp,
}

impl Encoding {
    /// The encoding of this name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name {
            "safejson" => Self::SafeJson,
            "string" => Self::String,
            "no-op" => Self::NoOp,
            "xml" => Self::Xml,
            "rss" => Self::Rss,
            "yaml" => Self::Yaml,
            _ => Self::Json,
        }
    }
}

/// How a backend's body becomes data: compiled at start.
#[derive(Clone, Debug)]
pub struct Decoder {
    encoding: Encoding,
    is_collection: bool,
    shape: Shape,
    flatmap: Option<Box<Reshape>>,
}

/// What `flatmap_filter` leaves of a shape besides `target`.
#[derive(Clone, Debug)]
struct Reshape {
    flatmap: Flatmap,
    /// `group`, which comes last.
    group: Option<Box<[u8]>>,
}

impl Decoder {
    /// JSON as it is.
    pub(crate) fn plain() -> Self {
        Self {
            encoding: Encoding::Json,
            is_collection: false,
            shape: Shape::default(),
            flatmap: None,
        }
    }

    /// Whether the body is read to its end: the others stop behind their value.
    #[must_use]
    pub const fn reads_all(&self) -> bool {
        matches!(self.encoding, Encoding::String)
    }

    /// Whether nothing is decoded, and so no status is a failure.
    #[must_use]
    pub const fn is_no_op(&self) -> bool {
        matches!(self.encoding, Encoding::NoOp)
    }

    /// Compiles `encoding`, `is_collection`, `target`, `allow`, `deny`, `mapping`, `group`.
    ///
    /// # Errors
    /// What can never be decoded.
    pub fn compile(backend: &BackendConfig) -> Result<Self, PathTooLong> {
        let encoding = Encoding::of(&backend.encoding);
        let mut shape = Shape::compile(backend)?;
        let flatmap = flatmap(backend).map(|flatmap| {
            let group = shape.only_target();
            Box::new(Reshape { flatmap, group })
        });
        Ok(Self { encoding, is_collection: backend.is_collection, shape, flatmap })
    }

    /// Decodes a body and gives it its shape. What is kept points into `body`.
    ///
    /// # Errors
    /// The body is not what `encoding` promises; the text is Go's.
    pub fn decode(&self, body: Bytes) -> Result<Data, DecodeError> {
        if body.len() > BODY_BYTES_MAX {
            return Err(DecodeError::TooLarge);
        }
        let data = match self.encoding {
            Encoding::Json => json::decode(self.root(), &self.shape, body),
            Encoding::SafeJson => json::decode(json::Root::Any, &self.shape, body),
            Encoding::String => Ok(string::decode(&self.shape, body)),
            Encoding::Xml => xml::decode(self.is_collection, &self.shape, body),
            Encoding::Rss => Ok(rss::decode(&self.shape, &body)?),
            Encoding::Yaml => yaml::decode(self.root(), &self.shape, &body),
            Encoding::NoOp => Ok(Data::empty()),
        }?;
        let Some(reshape) = &self.flatmap else { return Ok(data) };
        let data = reshape.flatmap.apply(&data)?;
        Ok(match &reshape.group {
            Some(name) => data.grouped(name),
            None => data,
        })
    }

    fn root(&self) -> json::Root {
        if self.is_collection { json::Root::Array } else { json::Root::Object }
    }
}

/// `flatmap_filter` of a backend.
fn flatmap(backend: &BackendConfig) -> Option<Flatmap> {
    let proxy = &backend.extra_config.namespaces.get("proxy")?.settings;
    let Setting::Object(members) = &proxy.value else { return None };
    let (_, list) = members.iter().find(|(key, _)| key == "flatmap_filter")?;
    Flatmap::compile(list)
}
