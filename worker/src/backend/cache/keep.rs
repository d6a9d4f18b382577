//! An answer's body on its way to somebody, copied on the side until it is complete.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::entry::{Entry, head_bytes};
use super::{Cache, Question};

/// What all copies under way may have together, in the whole worker.
const UNDER_WAY_BYTES_MAX: usize = 64 << 20;

static UNDER_WAY_BYTES: AtomicUsize = AtomicUsize::new(0);

/// An entry in the making. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Keep {
    cache: Cache,
    key: Box<[u8]>,
    status: StatusCode,
    headers: HeaderMap,
    body: BytesMut,
    bytes_max: usize,
}

impl Keep {
    pub(super) fn new(question: &Question<'_>, status: StatusCode, headers: &HeaderMap) -> Self {
        let cache = question.cache.clone();
        let headers = compact(headers);
        let bytes_max = cache.store.answer_bytes_max().saturating_sub(head_bytes(&headers));
        let key = question.key.as_slice().into();
        Self { cache, key, status, headers, body: BytesMut::new(), bytes_max }
    }

    /// Notes a piece of the body. `false`: it became too much, and nothing will be stored.
    #[must_use]
    pub(crate) fn add(&mut self, piece: &[u8]) -> bool {
        if self.body.len() + piece.len() > self.bytes_max {
            return false;
        }
        let before = UNDER_WAY_BYTES.fetch_add(piece.len(), Ordering::Relaxed);
        self.body.extend_from_slice(piece);
        before + piece.len() <= UNDER_WAY_BYTES_MAX
    }

    /// The body is complete.
    pub(crate) fn store(mut self) {
        // A copy of its size: the room that grew meanwhile goes back.
        let body = Bytes::copy_from_slice(&self.body);
        let entry = Entry::new(self.status, std::mem::take(&mut self.headers), body);
        self.cache.store.put(&self.key, self.cache.identity, Arc::new(entry));
    }
}

impl Drop for Keep {
    fn drop(&mut self) {
        UNDER_WAY_BYTES.fetch_sub(self.body.len(), Ordering::Relaxed);
    }
}

/// The same fields in memory of their own: those of an answer keep the buffer alive that they were read into.
pub(super) fn compact(headers: &HeaderMap) -> HeaderMap {
    let mut values = BytesMut::with_capacity(headers.values().map(HeaderValue::len).sum());
    headers.values().for_each(|value| values.extend_from_slice(value.as_bytes()));
    let mut values = values.freeze();
    let mut compact = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let value = HeaderValue::from_maybe_shared(values.split_to(value.len()));
        if let Ok(value) = value {
            compact.append(HeaderName::clone(name), value);
        }
    }
    compact
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compact_copy_has_the_same_lines_in_the_same_order() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("a", "1"), ("b", ""), ("a", "22"), ("c", "3 3")] {
            headers.append(name, HeaderValue::from_static(value));
        }
        assert_eq!(compact(&headers), headers);
        assert_eq!(compact(&HeaderMap::new()), HeaderMap::new());
    }
}
