//! A call that a script makes itself: to any URL, with nothing of the client's request.
//!
//! KrakenD (Go's default client): redirects are followed, gzip is asked for and undone.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Uri};
use http_body::Body as _;
use tokio::time::Instant;

use super::host::http::{Answer, Ask};
use crate::backend::exchange::{Outbound, Whom};
use crate::backend::redirect::{Astray, FirstBody, Trail};
use crate::backend::{AnswerBody, CallError};
use crate::message::RequestBody;
use crate::plan::{Host, ThreadState};

/// What a script may hold of one answer.
const BODY_BYTES_MAX: usize = 16 << 20;

/// Makes the call; the error is Go's text.
pub(super) async fn perform(
    thread: &ThreadState,
    ask: Ask,
    deadline: Instant,
) -> Result<Answer, String> {
    let Ask { method, url, mut headers, body } = ask;
    let verb = verb(&method);
    let failed = |url: &str, error: &dyn std::fmt::Display| format!("{verb} \"{url}\": {error}");
    let (host, uri) = parse(&url).map_err(|error| failed(&url, &error))?;
    headers.insert(USER_AGENT, thread.plan.agent.clone());
    let kept = if body.is_empty() { FirstBody::None } else { FirstBody::Held };
    let mut trail = Trail::begin(host, uri, method, kept);
    loop {
        trail.host.id = thread.plan.find_host(&trail.host);
        let here = trail.url();
        let answer = Box::pin(exchange(thread, &trail, &headers, &body, deadline)).await;
        let answer = answer.map_err(|error| failed(&here, &error))?;
        let goes_on = trail.go_on(answer.status, &answer.headers);
        if !goes_on.map_err(|Astray { url, error }| failed(&url, &error))? {
            let body = collect(answer.body).await.map_err(|error| failed(&here, &error))?;
            return Ok(Answer { status: answer.status, headers: answer.headers, body });
        }
    }
}

fn verb(method: &Method) -> String {
    let mut letters = method.as_str().chars();
    let first = letters.next().map(String::from).unwrap_or_default();
    first + &letters.as_str().to_ascii_lowercase()
}

pub(super) fn parse(url: &str) -> Result<(Host, Uri), String> {
    let bare = url.split_once('#').map_or(url, |(before, _)| before);
    let (scheme, rest) = bare.split_once("://").ok_or("unsupported protocol scheme \"\"")?;
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at_checked(at).unwrap_or((rest, ""));
    let (host, _) = Host::parse(&format!("{scheme}://{authority}")).map_err(|e| e.to_string())?;
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let uri = Uri::try_from(target).map_err(|_invalid| "net/url: invalid URL".to_owned())?;
    Ok((host, uri))
}

async fn exchange(
    thread: &ThreadState,
    trail: &Trail,
    headers: &HeaderMap,
    body: &Bytes,
    deadline: Instant,
) -> Result<crate::backend::Answer, CallError> {
    let Trail { host, uri, method, .. } = trail;
    let mut headers = headers.clone();
    trail.adjust(&mut headers);
    let body = if trail.carries_body() { body.clone() } else { Bytes::new() };
    let value = HeaderValue::from_str(&host.authority);
    headers.insert(HOST, value.unwrap_or(HeaderValue::from_static("")));
    let asks_for_gzip = !headers.contains_key(ACCEPT_ENCODING);
    if asks_for_gzip {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if !body.is_empty() {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let request = || {
        let mut request = Outbound::new(match body.is_empty() {
            true => RequestBody::Empty.into(),
            false => RequestBody::Held(body.clone()).into(),
        });
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers.clone();
        Some(request)
    };
    let whom = Whom { host, uri, via: thread.plan.via(host) };
    let mut answer = thread.client.exchange(whom, &mut request(), request, deadline).await?;
    let is_gzip = answer.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding == "gzip");
    if asks_for_gzip && is_gzip {
        answer.headers.remove(CONTENT_ENCODING);
        answer.body.gunzip();
    }
    Ok(answer)
}

/// The whole body, within its bound.
pub(super) async fn collect(mut body: AnswerBody) -> Result<Bytes, String> {
    let mut whole = BytesMut::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame.map_err(|error| error.to_string())?.into_data() else { continue };
        if whole.len() + data.len() > BODY_BYTES_MAX {
            return Err(format!("the answer is larger than {BODY_BYTES_MAX} bytes"));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}
