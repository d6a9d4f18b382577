//! HTTP/2 with backends, where `"@baton".http2` asks for it: one connection, many exchanges.
//!
//! On the way: beside [`super::link`], behind the choice of a connection ([`super::exchange`]).
//! [`Shared`] the connections of a host · [`Mux`] one of them, from its first bytes to its end · [`mod@send`] a stream: its
//! request, and the head of its answer · [`Upload`] and [`Stream`] the two bodies · [`parting`] what nobody wants any more.
//!
//! A stream that the backend has certainly not looked at (REFUSED_STREAM, or above the last one of a GOAWAY) goes to
//! another connection with whatever it carries; beyond that holds what holds for HTTP/1.1.

mod body;
mod head;
mod line;
mod mux;
mod parting;
mod send;
mod shared;
mod upload;

pub(super) use body::Stream;
pub(super) use mux::Mux;
pub(super) use send::send;
pub(super) use shared::{Connection, Shared, Way};
use upload::Upload;

#[cfg(test)]
mod tests;
