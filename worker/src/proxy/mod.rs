//! From an endpoint to its answer: which backends are called, and what becomes of what they say.

mod no_op;
mod single;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::pin::Pin;

use http_body::Body as _;
use tokio::time::Instant;

use crate::backend::{Caller, Decoding, Failure};
use crate::decode::Data;
use crate::encode;
use crate::guards::client_ip::ClientAddress;
use crate::message::{Head, RequestBody, Response, UploadError};
use crate::plan::{Endpoint, Pipe, ThreadState};
use crate::respond;
use crate::respond::lines::Completed;
use crate::route::Params;

/// The largest request body that is held in memory.
const HELD_BYTES_MAX: usize = 64 << 20;

/// What is known of a request once it is routed.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) head: &'a Head,
    /// Whose request it is, as it is believed.
    pub(crate) client: ClientAddress<'a>,
    /// The values of the endpoint's placeholders.
    pub(crate) params: Params<'a>,
}

impl Asked<'_> {
    const fn caller(&self, decoding: Decoding) -> Caller<'_> {
        Caller { head: self.head, client: self.client, params: &self.params, decoding }
    }
}

/// Data on its way to a client.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) data: Data,
    /// Whether nothing that was asked for is missing.
    pub(crate) completed: Completed,
}

/// Runs the endpoint's pipe; its `timeout` counts from `begun`.
pub(crate) async fn run(
    thread: &ThreadState,
    endpoint: &Endpoint,
    asked: &Asked<'_>,
    body: RequestBody,
    begun: Instant,
) -> Result<Response, Failure> {
    let deadline = begun + endpoint.timeout;
    match &endpoint.pipe {
        Pipe::NoOp(backend) => {
            let stream_until = endpoint.stream.deadline(begun);
            no_op::run(thread, backend, asked, body, deadline, stream_until).await
        },
        Pipe::Single { backend, decoder, output } => {
            let part = single::run(thread, (backend, decoder), asked, body, deadline).await?;
            let rendered = encode::render(*output, &part.data, asked.head.field("accept"));
            Ok(respond::data(thread, endpoint, rendered, completed(&part)))
        },
        Pipe::NotBuilt => Ok(respond::refused(crate::guards::Refusal::NotBuilt)),
    }
}

/// KrakenD: what is empty is not complete.
fn completed(part: &Part) -> Completed {
    match part.completed {
        Completed::True if !part.data.is_null() && !part.data.is_empty_object() => Completed::True,
        Completed::True | Completed::False => Completed::False,
    }
}

/// A whole request body in memory, within the bound of answers held there.
pub(crate) async fn hold(body: RequestBody) -> Result<bytes::Bytes, Failure> {
    let mut body = body;
    let mut whole = bytes::BytesMut::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame.map_err(Failure::Upload)?.into_data() else { continue };
        if whole.len() + data.len() > HELD_BYTES_MAX {
            return Err(Failure::Upload(UploadError::TooLarge));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}
