//! One stored answer.

use bytes::Bytes;
use http::header::{ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Fields;
use super::control::{Directives, Freshness, Terms, Unix, first};

/// An answer, complete, as a backend call gives it: gzip undone, without framing and hop-by-hop fields.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) status: StatusCode,
    /// With `X-Varied-…` for each field that `Vary` names and the request had.
    pub(crate) headers: HeaderMap,
    /// Of its own: it keeps nothing else in memory.
    pub(crate) body: Bytes,
    pub(crate) terms: Terms,
}

impl Entry {
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        let terms = Terms::of(&headers);
        Self { status, headers, body, terms }
    }

    /// About so many bytes as Go would write it in.
    pub(crate) fn answer_bytes(&self) -> usize {
        head_bytes(&self.headers) + self.body.len()
    }

    /// Whether it can answer anybody still: fresh, or to be asked for by a validator.
    pub(super) fn is_useful(&self, now: Unix) -> bool {
        let can_be_renewed =
            [ETAG, LAST_MODIFIED].iter().any(|name| self.headers.contains_key(name));
        let freshness = self.terms.freshness(Directives::of(&HeaderMap::new()), now);
        can_be_renewed || freshness == Freshness::Fresh
    }

    /// Whether the request says the same as the first one did, as far as the answer depends on it. KrakenD: a `*` is a
    /// name like any other.
    pub(super) fn fits(&self, request: Fields<'_>) -> bool {
        varying(&self.headers).all(|name| {
            let Some(varied) = varied(name) else { return true };
            request.value(name) == first(&self.headers, varied)
        })
    }
}

/// Status line, fields and the blank line, with a length.
pub(super) fn head_bytes(headers: &HeaderMap) -> usize {
    const REST: usize = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".len();
    let lines = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    REST + lines.sum::<usize>()
}

/// Notes beside the answer what the request says, as far as the answer depends on it.
pub(super) fn note_request(answer: &mut HeaderMap, request: Fields<'_>) {
    let notes: Vec<(HeaderName, HeaderValue)> = varying(answer)
        .filter_map(|name| {
            let value = Some(request.value(name)).filter(|value| !value.is_empty())?;
            Some((varied(name)?, HeaderValue::from_bytes(value).ok()?))
        })
        .collect();
    for (name, value) in notes {
        answer.insert(name, value);
    }
}

/// The names in `Vary`.
fn varying(answer: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = answer.get_all(http::header::VARY).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

fn varied(name: &str) -> Option<HeaderName> {
    HeaderName::try_from(format!("x-varied-{name}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::request::Asked;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines.iter().map(line) {
            headers.append(name, value);
        }
        headers
    }

    fn fits(vary: &[&str], first: &[(&str, &str)], second: &[(&str, &str)]) -> bool {
        let lines: Vec<_> = vary.iter().map(|vary| ("vary", *vary)).collect();
        let mut answer = headers(&lines);
        let (first, second) = (headers(first), headers(second));
        note_request(&mut answer, Fields { headers: &first, gzip: Asked::ByGateway });
        let second = Fields { headers: &second, gzip: Asked::ByGateway };
        Entry::new(StatusCode::OK, answer, Bytes::new()).fits(second)
    }

    #[test]
    fn a_request_fits_that_says_the_same_in_what_varies() {
        let (one, two) = ([("x-a", "1")], [("x-a", "2")]);
        assert!(fits(&["X-A"], &one, &one));
        assert!(!fits(&["X-A"], &one, &two));
        assert!(!fits(&["X-B", "X-C , x-a"], &one, &two));
        assert!(!fits(&["X-A"], &one, &[]));
        assert!(!fits(&["X-A"], &[], &one));
        assert!(fits(&["X-A"], &[], &[]));
        assert!(fits(&["X-A"], &[("x-a", "")], &[]));
        assert!(fits(&["X-B"], &one, &two));
        assert!(fits(&["*", ","], &one, &two));
        assert!(fits(&[], &one, &two));
        assert!(fits(&["not a name"], &one, &two));
        let (gzip, br) = ([("accept-encoding", "gzip")], [("accept-encoding", "br")]);
        assert!(
            fits(&["Accept-Encoding, Host"], &gzip, &br),
            "the gateway's own are not the client's"
        );
    }
}
