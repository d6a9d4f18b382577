//! One backend of an endpoint: called once or, with `concurrent_calls`, several times at once.
//!
//! KrakenD: the same call for so many picks of the balancer, for 75 % of the `timeout`; the first answer that
//! is complete wins and the others are ended, or else the last one is what there is.

use std::future::poll_fn;
use std::ops::ControlFlow;

use tokio::time::Instant;

use super::body::CallBody;
use super::join::Join;
use super::{Asked, Outcome, Part, single};
use crate::backend::Failure;
use crate::plan::{CallPlan, ConcurrentPlan, ThreadState};
use crate::respond::lines::Completed;

/// Calls the backend.
pub(super) async fn run(
    thread: &ThreadState,
    call: &CallPlan,
    asked: &Asked<'_>,
    body: CallBody,
    deadline: Instant,
) -> Outcome {
    match call.concurrent {
        None => single::run(thread, call, asked, body, deadline).await.into(),
        Some(plan) => Box::pin(several(thread, call, plan, asked, body, deadline)).await,
    }
}

async fn several(
    thread: &ThreadState,
    call: &CallPlan,
    plan: ConcurrentPlan,
    asked: &Asked<'_>,
    mut body: CallBody,
    deadline: Instant,
) -> Outcome {
    let deadline = deadline.min(Instant::now() + plan.budget);
    let (mut part, mut failure) = (None, None);
    let mut running: Join<_> =
        (0..plan.calls).map(|_| single::run(thread, call, asked, body.copy(), deadline)).collect();
    poll_fn(|context| running.poll(context, |result| take(result, &mut part, &mut failure))).await;
    match (part, failure) {
        (Some(part @ Part { completed: Completed::True, .. }), _) | (Some(part), None) => {
            Outcome::Data(part)
        },
        (Some(part), Some(failure)) => Outcome::Partial(part, failure),
        (None, failure) => Outcome::Failed(failure.unwrap_or(Failure::Late)),
    }
}

/// Keeps the last of each kind; a complete answer ends it.
fn take(
    result: Result<Part, Failure>,
    last: &mut Option<Part>,
    failure: &mut Option<Failure>,
) -> ControlFlow<()> {
    match result {
        Err(Failure::Flatmap) => {
            (*last, *failure) = (None, Some(Failure::Flatmap));
            ControlFlow::Break(())
        },
        Err(error) => {
            *failure = Some(error);
            ControlFlow::Continue(())
        },
        Ok(part) => {
            let is_complete = part.completed == Completed::True;
            *last = Some(part);
            if is_complete { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    }
}
