//! The configuration compiled into what is served: parsed once, always valid, read-only.

pub mod template;
/// Stand-in.
#[derive(Debug)]
pub struct ThreadState {}
