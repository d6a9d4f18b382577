//! One question to a token server.
//!
//! KrakenD: redirects are followed as Go follows them, with the credentials: 301, 302 and 303 by a GET, 307 and 308 by the same
//! POST. Here only within the token server: a redirect to somebody else is its answer.

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION, REFERER,
    USER_AGENT,
};
use http::{HeaderValue, Method, Uri};
use tokio::time::Instant;

use crate::backend::answer::Answer;
use crate::backend::exchange::{Outbound, Whom};
use crate::backend::failure::CallError;
use crate::backend::redirect::{self, FirstBody, NextBody};
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

/// What is asked next.
struct Question {
    method: Method,
    uri: Uri,
    /// The form goes along.
    body: NextBody,
    referer: Option<HeaderValue>,
}

/// Asks until an answer leads no further.
pub(super) async fn ask(
    thread: &ThreadState,
    first: &First<'_>,
    deadline: Instant,
) -> Result<Answer, CallError> {
    let (method, uri) = (Method::POST, first.uri.clone());
    let mut question = Question { method, uri, body: NextBody::Kept, referer: None };
    for _ in 0..redirect::REQUESTS_MAX {
        let whom = Whom { host: first.host, uri: &question.uri, via: thread.plan.via(first.host) };
        let make = || Some(outbound(first, &question));
        let mut request = make();
        let mut answer = thread.client.exchange(whom, &mut request, make, deadline).await?;
        let Some(next) = next(first.host, &question, &answer) else { return Ok(answer) };
        answer.body.take_if_here();
        question = next;
    }
    Err(CallError::Redirects)
}

fn next(host: &Host, asked: &Question, answer: &Answer) -> Option<Question> {
    let next = redirect::next(answer.status, &asked.method, FirstBody::Held)?;
    let location = String::from_utf8_lossy(answer.headers.get(LOCATION)?.as_bytes());
    let (other, uri) = redirect::resolve(host, &asked.uri, &location).ok()?;
    let is_same = other.scheme == host.scheme
        && other.port == host.port
        && other.name.eq_ignore_ascii_case(&host.name);
    let body = if asked.body == NextBody::Dropped { NextBody::Dropped } else { next.body };
    let referer = HeaderValue::try_from(format!("{host}{}", asked.uri)).ok();
    is_same.then_some(Question { method: next.method, uri, body, referer })
}

fn outbound(first: &First<'_>, question: &Question) -> Outbound {
    let is_whole = question.body == NextBody::Kept;
    let body = if is_whole { RequestBody::Held(first.body.clone()) } else { RequestBody::Empty };
    let mut request = Outbound::new(body.into());
    *request.method_mut() = question.method.clone();
    *request.uri_mut() = question.uri.clone();
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
    if let Some(referer) = &question.referer {
        headers.insert(REFERER, referer.clone());
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    request
}
