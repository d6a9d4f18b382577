//! An endpoint with `auth/signer`: its calls, and an answer whose fields are tokens.
//!
//! KrakenD: JSON whatever the endpoint's encoding is, 200 unless something set a status; every failure, a part that is
//! missing too, is a 400 without a body. What is not decoded is signed as nothing: `{}`.

use std::fmt::Display;

use baton_shared::log;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Outcome;
use crate::backend::Failure;
use crate::encode;
use crate::guards::jwt::Signer;
use crate::message::Response;
use crate::plan::ThreadState;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Data with tokens in it; what lacks a part is not signed.
pub(super) fn sign(
    thread: &ThreadState,
    signer: &Signer,
    outcome: Outcome,
) -> Result<Response, Failure> {
    let part = match outcome {
        Outcome::Data(part) => part,
        Outcome::Partial(_, failure) | Outcome::Failed(failure) => return Err(failure),
    };
    let token = |name: &[u8], object: &[u8]| {
        let is_signed = signer.fields.iter().any(|field| field.as_bytes() == name);
        if is_signed { Some(signer.sign(thread, object)) } else { None }
    };
    let Some(body) = encode::json_with_tokens(&part.data, token) else {
        return Ok(failed(signer, &"the token cannot be signed"));
    };
    let mut response = Response::new(part.status.unwrap_or(StatusCode::OK), body);
    if let Some(fields) = &part.fields {
        response.headers = first_values(fields);
    }
    response.headers.insert(CONTENT_TYPE, JSON);
    Ok(response)
}

/// What is not decoded: the head of the answer, the first value of each field, and nothing in it.
pub(super) fn nothing(answer: &Response) -> Response {
    let mut headers = first_values(&answer.headers);
    headers.remove(CONTENT_ENCODING);
    headers.entry(CONTENT_TYPE).or_insert(JSON);
    let mut response = Response::new(answer.status, Bytes::from_static(b"{}"));
    response.headers = headers;
    response
}

/// Of each field the first value.
fn first_values(fields: &HeaderMap) -> HeaderMap {
    let first = |name| Some((HeaderName::clone(name), fields.get(name)?.clone()));
    fields.keys().filter_map(first).collect()
}

/// 400, and why in the log.
pub(crate) fn failed(signer: &Signer, why: &dyn Display) -> Response {
    log::error(&signer.tag, format!("Proxy response: {why}"));
    Response::new(StatusCode::BAD_REQUEST, Bytes::new())
}
