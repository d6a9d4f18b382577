//! What a generation is made of: every source read once, sealed, hashed, handed out.
//!
//! What a worker has validated is what it loads, since nobody reads a second time. The supervisor
//! parses none of it.

pub mod source;
pub mod set;
pub mod draft;
pub mod history;
pub mod kept;
