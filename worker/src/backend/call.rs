//! One call of an endpoint to its backend, up to the head of the answer.

use bytes::Bytes;
use http::Uri;
use http::header::CONTENT_ENCODING;
use tokio::time::Instant;

use super::answer::Answer;
use super::failure::{CallError, Failure};
use super::query::QueryFilter;
use super::request::{Asked, Line, Own};
use crate::guards::client_ip::ClientAddress;
use crate::message::{Head, RequestBody};
use crate::plan::template::TemplateError;
use crate::plan::{BackendPlan, Host, HostId, HostTarget, ThreadState};
use crate::route::Params;

/// The client's side of a call.
#[derive(Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) head: &'a Head,
    /// Whose request it is, as it is believed.
    pub(crate) client: ClientAddress<'a>,
    /// The values of the endpoint's placeholders.
    pub(crate) params: &'a Params<'a>,
    /// What the answer is for.
    pub(crate) decoding: Decoding,
}

/// What becomes of a gzip that the client's own `Accept-Encoding` asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decoding {
    /// It passes as it is.
    None,
    /// It is undone: the body is decoded here.
    Gunzip,
}

/// Calls `backend` and waits for the head of the answer, at most until `deadline`.
pub(crate) async fn call(
    thread: &ThreadState,
    backend: &BackendPlan,
    caller: &Caller<'_>,
    body: RequestBody,
    deadline: Instant,
) -> Result<Answer, Failure> {
    let target = thread.balancer.pick(backend.place, &backend.targets).ok_or(Failure::NoHosts)?;
    let (host, base) = match target {
        HostTarget::Host { host, base } => (*host, base),
        HostTarget::Broken { text, error } => {
            let url = format!("{text}{}", backend.url.shown());
            let error = CallError::Host(error.clone());
            return Err(Failure::Call { method: backend.method.clone(), url, error });
        },
    };
    let host = found(thread, host)?;
    let uri = target_of(thread, backend, caller, host.0, base)?;
    let build = |body, uri: Uri| build(thread, backend, caller, host, body, uri);
    let (request, asked) = build(body, uri.clone());
    let again = || build(RequestBody::Empty, uri.clone()).0;
    match thread.client.exchange(host.0, request, again, deadline).await {
        Ok(mut answer) => {
            undo_gzip(&mut answer, asked, caller.decoding);
            Ok(answer)
        },
        Err(CallError::Late) => Err(Failure::Late),
        Err(CallError::Upload(error)) => Err(Failure::Upload(error)),
        Err(error) => {
            let url = format!("{}{uri}", host.0);
            Err(Failure::Call { method: backend.method.clone(), url, error })
        },
    }
}

/// Path and query of the call. A pattern without placeholders is made once and thread.
fn target_of(
    thread: &ThreadState,
    backend: &BackendPlan,
    caller: &Caller<'_>,
    host: &Host,
    base: &str,
) -> Result<Uri, Failure> {
    let query = caller.head.query().filter(|_| backend.query != QueryFilter::Nothing);
    if base.is_empty()
        && query.is_none()
        && let Some((constant, _)) = backend.url.constant()
    {
        let make = || Uri::from_maybe_shared(Bytes::copy_from_slice(constant)).ok();
        return thread.fixed_target(backend, make).ok_or_else(|| unsendable(host, constant));
    }
    let mut target = base.as_bytes().to_vec();
    let state = backend.url.render(caller.params, &mut target).map_err(|error| match error {
        TemplateError::DotSegment => Failure::DotSegment,
        error @ TemplateError::Unparsable { .. } => Failure::Url(error.text(&host.to_string())),
    })?;
    backend.query.append(query, state, &mut target);
    Uri::from_maybe_shared(target.clone()).map_err(|_invalid| unsendable(host, &target))
}

fn unsendable(host: &Host, target: &[u8]) -> Failure {
    let target = String::from_utf8_lossy(target);
    Failure::Url(format!("parse \"{host}{target}\": net/url: invalid URL"))
}

type Found<'a> = (&'a Host, &'a http::HeaderValue);

fn found(thread: &ThreadState, host: HostId) -> Result<Found<'_>, Failure> {
    thread.plan.host(host).zip(thread.host_value(host)).ok_or(Failure::NoHosts)
}

fn build(
    thread: &ThreadState,
    backend: &BackendPlan,
    caller: &Caller<'_>,
    host: Found<'_>,
    body: RequestBody,
    uri: Uri,
) -> (super::exchange::Outbound, Asked) {
    let client = thread.client_value(&caller.client);
    let own = Own { agent: &thread.agent, client, host: host.1 };
    backend.headers.build(caller.head, body, Line { method: &backend.method, uri }, own)
}

/// Where the gateway asked for gzip of its own accord, nobody behind it knows of it.
fn undo_gzip(answer: &mut Answer, asked: Asked, decoding: Decoding) {
    let Some(coding) = answer.headers.get(CONTENT_ENCODING) else { return };
    let is_gzip = match (asked, decoding) {
        (Asked::ByGateway, _) => coding.as_bytes().eq_ignore_ascii_case(b"gzip"),
        (Asked::ByClient, Decoding::Gunzip) => coding == "gzip",
        (Asked::ByClient, Decoding::None) => false,
    };
    if is_gzip {
        answer.headers.remove(CONTENT_ENCODING);
        answer.body.gunzip();
    }
}
