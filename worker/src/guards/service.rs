//! Guards of the whole service: `ip-filter`, CORS, `security/http`, the bot detector.
//!
//! On the way: around everything that [`crate::serve`] does. A service without them never comes here; with them the route is
//! looked up here, since what they hold for depends on it.
//! KrakenD: CORS stands in front of the router; the others stand behind it, so that `/__health` and redirects pass them by.

use std::rc::Rc;

use bytes::Bytes;
use http::HeaderValue;
use http::header::ALLOW;
use tokio::time::Instant;

use super::Refusal;
use super::bot_detector::BotDetector;
use super::cors::{Cors, Crossing};
use super::http_security::{HttpSecurity, Secured};
use super::ip_filter::IpFilter;
use crate::message::{Head, Request, RequestBody, Response};
use crate::plan::ThreadState;
use crate::respond;
use crate::route::table::Target;
use crate::route::{self, Found, Miss, Params};
use crate::script::{Block, endpoint};
use crate::serve::{self, Lead};

/// Those that a service has; at least one.
#[derive(Debug)]
pub(crate) struct ServiceGuards {
    /// The plugin `ip-filter`: in front of everything, as every plugin of the server.
    pub(crate) addresses: Option<IpFilter>,
    pub(crate) cors: Option<Cors>,
    pub(crate) security: Option<HttpSecurity>,
    /// `modifier/lua-endpoint`.
    pub(crate) script: Option<Block>,
    pub(crate) bots: Option<BotDetector>,
}

/// For whom the guards stand.
#[derive(Debug, PartialEq, Eq)]
enum Reach {
    /// The server answers before any of KrakenD's handlers.
    Nobody,
    /// CORS alone.
    Outer,
    All,
}

/// Answers one request, guarded.
pub(crate) async fn guarded(
    guards: &ServiceGuards,
    thread: &Rc<ThreadState>,
    request: &mut Request,
    body: RequestBody,
) -> Response {
    if let Some(filter) = &guards.addresses
        && !filter.passes(&thread.plan.client_ip, &request.head, &request.peer)
    {
        // In front of what writes the log, in KrakenD.
        request.unlogged.set(true);
        return respond::refused(thread, Refusal::Address);
    }
    let lead = Lead::of(&thread.plan, &request.head);
    let (reach, allow) = reach(&lead);
    let mut lines = Vec::new();
    if let Some(cors) = guards.cors.as_ref().filter(|_| reach != Reach::Nobody) {
        match cors.check(&request.head) {
            Crossing::Answered(response) => {
                // In front of what writes the log, in KrakenD.
                request.unlogged.set(true);
                return *response;
            },
            Crossing::GoesOn(more) => lines = more,
        }
    }
    let answered = match reach {
        Reach::Nobody | Reach::Outer => {
            Ok(serve::answer(thread, request, body, Some(Box::new(lead))).await)
        },
        Reach::All => match &guards.script {
            None => guards.plain(thread, request, body, lead, &mut lines).await,
            Some(block) => {
                // The script may change the head, not the way.
                let lead = lead.into_owned();
                guards.scripted(block, thread, request, (body, lead), &mut lines).await
            },
        },
    };
    let mut response = answered.unwrap_or_else(|mut refused| {
        if let Some(allow) = allow.and_then(|allow| HeaderValue::from_str(&allow).ok()) {
            refused.headers.insert(ALLOW, allow);
        }
        *refused
    });
    if !lines.is_empty() {
        lines.extend_from_slice(&response.lines);
        response.lines = Bytes::from(lines);
    }
    response
}

/// Whom a request meets, and what `Allow` would say of its path.
fn reach(lead: &Lead<'_, '_>) -> (Reach, Option<String>) {
    let reach = match lead {
        Lead::Site(..)
        | Lead::Route(
            Ok(Found { value: Target::Health, .. })
            | Err(
                Miss::Redirect(_)
                | Miss::Refused {
                    why: route::Refusal::EncodedParam | route::Refusal::BadParamEscape(_),
                    ..
                },
            ),
        ) => Reach::Outer,
        Lead::Route(Ok(_) | Err(Miss::NotFound)) => Reach::All,
        Lead::Route(Err(Miss::MethodNotAllowed { allow })) => {
            return (Reach::All, Some(allow.clone()));
        },
        Lead::Route(Err(Miss::Refused { .. } | Miss::ServerOptions)) => Reach::Nobody,
    };
    (reach, None)
}

/// The guards behind the router; they may add lines to the answer.
impl ServiceGuards {
    async fn plain(
        &self,
        thread: &Rc<ThreadState>,
        request: &Request,
        body: RequestBody,
        lead: Lead<'_, '_>,
        lines: &mut Vec<u8>,
    ) -> Result<Response, Box<Response>> {
        self.secure(request, lines)?;
        self.turn_bots_away(thread, &request.head)?;
        Ok(serve::answer(thread, request, body, Some(Box::new(lead))).await)
    }

    /// The same with a script between them.
    async fn scripted(
        &self,
        block: &Block,
        thread: &Rc<ThreadState>,
        request: &mut Request,
        (body, lead): (RequestBody, Lead<'_, 'static>),
        lines: &mut Vec<u8>,
    ) -> Result<Response, Box<Response>> {
        self.secure(request, lines)?;
        let body = script(thread, block, request, body).await?;
        self.turn_bots_away(thread, &request.head)?;
        Ok(serve::answer(thread, request, body, Some(Box::new(lead))).await)
    }

    fn secure(&self, request: &Request, lines: &mut Vec<u8>) -> Result<(), Box<Response>> {
        if let Some(security) = &self.security {
            let secured = if request.tls.is_some() { Secured::Tls } else { Secured::No };
            lines.append(&mut security.check(&request.head, secured)?);
        }
        Ok(())
    }

    fn turn_bots_away(&self, thread: &ThreadState, head: &Head) -> Result<(), Box<Response>> {
        let Some(bots) = &self.bots else { return Ok(()) };
        bots.check(head).map_err(|refusal| Box::new(respond::refused(thread, refusal)))
    }
}

/// `modifier/lua-endpoint` of the service: bounded by the service's `timeout`.
async fn script(
    thread: &ThreadState,
    block: &Block,
    request: &mut Request,
    body: RequestBody,
) -> Result<RequestBody, Box<Response>> {
    let deadline = Instant::now() + thread.plan.timeout;
    let none = Params::none();
    let run = endpoint::run(thread, block, (&request.head, &[], &none), body, deadline);
    let scripted = Box::pin(run).await;
    let scripted = scripted.map_err(|error| Box::new(endpoint::refused_by_service(&error)))?;
    request.head = scripted.head;
    Ok(scripted.body)
}
