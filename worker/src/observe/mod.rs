//! What the operator sees: the access log.

pub(crate) mod access_log;
