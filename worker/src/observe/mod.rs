//! What the operator sees: access log.
