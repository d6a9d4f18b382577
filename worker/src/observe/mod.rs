//! What the operator sees: the access log.

pub mod access_log;
