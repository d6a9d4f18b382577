//! `modifier/lua-backend`: one call of a backend, after its URL is made and before it is sent; and what it answered.
//!
//! KrakenD: headers that a script sets are seen by calls beside it; here each call has its own.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use tokio::time::Instant;

use super::draft::{Draft, encoded, fields_of_map};
use super::endpoint::{held_body, hold};
use super::proxy::{reshape, stream};
use super::{Block, Next, Role, ScriptError, Session};
use crate::backend::query::QueryState;
use crate::backend::request::HeaderPlan;
use crate::backend::{Aim, Answer, Caller, Failure, aim, call_at};
use crate::decode::Data;
use crate::message::{RequestBody, Response};
use crate::plan::template::Values as _;
use crate::plan::{BackendPlan, ThreadState};
use crate::proxy::Part;
use crate::respond::lines::Completed;

/// The block and what it needs of its backend.
#[derive(Debug)]
pub(crate) struct BackendScript {
    pub(crate) block: Block,
    /// The fields of a request that a script made: as they are.
    pub(crate) headers: HeaderPlan,
    /// What scripts find among `params`.
    pub(crate) params: NamedParams,
}

/// What is found among the parameters of a call, by its name.
pub(crate) type NamedParams = Box<[(Box<[u8]>, Param)]>;

/// Where a parameter comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Param {
    /// The path of the endpoint.
    Path(usize),
    /// An earlier answer.
    Answer(usize),
}

/// A call whose script waits for the answer.
pub(crate) struct Scripted<'a>(Session<'a>);

/// What became of the call.
pub(crate) enum Called {
    Answer(Box<Answer>),
    /// `skip_next`
    Skipped,
}

/// Runs `pre` and makes the call.
pub(crate) async fn call<'a>(
    thread: &'a ThreadState,
    backend: &'a BackendPlan,
    script: &'a BackendScript,
    caller: &Caller<'_>,
    body: RequestBody,
    deadline: Instant,
) -> Result<(Scripted<'a>, Called), Failure> {
    let (body, held) = hold(&script.block, body).await?;
    let mut aimed = aim(thread, backend, caller)?;
    let draft = Rc::new(RefCell::new(script.draft(thread, backend, caller, &aimed, held)));
    let session = Session::new(thread, &script.block, Role::Request, &draft, deadline)?;
    session.before().await?;
    if script.block.next == Next::Skip {
        return Ok((Scripted(session), Called::Skipped));
    }
    let draft = draft.borrow().clone();
    if let Some(cel) = &backend.cel {
        cel.layer.before(&draft)?;
    }
    let url = String::from_utf8_lossy(&draft.url);
    if *url != aimed.url() {
        aimed = Aim::of_url(thread, &url, backend).map_err(|text| invalid(&url, &text))?;
    }
    if let Ok(method) = http::Method::from_bytes(draft.method.as_bytes()) {
        aimed.method = method;
    }
    let head = Draft { query: Vec::new(), ..draft.clone() }.to_head(caller.head);
    let caller = Caller { head: &head, headers: Some(&script.headers), ..*caller };
    let body = if draft.body_is_new { held_body(draft.body) } else { body };
    let answer = call_at(thread, backend, &caller, &aimed, body, deadline).await?;
    Ok((Scripted(session), Called::Answer(Box::new(answer))))
}

fn invalid(url: &str, text: &str) -> Failure {
    Failure::Url(format!("parse \"{url}\": {text}"))
}

/// The fields of earlier answers among parameters, by place.
pub(crate) fn answers(params: &NamedParams) -> impl Iterator<Item = usize> {
    params.iter().filter_map(|(_, source)| match source {
        Param::Answer(place) => Some(*place),
        Param::Path(_) => None,
    })
}

/// A call's request, but for its URL and its body.
pub(crate) fn draft(
    thread: &ThreadState,
    backend: &BackendPlan,
    params: &NamedParams,
    caller: &Caller<'_>,
) -> Draft {
    let own = thread.own_fields(&caller.client);
    let value = |source: &Param| match source {
        Param::Path(index) => caller.values.param(*index).map(<[u8]>::to_vec),
        Param::Answer(place) => caller.values.answer(*place).map(<[u8]>::to_vec),
    };
    let params = params.iter();
    let params = params.filter_map(|(name, source)| Some((name.to_vec(), value(source)?)));
    let claims = caller.values.token.into_iter().flat_map(|token| token.params());
    let mut query = Vec::new();
    backend.query.append(caller.head.query(), QueryState::Absent, &mut query);
    Draft {
        method: backend.method(caller.head).to_string(),
        query: encoded(query.get(1..).unwrap_or_default()),
        host: caller.head.host().to_owned(),
        params: params.chain(claims).collect(),
        fields: fields_of_map(&backend.headers.proxied(caller.head, own)),
        ..Draft::default()
    }
}

impl BackendScript {
    fn draft(
        &self,
        thread: &ThreadState,
        backend: &BackendPlan,
        caller: &Caller<'_>,
        aimed: &Aim,
        body: Bytes,
    ) -> Draft {
        let draft = draft(thread, backend, &self.params, caller);
        let target = aimed.uri.to_string().into_bytes();
        // The pattern's own query belongs to the path, the client's does not.
        let joined =
            target.strip_suffix(draft.query.as_slice()).filter(|_| !draft.query.is_empty());
        let path = joined.and_then(|path| path.split_last()).map(|(_, path)| path.to_vec());
        let url = aimed.url().into_bytes();
        Draft { path: path.unwrap_or_else(|| target.clone()), url, body, ..draft }
    }
}

impl Scripted<'_> {
    /// `post` on data.
    pub(crate) async fn reshape(&self, part: Part) -> Result<Part, Failure> {
        reshape(&self.0, part).await
    }

    /// `post` on what streams.
    pub(crate) async fn stream(&self, response: Response) -> Result<Response, Failure> {
        stream(&self.0, response).await
    }

    /// What there is of a call that was left out.
    pub(crate) fn nothing() -> Part {
        Part::new(Data::null(), Completed::False)
    }
}

impl From<ScriptError> for Failure {
    fn from(error: ScriptError) -> Self {
        Self::Script(Box::new(error))
    }
}

/// A URL of a script's that nobody can be asked by.
impl Aim {
    fn of_url(thread: &ThreadState, url: &str, like: &BackendPlan) -> Result<Self, String> {
        let (mut host, uri) = super::call::parse(url)?;
        host.id = thread.plan.find_host(&host);
        Ok(Self { host, uri, method: like.sent_method().clone() })
    }
}
