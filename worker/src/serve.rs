//! One request from head to response, on one page: read this first.

use std::rc::Rc;

use baton_shared::log;
use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant;

use crate::backend::Failure;
use crate::files::{Claim, Site};
use crate::guards::{EndpointGuards, Gates};
use crate::message::{Head, Peer, Request, RequestBody, Response};
use crate::plan::{Endpoint, Plan, ThreadState};
use crate::proxy::{self, Asked};
use crate::route::table::Target;
use crate::route::{self, Found, Miss, Params, builtin};
use crate::{guards, respond, script};

/// As KrakenD's log has it.
const DEBUG_TAG: &str = "ENDPOINT: /__debug/*";

/// Answers one request. Never fails: what goes wrong is an answer too.
///
/// Takes the body out of the request; the rest stays where it is, since heads are large.
pub async fn serve(thread: &Rc<ThreadState>, request: &mut Request) -> Response {
    let body = std::mem::take(&mut request.body);
    match &thread.plan.guards {
        None => answer(thread, request, body, None).await,
        Some(guards) => Box::pin(guards::service::guarded(guards, thread, request, body)).await,
    }
}

/// Where a request leads.
#[derive(Debug)]
pub(crate) enum Lead<'r, 'p> {
    /// To a folder of files.
    Site(&'r Site, Claim<'p>),
    /// To an endpoint, or nowhere.
    Route(Result<Found<'r, 'p, Target>, Miss>),
}

impl<'r, 'p> Lead<'r, 'p> {
    /// Looked up once for each request, by whoever has to know it first.
    pub(crate) fn of(plan: &'r Plan, head: &'p Head) -> Self {
        if let Some(site) = &plan.site
            && let Some(claim) = site.claim(head.path())
        {
            return Self::Site(site, claim);
        }
        let forwarded_prefix = head.field("x-forwarded-prefix");
        let (method, path, query) = (head.method(), head.path(), head.query());
        Self::Route(plan.router.find(&route::Asked { method, path, query, forwarded_prefix }))
    }

    /// The same, whatever becomes of the head.
    pub(crate) fn into_owned(self) -> Lead<'r, 'static> {
        match self {
            Self::Site(site, claim) => Lead::Site(site, claim.into_owned()),
            Self::Route(routed) => Lead::Route(
                routed.map(|Found { value, params }| Found { value, params: params.to_owned() }),
            ),
        }
    }
}

/// The same, behind the guards of the whole service; they may know already where it leads.
pub(crate) async fn answer(
    thread: &Rc<ThreadState>,
    request: &Request,
    body: RequestBody,
    known: Option<Box<Lead<'_, '_>>>,
) -> Response {
    let begun = Instant::now();
    let plan = &thread.plan;
    let head = &request.head;
    let routed = match known.map_or_else(|| Lead::of(plan, head), |lead| *lead) {
        Lead::Site(site, claim) => return Box::pin(site.answer(head, claim)).await,
        Lead::Route(routed) => routed,
    };
    let (endpoint, params) = match routed {
        Ok(found) => match plan.endpoint(*found.value) {
            Some(endpoint) => {
                endpoint.fetch();
                (endpoint, found.params)
            },
            None => {
                let Found { value, params } = found;
                return Box::pin(answer_own(thread, *value, head, &params, body)).await;
            },
        },
        Err(miss) => match plan.fallback(&miss) {
            Some(endpoint) => (endpoint, route::whole(head.path())),
            None => return plan.misses.answer(head.method(), &miss),
        },
    };
    let (unpacked, body) = match endpoint.guards.as_deref() {
        None => (None, body),
        Some(guards) => guards.payload.unpack(head, body),
    };
    let head = unpacked.as_deref().unwrap_or(head);
    let client = plan.client_ip.find(head, &request.peer);
    if plan.access_log.is_some() {
        request.client.set(client.ip());
    }
    let asked = Asked::new(head, client, &params);
    let body = match endpoint.guards.as_deref() {
        None => body,
        Some(guards @ EndpointGuards { gates: None, .. }) => {
            match guards.limit(thread, &asked, body) {
                Ok(body) => body,
                Err(refused) => return *refused,
            }
        },
        Some(guards @ EndpointGuards { gates: Some(gates), .. }) => {
            let (guards, peer) = ((guards, &**gates), &request.peer);
            return Box::pin(gated(thread, endpoint, guards, asked, body, peer, begun)).await;
        },
    };
    let answer = proxy::pipe(thread, endpoint, &asked, body, begun).await;
    answer.unwrap_or_else(|failure| failed(thread, endpoint, failure))
}

