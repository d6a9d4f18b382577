//! One question to a token server.
//!
//! KrakenD: redirects are followed as Go follows them, with the credentials: 301, 302 and 303 by a GET, 307 and 308 by the same
//! POST. Here only within the token server: a redirect to somebody else is its answer.

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, REFERER, USER_AGENT,
};
use http::{HeaderValue, Method, Uri};
use tokio::time::Instant;

use crate::backend::answer::Answer;
use crate::backend::call_error::CallError;
use crate::backend::exchange::{Outbound, Whom};
use crate::backend::redirect::{FirstBody, Trail};
use crate::message::RequestBody;
use crate::plan::{Host, ThreadState};

/// What is asked first.
pub(super) struct First<'a> {
    pub(super) host: &'a Host,
    pub(super) uri: &'a Uri,
    /// Credentials, unless they stand in the form.
    pub(super) basic: Option<&'a HeaderValue>,
    pub(super) body: &'a Bytes,
}

/// Asks until an answer leads no further.
pub(super) async fn ask(
    thread: &ThreadState,
    first: &First<'_>,
    deadline: Instant,
) -> Result<Answer, CallError> {
    let (host, uri) = (first.host, first.uri.clone());
    let mut trail = Trail::begin(host.clone(), uri, Method::POST, FirstBody::Held);
    loop {
        let whom = Whom { host, uri: &trail.uri, via: thread.plan.via(host) };
        let make = || Some(outbound(first, &trail));
        let mut request = make();
        let mut answer = thread.client.exchange(whom, &mut request, make, deadline).await?;
        let goes_on = trail.go_on(answer.status, &answer.headers);
        if !goes_on.map_err(|astray| astray.error)? || !trail.is_at_home() {
            return Ok(answer);
        }
        answer.body.take_if_here();
    }
}

fn outbound(first: &First<'_>, trail: &Trail) -> Outbound {
    let is_whole = trail.carries_body();
    let body = if is_whole { RequestBody::Held(first.body.clone()) } else { RequestBody::Empty };
    let mut request = Outbound::new(body.into());
    *request.method_mut() = trail.method.clone();
    *request.uri_mut() = trail.uri.clone();
    let headers = request.headers_mut();
    if let Ok(authority) = HeaderValue::from_str(&first.host.authority) {
        headers.insert(HOST, authority);
    }
    headers.insert(USER_AGENT, HeaderValue::from_static("Go-http-client/1.1"));
    if is_whole {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(first.body.len()));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
    }
    if let Some(basic) = first.basic {
        headers.insert(AUTHORIZATION, basic.clone());
    }
    if let Some(referer) = &trail.referer {
        headers.insert(REFERER, referer.clone());
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    request
}
