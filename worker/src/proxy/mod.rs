//! From an endpoint to its answer: which backends are called, and what becomes of what they say.
//!
//! `shadow calls leave → calls: one, parallel, sequential → flatmap → static → encode`; each call once or
//! several times at once. The calls of a request run in the request's own task.

mod background;
mod body;
mod concurrent;
mod data;
mod join;
mod merge;
mod no_op;
mod parallel;
pub(crate) mod schema;
mod sequential;
mod shadow;
mod sign;
mod single;
mod static_data;
mod websocket;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use crate::backend::{CallValues, Caller, Decoding, Failure};
use crate::decode::Data;
use crate::guards::Gates;
use crate::guards::cel::Seen;
use crate::guards::client_ip::ClientAddress;
use crate::guards::jwt::Verified;
use crate::message::{Head, RequestBody, Response};
use crate::plan::{Endpoint, Pipe, ThreadState};
use crate::respond;
use crate::respond::lines::Completed;
use crate::route::Params;

pub(crate) use background::Background;
pub(crate) use body::{Share, hold};
pub(crate) use data::tell;
pub(crate) use sign::failed as unsigned;
pub(crate) use static_data::StaticData;

/// What is known of a request once it is routed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) head: &'a Head,
    /// Whose request it is, as it is believed.
    pub(crate) client: ClientAddress<'a>,
    /// The values of the endpoint's placeholders.
    pub(crate) params: &'a Params<'a>,
    /// Fields of earlier answers, where the endpoint is sequential.
    pub(crate) answers: &'a [Option<Vec<u8>>],
    /// The token that was checked, if one was asked for.
    pub(crate) token: Option<&'a Rc<Verified>>,
    /// Whether a body that is passed over is kept.
    pub(crate) keeps_whole: bool,
}

impl<'a> Asked<'a> {
    pub(crate) const fn new(
        head: &'a Head,
        client: ClientAddress<'a>,
        params: &'a Params<'a>,
    ) -> Self {
        Self { head, client, params, answers: &[], token: None, keeps_whole: false }
    }

    fn caller(&self, decoding: Decoding) -> Caller<'a> {
        Caller {
            head: self.head,
            client: self.client,
            values: self.values(),
            decoding,
            headers: None,
        }
    }

    fn values(&self) -> CallValues<'a> {
        let token = self.token.map(|token| &**token);
        CallValues { head: self.head, params: self.params, answers: self.answers, token }
    }
}

/// Data on its way to a client.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) data: Data,
    /// Whether nothing that was asked for is missing.
    pub(crate) completed: Completed,
    /// The status that the backend's answer sets; only signers pass it on.
    pub(crate) status: Option<StatusCode>,
    /// Fields for the client, which only scripts set.
    pub(crate) fields: Option<Box<HeaderMap>>,
    /// The body that was passed over, where a later call of a chain wants it.
    pub(crate) whole: Option<Bytes>,
}

impl Part {
    pub(crate) const fn new(data: Data, completed: Completed) -> Self {
        Self { data, completed, status: None, fields: None, whole: None }
    }
}

/// What came of some calls.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Data, and nothing failed.
    Data(Part),
    /// Data although something failed.
    Partial(Part, Failure),
    /// Nothing.
    Failed(Failure),
}

impl From<Result<Part, Failure>> for Outcome {
    fn from(result: Result<Part, Failure>) -> Self {
        match result {
            Ok(part) => Self::Data(part),
            Err(failure) => Self::Failed(failure),
        }
    }
}

/// Runs the endpoint's pipe behind those of its gates that hold bodies; its `timeout` counts from `begun`.
pub(crate) async fn gated(
    thread: &Rc<ThreadState>,
    endpoint: &Endpoint,
    gates: &Gates,
    asked: &Asked<'_>,
    mut body: RequestBody,
    begun: Instant,
) -> Result<Response, Failure> {
    if let Some(cel) = &gates.cel {
        cel.before(thread, asked)?;
    }
    // What is held of the body, as long as the request takes.
    let mut share = Share::new(&thread.held_bytes);
    if let Some(schema) = &gates.schema {
        body = schema::check(schema, body, &mut share, begun + endpoint.timeout).await?;
    }
    let made = make(thread, endpoint, gates, asked, body, begun).await?;
    write(thread, endpoint, gates, made, asked)
}

/// What a pipe gave, before it is written for the client.
#[derive(Debug)]
pub(crate) enum Made {
    Data(Outcome),
    /// What is not decoded.
    Whole(Response),
}

/// Runs the pipe of an endpoint with gates, and looks at what came of it.
pub(crate) async fn make(
    thread: &Rc<ThreadState>,
    endpoint: &Endpoint,
    gates: &Gates,
    asked: &Asked<'_>,
    body: RequestBody,
    begun: Instant,
) -> Result<Made, Failure> {
    let cel = gates.cel.as_ref().map(|cel| &cel.layer);
    let Pipe::Data(plan) = &endpoint.pipe else {
        let answer = pipe(thread, endpoint, asked, body, begun).await?;
        if let Some(cel) = cel {
            cel.after(Seen::of_response(&answer))?;
        }
        return Ok(Made::Whole(answer));
    };
    let outcome = data::outcome(thread, endpoint, plan, asked, body, begun).await?;
    if let (Some(cel), Outcome::Data(part)) = (cel, &outcome) {
        cel.after(Seen::of_part(part))?;
    }
    Ok(Made::Data(outcome))
}

/// What the client gets of it, signed where it is to be.
pub(crate) fn write(
    thread: &Rc<ThreadState>,
    endpoint: &Endpoint,
    gates: &Gates,
    made: Made,
    asked: &Asked<'_>,
) -> Result<Response, Failure> {
    match (made, gates.signer()) {
        (Made::Data(outcome), None) => data::answer(thread, endpoint, outcome, asked),
        (Made::Data(outcome), Some(signer)) => sign::sign(thread, signer, outcome),
        (Made::Whole(answer), None) => Ok(answer),
        (Made::Whole(_), Some(_)) if matches!(endpoint.pipe, Pipe::Empty) => Err(Failure::NoHosts),
        (Made::Whole(answer), Some(_)) => Ok(sign::nothing(&answer)),
    }
}

/// Runs the pipe alone; its `timeout` counts from `begun`.
pub(crate) async fn pipe(
    thread: &Rc<ThreadState>,
    endpoint: &Endpoint,
    asked: &Asked<'_>,
    body: RequestBody,
    begun: Instant,
) -> Result<Response, Failure> {
    match &endpoint.pipe {
        Pipe::Data(plan) => data::run(thread, endpoint, plan, asked, body, begun).await,
        Pipe::NoOp(plan) => {
            let stream_until = endpoint.stream.deadline(begun);
            let deadline = begun + endpoint.timeout;
            let answer = no_op::run(thread, plan, asked, body, deadline, stream_until).await;
            match answer {
                Err(failure) if plan.hides_failures => {
                    tell(endpoint, &failure);
                    Ok(respond::nothing(thread))
                },
                answer => answer,
            }
        },
        Pipe::Empty => Ok(respond::empty()),
        Pipe::WebSocket(plan) => {
            let deadline = begun + endpoint.timeout;
            Box::pin(websocket::run(thread, plan, asked, &body, deadline)).await
        },
        Pipe::NotBuilt => Ok(respond::refused(thread, crate::guards::Refusal::NotBuilt)),
    }
}
