//! One request from head to response, on one page: read this first.

use std::rc::Rc;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::Instant;

use crate::message::{Head, Request, RequestBody, Response};
use crate::plan::ThreadState;
use crate::proxy::{self, Asked};
use crate::route::table::Target;
use crate::route::{self, builtin};
use crate::{guards, respond};

/// Answers one request. Never fails: what goes wrong is an answer too.
///
/// Takes the body out of the request; the rest stays where it is, since heads are large.
pub async fn serve(thread: &Rc<ThreadState>, request: &mut Request) -> Response {
    let begun = Instant::now();
    let plan = &thread.plan;
    let body = std::mem::take(&mut request.body);
    let head = &request.head;
    let found = match plan.router.find(&asked(head)) {
        Ok(found) => found,
        Err(miss) => return plan.misses.answer(head.method(), &miss),
    };
    let Some(endpoint) = plan.endpoint(found.value) else {
        return Box::pin(answer_own(thread, found.value, head, body)).await;
    };
    let client = plan.client_ip.find(head, &request.peer);
    let asked = Asked::new(head, client, &found.params);
    if let Err(refusal) = guards::run(thread, endpoint, &asked) {
        return respond::refused(refusal);
    }
    match proxy::run(thread, endpoint, &asked, body, begun).await {
        Ok(response) => response,
        Err(failure) => {
            proxy::tell(endpoint, &failure);
            respond::failed(thread, failure)
        },
    }
}

fn asked(head: &Head) -> route::Asked<'_> {
    let forwarded_prefix = head.field("x-forwarded-prefix");
    route::Asked { method: head.method(), path: head.path(), query: head.query(), forwarded_prefix }
}

/// KrakenD's own endpoints.
async fn answer_own(
    thread: &ThreadState,
    target: &Target,
    head: &Head,
    body: RequestBody,
) -> Response {
    match target {
        Target::Health => builtin::health(thread.now()),
        Target::Debug => builtin::debug(),
        Target::Echo => match proxy::hold(body).await {
            Ok(body) => builtin::echo(head, &body),
            Err(failure) => respond::failed(thread, failure),
        },
        Target::AutoOptions { allow } => thread.plan.misses.auto_options(allow),
        // Every endpoint that is routed is in the plan.
        Target::Endpoint(_) => Response::new(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
    }
}
