//! Text that lives as long as the process.
//!
//! A worker serves one plan until it ends, so what goes into every request from the plan need not be counted: a
//! clone of counted bytes writes to a count, which here all threads would share. Made at start only.

use bytes::Bytes;
use http::HeaderValue;

/// Bytes whose clones cost nothing.
pub(crate) fn bytes(text: impl AsRef<[u8]>) -> Bytes {
    Bytes::from_static(Box::leak(text.as_ref().into()))
}

/// A field's value whose clones cost nothing; an invalid one is empty.
pub(crate) fn value(text: impl AsRef<[u8]>) -> HeaderValue {
    HeaderValue::from_maybe_shared(bytes(text)).unwrap_or(HeaderValue::from_static(""))
}
