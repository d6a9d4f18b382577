//! One call of a backend whose answer is decoded.
//!
//! KrakenD: only 200 and 201 are answers; every other status, redirects followed, is a failure. What becomes of
//! it is the backend's `backend/http`: by default a 500; with `return_error_code` the client gets the status; with
//! `return_error_details` it gets 200 and an `error_NAME` object, to which no shape is applied.

use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use http_body::Body as _;
use tokio::time::Instant;

use super::body::CallBody;
use super::{Asked, Part};
use crate::backend::{Answer, AnswerBody, AnswerError, Caller, Decoding, Failure, call, limits};
use crate::decode::{Data, DecodeError, Decoder};
use crate::encode::error_details;
use crate::guards::cel::Seen;
use crate::message::RequestBody;
use crate::plan::{BackendPlan, CallPlan, OnError, ThreadState};
use crate::respond::lines::Completed;
use crate::script::backend::{self as script, BackendScript, Called, Scripted};

/// What is held of one answer in memory.
const ANSWER_BYTES_MAX: u64 = 1 << 30;
/// What is reserved at once for an answer that announces its length.
const RESERVE_BYTES_MAX: u64 = 1 << 20;

/// Calls the backend, if its limits let it, and decodes its answer.
pub(super) async fn run(
    thread: &ThreadState,
    plan: &CallPlan,
    asked: &Asked<'_>,
    body: CallBody,
    deadline: Instant,
) -> Result<Part, Failure> {
    let pass = limits::enter(thread, &plan.backend)?;
    let part = exchange(thread, plan, asked, body, deadline).await;
    pass.hear(&part);
    part
}

async fn exchange(
    thread: &ThreadState,
    plan: &CallPlan,
    asked: &Asked<'_>,
    body: CallBody,
    deadline: Instant,
) -> Result<Part, Failure> {
    let CallPlan { backend, .. } = plan;
    let body = body.send(&backend.method);
    let caller = asked.caller(Decoding::Gunzip);
    if let Some(script) = &backend.script {
        return Box::pin(scripted(thread, plan, script, &caller, body, asked, deadline)).await;
    }
    if let Some(cel) = &backend.cel {
        cel.before(thread, backend, &caller)?;
    }
    let answer = call(thread, backend, &caller, body, deadline).await?;
    let part = read(thread, plan, answer, asked.keeps_whole).await?;
    if let Some(cel) = &backend.cel {
        cel.layer.after(Seen::of_part(&part))?;
    }
    Ok(part)
}

/// `modifier/lua-backend`.
async fn scripted(
    thread: &ThreadState,
    plan: &CallPlan,
    script: &BackendScript,
    caller: &Caller<'_>,
    body: RequestBody,
    asked: &Asked<'_>,
    deadline: Instant,
) -> Result<Part, Failure> {
    let called = script::call(thread, &plan.backend, script, caller, body, deadline);
    let (script, called) = called.await?;
    let part = match called {
        Called::Answer(answer) => {
            let part = read(thread, plan, *answer, asked.keeps_whole).await?;
            if let Some(cel) = &plan.backend.cel {
                cel.layer.after(Seen::of_part(&part))?;
            }
            part
        },
        Called::Skipped => Scripted::nothing(),
    };
    script.reshape(part).await
}

/// What an answer says.
async fn read(
    thread: &ThreadState,
    plan: &CallPlan,
    answer: Answer,
    keeps_whole: bool,
) -> Result<Part, Failure> {
    let CallPlan { backend, decoder, .. } = plan;
    if decoder.is_no_op() {
        return pass_over(answer, keeps_whole).await;
    }
    if !matches!(answer.status, StatusCode::OK | StatusCode::CREATED) {
        return failed(thread, backend, answer).await;
    }
    let data = decode(decoder, answer.body).await?;
    Ok(Part::new(data, Completed::True))
}

/// `encoding: no-op` where there is data: whatever the answer is, it contributes nothing.
async fn pass_over(mut answer: Answer, keeps_whole: bool) -> Result<Part, Failure> {
    let mut part = Part::new(Data::empty(), Completed::True);
    if keeps_whole {
        part.whole = Some(collect(answer.body).await?.0);
    } else {
        answer.body.take_if_here();
    }
    Ok(part)
}

