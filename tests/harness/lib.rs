//! The harness of Baton's end-to-end tests: real processes, raw clients, backends named for how they
//! behave, and ledgers that know what must have happened.
//!
//! The map: [`baton`] starts and watches a gateway · [`client`] speaks raw HTTP/1.1 · [`backend`] answers
//! it · [`name_server`] is a real one · [`torture`] loads a gateway while it reloads and settles the accounts · [`golden`] plays what the
//! real KrakenD answered · [`ws`] speaks WebSocket · [`mod@h2`] speaks HTTP/2 · [`siege`] measures what others notice of an attack ·
//! [`tls`] makes certificates and speaks TLS · [`http`], [`mod@until`], [`mod@percentile`], [`port`], [`process`], [`net`] are what they stand on.
//! Nothing here knows Baton from the inside: the executable is found, not linked.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a harness stops a test with a message by panicking"
)]

pub mod baton;
pub mod golden;
pub mod torture;
pub mod client;
pub mod backend;
pub mod name_server;
pub mod h2;
pub mod http;
pub mod net;
pub mod nginx;
pub mod process;
pub mod siege;
pub mod port;
mod percentile;
pub mod until;
pub mod ws;
pub mod tls;

mod folder;

pub use baton::Baton;
pub use until::{pause, until, until_some};
