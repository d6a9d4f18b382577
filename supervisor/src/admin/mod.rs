//! The control socket: how `baton reload`, `status` and `stop` talk to a running supervisor.
//!
//! A Unix stream socket, 0600, in the instance's folder; only root and the supervisor's own user
//! are heard. One request per connection, one JSON object per line in both directions
//! ([`protocol`]); sizes and times are bounded on both sides.

pub mod protocol;
mod server;
mod client;

pub use client::{Client, ClientError};
pub use server::{bind, serve};
