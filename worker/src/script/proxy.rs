//! `modifier/lua-proxy`: the request of an endpoint once its lists have filtered it, and the endpoint's answer.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use tokio::time::Instant;

use super::draft::{AnswerDraft, Draft, encoded, fields_of_map, map_of_fields};
use super::endpoint::{held_body, hold, params_by_name, values_of};
use super::{Block, Next, ReadsBody, Role, Session, call, item};
use crate::backend::Failure;
use crate::backend::query::{QueryFilter, QueryState};
use crate::backend::request::HeaderPlan;
use crate::decode::Data;
use crate::guards::json_schema::JsonSchema;
use crate::message::{RequestBody, Response, ResponseBody};
use crate::plan::{Endpoint, Pipe, ThreadState};
use crate::proxy::{self, Asked, Outcome, Part, Share};
use crate::respond::lines::Completed;
use crate::route::Params;

/// The block and what it needs of its endpoint.
#[derive(Debug)]
pub(crate) struct ProxyScript {
    pub(crate) block: Block,
    /// `input_headers` of the endpoint alone.
    pub(crate) headers: HeaderPlan,
    /// `input_query_strings` of the endpoint alone.
    pub(crate) query: QueryFilter,
    /// Names of the placeholders, as scripts of this level call them.
    pub(crate) names: Box<[Box<[u8]>]>,
}

/// Runs the endpoint's pipe with its script around it.
pub(crate) async fn run(
    thread: &Rc<ThreadState>,
    (endpoint, schema): (&Endpoint, Option<&JsonSchema>),
    script: &ProxyScript,
    asked: &Asked<'_>,
    body: RequestBody,
    begun: Instant,
) -> Result<Response, Failure> {
    let deadline = begun + endpoint.timeout;
    let block = &script.block;
    let (body, held) = hold(block, body).await?;
    let draft = Rc::new(RefCell::new(script.draft(thread, asked, held)));
    let session = Session::new(thread, block, Role::Request, &draft, deadline)?;
    session.before().await?;
    let (head, params, body) = {
        let draft = draft.borrow();
        let mut changed = draft.clone();
        changed.method = asked.head.method().to_string();
        let params = Params::of(&values_of(&script.names, &draft.params));
        let body = if draft.body_is_new { held_body(draft.body.clone()) } else { body };
        (changed.to_head(asked.head), params, body)
    };
    let asked = Asked { head: &head, params: &params, ..*asked };
    let mut share = Share::new(&thread.held_bytes);
    let body = match schema {
        None => body,
        Some(schema) => proxy::schema::check(schema, body, &mut share, deadline).await?,
    };
    if block.next == Next::Skip {
        let part = Part::new(Data::null(), Completed::False);
        let outcome = finish(&session, Outcome::Data(part)).await?;
        return proxy::answer(thread, endpoint, outcome, &asked);
    }
    match &endpoint.pipe {
        Pipe::Data(plan) => {
            let outcome = proxy::outcome(thread, endpoint, plan, &asked, body, begun).await?;
            let outcome = finish(&session, outcome).await?;
            proxy::answer(thread, endpoint, outcome, &asked)
        },
        _ => {
            let response = proxy::pipe(thread, endpoint, &asked, body, begun).await?;
            stream(&session, response).await
        },
    }
}

impl ProxyScript {
    fn draft(&self, thread: &ThreadState, asked: &Asked<'_>, body: Bytes) -> Draft {
        let own = thread.own_fields(&asked.client);
        let fields = fields_of_map(&self.headers.proxied(asked.head, own));
        let mut query = Vec::new();
        self.query.append(asked.head.query(), QueryState::Absent, &mut query);
        Draft {
            method: asked.head.method().to_string(),
            path: asked.head.path().to_vec(),
            query: encoded(query.get(1..).unwrap_or_default()),
            host: asked.head.host().to_owned(),
            params: params_by_name(&self.names, asked.params),
            fields,
            body,
            ..Draft::default()
        }
    }
}

/// `post` on data; where something failed it does not run.
async fn finish(session: &Session<'_>, outcome: Outcome) -> Result<Outcome, Failure> {
    match outcome {
        Outcome::Data(part) => Ok(Outcome::Data(reshape(session, part).await?)),
        other => Ok(other),
    }
}

/// `post` on data.
pub(super) async fn reshape(session: &Session<'_>, part: Part) -> Result<Part, Failure> {
    let draft = AnswerDraft {
        complete: part.completed == Completed::True,
        data: item::of_data(&part.data),
        fields: part.fields.as_deref().map(fields_of_map).unwrap_or_default(),
        ..AnswerDraft::default()
    };
    let answer = Rc::new(RefCell::new(draft));
    session.after(&answer).await?;
    let answer = answer.take();
    let completed = if answer.complete { Completed::True } else { Completed::False };
    let fields = Some(map_of_fields(&answer.fields)).filter(|fields| !fields.is_empty());
    Ok(Part { fields: fields.map(Box::new), ..Part::new(item::to_data(&answer.data), completed) })
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
