//! Connections that move from an older worker to a newer one.
