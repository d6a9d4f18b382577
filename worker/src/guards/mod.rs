//! What is refused before a backend is called, in KrakenD's order: bot detector, token, rate limits.
//!
//! What protects and is not built does not fail open: such an endpoint refuses.

pub(crate) mod api_keys;
pub(crate) mod basic;
pub(crate) mod bot_detector;
pub(crate) mod cel;
pub mod client_ip;
pub(crate) mod cors;
pub(crate) mod http_security;
pub(crate) mod ip_filter;
pub mod json_schema;
pub(crate) mod pattern;
pub(crate) mod jwt;
pub(crate) mod rate_limit;
pub(crate) mod service;
pub(crate) mod tiered;

use http::StatusCode;
use tokio::time::Instant;

use crate::backend::Failure;
use crate::message::{Head, Peer, RequestBody, Response};
use crate::payload::Payload;
use crate::plan::{Scripts, ThreadState};
use crate::proxy::Asked;
use crate::respond;

pub(crate) use jwt::Admitted;

use self::cel::AtEndpoint;
use api_keys::ApiKeys;
use basic::Basic;
use bot_detector::BotDetector;
use ip_filter::IpFilter;
use json_schema::JsonSchema;
use jwt::{Signer, Signing};
use rate_limit::RateLimit;
use tiered::Tiered;

/// Why a request goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The endpoint asks for what is not built, as was told at start: 501.
    NotBuilt,
    /// The client is a bot: 403.
    Bot,
    /// It brings no token that is good here: 401.
    Unauthorized,
    /// It brings no name and password that are good here: 401, and how to say them.
    NoCredentials,
    /// Its token does not allow it: 403.
    Forbidden,
    /// The service takes no requests from its address: 403.
    Address,
    /// The endpoint takes none, with this status.
    AddressHere(StatusCode),
    /// The client asks too often: 429.
    ClientLimited,
    /// All together ask too often: 503.
    Limited,
}

/// What stands in front of an endpoint's pipe.
#[derive(Debug)]
pub(crate) struct EndpointGuards {
    /// How often who has which plan may ask: the service's tiers, then its own.
    pub(crate) tiers: Box<[Tiered]>,
    /// How often it may be asked: the service's limits, then its own.
    pub(crate) rate_limits: Box<[RateLimit]>,
    /// What is said of the bodies of requests.
    pub(crate) payload: Payload,
    /// What may have to wait, or change the request.
    pub(crate) gates: Option<Box<Gates>>,
}

/// Those of an endpoint's guards that few endpoints have; at least one.
#[derive(Debug)]
pub(crate) struct Gates {
    /// `security/bot-detector`.
    pub(crate) bots: Option<Box<BotDetector>>,
    /// `auth/api-keys`: what key it asks for.
    pub(crate) api_keys: Option<ApiKeys>,
    /// `auth/basic`: whose name and password it asks for.
    pub(crate) basic: Option<Basic>,
    /// `auth/validator`: what token it asks for.
    pub(crate) token: Option<jwt::Gate>,
    /// `auth/signer`: what becomes of its answers.
    pub(crate) signing: Option<Signing>,
    /// `modifier/lua-endpoint` and `modifier/lua-proxy`.
    pub(crate) scripts: Option<Box<Scripts>>,
    /// `validation/cel`.
    pub(crate) cel: Option<Box<AtEndpoint>>,
    /// The plugin `ip-filter`: from where it may be asked.
    pub(crate) addresses: Option<Box<IpFilter>>,
    /// `validation/json-schema`.
    pub(crate) schema: Option<Box<JsonSchema>>,
}

impl EndpointGuards {
    /// What stands behind scripts, or behind [`Gates::admit`] without one: how often, and how large.
    pub(crate) fn limit(
        &self,
        thread: &ThreadState,
        asked: &Asked<'_>,
        body: RequestBody,
    ) -> Result<RequestBody, Box<Response>> {
        let soft = &thread.plan.soft;
        let limited =
            self.tiers.iter().try_for_each(|tiers| tiers.check(soft, asked)).and_then(|()| {
                self.rate_limits.iter().try_for_each(|limit| limit.check(soft, asked))
            });
        limited.map_err(|refusal| Box::new(respond::refused(thread, refusal)))?;
        let bounded = self.payload.bound(body);
        bounded.map_err(|error| Box::new(respond::failed(thread, Failure::Upload(error))))
    }

    /// Whether answers are signed.
    pub(crate) fn signs(&self) -> bool {
        self.gates.as_ref().is_some_and(|gates| gates.signing.is_some())
    }
}

impl Gates {
    /// Who signs the answers.
    pub(crate) fn signer(&self) -> Option<&Signer> {
        match &self.signing {
            Some(Signing::Live(signer)) => Some(signer),
            Some(Signing::Dead) | None => None,
        }
    }

    /// What stands in front of an endpoint's script: lets a request pass or refuses it. What it became on its way
    /// through is kept in `admitted`.
    pub(crate) async fn admit<'a>(
        &self,
        thread: &ThreadState,
        asked: Asked<'a>,
        admitted: &'a mut Option<Admitted>,
        deadline: Instant,
    ) -> Result<Asked<'a>, Refusal> {
        if let Some(bots) = &self.bots {
            bots.check(asked.head)?;
        }
        let head = match &self.api_keys {
            None => None,
            Some(keys) => keys.check(&thread.plan.soft, asked.head)?,
        };
        if let Some(basic) = &self.basic {
            basic.check(thread, asked.head, deadline).await?;
        }
        let asked = match &self.token {
            None => match head {
                None => asked,
                Some(head) => admitted.insert(Admitted::with_head(head)).asked(asked),
            },
            Some(gate) => {
                let seen = head.as_ref().unwrap_or(asked.head);
                let admits = gate.admit(thread, seen, deadline).await?;
                admitted.insert(admits.or_head(head)).asked(asked)
            },
        };
        if let Some(signing) = &self.signing {
            signing.ready(thread, deadline).await?;
        }
        Ok(asked)
    }

    /// What stands behind limits: from where it may be asked.
    pub(crate) fn admit_address(
        &self,
        thread: &ThreadState,
        head: &Head,
        peer: &Peer,
    ) -> Result<(), Refusal> {
        match &self.addresses {
            Some(filter) if !filter.passes(&thread.plan.client_ip, head, peer) => {
                Err(Refusal::AddressHere(filter.status))
            },
            Some(_) | None => Ok(()),
        }
    }
}
