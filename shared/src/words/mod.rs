//! Small types that carry a meaning: identifiers, times, pointers into a configuration.

mod hex;
mod id;
mod name;
mod pointer;
mod time;

pub use hex::hex;
pub use id::{GenerationId, ListenerId};
pub use name::is_host_name;
pub use pointer::JsonPointer;
pub use time::Monotonic;

/// The version Baton advertises where KrakenD shows its own (`X-Krakend`, `User-Agent`).
pub const KRAKEND_VERSION: &str = "2.13.8";

/// Baton's own version.
pub const BATON_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The months' English names, as layouts of dates have them.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
