//! What a client is told: the only place where a refusal or a failure becomes an answer.
//!
//! KrakenD: every failure of a backend is a 500 with an empty body, its text only with
//! `router.return_error_msg`; refusals before the pipe carry no `X-Krakend` fields.

pub(crate) mod gzip;
pub(crate) mod lines;
pub(crate) mod sniff;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::backend::{CallError, Failure};
use crate::encode::Rendered;
use crate::guards::Refusal;
use crate::message::{Response, ResponseBody, UploadError};
use crate::plan::{Endpoint, TellErrors, ThreadState};
use lines::{Completed, LinesId};

const TEXT: &str = "text/plain; charset=utf-8";

/// The lines of failures, by whether a text follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailureLines {
    /// Without a body, or with one whose `Content-Type` stands among the fields.
    pub(crate) plain: LinesId,
    /// With a text.
    pub(crate) text: LinesId,
    /// Where KrakenD panics: it does not come to say whether the answer is complete.
    pub(crate) broken: LinesId,
}

impl FailureLines {
    pub(crate) fn compile(table: &mut lines::LinesTable) -> Self {
        Self {
            plain: table.answer(Completed::False, None, None),
            text: table.answer(Completed::False, Some(TEXT), None),
            broken: table.version(),
        }
    }
}

/// Data, rendered.
pub(crate) fn data(
    thread: &ThreadState,
    endpoint: &Endpoint,
    rendered: Rendered,
    completed: Completed,
) -> Response {
    let lines = endpoint.data_lines(rendered.content_type, completed);
    let mut response = Response::new(StatusCode::OK, rendered.body);
    match lines {
        Some(lines) => response.lines = thread.plan.lines.of(lines),
        None => {
            response.lines = thread.plan.lines.of(thread.plan.failures.plain);
            let content_type = HeaderValue::from_static(rendered.content_type);
            response.headers.insert(CONTENT_TYPE, content_type);
        },
    }
    response
}

/// Adds fields that a script set; a type of its own replaces the usual one.
pub(crate) fn add(response: &mut Response, fields: HeaderMap) {
    if fields.contains_key(CONTENT_TYPE) {
        let lines = response.lines.split_inclusive(|byte| *byte == b'\n');
        let others = lines.filter(|line| !line.starts_with(b"Content-Type:"));
        response.lines = others.flatten().copied().collect::<Vec<u8>>().into();
    }
    let mut last = None;
    for (name, value) in fields {
        last = name.or(last);
        if let Some(name) = &last {
            response.headers.append(name.clone(), value);
        }
    }
}

/// An endpoint that KrakenD cannot build.
pub(crate) fn empty() -> Response {
    Response::new(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new())
}

/// What a failed stream is where `static` data, which nobody sees, hides the failure.
pub(crate) fn nothing(thread: &ThreadState) -> Response {
    let mut response = Response::new(StatusCode::OK, Bytes::new());
    response.lines = thread.plan.lines.of(thread.plan.failures.plain);
    response
}

/// A refusal before any backend was called.
pub(crate) fn refused(thread: &ThreadState, refusal: Refusal) -> Response {
    let status = match refusal {
        Refusal::NotBuilt => StatusCode::NOT_IMPLEMENTED,
        Refusal::Unauthorized | Refusal::NoCredentials => StatusCode::UNAUTHORIZED,
        Refusal::Bot | Refusal::Forbidden | Refusal::Address => StatusCode::FORBIDDEN,
        Refusal::AddressHere(status) => status,
        Refusal::ClientLimited => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Limited => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = Response::new(status, Bytes::new());
    match refusal {
        Refusal::NoCredentials => {
            const CHALLENGE: &str = "Basic realm=\"Restricted\", charset=\"UTF-8\"";
            response.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        },
        // KrakenD refuses these inside of the pipe; an endpoint that signs says nothing of itself.
        Refusal::AddressHere(status) if status != StatusCode::BAD_REQUEST => {
            response.lines = thread.plan.lines.of(thread.plan.failures.plain);
        },
        _ => {},
    }
    response
}

/// An endpoint without data.
pub(crate) fn failed(thread: &ThreadState, failure: Failure) -> Response {
    let plan = &thread.plan;
    let mut response = Response::new(status(&failure), Bytes::new());
    response.lines = thread.plan.lines.of(plan.failures.plain);
    match (plan.tell_errors, failure) {
        // Nothing follows such a status.
        (_, Failure::Script(_))
            if matches!(response.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) => {},
        (_, Failure::Flatmap) => response.lines = thread.plan.lines.of(plan.failures.broken),
        (TellErrors::No, _) => {},
        (TellErrors::Yes, failure @ Failure::Several(_)) => {
            // It may hold what backends said, and Go looks what that is.
            let text = failure.to_string();
            let content_type = HeaderValue::from_static(sniff::content_type(text.as_bytes()));
            response.headers.insert(CONTENT_TYPE, content_type);
            response.body = ResponseBody::Full(Bytes::from(text));
        },
        (TellErrors::Yes, Failure::Script(error)) => {
            let told = error.content_type.as_deref().map(HeaderValue::from_str);
            let sniffed = || HeaderValue::from_static(sniff::content_type(error.text.as_bytes()));
            let content_type = told.and_then(Result::ok).unwrap_or_else(sniffed);
            response.headers.insert(CONTENT_TYPE, content_type);
            response.body = ResponseBody::Full(Bytes::from(error.text));
        },
        (TellErrors::Yes, Failure::Passed { body, content_type, .. }) => {
            response.headers.extend(content_type.map(|content_type| (CONTENT_TYPE, content_type)));
            response.body = ResponseBody::Full(body);
        },
        (TellErrors::Yes, failure) => {
            response.lines = thread.plan.lines.of(plan.failures.text);
            response.body = ResponseBody::Full(Bytes::from(failure.to_string()));
        },
    }
    response
}

fn status(failure: &Failure) -> StatusCode {
    match failure {
        Failure::Script(error) => error.status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        Failure::Passed { status, .. } => *status,
        Failure::DotSegment
        | Failure::Missing
        | Failure::Schema(_)
        | Failure::Upload(UploadError::Broken) => StatusCode::BAD_REQUEST,
        Failure::Upload(UploadError::TooSlow) => StatusCode::REQUEST_TIMEOUT,
        Failure::Upload(UploadError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
        Failure::Call { error: CallError::Upgrade | CallError::Handshake(_), .. } => {
            StatusCode::BAD_GATEWAY
        },
        Failure::NoHosts
        | Failure::Limited
        | Failure::BreakerOpen
        | Failure::BreakerBusy
        | Failure::Late
        | Failure::Call { .. }
        | Failure::Url(_)
        | Failure::Status { .. }
        | Failure::Variables(_)
        | Failure::Rejected(_)
        | Failure::Decode(_)
        | Failure::Body(_)
        | Failure::Several(_)
        | Failure::Flatmap
        | Failure::TooLarge { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
