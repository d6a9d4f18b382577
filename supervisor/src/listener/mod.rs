//! Listening sockets: held for the life of their address, whatever becomes of workers.
//!
//! An address that a new configuration does not want any more is closed at its commit: nobody
//! accepts there from the switch on, so a connection would only wait for nothing.

pub mod plan;
pub mod bind;
pub mod keep;
