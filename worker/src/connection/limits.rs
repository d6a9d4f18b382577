//! Bounds of the edge: what a client may send, and how long it may take.

use std::time::Duration;

use super::http1::chunked::ChunkBounds;
use super::http1::head::HeadBounds;

/// Compiled from the configuration; every field can be set under `"@baton".limits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeLimits {
    /// A whole request head (`max_header_bytes` plus Go's slack of 4,096).
    pub header_bytes: usize,
    /// Field lines of a request, cookie crumbs counted.
    pub header_fields: usize,
    /// The request line.
    pub request_line_bytes: usize,
    /// A request body; none: only time bounds it.
    pub body_bytes: Option<u64>,
    /// Extensions of all chunks of a body.
    pub chunk_extension_bytes: usize,
    /// The trailer section of a body.
    pub trailer_bytes: usize,
    /// From the first byte of a head (or the accept) to its end (`read_header_timeout`).
    pub head_timeout: Duration,
    /// Between two requests (`idle_timeout`).
    pub idle_timeout: Duration,
    /// Between two reads of a body.
    pub upload_idle: Duration,
    /// Between two writes of an answer that the client does not take (`write_timeout`).
    pub write_idle: Duration,
    /// Unread body bytes that are drained to keep a connection whose answer came early.
    pub drain_bytes: u64,
}

impl Default for EdgeLimits {
    fn default() -> Self {
        Self {
            header_bytes: (1 << 20) + 4096,
            header_fields: 1000,
            request_line_bytes: 64 * 1024,
            body_bytes: None,
            chunk_extension_bytes: 4096,
            trailer_bytes: 16 * 1024,
            head_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(600),
            upload_idle: Duration::from_secs(60),
            write_idle: Duration::from_secs(60),
            drain_bytes: 256 * 1024,
        }
    }
}

impl EdgeLimits {
    pub(crate) const fn head(&self) -> HeadBounds {
        HeadBounds {
            bytes: self.header_bytes,
            request_line_bytes: self.request_line_bytes,
            fields: self.header_fields,
        }
    }

    pub(crate) const fn chunks(&self) -> ChunkBounds {
        ChunkBounds {
            extension_bytes: self.chunk_extension_bytes,
            trailer_bytes: self.trailer_bytes,
        }
    }
}
