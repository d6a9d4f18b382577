//! What the connection needs to know of the configuration: bounds of the edge, the access log.
//!
//! KrakenD: times of 0 are none (Go's server); here they are generous bounds, since a wait without
//! an end is a gift to whoever wants to tie the gateway up.

use std::time::Duration;

use baton_shared::config::model::ServiceConfig;

use super::payload;
use crate::connection::EdgeLimits;

/// Go's server reads this much more than `max_header_bytes` says.
const HEADER_SLACK_BYTES: usize = 4096;

/// Compiles the bounds: `"@baton".limits` beats KrakenD's keys, which beat the defaults.
pub(super) fn limits(config: &ServiceConfig) -> EdgeLimits {
    let (own, usual) = (&config.baton.limits, EdgeLimits::default());
    let header_bytes = usize::try_from(config.max_header_bytes)
        .ok()
        .filter(|&bytes| bytes > 0)
        .map(|bytes| bytes.saturating_add(HEADER_SLACK_BYTES));
    let read = config.read_timeout.positive();
    let read_header = config.read_header_timeout.positive();
    let idle = config.idle_timeout.positive().or(read).or(read_header);
    let upload_idle = own.upload_idle.unwrap_or(usual.upload_idle);
    EdgeLimits {
        header_bytes: own.header_bytes.or(header_bytes).unwrap_or(usual.header_bytes),
        header_fields: own.header_fields.unwrap_or(usual.header_fields),
        request_line_bytes: own.request_line_bytes.unwrap_or(usual.request_line_bytes),
        body_bytes: own.body_bytes.into_iter().chain(payload::service_max(config)).min(),
        chunk_extension_bytes: own.chunk_extension_bytes.unwrap_or(usual.chunk_extension_bytes),
        trailer_bytes: own.trailer_bytes.unwrap_or(usual.trailer_bytes),
        head_timeout: own.head_timeout.or(read_header).or(read).unwrap_or(usual.head_timeout),
        idle_timeout: own.idle_timeout.or(idle).unwrap_or(usual.idle_timeout),
        upload_idle: read.map_or(upload_idle, |read: Duration| read.min(upload_idle)),
        write_idle: config.write_timeout.positive().unwrap_or(usual.write_idle),
        drain_bytes: usual.drain_bytes,
    }
}
