//! One call of an endpoint to its backend, up to the head of the answer.

use std::borrow::Cow;

use http::{Method, Uri};
use tokio::time::Instant;

use super::answer::Answer;
use super::failure::Failure;
use super::follow::Kept;
use super::query::pairs;
use super::request::HeaderPlan;
use super::send::Sender;
use super::target::{Picked, choose};
use crate::guards::client_ip::ClientAddress;
use crate::guards::jwt::Verified;
use crate::message::{Head, RequestBody};
use crate::plan::template::Values;
use crate::plan::{BackendPlan, Host, OnRedirect, ThreadState};
use crate::route::Params;

/// The client's side of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) head: &'a Head,
    /// Whose request it is, as it is believed.
    pub(crate) client: ClientAddress<'a>,
    /// The values of the endpoint's placeholders.
    pub(crate) values: CallValues<'a>,
    /// What the answer is for.
    pub(crate) decoding: Decoding,
    /// In place of the backend's, where a script made the fields.
    pub(crate) headers: Option<&'a HeaderPlan>,
}

/// What a `url_pattern` is filled with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallValues<'a> {
    pub(crate) head: &'a Head,
    pub(crate) params: &'a Params<'a>,
    /// Fields of earlier answers, where the endpoint is sequential.
    pub(crate) answers: &'a [Option<Vec<u8>>],
    /// The token that was checked, if one was.
    pub(crate) token: Option<&'a Verified>,
}

impl Values for CallValues<'_> {
    fn param(&self, index: usize) -> Option<&[u8]> {
        self.params.value(index)
    }

    fn claim(&self, name: &str) -> Option<&[u8]> {
        self.token?.param(name)
    }

    fn answer(&self, place: usize) -> Option<&[u8]> {
        self.answers.get(place)?.as_deref()
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.head.field(name)
    }

    fn query(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let pairs = pairs(self.head.query()?);
        pairs.into_iter().find(|(key, _)| **key == *name.as_bytes()).map(|(_, value)| value)
    }
}

/// What becomes of a gzip that the client's own `Accept-Encoding` asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decoding {
    /// It passes as it is.
    None,
    /// It is undone: the body is decoded here.
    Gunzip,
}

/// Calls `backend` and waits for the head of the answer, redirects followed, at most until `deadline`.
pub(crate) async fn call(
    thread: &ThreadState,
    backend: &BackendPlan,
    caller: &Caller<'_>,
    body: RequestBody,
    deadline: Instant,
) -> Result<Answer, Failure> {
    if let Some(folder) = &backend.files {
        return Box::pin(super::files::answer(backend, folder, caller)).await;
    }
    let (body, own) = match &backend.graphql {
        None => (body, Vec::new()),
        // In a box: the way of all other requests stays small.
        Some(graphql) => {
            let made = Box::pin(graphql.make(&caller.values, body)).await?;
            (made.body, made.query)
        },
    };
    let (body, kept) = match backend.on_redirect {
        OnRedirect::DropBody | OnRedirect::Stay => Kept::of(body),
        OnRedirect::SendBody => Box::pin(Kept::hold(body)).await?,
    };
    let sender = Sender::first(thread, backend, caller, own, deadline)?;
    sender.answer(body, kept).await
}

/// Whom a call goes to, for scripts that may change it.
#[derive(Clone, Debug)]
pub(crate) struct Aim {
    pub(crate) host: Host,
    pub(crate) uri: Uri,
    pub(crate) method: Method,
}

impl Aim {
    /// The whole URL.
    pub(crate) fn url(&self) -> String {
        format!("{}{}", self.host, self.uri)
    }
}

/// Whom a call would go to.
pub(crate) fn aim(
    thread: &ThreadState,
    backend: &BackendPlan,
    caller: &Caller<'_>,
) -> Result<Aim, Failure> {
    let (picked, uri) = choose(thread, backend, caller, Vec::new())?;
    let method = backend.method(caller.head).clone();
    Ok(Aim { host: picked.host().clone(), uri, method })
}

/// Makes a call that a script aimed.
pub(crate) async fn call_at(
    thread: &ThreadState,
    backend: &BackendPlan,
    caller: &Caller<'_>,
    aim: &Aim,
    body: RequestBody,
    deadline: Instant,
) -> Result<Answer, Failure> {
    let (body, kept) = Kept::of(body);
    let Aim { host, uri, method } = aim;
    let (host, uri) = (Picked::Named(host), uri.clone());
    let sender = Sender { thread, backend, caller, method, host, uri, adjust: &|_| {}, deadline };
    sender.answer(body, kept).await
}
