//! Redirects are followed until an answer is none; where to is for [`super::redirect`] to say.

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body as _;
use tokio::time::Instant;

use super::answer::Answer;
use super::call::Caller;
use super::failure::Failure;
use super::redirect::{Astray, FirstBody, Trail};
use super::send::{Sender, failed};
use super::target::Picked;
use crate::message::RequestBody;
use crate::plan::{BackendPlan, Scheme, Speech, ThreadState};

/// The body of the first request, as far as a redirect may need it.
#[derive(Debug)]
pub(super) struct Kept {
    first: FirstBody,
    bytes: Bytes,
}

impl Kept {
    /// The body streams, and is gone with it.
    pub(super) fn of(body: RequestBody) -> (RequestBody, Self) {
        let first = if body.is_end_stream() { FirstBody::None } else { FirstBody::Streamed };
        (body, Self { first, bytes: Bytes::new() })
    }

    /// The body is held (`send_body_on_redirect`).
    pub(super) async fn hold(body: RequestBody) -> Result<(RequestBody, Self), Failure> {
        if body.is_end_stream() {
            return Ok(Self::of(body));
        }
        let bytes = crate::proxy::hold(body).await?;
        Ok((RequestBody::Held(bytes.clone()), Self { first: FirstBody::Held, bytes }))
    }
}

/// Follows redirects until an answer is none.
pub(super) async fn follow(
    thread: &ThreadState,
    backend: &BackendPlan,
    caller: &Caller<'_>,
    kept: Kept,
    mut answer: Answer,
    deadline: Instant,
) -> Result<Answer, Failure> {
    let plan = &thread.plan;
    let here = answer.called.host(plan).ok_or(Failure::NoHosts)?;
    let method = backend.method(caller.head).clone();
    let mut trail = Trail::begin(here.clone(), answer.called.uri.clone(), method, kept.first);
    loop {
        let way = trail.host.way;
        let goes_on = trail.go_on(answer.status, &answer.headers);
        if !goes_on.map_err(|Astray { url, error }| failed(backend, url, error))? {
            return Ok(answer);
        }
        // Whoever a backend names is called as it is.
        let host = &mut trail.host;
        host.way = way;
        host.id = plan.find_host(host);
        if host.id.is_none() && host.scheme == Scheme::Http {
            // Nobody has said of it that it knows HTTP/2.
            host.way.speech = Speech::Http1;
            host.id = plan.find_host(host);
        }
        // What is here of this answer is read, so that its connection can be used again.
        answer.body.take_if_here();
        let body = match kept.first {
            FirstBody::Held if trail.carries_body() => RequestBody::Held(kept.bytes.clone()),
            FirstBody::Held | FirstBody::None | FirstBody::Streamed => RequestBody::Empty,
        };
        let adjust = |headers: &mut HeaderMap| trail.adjust(headers);
        let (host, method) = (Picked::Named(&trail.host), &trail.method);
        let (uri, adjust) = (trail.uri.clone(), &adjust);
        let sender = Sender { thread, backend, caller, method, host, uri, adjust, deadline };
        answer = sender.send(body).await?;
    }
}
