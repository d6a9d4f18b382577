//! `modifier/lua-endpoint`: the client's request, before anything but guards looked at it.
//!
//! Of the service: for everything that is routed, and 404 and 405. Whatever goes wrong there is an empty 500; at an endpoint
//! the status of a `custom_error` counts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use baton_shared::log;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use tokio::time::Instant;

use super::draft::{Draft, encoded, fields_of_head};
use super::{Block, ReadsBody, Role, ScriptError, Session};
use crate::message::{Head, RequestBody, Response};
use crate::plan::ThreadState;
use crate::proxy;
use crate::route::Params;

/// A request that a script has seen.
#[derive(Debug)]
pub(crate) struct Scripted {
    pub(crate) head: Head,
    /// The values of the placeholders, in order.
    pub(crate) params: Vec<Vec<u8>>,
    pub(crate) body: RequestBody,
}

/// Runs a block; `names` are those of the placeholders.
pub(crate) async fn run(
    thread: &ThreadState,
    block: &Block,
    (head, names, params): (&Head, &[Box<[u8]>], &Params<'_>),
    body: RequestBody,
    deadline: Instant,
) -> Result<Scripted, ScriptError> {
    let (body, held) = hold(block, body).await?;
    let mut url = head.path().to_vec();
    if let Some(query) = head.query() {
        url.push(b'?');
        url.extend_from_slice(query);
    }
    let draft = Draft {
        method: head.method().to_string(),
        path: head.path().to_vec(),
        url,
        query: head.query().unwrap_or_default().to_vec(),
        host: head.host().to_owned(),
        params: params_by_name(names, params),
        fields: fields_of_head(head),
        body: held,
        ..Draft::default()
    };
    let draft = Rc::new(RefCell::new(draft));
    Session::new(thread, block, Role::Context, &draft, deadline)?.before().await?;
    let mut draft = draft.take();
    let query = head.query().unwrap_or_default();
    if draft.query != query {
        draft.query = encoded(&draft.query);
    }
    draft.method = head.method().to_string();
    Ok(Scripted {
        head: draft.to_head(head),
        params: values_of(names, &draft.params),
        body: if draft.body_is_new { held_body(draft.body) } else { body },
    })
}

/// Reads the body, if the block may.
pub(super) async fn hold(
    block: &Block,
    body: RequestBody,
) -> Result<(RequestBody, Bytes), ScriptError> {
    if block.reads_body == ReadsBody::Never {
        return Ok((body, Bytes::new()));
    }
    let is_empty = matches!(body, RequestBody::Empty);
    let held = proxy::hold(body).await.map_err(|error| ScriptError::plain(error.to_string()))?;
    let body = if is_empty { RequestBody::Empty } else { RequestBody::Copied(held.clone()) };
    Ok((body, held))
}

/// A body of a script's: its length is not told.
pub(super) fn held_body(body: Bytes) -> RequestBody {
    if body.is_empty() { RequestBody::Empty } else { RequestBody::Copied(body) }
}

pub(super) fn params_by_name(
    names: &[Box<[u8]>],
    params: &Params<'_>,
) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let value = |index| params.value(index).unwrap_or_default().to_vec();
    names.iter().enumerate().map(|(index, name)| (name.to_vec(), value(index))).collect()
}

pub(super) fn values_of(names: &[Box<[u8]>], params: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<Vec<u8>> {
    names.iter().map(|name| params.get(&**name).cloned().unwrap_or_default()).collect()
}

/// What the client gets of a script of its endpoint that failed.
pub(crate) fn refused(tag: &str, error: &ScriptError) -> Response {
    let mut response =
        Response::new(error.status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Bytes::new());
    if error.status.is_none() {
        log::error(&format!("{tag}][Lua"), &error.text);
    }
    let content_type = error.content_type.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(content_type)) = content_type {
        response.headers.insert(CONTENT_TYPE, content_type);
    }
    response
}

/// The same for a script of the service.
pub(crate) fn refused_by_service(error: &ScriptError) -> Response {
    log::error("SERVICE: Gin][Lua", &error.text);
    Response::new(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new())
}
