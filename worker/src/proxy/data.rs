//! An endpoint with data: its calls, then what is done to what came of them, then the answer.

use std::fmt::Write as _;
use std::rc::Rc;

use baton_shared::log;
use tokio::time::Instant;

use super::body::{CallBody, Share};
use super::{Asked, Outcome, Part, concurrent, parallel, sequential, shadow};
use crate::backend::Failure;
use crate::decode::Broken;
use crate::encode;
use crate::message::{RequestBody, Response};
use crate::plan::template::TemplateError;
use crate::plan::{Calls, DataPlan, Endpoint, ThreadState};
use crate::respond;
use crate::respond::lines::Completed;

/// Makes the calls and answers.
pub(super) async fn run(
    thread: &Rc<ThreadState>,
    endpoint: &Endpoint,
    plan: &DataPlan,
    asked: &Asked<'_>,
    body: RequestBody,
    begun: Instant,
) -> Result<Response, Failure> {
    let outcome = outcome(thread, endpoint, plan, asked, body, begun).await?;
    answer(thread, endpoint, outcome, asked)
}

/// Makes the calls; what came of them, reshaped.
pub(crate) async fn outcome(
    thread: &Rc<ThreadState>,
    endpoint: &Endpoint,
    plan: &DataPlan,
    asked: &Asked<'_>,
    body: RequestBody,
    begun: Instant,
) -> Result<Outcome, Failure> {
    let deadline = begun + plan.budget;
    let mut share = Share::new(&thread.held_bytes);
    let mut body = CallBody::new(body, plan.body, &mut share, deadline).await?;
    if plan.shadow.is_some() {
        shadow::begin(thread, endpoint, asked, body.copy());
    }
    let mut outcome = match &plan.calls {
        Calls::One(only) => concurrent::run(thread, only, asked, body, deadline).await,
        // In a box: the way of a single backend stays small.
        calls => Box::pin(call(thread, calls, asked, body, deadline)).await,
    };
    if let (Some(flatmap), Outcome::Data(part)) = (&plan.flatmap, &mut outcome) {
        match flatmap.apply(&part.data) {
            Ok(data) => part.data = data,
            Err(Broken) => return Err(Failure::Flatmap),
        }
    }
    if let Some(overlay) = &plan.overlay {
        outcome = overlay.apply(outcome);
    }
    Ok(outcome)
}

/// What the client gets.
pub(crate) fn answer(
    thread: &Rc<ThreadState>,
    endpoint: &Endpoint,
    outcome: Outcome,
    asked: &Asked<'_>,
) -> Result<Response, Failure> {
    let Some(output) = endpoint.pipe.output() else {
        return Ok(respond::empty());
    };
    let part = match outcome {
        Outcome::Data(part) => part,
        Outcome::Partial(part, failure) => {
            tell(endpoint, &failure);
            part
        },
        Outcome::Failed(failure) => return Err(failure),
    };
    let rendered = encode::render(output, &part.data, asked.head.field("accept"));
    let mut response = respond::data(thread, endpoint, rendered, completed(&part));
    if let Some(fields) = part.fields
        && !part.data.is_empty_object()
    {
        respond::add(&mut response, *fields);
    }
    Ok(response)
}

/// Makes calls of any shape.
pub(super) async fn call(
    thread: &ThreadState,
    calls: &Calls,
    asked: &Asked<'_>,
    body: CallBody,
    deadline: Instant,
) -> Outcome {
    // What must not be sent to one backend is not half sent to others.
    let values = asked.values();
    let faulty = calls.all().find_map(|call| call.backend.url.check(&values).err());
    if let Some(error) = faulty {
        return Outcome::Failed(match error {
            TemplateError::Missing => Failure::Missing,
            TemplateError::DotSegment | TemplateError::Unparsable { .. } => Failure::DotSegment,
        });
    }
    match calls {
        Calls::One(call) => concurrent::run(thread, call, asked, body, deadline).await,
        Calls::Parallel(calls) => parallel::run(thread, calls, asked, body, deadline).await,
        Calls::Sequential(plan) => sequential::run(thread, plan, asked, body, deadline).await,
    }
}

/// KrakenD: what is empty is not complete.
fn completed(part: &Part) -> Completed {
    match part.completed {
        Completed::True if !part.data.is_null() && !part.data.is_empty_object() => Completed::True,
        Completed::True | Completed::False => Completed::False,
    }
}

/// Logs a failure as KrakenD does: those of several calls have numbers.
pub(crate) fn tell(endpoint: &Endpoint, failure: &Failure) {
    let Failure::Several(failures) = failure else {
        log::error(&endpoint.labels.tag, failure.to_string());
        return;
    };
    for (index, failure) in failures.iter().enumerate() {
        let mut text = String::new();
        let _infallible = write!(text, "Error #{index}: {failure}");
        log::error(&endpoint.labels.tag, text);
    }
}
