//! An endpoint with one backend whose answer is decoded.
//!
//! KrakenD: only 200 and 201 are answers; every other status, redirects followed, is a failure. What becomes of
//! it is the backend's `backend/http`: by default a 500; with `return_error_code` the client gets the status; with
//! `return_error_details` it gets 200 and an `error_NAME` object, to which no shape is applied.

use std::future::poll_fn;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use http_body::Body as _;
use tokio::time::Instant;

use super::Part;
use crate::backend::{Answer, AnswerBody, AnswerError, Decoding, Failure, call};
use crate::decode::Decoder;
use crate::encode::error_details;
use crate::message::RequestBody;
use crate::plan::{BackendPlan, OnError, ThreadState};
use crate::respond::lines::Completed;

/// What is held of one answer in memory.
const ANSWER_BYTES_MAX: u64 = 1 << 30;
/// What is reserved at once for an answer that announces its length.
const RESERVE_BYTES_MAX: u64 = 1 << 20;

/// Calls the backend and decodes its answer.
pub(crate) async fn run(
    thread: &ThreadState,
    (backend, decoder): (&BackendPlan, &Decoder),
    asked: &super::Asked<'_>,
    body: RequestBody,
    deadline: Instant,
) -> Result<Part, Failure> {
    let answer = call(thread, backend, &asked.caller(Decoding::Gunzip), body, deadline).await?;
    if !matches!(answer.status, StatusCode::OK | StatusCode::CREATED) {
        return failed(thread, backend, answer).await;
    }
    let data = decoder.decode(collect(answer.body).await?).map_err(Failure::Decode)?;
    Ok(Part { data, completed: Completed::True })
}

async fn failed(
    thread: &ThreadState,
    backend: &BackendPlan,
    answer: Answer,
) -> Result<Part, Failure> {
    let Answer { status, mut headers, mut body, called } = answer;
    match &backend.on_error {
        OnError::Fail => {
            // What is here of the body is read, so that its connection can be used again.
            poll_fn(|context| Poll::Ready(body.take_if_here(context))).await;
            let pattern = backend.shown_pattern();
            let url = called.url(&thread.plan);
            Err(Failure::Status { status, method: backend.method.clone(), pattern, url })
        },
        OnError::PassStatus => {
            let body = collect(body).await?;
            let content_type = headers.remove(CONTENT_TYPE);
            let content_type = content_type.unwrap_or_else(|| sniffed(&body));
            Err(Failure::Passed { status, body, content_type })
        },
        OnError::Tell { name } => {
            let body = collect(body).await?;
            let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
            let data = error_details(name, status.as_u16(), &body, content_type);
            Ok(Part { data, completed: Completed::False })
        },
    }
}

fn sniffed(body: &[u8]) -> HeaderValue {
    HeaderValue::from_static(crate::respond::sniff::content_type(body))
}

/// The whole body, in one piece; an answer that comes in one piece is not copied.
async fn collect(mut body: AnswerBody) -> Result<Bytes, Failure> {
    let announced = body.size_hint().exact().unwrap_or(0);
    let mut whole: Option<Bytes> = None;
    let mut pieces = BytesMut::new();
    while let Some(frame) = next(&mut body).await {
        let Ok(data) = frame.map_err(failure)?.into_data() else { continue };
        if (pieces.len() + data.len()) as u64 > ANSWER_BYTES_MAX {
            return Err(Failure::TooLarge { bytes_max: ANSWER_BYTES_MAX });
        }
        match whole.take() {
            None if pieces.is_empty() => whole = Some(data),
            first => {
                if let Some(first) = first {
                    let reserve = announced.min(RESERVE_BYTES_MAX);
                    pieces.reserve(usize::try_from(reserve).unwrap_or(0).max(first.len()));
                    pieces.extend_from_slice(&first);
                }
                pieces.extend_from_slice(&data);
            },
        }
    }
    Ok(whole.unwrap_or_else(|| pieces.freeze()))
}

async fn next(body: &mut AnswerBody) -> Option<Result<http_body::Frame<Bytes>, AnswerError>> {
    poll_fn(|context| std::pin::Pin::new(&mut *body).poll_frame(context)).await
}

const fn failure(error: AnswerError) -> Failure {
    match error {
        AnswerError::Late => Failure::Late,
        AnswerError::Cut | AnswerError::Gzip => Failure::Body(error),
    }
}
