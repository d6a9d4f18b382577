//! An endpoint with `auth/signer`: its calls, and an answer whose fields are tokens.
//!
//! KrakenD: JSON whatever the endpoint's encoding is, 200 unless something set a status; every failure, a part that is
//! missing too, is a 400 without a body. What is not decoded is signed as nothing: `{}`.

use std::fmt::Display;
use std::rc::Rc;

use baton_shared::log;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::Instant;

use super::{Asked, Outcome, Part, data, no_op};
use crate::backend::Failure;
use crate::encode;
use crate::guards::jwt::Signer;
use crate::message::{RequestBody, Response};
use crate::plan::{Endpoint, Pipe, ThreadState};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Runs the pipe and signs what comes of it.
pub(super) async fn run(
    thread: &Rc<ThreadState>,
    endpoint: &Endpoint,
    signer: &Signer,
    asked: &Asked<'_>,
    body: RequestBody,
    begun: Instant,
) -> Response {
    let signed = match &endpoint.pipe {
        Pipe::Data(plan) => match data::outcome(thread, endpoint, plan, asked, body, begun).await {
            Ok(Outcome::Data(part)) => return sign(thread, signer, &part),
            Ok(Outcome::Partial(_, failure) | Outcome::Failed(failure)) | Err(failure) => {
                Err(failure)
            },
        },
        Pipe::NoOp(plan) => {
            let stream_until = endpoint.stream.deadline(begun);
            let deadline = begun + endpoint.timeout;
            no_op::run(thread, plan, asked, body, deadline, stream_until)
                .await
                .map(|answer| nothing(&answer))
        },
        Pipe::WebSocket(_) | Pipe::Empty | Pipe::NotBuilt => Err(Failure::NoHosts),
    };
    signed.unwrap_or_else(|failure| failed(signer, &failure))
}

fn sign(thread: &ThreadState, signer: &Signer, part: &Part) -> Response {
    let token = |name: &[u8], object: &[u8]| {
        let is_signed = signer.fields.iter().any(|field| field.as_bytes() == name);
        if is_signed { Some(signer.sign(thread, object)) } else { None }
    };
    let Some(body) = encode::json_with_tokens(&part.data, token) else {
        return failed(signer, &"the token cannot be signed");
    };
    let mut response = Response::new(part.status.unwrap_or(StatusCode::OK), body);
    response.headers.insert(CONTENT_TYPE, JSON);
    response
}

/// What is not decoded: the head of the answer, the first value of each field, and nothing in it.
fn nothing(answer: &Response) -> Response {
    let mut headers = HeaderMap::with_capacity(answer.headers.keys_len());
    for name in answer.headers.keys().filter(|name| **name != CONTENT_ENCODING) {
        if let Some(first) = answer.headers.get(name) {
            headers.insert(name, first.clone());
        }
    }
    headers.entry(CONTENT_TYPE).or_insert(JSON);
    let mut response = Response::new(answer.status, Bytes::from_static(b"{}"));
    response.headers = headers;
    response
}

/// 400, and why in the log.
pub(super) fn failed(signer: &Signer, why: &dyn Display) -> Response {
    log::error(&signer.tag, format!("Proxy response: {why}"));
    Response::new(StatusCode::BAD_REQUEST, Bytes::new())
}