/// KrakenD's JSON decoders stop at the end of their value: a gzip that is wrong behind it goes unseen.
async fn decode(decoder: &Decoder, body: AnswerBody) -> Result<Data, Failure> {
    let (body, error) = collect(body).await?;
    match (decoder.decode(body), error) {
        (Ok(data), None) => Ok(data),
        (Ok(data), Some(_)) if !decoder.reads_all() => Ok(data),
        (Err(DecodeError::Flatmap(_)), _) => Err(Failure::Flatmap),
        (_, Some(error)) => Err(Failure::Body(error)),
        (Err(error), None) => Err(Failure::Decode(error)),
    }
}

async fn failed(
    thread: &ThreadState,
    backend: &BackendPlan,
    answer: Answer,
) -> Result<Part, Failure> {
    let Answer { status, mut headers, mut body, called } = answer;
    match &*backend.on_error {
        OnError::Fail { method } => {
            // What is here of the body is read, so that its connection can be used again.
            body.take_if_here();
            let pattern = backend.shown_pattern();
            let url = called.url(&thread.plan);
            Err(Failure::Status { status, method: method.clone(), pattern, url })
        },
        OnError::PassStatus => {
            let (body, _) = collect(body).await?;
            let sniffed = || Some(sniffed(&body)).filter(|_| !body.is_empty());
            let content_type = headers.remove(CONTENT_TYPE).or_else(sniffed);
            Err(Failure::Passed { status, body, content_type })
        },
        OnError::Tell { name } => {
            let (body, _) = collect(body).await?;
            let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
            let data = error_details(name, status.as_u16(), &body, content_type);
            Ok(Part { status: Some(status), ..Part::new(data, Completed::False) })
        },
    }
}

fn sniffed(body: &[u8]) -> HeaderValue {
    HeaderValue::from_static(crate::respond::sniff::content_type(body))
}

/// The whole body, in one piece, and what was wrong with its gzip at the end; an answer that comes in one
/// piece is not copied.
async fn collect(mut body: AnswerBody) -> Result<(Bytes, Option<AnswerError>), Failure> {
    if let Some(whole) = body.take_if_here() {
        return Ok((whole, None));
    }
    let mut pieces =
        Pieces { announced: body.size_hint().exact().unwrap_or(0), ..Pieces::default() };
    while let Some(frame) = next(&mut body).await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(AnswerError::Late) => return Err(Failure::Late),
            Err(error @ (AnswerError::Gzip | AnswerError::GzipEnd)) => {
                return Ok((pieces.join(), Some(error)));
            },
            Err(error @ AnswerError::Cut) => return Err(Failure::Body(error)),
        };
        let Ok(data) = frame.into_data() else { continue };
        if (pieces.len() + data.len()) as u64 > ANSWER_BYTES_MAX {
            return Err(Failure::TooLarge { bytes_max: ANSWER_BYTES_MAX });
        }
        pieces.push(data);
    }
    Ok((pieces.join(), None))
}

/// One piece as it came, or several copied together.
#[derive(Debug, Default)]
struct Pieces {
    announced: u64,
    only: Bytes,
    joined: BytesMut,
}

impl Pieces {
    fn len(&self) -> usize {
        self.only.len() + self.joined.len()
    }

    fn push(&mut self, piece: Bytes) {
        if self.len() == 0 {
            self.only = piece;
            return;
        }
        if !self.only.is_empty() {
            let reserve = usize::try_from(self.announced.min(RESERVE_BYTES_MAX)).unwrap_or(0);
            self.joined.reserve(reserve.max(self.only.len() + piece.len()));
            self.joined.extend_from_slice(&std::mem::take(&mut self.only));
        }
        self.joined.extend_from_slice(&piece);
    }

    fn join(self) -> Bytes {
        if self.joined.is_empty() { self.only } else { self.joined.freeze() }
    }
}

async fn next(body: &mut AnswerBody) -> Option<Result<http_body::Frame<Bytes>, AnswerError>> {
    poll_fn(|context| std::pin::Pin::new(&mut *body).poll_frame(context)).await
}
