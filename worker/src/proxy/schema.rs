//! `validation/json-schema`: reads the client's body before anybody is called.
//!
//! KrakenD: for every method; the body goes on as it is, and its length is not told any more.

use tokio::time::Instant;

use super::body::{CallBody, Share};
use crate::backend::Failure;
use crate::guards::json_schema::JsonSchema;
use crate::message::RequestBody;
use crate::plan::BodyUse;

/// Holds the body and compares it; waits for it until `deadline`.
pub(crate) async fn check(
    schema: &JsonSchema,
    body: RequestBody,
    share: &mut Share<'_>,
    deadline: Instant,
) -> Result<RequestBody, Failure> {
    let held = CallBody::new(body, BodyUse::Copy, share, deadline).await?.into_bytes();
    schema.check(&held).map_err(|text| Failure::Schema(text.into()))?;
    Ok(RequestBody::Copied(held))
}
