//! KrakenD's configuration: read with positions, decoded with KrakenD's weak typing, defaulted.

pub mod node;
pub mod source;
pub mod duration;
pub mod model;
mod baton;
mod tls;
