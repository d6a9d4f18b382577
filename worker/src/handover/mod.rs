//! Connections that move from an older worker to a newer one.
//!
//! One datagram is one batch: records and descriptors. The sender keeps its copies until the batch is
//! acknowledged, so whatever dies on the way, somebody still owns each connection (exactly one reads).

mod batch;
pub(crate) mod give;
pub(crate) mod take;
