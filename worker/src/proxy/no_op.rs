//! `no-op`: the answer of the one backend as it is, streamed.
//!
//! Status, fields and body pass; nothing is buffered in either direction, trailers and backpressure survive.
//! KrakenD: `X-Krakend-Completed` is always `false`: what is not decoded cannot be known to be complete.

use std::future::poll_fn;
use std::task::Poll;

use tokio::time::Instant;

use crate::backend::{Answer, Decoding, Failure, call};
use crate::message::{RequestBody, Response, ResponseBody};
use crate::plan::{BackendPlan, StreamDeadline, ThreadState};

/// Calls the backend and passes its answer on.
pub(crate) async fn run(
    thread: &ThreadState,
    backend: &BackendPlan,
    asked: &super::Asked<'_>,
    body: RequestBody,
    deadline: Instant,
    stream_until: StreamDeadline,
) -> Result<Response, Failure> {
    let answer = call(thread, backend, &asked.caller(Decoding::None), body, deadline).await?;
    let Answer { status, headers, mut body, .. } = answer;
    let here = poll_fn(|context| Poll::Ready(body.take_if_here(context))).await;
    let body = if let Some(bytes) = here {
        ResponseBody::Full(bytes)
    } else {
        match stream_until {
            StreamDeadline::Same => {},
            StreamDeadline::Other(deadline) => body.stream_until(deadline),
        }
        ResponseBody::Stream(body)
    };
    Ok(Response { status, lines: thread.lines.of(thread.plan.failures.plain), headers, body })
}
