//! `url_pattern` in pieces: made at start, written once per backend call.
//!
//! On the way: when the target of a backend call is written. One pass over the pieces into the
//! caller's buffer; a pattern without placeholders is a constant.
//! KrakenD: replaces text in the pattern, parses the result as a URL and encodes the path anew unless
//! it is a valid one. Here a value can add no segment, parameter, query or fragment of its own, and a
//! value is never searched for placeholders again.

mod answers;
mod compile;
mod pieces;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::backend::query::QueryState;
use crate::route::Params;
use crate::route::params;
use crate::route::percent::{BadEscape, GoQuoted};

pub(crate) use answers::{AnswerSlots, Wanted};
use pieces::{Piece, Pieces, joined};

/// A compiled `url_pattern`.
#[derive(Clone, Debug)]
pub struct Template {
    kind: Kind,
    /// The pattern with its placeholders in KrakenD's form (`/a/{{.Id}}`): error texts show it.
    shown: Box<str>,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Nothing depends on the request.
    Constant { target: Bytes, query: QueryState },
    /// Something does.
    Pieces { path: Box<[Piece]>, encode_path: bool, query: Option<Box<[Piece]>> },
    /// The text of the pattern itself cannot be sent; `shown` is what Go looked at.
    Broken { fault: Fault, shown: Box<[Piece]> },
}

/// Where the value of a placeholder comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A placeholder of the endpoint's path, by its index.
    Param(usize),
    /// `{JWT.claim}`: a claim of the validated token.
    Claim(Box<str>),
    /// `{resp0_field}` in a sequential endpoint: a field of an earlier backend's answer, by its place
    /// among all that the endpoint wants.
    Answer(usize),
    /// `{input_headers.X}`: the first field of this name.
    Header(Box<str>),
    /// `{input_query_strings.x}`: the first parameter of this name.
    Query(Box<str>),
    /// Of an endpoint that ends with `/*`: what followed, slashes and all. By the index of its value.
    Rest(usize),
    /// Nothing: it stays literal.
    Unknown,
}

impl Source {
    /// Where the value of `{name}` comes from outside of a pattern: `route` is the endpoint's path in gin's form, and of
    /// earlier answers only what some pattern wants, or what is propagated.
    pub(crate) fn of(name: &str, route: &str, answers: &AnswerSlots) -> Self {
        compile::source_outside(name, &params::names(route), answers)
    }

    /// Its value in one request.
    pub(crate) fn value<'v>(&self, values: &'v impl Values) -> Option<&'v [u8]> {
        match self {
            Self::Param(index) => values.param(*index),
            Self::Claim(name) => values.claim(name),
            Self::Answer(place) => values.answer(*place),
            Self::Rest(_) | Self::Header(_) | Self::Query(_) | Self::Unknown => None,
        }
    }
}

/// The values of one request.
pub trait Values {
    /// The value of the path's placeholder with this index.
    fn param(&self, index: usize) -> Option<&[u8]>;

    /// A claim of the validated token.
    fn claim(&self, _name: &str) -> Option<&[u8]> {
        None
    }

    /// A field of an earlier answer, by its place.
    fn answer(&self, _place: usize) -> Option<&[u8]> {
        None
    }

    /// A header field of the request.
    fn header(&self, _name: &str) -> Option<&[u8]> {
        None
    }

    /// A query parameter of the request, decoded.
    fn query(&self, _name: &str) -> Option<Cow<'_, [u8]>> {
        None
    }
}

impl Values for Params<'_> {
    fn param(&self, index: usize) -> Option<&[u8]> {
        self.value(index)
    }
}

/// Why a target cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A value has a `.` or `..` segment: 400, no backend call.
    DotSegment,
    /// The request does not have a header field or parameter that the pattern needs: 400, no backend call.
    Missing,
    /// KrakenD fails to parse the URL: 500. [`Self::text`] is its message.
    Unparsable {
        /// The target with the values as they are.
        target: Vec<u8>,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What Go finds wrong with a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A byte below 0x20, or 0x7F.
    #[error("net/url: invalid control character in URL")]
    ControlByte,
    /// A `%` in the pattern's own path or fragment that begins no escape.
    #[error("{0}")]
    BadEscape(BadEscape),
}

