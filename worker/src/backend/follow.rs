//! Redirects are followed until an answer is none; where to is for [`super::redirect`] to say.

use bytes::Bytes;
use http::header::{LOCATION, REFERER};
use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use tokio::time::Instant;

use super::answer::Answer;
use super::call::Caller;
use super::failure::{CallError, Failure};
use super::redirect::{self, FirstBody, LocationError, NextBody};
use super::send::{Sender, failed};
use super::target::Picked;
use crate::message::RequestBody;
use crate::plan::{BackendPlan, Host, Scheme, Speech, ThreadState};

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
    let mut method = backend.method(caller.head).clone();
    let mut first = None;
    let (mut drop_secrets, mut drop_body) = (false, false);
    let mut requests = 1;
    while let Some(next) = redirect::next(answer.status, &method, kept.first) {
        let location = answer.headers.get(LOCATION).map(HeaderValue::as_bytes);
        let location = match location.map(String::from_utf8_lossy) {
            Some(location) if !location.is_empty() => location.into_owned(),
            Some(_) | None => break,
        };
        let here = answer.called.host(plan).ok_or(Failure::NoHosts)?;
        let from = format!("{here}{}", answer.called.uri);
        let (mut host, uri) =
            redirect::resolve(here, &answer.called.uri, &location).map_err(|error| {
                let url = match &error {
                    LocationError::Unparsable { .. } => from.clone(),
                    LocationError::Host(_) => location.clone(),
                };
                failed(backend, url, CallError::Location(error.to_string()))
            })?;
        if requests == redirect::REQUESTS_MAX {
            return Err(failed(backend, location, CallError::Redirects));
        }
        let first: &Host = first.get_or_insert_with(|| here.clone());
        // Whoever a backend names is called as it is.
        host.way = here.way;
        host.id = plan.find_host(&host);
        if host.id.is_none() && host.scheme == Scheme::Http {
            // Nobody has said of it that it knows HTTP/2.
            host.way.speech = Speech::Http1;
            host.id = plan.find_host(&host);
        }
        drop_secrets |= !redirect::trusts(first, &host);
        drop_body |= next.body == NextBody::Dropped;
        // What is here of this answer is read, so that its connection can be used again.
        answer.body.take_if_here();
        let is_downgrade = here.scheme == Scheme::Https && host.scheme == Scheme::Http;
        let adjust = |headers: &mut HeaderMap| {
            if drop_secrets {
                redirect::strip_secrets(headers);
            }
            if drop_body {
                redirect::strip_body_fields(headers);
            }
            if !is_downgrade
                && let (false, Ok(from)) =
                    (headers.contains_key(REFERER), HeaderValue::from_str(&from))
            {
                headers.insert(REFERER, from);
            }
        };
        let body = match kept.first {
            FirstBody::Held if !drop_body => RequestBody::Held(kept.bytes.clone()),
            FirstBody::Held | FirstBody::None | FirstBody::Streamed => RequestBody::Empty,
        };
        method = next.method;
        let host = Picked::Named(&host);
        let (method, adjust) = (&method, &adjust);
        let sender = Sender { thread, backend, caller, method, host, uri, adjust, deadline };
        answer = sender.send(body).await?;
        requests += 1;
    }
    Ok(answer)
}
