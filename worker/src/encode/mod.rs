//! Data to the client's body.
