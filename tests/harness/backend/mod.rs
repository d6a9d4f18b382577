//! Backends named for how they behave.
