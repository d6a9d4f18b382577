//! Guards of the whole service: CORS, `security/http`, the bot detector.
//!
//! On the way: around everything that [`crate::serve`] does. A service without them never comes here; with them the route is
//! looked up here too, since what they hold for depends on it.
//! KrakenD: CORS stands in front of the router; the others stand behind it, so that `/__health` and redirects pass them by.

use std::rc::Rc;

use bytes::Bytes;
use http::HeaderValue;
use http::header::ALLOW;
use tokio::time::Instant;

use super::bot_detector::BotDetector;
use super::cors::{Cors, Crossing};
use super::http_security::{HttpSecurity, Secured};
use crate::message::{Head, Request, Response};
use crate::plan::ThreadState;
use crate::route::table::Target;
use crate::route::{Found, Miss, Params, Refusal};
use crate::script::{Block, endpoint};
use crate::{respond, serve};

/// Those that a service has; at least one.
#[derive(Debug)]
pub(crate) struct ServiceGuards {
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
) -> Response {
    let (reach, allow) = reach(thread, &request.head);
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
    let refused = match reach {
        Reach::All => guards.inner(thread, request, &mut lines).await.err(),
        Reach::Nobody | Reach::Outer => None,
    };
    let mut response = match refused {
        None => serve::answer(thread, request).await,
        Some(mut refused) => {
            if let Some(allow) = allow.and_then(|allow| HeaderValue::from_str(&allow).ok()) {
                refused.headers.insert(ALLOW, allow);
            }
            *refused
        },
    };
    if !lines.is_empty() {
        lines.extend_from_slice(&response.lines);
        response.lines = Bytes::from(lines);
    }
    response
}

/// Whom a request meets, and what `Allow` would say of its path.
fn reach(thread: &ThreadState, head: &Head) -> (Reach, Option<String>) {
    let plan = &thread.plan;
    if plan.site.as_ref().is_some_and(|site| site.claim(head.path()).is_some()) {
        return (Reach::Outer, None);
    }
    let reach = match plan.router.find(&serve::asked(head)) {
        Ok(Found { value: Target::Health, .. })
        | Err(
            Miss::Redirect(_) | Miss::Refused(Refusal::EncodedParam | Refusal::BadParamEscape(_)),
        ) => Reach::Outer,
        Ok(_) | Err(Miss::NotFound) => Reach::All,
        Err(Miss::MethodNotAllowed { allow }) => return (Reach::All, Some(allow)),
        Err(Miss::Refused(_) | Miss::ServerOptions) => Reach::Nobody,
    };
    (reach, None)
}

impl ServiceGuards {
    /// The guards behind the router; they may add lines to the answer, and the script may change the request.
    async fn inner(
        &self,
        thread: &ThreadState,
        request: &mut Request,
        lines: &mut Vec<u8>,
    ) -> Result<(), Box<Response>> {
        if let Some(security) = &self.security {
            let secured = if request.tls.is_some() { Secured::Tls } else { Secured::No };
            lines.append(&mut security.check(&request.head, secured)?);
        }
        if let Some(block) = &self.script {
            script(thread, block, request).await?;
        }
        if let Some(bots) = &self.bots {
            bots.check(&request.head).map_err(|refusal| Box::new(respond::refused(refusal)))?;
        }
        Ok(())
    }
}

/// `modifier/lua-endpoint` of the service: bounded by the service's `timeout`.
async fn script(
    thread: &ThreadState,
    block: &Block,
    request: &mut Request,
) -> Result<(), Box<Response>> {
    let body = std::mem::take(&mut request.body);
    let deadline = Instant::now() + thread.plan.timeout;
    let none = Params::none();
    let run = endpoint::run(thread, block, (&request.head, &[], &none), body, deadline);
    let scripted = Box::pin(run).await;
    let scripted = scripted.map_err(|error| Box::new(endpoint::refused_by_service(&error)))?;
    request.head = scripted.head;
    request.body = scripted.body;
    Ok(())
}
