//! KrakenD's configuration: read with positions, decoded with KrakenD's weak typing, defaulted.
//!
//! `(template →) bytes → read → environment → decode → init → ServiceConfig`. Two voices for one problem: KrakenD's
//! text, which scripts compare, and a [`finding::Finding`] that says where, what, and what would be
//! right.

pub mod node;
pub mod number;
pub mod read;
pub mod environment;
mod decode;
mod init;
mod header;
mod host;
pub mod placeholder;
pub mod namespace;
pub mod source;
pub mod duration;
mod baton;
mod flexible;
mod tls;
pub mod model;
pub mod finding;
pub mod migrate;
pub mod nearest;
mod load;
pub mod dump;

pub use decode::client_tls;
pub use environment::{Environment, Flexible};
pub use finding::{Finding, Problem};
pub use load::{Loaded, Refusal, Sources, Text, load, open, text};