impl TemplateError {
    /// The message of the failed call: `host` is the scheme and authority that was chosen.
    #[must_use]
    pub fn text(&self, host: &str) -> String {
        match self {
            Self::DotSegment => "a value with a dot segment".to_owned(),
            Self::Missing => "a header or query parameter of `url_pattern` is missing".to_owned(),
            Self::Unparsable { target, fault } => {
                let url = [host.as_bytes(), target].concat();
                format!("parse {}: {fault}", GoQuoted(&url))
            },
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(""))
    }
}

impl std::error::Error for TemplateError {}

impl Template {
    /// Compiles a pattern as the file has it (`/a/{id}?q={id}`); `route` is the endpoint's path in
    /// gin's form, `answers` are the fields of earlier answers that the endpoint wants so far. A
    /// placeholder that is neither in the path nor `JWT.` nor `respN_` of an earlier backend stays literal.
    #[must_use]
    pub(crate) fn compile(pattern: &str, route: &str, answers: &mut AnswerSlots) -> Self {
        compile::template(pattern, route, answers)
    }

    /// Whether `values` may be sent at all: a dot segment is refused before any call is made.
    ///
    /// # Errors
    /// [`TemplateError::DotSegment`], [`TemplateError::Missing`]; what KrakenD cannot send fails the call alone.
    pub(crate) fn check(&self, values: &impl Values) -> Result<(), TemplateError> {
        match &self.kind {
            Kind::Pieces { path, encode_path, query } => {
                let pieces = Pieces { path, query: query.as_deref() };
                let outcome = pieces
                    .check(values)
                    .and_then(|()| pieces.write_path(values, *encode_path, &mut Vec::new()));
                match outcome {
                    Err(error @ (TemplateError::DotSegment | TemplateError::Missing)) => Err(error),
                    Ok(()) | Err(TemplateError::Unparsable { .. }) => Ok(()),
                }
            },
            Kind::Constant { .. } | Kind::Broken { .. } => Ok(()),
        }
    }

    /// The pattern in KrakenD's form: `/a/{{.Id}}`.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The pattern with the values as they are: what KrakenD joins to a host.
    pub(crate) fn joined(&self, values: &impl Values) -> Vec<u8> {
        match &self.kind {
            Kind::Constant { .. } => self.shown.as_bytes().into(),
            Kind::Broken { shown, .. } => joined(shown, values),
            Kind::Pieces { path, query, .. } => {
                Pieces { path, query: query.as_deref() }.as_krakend_joins(values)
            },
        }
    }

    /// The whole target when it does not depend on the request, and how a query joins it.
    #[must_use]
    pub const fn constant(&self) -> Option<(&Bytes, QueryState)> {
        match &self.kind {
            Kind::Constant { target, query } => Some((target, *query)),
            Kind::Pieces { .. } | Kind::Broken { .. } => None,
        }
    }

    /// The fields of earlier answers that it holds, by place, each once.
    #[must_use]
    pub(crate) fn answers(&self) -> Box<[usize]> {
        let Kind::Pieces { path, query, .. } = &self.kind else { return Box::default() };
        let pieces = path.iter().chain(query.iter().flatten());
        let mut places: Vec<usize> = pieces.filter_map(Piece::answer).collect();
        places.sort_unstable();
        places.dedup();
        places.into()
    }

    /// Writes path and query behind what `target` holds already.
    ///
    /// # Errors
    /// A value that must not be sent, or that KrakenD cannot send; `target` is then to be thrown away.
    pub fn render(
        &self,
        values: &impl Values,
        target: &mut Vec<u8>,
    ) -> Result<QueryState, TemplateError> {
        match &self.kind {
            Kind::Constant { target: constant, query } => {
                target.extend_from_slice(constant);
                Ok(*query)
            },
            Kind::Broken { fault, shown } => {
                let target = joined(shown, values);
                let has_control = target.iter().any(u8::is_ascii_control);
                let fault = if has_control { Fault::ControlByte } else { *fault };
                Err(TemplateError::Unparsable { target, fault })
            },
            Kind::Pieces { path, encode_path, query } => {
                let pieces = Pieces { path, query: query.as_deref() };
                pieces.check(values)?;
                pieces.write_path(values, *encode_path, target)?;
                Ok(pieces.write_query(values, target))
            },
        }
    }
}

#[cfg(test)]
mod tests;
