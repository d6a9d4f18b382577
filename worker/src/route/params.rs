//! The values of an endpoint's placeholders in one request.
//!
//! On the way: made by the lookup, read by `url_pattern` templates and guards. Spans into the decoded
//! path; nothing is copied.
//! KrakenD: a value that is still encoded after decoding, or holds `?` or `#`, is refused with 400
//! (`disable_path_decoding` turns that off).

use std::borrow::Cow;

use smallvec::SmallVec;

use super::percent::{self, BadEscape};

/// Start and end of a value in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// A request line is far shorter than 4 GB: its bound is checked where it is read.
    pub(super) fn new(start: usize, end: usize) -> Self {
        let number = |value| u32::try_from(value).unwrap_or(u32::MAX);
        Self { start: number(start), end: number(end) }
    }
}

/// One span per placeholder, in the order of the path.
pub(super) type Spans = SmallVec<[Span; 6]>;

/// The values of the placeholders, in the order in which they stand in the path.
#[derive(Clone, Debug)]
pub struct Params<'p> {
    path: Cow<'p, [u8]>,
    spans: Spans,
}

impl<'p> Params<'p> {
    pub(super) const fn new(path: Cow<'p, [u8]>, spans: Spans) -> Self {
        Self { path, spans }
    }

    /// These values, in order.
    pub(crate) fn of(values: &[Vec<u8>]) -> Params<'static> {
        let mut path = Vec::new();
        let mut spans = Spans::new();
        for value in values {
            let start = path.len();
            path.extend_from_slice(value);
            spans.push(Span::new(start, path.len()));
        }
        Params { path: Cow::Owned(path), spans }
    }

    /// No placeholders.
    #[must_use]
    pub fn none() -> Self {
        Self { path: Cow::Borrowed(b""), spans: Spans::new() }
    }

    /// The same values, for longer than the request lives.
    #[must_use]
    pub fn to_owned(&self) -> Params<'static> {
        Params { path: Cow::Owned(self.path.to_vec()), spans: self.spans.clone() }
    }

    /// The value of the placeholder with this index; decoded, possibly empty, any bytes.
    #[must_use]
    pub fn value(&self, index: usize) -> Option<&[u8]> {
        let span = self.spans.get(index)?;
        self.path.get(span.start as usize..span.end as usize)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether the endpoint has no placeholders.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The path that was matched, decoded.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        &self.path
    }
}

/// Names of the placeholders of a path in gin's form (`/a/:id/:x.json` has `id` and `x.json`), in the
/// order of their values. A name that stands twice means its last value.
#[must_use]
pub fn names(route: &str) -> Vec<&str> {
    route.split('/').filter_map(|segment| segment.split_once(':')).map(|(_, name)| name).collect()
}

/// Why a value of a placeholder is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadParam {
    /// It is still encoded, or holds `?` or `#`.
    Encoded,
    /// It holds a `%` that begins no escape.
    Escape(BadEscape),
}

/// Looks at each value in order; the first faulty one decides.
pub(super) fn check(path: &[u8], spans: &Spans) -> Result<(), BadParam> {
    for span in spans {
        let value = path.get(span.start as usize..span.end as usize).unwrap_or_default();
        if memchr::memchr3(b'%', b'?', b'#', value).is_none() {
            continue;
        }
        return match percent::decode(value) {
            Ok(_) => Err(BadParam::Encoded),
            Err(fault) => Err(BadParam::Escape(fault)),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_gin_sees_between_a_colon_and_a_slash() {
        assert_eq!(names("/a/:id/b/:x.json"), ["id", "x.json"]);
        assert_eq!(names("/a/v:x/:x"), ["x", "x"]);
        assert_eq!(names("/a"), Vec::<&str>::new());
    }

    #[test]
    fn a_missing_value_is_none_and_an_empty_one_is_empty() {
        let params = Params::new(Cow::Borrowed(b"/a//b"), [Span::new(3, 3)].as_slice().into());
        assert_eq!(params.value(0), Some(b"".as_slice()));
        assert_eq!(params.value(1), None);
        assert_eq!(params.len(), 1);
        assert!(Params::none().is_empty());
    }
}
