//! KrakenD's configuration: read with positions, decoded with KrakenD's weak typing, defaulted.

pub mod model;
pub mod node;
