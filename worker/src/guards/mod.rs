//! What is refused before a backend is called, in KrakenD's order: bot detector, JWT, rate limits.
//!
//! What protects and is not built does not fail open: such an endpoint refuses.

pub(crate) mod bot_detector;
pub mod client_ip;
pub(crate) mod cors;
pub(crate) mod http_security;
pub mod json_schema;
pub(crate) mod pattern;
pub(crate) mod rate_limit;
pub(crate) mod service;

use crate::plan::{Endpoint, Pipe, ThreadState};
use crate::proxy::Asked;

/// Why a request goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The endpoint asks for what is not built, as was told at start: 501.
    NotBuilt,
    /// The client is a bot: 403.
    Bot,
    /// The client asks too often: 429.
    ClientLimited,
    /// All together ask too often: 503.
    Limited,
}

/// Lets a request pass or refuses it.
pub(crate) fn run(
    thread: &ThreadState,
    endpoint: &Endpoint,
    asked: &Asked<'_>,
) -> Result<(), Refusal> {
    if matches!(endpoint.pipe, Pipe::NotBuilt) {
        return Err(Refusal::NotBuilt);
    }
    if let Some(bots) = &endpoint.bots {
        bots.check(asked.head)?;
    }
    endpoint.rate_limits.iter().try_for_each(|limit| limit.check(&thread.plan.soft, asked))
}
