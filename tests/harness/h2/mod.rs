//! HTTP/2 as the tests speak it: [`Client`] as well-behaved clients do, [`Raw`] frame by frame, [`attack`] as
//! those do who want to hurt.

pub mod attack;
mod client;
mod raw;

pub(crate) use client::read;
pub use client::{Answer, Client, Pending};
pub use raw::{Frame, Raw, kind};
