//! What is refused before a backend is called, in KrakenD's order: bot detector, token, rate limits.
//!
//! What protects and is not built does not fail open: such an endpoint refuses.

pub(crate) mod api_keys;
pub(crate) mod bot_detector;
pub mod client_ip;
pub(crate) mod cors;
pub(crate) mod http_security;
pub mod json_schema;
pub(crate) mod pattern;
pub(crate) mod jwt;
pub(crate) mod rate_limit;
pub(crate) mod service;

use tokio::time::Instant;

use crate::plan::{Endpoint, Pipe, ThreadState};
use crate::proxy::Asked;

pub(crate) use jwt::Admitted;

/// Why a request goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The endpoint asks for what is not built, as was told at start: 501.
    NotBuilt,
    /// The client is a bot: 403.
    Bot,
    /// It brings no token that is good here: 401.
    Unauthorized,
    /// Its token does not allow it: 403.
    Forbidden,
    /// The client asks too often: 429.
    ClientLimited,
    /// All together ask too often: 503.
    Limited,
}

/// What stands in front of an endpoint's script: lets a request pass or refuses it. What it became on its way
/// through is kept in `admitted`.
pub(crate) async fn first<'a>(
    thread: &ThreadState,
    endpoint: &Endpoint,
    asked: Asked<'a>,
    admitted: &'a mut Option<Admitted>,
    begun: Instant,
) -> Result<Asked<'a>, Refusal> {
    if matches!(endpoint.pipe, Pipe::NotBuilt) {
        return Err(Refusal::NotBuilt);
    }
    if let Some(bots) = &endpoint.bots {
        bots.check(asked.head)?;
    }
    let head = match &endpoint.api_keys {
        None => None,
        Some(keys) => keys.check(&thread.plan.soft, asked.head)?,
    };
    let asked = match &endpoint.token {
        None => match head {
            None => asked,
            Some(head) => admitted.insert(Admitted::with_head(head)).asked(asked),
        },
        Some(gate) => {
            let deadline = begun + endpoint.timeout;
            // In a box: the way of requests without a token stays small.
            let seen = head.as_ref().unwrap_or(asked.head);
            let admits = Box::pin(gate.admit(thread, seen, deadline)).await?;
            admitted.insert(admits.or_head(head)).asked(asked)
        },
    };
    if let Some(signing) = &endpoint.signing {
        Box::pin(signing.ready(thread, begun + endpoint.timeout)).await?;
    }
    Ok(asked)
}

/// What stands behind the script, or behind [`first`] without one.
pub(crate) fn limits(
    thread: &ThreadState,
    endpoint: &Endpoint,
    asked: &Asked<'_>,
) -> Result<(), Refusal> {
    endpoint.rate_limits.iter().try_for_each(|limit| limit.check(&thread.plan.soft, asked))
}
