//! The kernel's edge: descriptors that travel, sealed memory, sockets.
//!
//! The only place of Baton where a descriptor is ever a number, and where `unsafe` may stand.

pub mod beneath;
pub mod code;
pub mod heap;
pub mod inherited;
pub mod map;
mod maps;
pub mod memfd;
pub mod process;
pub mod scm;
pub mod socket;
