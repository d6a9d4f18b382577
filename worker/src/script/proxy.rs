//! `modifier/lua-proxy`: the request of an endpoint once its lists have filtered it, and the endpoint's answer.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use tokio::time::Instant;

use super::draft::{AnswerDraft, fields_of_map, map_of_fields};
use super::endpoint::{held_body, hold, values_of};
use super::view::View;
use super::{Block, Next, ReadsBody, Role, Session, call, item};
use crate::backend::Failure;
use crate::decode::Data;
use crate::guards::Gates;
use crate::message::{RequestBody, Response, ResponseBody};
use crate::plan::{Endpoint, ThreadState};
use crate::proxy::{self, Asked, Made, Outcome, Part, Share};
use crate::respond::lines::Completed;
use crate::route::Params;

/// The block and what it needs of its endpoint.
#[derive(Debug)]
pub(crate) struct ProxyScript {
    pub(crate) block: Block,
    pub(crate) view: View,
}

/// Runs the endpoint's pipe with its script around it.
pub(crate) async fn run(
    thread: &Rc<ThreadState>,
    (endpoint, gates): (&Endpoint, &Gates),
    script: &ProxyScript,
    asked: &Asked<'_>,
    body: RequestBody,
    begun: Instant,
) -> Result<Response, Failure> {
    let deadline = begun + endpoint.timeout;
    let block = &script.block;
    let (body, held) = hold(block, body).await?;
    let draft = Rc::new(RefCell::new(script.view.draft(thread, asked, held)));
    let session = Session::new(thread, block, Role::Request, &draft, deadline)?;
    session.before().await?;
    if block.next == Next::Skip {
        let part = Part::new(Data::null(), Completed::False);
        let made = Made::Data(Outcome::Data(reshape(&session, part).await?));
        return proxy::write(thread, endpoint, gates, made, asked);
    }
    let mut draft = draft.borrow().clone();
    if let Some(cel) = &gates.cel {
        cel.layer.before(&draft)?;
    }
    draft.method = asked.head.method().to_string();
    let params = Params::of(&values_of(&script.view.names, &draft.params));
    let body = if draft.body_is_new { held_body(std::mem::take(&mut draft.body)) } else { body };
    let head = draft.to_head(asked.head);
    let asked = Asked { head: &head, params: &params, ..*asked };
    let mut share = Share::new(&thread.held_bytes);
    let body = match &gates.schema {
        None => body,
        Some(schema) => proxy::schema::check(schema, body, &mut share, deadline).await?,
    };
    let made = proxy::make(thread, endpoint, gates, &asked, body, begun).await?;
    let made = match made {
        // Where something failed `post` does not run.
        Made::Data(Outcome::Data(part)) => {
            Made::Data(Outcome::Data(reshape(&session, part).await?))
        },
        Made::Data(failed) => Made::Data(failed),
        Made::Whole(answer) => Made::Whole(stream(&session, answer).await?),
    };
    proxy::write(thread, endpoint, gates, made, &asked)
}

/// `post` on data.
pub(super) async fn reshape(session: &Session<'_>, part: Part) -> Result<Part, Failure> {
    let draft = AnswerDraft {
        complete: part.completed == Completed::True,
        data: item::of_data(&part.data),
        status: part.status.map_or(0, |status| status.as_u16()),
        fields: part.fields.as_deref().map(fields_of_map).unwrap_or_default(),
        ..AnswerDraft::default()
    };
    let answer = Rc::new(RefCell::new(draft));
    session.after(&answer).await?;
    let answer = answer.take();
    let completed = if answer.complete { Completed::True } else { Completed::False };
    let fields = Some(map_of_fields(&answer.fields)).filter(|fields| !fields.is_empty());
    let status = StatusCode::from_u16(answer.status).ok();
    let fields = fields.map(Box::new);
    Ok(Part { fields, status, ..Part::new(item::to_data(&answer.data), completed) })
}

/// `post` on what streams.
pub(super) async fn stream(
    session: &Session<'_>,
    mut response: Response,
) -> Result<Response, Failure> {
    let mut draft = AnswerDraft {
        status: response.status.as_u16(),
        fields: fields_of_map(&response.headers),
        ..AnswerDraft::default()
    };
    if session.block.reads_body == ReadsBody::Perhaps {
        let body = std::mem::replace(&mut response.body, ResponseBody::Full(Bytes::new()));
        draft.body = match body {
            ResponseBody::Full(bytes) => bytes,
            ResponseBody::Stream(body) => {
                call::collect(body).await.map_err(super::ScriptError::plain)?
            },
            other => {
                response.body = other;
                Bytes::new()
            },
        };
    }
    let answer = Rc::new(RefCell::new(draft));
    session.after(&answer).await?;
    let answer = answer.take();
    response.headers = map_of_fields(&answer.fields);
    response.status = StatusCode::from_u16(answer.status)
        .ok()
        .filter(|status| !status.is_informational())
        .unwrap_or(response.status);
    let is_held = matches!(&response.body, ResponseBody::Full(bytes) if bytes.is_empty());
    if answer.body_is_new || (is_held && session.block.reads_body == ReadsBody::Perhaps) {
        response.body = ResponseBody::Full(answer.body);
    }
    if !response.headers.contains_key(CONTENT_TYPE)
        && let ResponseBody::Full(body) = &response.body
        && !body.is_empty()
    {
        let content_type = crate::respond::sniff::content_type(body);
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    Ok(response)
}
