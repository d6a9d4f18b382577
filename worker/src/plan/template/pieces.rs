//! Pieces of a pattern, written into a target.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::backend::query::QueryState;
use crate::route::percent::{self, Slash};

use super::{Fault, Source, TemplateError, Values};

#[derive(Clone, Debug)]
pub(super) enum Piece {
    Text(Text),
    Value(Placeholder),
}

/// Text of the pattern, as it may be needed.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// As written: for error texts.
    pub(super) raw: Box<[u8]>,
    /// As it is sent when the whole path is valid, or in a query.
    pub(super) valid: Box<[u8]>,
    /// As it is sent when the path is encoded anew.
    pub(super) encoded: Box<[u8]>,
}

/// A placeholder and where its value comes from.
#[derive(Clone, Debug)]
pub(super) struct Placeholder {
    pub(super) source: Source,
    /// `{{.Name}}`: what goes out when there is no value.
    pub(super) literal: Box<[u8]>,
    /// Whether it shares its segment with other pieces.
    pub(super) shares_segment: bool,
}

/// The pieces of one pattern while they are written.
pub(super) struct Pieces<'t> {
    pub(super) path: &'t [Piece],
    pub(super) query: Option<&'t [Piece]>,
}

impl Pieces<'_> {
    /// Refuses what no encoding makes harmless: control bytes, dot segments.
    pub(super) fn check(&self, values: &impl Values) -> Result<(), TemplateError> {
        for piece in self.path.iter().chain(self.query.unwrap_or_default()) {
            let Some(value) = piece.value(values) else {
                if piece.is_needed() {
                    return Err(TemplateError::Missing);
                }
                continue;
            };
            if value.iter().any(u8::is_ascii_control) {
                let target = self.as_krakend_joins(values);
                return Err(TemplateError::Unparsable { target, fault: Fault::ControlByte });
            }
            if value
                .split(|byte| matches!(byte, b'/' | b'\\'))
                .any(|segment| matches!(segment, b"." | b".."))
            {
                return Err(TemplateError::DotSegment);
            }
        }
        Ok(())
    }

    pub(super) fn write_path(
        &self,
        values: &impl Values,
        encode_path: bool,
        target: &mut Vec<u8>,
    ) -> Result<(), TemplateError> {
        let encode = encode_path || self.path.iter().any(|piece| piece.forces_encoding(values));
        let mut shared: SmallVec<[usize; 4]> = SmallVec::new();
        for piece in self.path {
            if let Piece::Value(Placeholder { shares_segment: true, .. }) = piece {
                shared.push(target.len());
            }
            match (piece, piece.value(values)) {
                (Piece::Value(placeholder), Some(value)) => {
                    percent::escape_path_value(&value, placeholder.slash(), encode, target);
                },
                (Piece::Value(placeholder), None) => {
                    percent::escape_path(&placeholder.literal, target);
                },
                (Piece::Text(text), _) if encode => target.extend_from_slice(&text.encoded),
                (Piece::Text(text), _) => target.extend_from_slice(&text.valid),
            }
        }
        if shared.iter().any(|at| is_dot_segment(target, *at)) {
            return Err(TemplateError::DotSegment);
        }
        Ok(())
    }

    pub(super) fn write_query(&self, values: &impl Values, target: &mut Vec<u8>) -> QueryState {
        let Some(pieces) = self.query else {
            return QueryState::Absent;
        };
        target.push(b'?');
        let start = target.len();
        for piece in pieces {
            match (piece, piece.value(values)) {
                (Piece::Text(text), _) => target.extend_from_slice(&text.valid),
                (Piece::Value(_), Some(value)) => percent::escape_query_value(&value, target),
                (Piece::Value(placeholder), None) => {
                    target.extend_from_slice(&placeholder.literal);
                },
            }
        }
        if target.len() == start { QueryState::Empty } else { QueryState::Present }
    }

    /// The target with its values as they are: what the message of a failure shows.
    pub(super) fn as_krakend_joins(&self, values: &impl Values) -> Vec<u8> {
        let mut target = joined(self.path, values);
        if let Some(query) = self.query {
            target.push(b'?');
            target.extend(joined(query, values));
        }
        target
    }
}

/// Texts and values as they are.
pub(super) fn joined(pieces: &[Piece], values: &impl Values) -> Vec<u8> {
    let mut target = Vec::new();
    for piece in pieces {
        match (piece, piece.value(values)) {
            (Piece::Text(text), _) => target.extend_from_slice(&text.raw),
            (Piece::Value(_), Some(value)) => target.extend_from_slice(&value),
            (Piece::Value(placeholder), None) => target.extend_from_slice(&placeholder.literal),
        }
    }
    target
}

impl Piece {
    /// The place of the field of an earlier answer that it is.
    pub(super) const fn answer(&self) -> Option<usize> {
        match self {
            Self::Value(Placeholder { source: Source::Answer(place), .. }) => Some(*place),
            Self::Value(_) | Self::Text(_) => None,
        }
    }

    /// Whether nothing can be sent without its value.
    const fn is_needed(&self) -> bool {
        matches!(
            self,
            Self::Value(Placeholder { source: Source::Header(_) | Source::Query(_), .. })
        )
    }

    fn value<'v>(&self, values: &'v impl Values) -> Option<Cow<'v, [u8]>> {
        let Self::Value(placeholder) = self else {
            return None;
        };
        let value = match &placeholder.source {
            Source::Param(index) | Source::Rest(index) => values.param(*index),
            Source::Claim(name) => values.claim(name),
            Source::Answer(place) => values.answer(*place),
            Source::Header(name) => values.header(name),
            Source::Query(name) => return values.query(name),
            Source::Unknown => None,
        };
        value.map(Cow::Borrowed)
    }

    /// Whether it holds a byte that makes Go encode the whole path. What is always encoded in a
    /// value (`?`, `#`, `%`) does not.
    fn forces_encoding(&self, values: &impl Values) -> bool {
        let Self::Value(_) = self else {
            return false;
        };
        // Without a value the braces of the literal do.
        self.value(values).is_none_or(|value| {
            value.iter().any(|byte| {
                !percent::is_valid_in_path(*byte) && !matches!(byte, b'?' | b'#' | b'%')
            })
        })
    }
}

impl Placeholder {
    /// Answers come from the owner's own backends: they may bring segments.
    const fn slash(&self) -> Slash {
        match self.source {
            // What follows the endpoint's own path was routed with its slashes.
            Source::Answer(_) | Source::Rest(_) => Slash::Stays,
            Source::Param(_)
            | Source::Claim(_)
            | Source::Header(_)
            | Source::Query(_)
            | Source::Unknown => Slash::Encoded,
        }
    }
}

/// Whether the segment around `at` is `.` or `..`, made of a value and what stands beside it.
fn is_dot_segment(path: &[u8], at: usize) -> bool {
    let (before, after) = path.split_at_checked(at).unwrap_or((path, b""));
    let start = memchr::memrchr(b'/', before).map_or(0, |slash| slash + 1);
    let end = at + memchr::memchr(b'/', after).unwrap_or(after.len());
    matches!(path.get(start..end), Some(b"." | b".."))
}