/// The same for an endpoint with gates: scripts stand between its guards, and around its pipe.
async fn gated(
    thread: &Rc<ThreadState>,
    endpoint: &Endpoint,
    (guards, gates): (&EndpointGuards, &Gates),
    asked: Asked<'_>,
    body: RequestBody,
    peer: &Peer,
    begun: Instant,
) -> Response {
    let deadline = begun + endpoint.timeout;
    let mut admitted = None;
    let asked = match gates.admit(thread, asked, &mut admitted, deadline).await {
        Ok(asked) => asked,
        Err(refusal) => return respond::refused(thread, refusal),
    };
    let scripts = gates.scripts.as_deref();
    let (seen, values);
    let (asked, body) =
        match scripts.and_then(|scripts| Some((scripts, scripts.endpoint.as_ref()?))) {
            None => (asked, body),
            Some((scripts, block)) => {
                let request = (asked.head, &*scripts.names, asked.params);
                let run = script::endpoint::run(thread, block, request, body, deadline);
                let scripted = match run.await {
                    Ok(scripted) => scripted,
                    Err(error) => return script::endpoint::refused(&endpoint.labels.tag, &error),
                };
                (seen, values) = (scripted.head, Params::of(&scripted.params));
                (Asked { head: &seen, params: &values, ..asked }, scripted.body)
            },
        };
    let body = match guards.limit(thread, &asked, body) {
        Ok(body) => body,
        Err(refused) => return *refused,
    };
    if let Err(refusal) = gates.admit_address(thread, asked.head, peer) {
        return respond::refused(thread, refusal);
    }
    let answer = match scripts.and_then(|scripts| scripts.proxy.as_ref()) {
        None => proxy::gated(thread, endpoint, gates, &asked, body, begun).await,
        Some(script) => {
            script::proxy::run(thread, (endpoint, gates), script, &asked, body, begun).await
        },
    };
    answer.unwrap_or_else(|failure| match gates.signer() {
        None => failed(thread, endpoint, failure),
        Some(signer) => proxy::unsigned(signer, &failure),
    })
}

fn failed(thread: &ThreadState, endpoint: &Endpoint, failure: Failure) -> Response {
    proxy::tell(endpoint, &failure);
    respond::failed(thread, failure)
}

/// KrakenD's own endpoints.
async fn answer_own(
    thread: &ThreadState,
    target: Target,
    head: &Head,
    params: &Params<'_>,
    body: RequestBody,
) -> Response {
    match target {
        Target::Health => builtin::health(thread.now()),
        Target::Debug => {
            // KrakenD says pong whatever becomes of the body.
            let body = proxy::hold(body).await.unwrap_or_default();
            for line in builtin::debug_lines(head, params.value(0).unwrap_or_default(), &body) {
                log::debug(DEBUG_TAG, line);
            }
            builtin::debug()
        },
        Target::Echo => match proxy::hold(body).await {
            Ok(body) => builtin::echo(head, &body),
            Err(failure) => respond::failed(thread, failure),
        },
        Target::AutoOptions { allow } => thread.plan.misses.auto_options(&allow.to_string()),
        // Every endpoint that is routed is in the plan.
        Target::Endpoint(_) => Response::new(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
    }
}
