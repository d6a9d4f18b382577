//! `no-op`: the answer of the one backend as it is, streamed.
//!
//! Status, fields and body pass; nothing is buffered in either direction, trailers and backpressure survive.
//! KrakenD: `X-Krakend-Completed` is always `false`: what is not decoded cannot be known to be complete. With
//! `static` data, which nobody sees, it is `true`, and `cache_ttl` counts.

use std::future::poll_fn;
use std::task::{Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::time::Instant;

use crate::backend::{Answer, AnswerBody, Decoding, Failure, call, files, limits};
use crate::files::{FileAnswer, Folder};
use crate::guards::cel::{AtBackend, Seen};
use crate::message::{RequestBody, Response, ResponseBody};
use crate::plan::{BackendPlan, NoOpPlan, StreamDeadline, ThreadState};
use crate::respond::sniff;
use crate::script::backend::{self as script, BackendScript, Called};

/// Calls the backend and passes its answer on.
pub(crate) async fn run(
    thread: &ThreadState,
    plan: &NoOpPlan,
    asked: &super::Asked<'_>,
    body: RequestBody,
    deadline: Instant,
    stream_until: StreamDeadline,
) -> Result<Response, Failure> {
    let backend = &plan.backend;
    let pass = limits::enter(thread, backend)?;
    if let (Some(cel), None) = (&backend.cel, &backend.script) {
        let held = Box::pin(held(thread, plan, cel, asked, body, (deadline, stream_until))).await;
        pass.hear(&held);
        return held;
    }
    if let Some(folder) = &backend.files {
        let served = Box::pin(file(thread, backend, folder, asked)).await;
        pass.hear(&served);
        return served;
    }
    if let Some(script) = &backend.script {
        let made = scripted(thread, plan, script, asked, body, deadline);
        let made = Box::pin(made).await;
        pass.hear(&made);
        return made;
    }
    let answer = call(thread, backend, &asked.caller(Decoding::None), body, deadline).await;
    pass.hear(&answer);
    let answer = answer?;
    Ok(streamed(thread, plan, answer, stream_until).await)
}

/// `validation/cel`: what holds of a request may pass, and what holds of its answer.
async fn held(
    thread: &ThreadState,
    plan: &NoOpPlan,
    cel: &AtBackend,
    asked: &super::Asked<'_>,
    body: RequestBody,
    (deadline, stream_until): (Instant, StreamDeadline),
) -> Result<Response, Failure> {
    let (backend, caller) = (&plan.backend, asked.caller(Decoding::None));
    cel.before(thread, backend, &caller)?;
    let response = match &backend.files {
        Some(folder) => file(thread, backend, folder, asked).await?,
        None => {
            let answer = call(thread, backend, &caller, body, deadline).await?;
            streamed(thread, plan, answer, stream_until).await
        },
    };
    cel.layer.after(Seen::of_response(&response))?;
    Ok(response)
}

/// The answer as it streams on.
async fn streamed(
    thread: &ThreadState,
    plan: &NoOpPlan,
    answer: Answer,
    stream_until: StreamDeadline,
) -> Response {
    let Answer { status, mut headers, mut body, .. } = answer;
    let is_typed = headers.contains_key(CONTENT_TYPE) || headers.contains_key(CONTENT_ENCODING);
    let body = if let Some(bytes) = body.take_if_here() {
        if !is_typed && !bytes.is_empty() {
            name_type(&mut headers, &bytes);
        }
        ResponseBody::Full(bytes)
    } else {
        match stream_until {
            StreamDeadline::Same => {},
            StreamDeadline::Other(deadline) => body.stream_until(deadline),
        }
        if !is_typed {
            peek(&mut headers, &mut body).await;
        }
        ResponseBody::Stream(body)
    };
    Response { status, lines: thread.plan.lines.of(plan.lines), headers, body }
}

/// `modifier/lua-backend`: what a script may change does not outlast the endpoint's `timeout`.
async fn scripted(
    thread: &ThreadState,
    plan: &NoOpPlan,
    script: &BackendScript,
    asked: &super::Asked<'_>,
    body: RequestBody,
    deadline: Instant,
) -> Result<Response, Failure> {
    let caller = asked.caller(Decoding::None);
    let called = script::call(thread, &plan.backend, script, &caller, body, deadline);
    let (script, called) = called.await?;
    let response = match called {
        Called::Answer(answer) => {
            let response = streamed(thread, plan, *answer, StreamDeadline::Same).await;
            if let Some(cel) = &plan.backend.cel {
                cel.layer.after(Seen::of_response(&response))?;
            }
            response
        },
        Called::Skipped => Response {
            lines: thread.plan.lines.of(plan.lines),
            ..Response::new(StatusCode::OK, Bytes::new())
        },
    };
    script.stream(response).await
}

/// `backend/static-filesystem`: a file as it is.
async fn file(
    thread: &ThreadState,
    backend: &BackendPlan,
    folder: &Folder,
    asked: &super::Asked<'_>,
) -> Result<Response, Failure> {
    let caller = asked.caller(Decoding::None);
    let FileAnswer { status, headers, body } =
        files::stream(thread, backend, folder, &caller).await?;
    Ok(Response { status, lines: thread.plan.lines.of(thread.plan.failures.plain), headers, body })
}

/// Waits for the first bytes of a body that does not say what it is, as long as the body may last.
async fn peek(headers: &mut HeaderMap, body: &mut AnswerBody) {
    poll_fn(|context| {
        if let Some(first) = ready!(body.poll_peek(context)) {
            name_type(headers, first);
        }
        Poll::Ready(())
    })
    .await;
}

fn name_type(headers: &mut HeaderMap, first: &[u8]) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(sniff::content_type(first)));
}
