//! Raw clients.
