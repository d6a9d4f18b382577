//! One request of a call, from its fields to the head of its answer.
//!
//! `build → (cache) → (token) → exchange`: what a backend does not have costs nothing.

use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use http_body::Body as _;
use tokio::time::Instant;

use super::answer::{Answer, Called};
use super::cache::{self, Cache, Entry, Fields, Found, Question, Validators};
use super::call::{Caller, Decoding};
use super::call_error::CallError;
use super::exchange::{Outbound, Whom};
use super::failure::Failure;
use super::follow::{Kept, follow};
use super::limits;
use super::oauth2::{Age, ClientCredentials};
use super::query::Pair;
use super::redirect;
use super::request::{Asked, Line, Own};
use super::target::{Picked, choose};
use crate::message::RequestBody;
use crate::plan::{BackendPlan, OnError, OnRedirect, ThreadState};

/// What an operation of GraphQL says of itself.
const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// One request of a call: the first, or one that a redirect asks for.
pub(super) struct Sender<'a> {
    pub(super) thread: &'a ThreadState,
    pub(super) backend: &'a BackendPlan,
    pub(super) caller: &'a Caller<'a>,
    pub(super) method: &'a Method,
    pub(super) host: Picked<'a>,
    pub(super) uri: Uri,
    /// What a redirect changes in the fields.
    pub(super) adjust: &'a dyn Fn(&mut HeaderMap),
    pub(super) deadline: Instant,
}

impl<'a> Sender<'a> {
    /// Chooses whom to call, and for what.
    pub(super) fn first(
        thread: &'a ThreadState,
        backend: &'a BackendPlan,
        caller: &'a Caller<'a>,
        own: Vec<Pair<'_>>,
        deadline: Instant,
    ) -> Result<Self, Failure> {
        let (host, uri) = choose(thread, backend, caller, own)?;
        let method = backend.method(caller.head);
        Ok(Self { thread, backend, caller, method, host, uri, adjust: &|_| {}, deadline })
    }

    /// Sends the first request of a call and follows where its answer leads, past what keeps calls from the backend.
    pub(super) async fn answer(&self, body: RequestBody, kept: Kept) -> Result<Answer, Failure> {
        let Self { thread, backend, caller, deadline, .. } = *self;
        let pass = limits::enter_http(thread, backend)?;
        let mut answer = self.send(body).await;
        if let Ok(first) = answer {
            let follows = first.status.is_redirection() && backend.on_redirect != OnRedirect::Stay;
            answer = match follows {
                // In a box: the way of all other answers stays small.
                true => Box::pin(follow(thread, backend, caller, kept, first, deadline)).await,
                false => Ok(first),
            };
        }
        pass.hear_http(backend, &answer);
        answer
    }

    /// Sends the request and waits for the head of its answer.
    pub(super) async fn send(&self, body: RequestBody) -> Result<Answer, Failure> {
        let (request, asked) = self.build(body)?;
        // By reference from here on: as an argument each step would keep it once more.
        let mut request = Some(request);
        let outcome = match &self.backend.cache {
            None => self.exchange(&mut request, asked, None).await,
            Some(cache) => self.ask_cache(cache, &mut request, asked).await,
        };
        outcome.map_err(|error| self.failure(error))
    }

    #[cold]
    fn failure(&self, error: CallError) -> Failure {
        match error {
            CallError::Late => Failure::Late,
            CallError::Upload(error) => Failure::Upload(error),
            error => failed(self.backend, format!("{}{}", self.host.host(), self.uri), error),
        }
    }

    fn build(&self, body: RequestBody) -> Result<(Outbound, Asked), Failure> {
        let host = self.host.host();
        let made;
        let value = match host.id.and_then(|id| self.thread.plan.host_value(id)) {
            Some(value) => value,
            None => {
                made =
                    HeaderValue::from_str(&host.authority).map_err(|_invalid| Failure::NoHosts)?;
                &made
            },
        };
        let client = self.thread.client_value(&self.caller.client);
        let own = Own { agent: &self.thread.plan.agent, client, host: value };
        let line = Line { method: self.method, uri: self.uri.clone() };
        let headers = self.caller.headers.unwrap_or(&self.backend.headers);
        let (mut request, asked) = headers.build(self.caller.head, body, line, own);
        if self.backend.graphql.is_some() {
            request.headers_mut().insert(CONTENT_TYPE, APPLICATION_JSON);
        }
        if let Some(login) = self.host.login() {
            request.headers_mut().entry(AUTHORIZATION).or_insert_with(|| login.clone());
        }
        (self.adjust)(request.headers_mut());
        Ok((request, asked))
    }

    async fn exchange(
        &self,
        request: &mut Option<Outbound>,
        asked: Asked,
        validators: Option<&Validators>,
    ) -> Result<Answer, CallError> {
        match &self.backend.credentials {
            Some(credentials) if self.backend.is_own(self.host.host()) => {
                // In a box: the way of requests without a token stays small.
                Box::pin(self.exchange_with_token(credentials, request, asked, validators)).await
            },
            Some(_) | None => self.exchange_as(None, request, asked, validators).await,
        }
    }

