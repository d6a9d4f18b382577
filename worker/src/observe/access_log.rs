//! The line per request, in gin's form, since people parse it.

use http::StatusCode;

use crate::message::{Head, Peer};

/// Writes access lines of one thread.
#[derive(Debug)]
pub(crate) struct AccessLog {}

/// A request whose answer is awaited.
#[derive(Debug)]
pub(crate) struct Entry {}

impl AccessLog {
    pub(crate) fn begin(&self, _head: &Head, _peer: &Peer) -> Entry {
        Entry {}
    }

    pub(crate) fn end(&self, _entry: Entry, _status: StatusCode) {}
}
