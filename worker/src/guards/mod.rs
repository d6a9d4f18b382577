//! What is refused before a backend is called, in KrakenD's order: bot detector, JWT, rate limits.
//!
//! None of them is built yet. What protects and is not built does not fail open: such an endpoint refuses.

pub mod client_ip;

use crate::message::Head;
use crate::plan::{Endpoint, Pipe};

/// Why a request goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The endpoint asks for what is not built, as was told at start: 501.
    NotBuilt,
}

/// Lets a request pass or refuses it.
pub(crate) fn run(endpoint: &Endpoint, _head: &Head) -> Result<(), Refusal> {
    match endpoint.pipe {
        Pipe::NotBuilt => Err(Refusal::NotBuilt),
        Pipe::NoOp(_) | Pipe::Data(_) | Pipe::WebSocket(_) | Pipe::Empty => Ok(()),
    }
}