    /// `auth/client-credentials`: a backend that does not take the token may have forgotten it, and gets another once.
    async fn exchange_with_token(
        &self,
        credentials: &ClientCredentials,
        request: &mut Option<Outbound>,
        asked: Asked,
        validators: Option<&Validators>,
    ) -> Result<Answer, CallError> {
        let (token, age) = credentials.token(self.thread, self.deadline).await?;
        let is_empty = request.as_ref().is_some_and(|request| request.body().is_empty());
        let is_repeatable = age == Age::Kept && is_empty;
        let answer = self.exchange_as(Some(&token), request, asked, validators).await?;
        if answer.status != StatusCode::UNAUTHORIZED || !is_repeatable {
            return Ok(answer);
        }
        credentials.forget(&token);
        let Ok((other, _)) = credentials.token(self.thread, self.deadline).await else {
            return Ok(answer);
        };
        let Ok((mut request, _)) = self.build(RequestBody::Empty) else { return Ok(answer) };
        if let Some(validators) = validators {
            validators.apply(request.headers_mut());
        }
        self.exchange_as(Some(&other), &mut Some(request), asked, validators).await
    }

    async fn exchange_as(
        &self,
        token: Option<&HeaderValue>,
        request: &mut Option<Outbound>,
        asked: Asked,
        validators: Option<&Validators>,
    ) -> Result<Answer, CallError> {
        let authorize = |request: &mut Outbound| {
            if let Some(token) = token {
                request.headers_mut().insert(AUTHORIZATION, token.clone());
            }
        };
        if let Some(request) = request {
            authorize(request);
        }
        let again = || {
            let (mut request, _) = self.build(RequestBody::Empty).ok()?;
            if let Some(validators) = validators {
                validators.apply(request.headers_mut());
            }
            authorize(&mut request);
            Some(request)
        };
        let client = &self.thread.client;
        let whom = Whom {
            host: self.host.host(),
            uri: &self.uri,
            via: self.thread.plan.via(self.host.host()),
        };
        let mut answer = client.exchange(whom, request, again, self.deadline).await?;
        undo_gzip(&mut answer, asked, self.caller.decoding);
        Ok(answer)
    }

    fn called(&self) -> Called {
        Called::new(self.host.host(), self.uri.clone())
    }

    /// `qos/http-cache`: what is fresh is answered here and now.
    async fn ask_cache(
        &self,
        cache: &Cache,
        request: &mut Option<Outbound>,
        asked: Asked,
    ) -> Result<Answer, CallError> {
        let question = request.as_ref().and_then(|request| {
            let fields = Fields { headers: request.headers(), gzip: asked };
            let question = cache.question(self.method, (self.host.host(), &self.uri), fields)?;
            let found = question.ask(fields);
            Some((question, found))
        });
        // In boxes: the way of what is fresh stays small.
        let Some((question, found)) = question else {
            return Box::pin(self.exchange(request, asked, None)).await;
        };
        let doubtful = match found {
            Found::Answer(entry) => return Ok(entry.answer(self.called())),
            Found::Refused => return Ok(cache::refused(self.called())),
            Found::Nothing => None,
            Found::Doubtful(entry, validators) => Some((entry, validators)),
        };
        Box::pin(self.ask_backend(question, doubtful, request, asked)).await
    }

    /// What the cache does not answer.
    async fn ask_backend(
        &self,
        question: Question<'_>,
        doubtful: Option<(Arc<Entry>, Validators)>,
        request: &mut Option<Outbound>,
        asked: Asked,
    ) -> Result<Answer, CallError> {
        let (entry, validators) = doubtful.unzip();
        if let (Some(validators), Some(request)) = (&validators, request.as_mut()) {
            validators.apply(request.headers_mut());
        }
        let headers = request.as_ref().map(|request| request.headers().clone()).unwrap_or_default();
        let fields = Fields { headers: &headers, gzip: asked };
        let said = self.exchange(request, asked, validators.as_ref()).await;
        let mut answer = question.settle(entry, fields, said, || self.called())?;
        if self.is_left_unread(&answer) {
            answer.body.keep_no_more();
        }
        Ok(answer)
    }

    /// KrakenD reads no body of an answer that fails, so that none is stored.
    fn is_left_unread(&self, answer: &Answer) -> bool {
        let is_good = matches!(answer.status, StatusCode::OK | StatusCode::CREATED);
        let is_followed =
            redirect::is_followed(answer.status) && answer.headers.contains_key(LOCATION);
        let fails = self.caller.decoding == Decoding::Gunzip
            && matches!(*self.backend.on_error, OnError::Fail { .. });
        fails && !is_good && !is_followed
    }
}

/// Go names the method of the first request, whatever a redirect made of it.
pub(super) fn failed(backend: &BackendPlan, url: String, error: CallError) -> Failure {
    Failure::Call { method: backend.sent_method().clone(), url, error }
}

/// Where the gateway asked for gzip of its own accord, nobody behind it knows of it.
fn undo_gzip(answer: &mut Answer, asked: Asked, decoding: Decoding) {
    let Some(coding) = answer.headers.get(CONTENT_ENCODING) else { return };
    let is_gzip = match (asked, decoding) {
        (Asked::ByGateway, _) => coding.as_bytes().eq_ignore_ascii_case(b"gzip"),
        (Asked::ByClient, Decoding::Gunzip) => coding == "gzip",
        (Asked::ByClient, Decoding::None) => false,
    };
    // Go leaves the field where there is no body; who decodes fails at it either way.
    let is_shown_empty = decoding == Decoding::None && answer.body.is_end_stream();
    if is_gzip && !is_shown_empty {
        answer.headers.remove(CONTENT_ENCODING);
        answer.body.gunzip();
    }
}
