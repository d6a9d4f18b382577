//! One call of an endpoint to its backend, up to the head of the answer.

use std::borrow::Cow;
use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, REFERER};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use http_body::Body as _;
use tokio::time::Instant;

use super::answer::{Answer, Called};
use super::cache::{self, Cache, Entry, Fields, Found, Question, Validators};
use super::exchange::{Outbound, Whom};
use super::failure::{CallError, Failure};
use super::limits;
use super::oauth2::{Age, ClientCredentials};
use super::query::{Pair, QueryFilter, QueryState, pairs};
use super::redirect::{self, FirstBody, LocationError, NextBody};
use super::request::{Asked, HeaderPlan, Line, Own};
use crate::guards::client_ip::ClientAddress;
use crate::guards::jwt::Verified;
use crate::message::{Head, RequestBody};
use crate::plan::template::{TemplateError, Values};
use crate::plan::{BackendPlan, Host, HostTarget, Hosts, OnError, OnRedirect, Scheme, ThreadState};
use crate::route::Params;

/// What an operation of GraphQL says of itself.
const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

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

/// The host of a call.
pub(super) enum Picked<'a> {
    /// One of the plan, and the base path behind it.
    Planned(&'a Host, &'a str),
    /// One that a redirect named.
    Named(&'a Host),
    /// One of a service.
    Found(Rc<Host>),
}

impl Picked<'_> {
    pub(super) fn host(&self) -> &Host {
        match self {
            Self::Planned(host, _) | Self::Named(host) => host,
            Self::Found(host) => host,
        }
    }
}

fn pick<'a>(thread: &'a ThreadState, backend: &'a BackendPlan) -> Result<Picked<'a>, Failure> {
    let (plan, balancer) = (&thread.plan, &thread.balancer);
    match &backend.hosts {
        Hosts::Fixed(targets) => {
            match balancer.pick(backend.place, targets).ok_or(Failure::NoHosts)? {
                HostTarget::Host { host, base } => {
                    let host = plan.host(*host).ok_or(Failure::NoHosts)?;
                    Ok(Picked::Planned(host, base))
                },
                HostTarget::Broken { text, error } => {
                    let url = format!("{text}{}", backend.url.shown());
                    Err(failed(backend, url, CallError::Host(error.clone())))
                },
            }
        },
        Hosts::Service(place) => {
            let service = plan.resolver.services.get(*place).ok_or(Failure::NoHosts)?;
            let hosts = thread.discovered.hosts(*place, service, &thread.client.pool);
            let picked = balancer.pick(backend.place, &hosts).ok_or(Failure::NoHosts)?;
            Ok(Picked::Found(Rc::clone(picked)))
        },
    }
}

/// One request of a call: the first, or one that a redirect asks for.
struct Sender<'a> {
    thread: &'a ThreadState,
    backend: &'a BackendPlan,
    caller: &'a Caller<'a>,
    method: &'a Method,
    host: Picked<'a>,
    uri: Uri,
    /// What a redirect changes in the fields.
    adjust: &'a dyn Fn(&mut HeaderMap),
    deadline: Instant,
}

impl<'a> Sender<'a> {
    /// Chooses whom to call, and for what.
    fn first(
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
    async fn answer(&self, body: RequestBody, kept: Kept) -> Result<Answer, Failure> {
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
    async fn send(&self, body: RequestBody) -> Result<Answer, Failure> {
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
        let fails =
            self.caller.decoding == Decoding::Gunzip && *self.backend.on_error == OnError::Fail;
        fails && !is_good && !is_followed
    }
}

/// Go names the method of the first request, whatever a redirect made of it.
pub(super) fn failed(backend: &BackendPlan, url: String, error: CallError) -> Failure {
    Failure::Call { method: backend.sent_method().clone(), url, error }
}

/// The body of the first request, as far as a redirect may need it.
#[derive(Debug)]
struct Kept {
    first: FirstBody,
    bytes: Bytes,
}

impl Kept {
    /// The body streams, and is gone with it.
    fn of(body: RequestBody) -> (RequestBody, Self) {
        let first = if body.is_end_stream() { FirstBody::None } else { FirstBody::Streamed };
        (body, Self { first, bytes: Bytes::new() })
    }

    /// The body is held (`send_body_on_redirect`).
    async fn hold(body: RequestBody) -> Result<(RequestBody, Self), Failure> {
        if body.is_end_stream() {
            return Ok(Self::of(body));
        }
        let bytes = crate::proxy::hold(body).await?;
        Ok((RequestBody::Held(bytes.clone()), Self { first: FirstBody::Held, bytes }))
    }
}

/// Follows redirects until an answer is none.
async fn follow(
    thread: &ThreadState,
    backend: &BackendPlan,
    caller: &Caller<'_>,
    kept: Kept,
    mut answer: Answer,
    deadline: Instant,
) -> Result<Answer, Failure> {
    let plan = &thread.plan;
    let mut method = backend.method(caller.head).clone();
    let mut first = None;
    let (mut drop_secrets, mut drop_body) = (false, false);
    let mut requests = 1;
    while let Some(next) = redirect::next(answer.status, &method, kept.first) {
        let location = answer.headers.get(LOCATION).map(HeaderValue::as_bytes);
        let location = match location.map(String::from_utf8_lossy) {
            Some(location) if !location.is_empty() => location.into_owned(),
            Some(_) | None => break,
        };
        let here = answer.called.host(plan).ok_or(Failure::NoHosts)?;
        let from = format!("{here}{}", answer.called.uri);
        let (mut host, uri) =
            redirect::resolve(here, &answer.called.uri, &location).map_err(|error| {
                let url = match &error {
                    LocationError::Unparsable { .. } => from.clone(),
                    LocationError::Host(_) => location.clone(),
                };
                failed(backend, url, CallError::Location(error.to_string()))
            })?;
        if requests == redirect::REQUESTS_MAX {
            return Err(failed(backend, location, CallError::Redirects));
        }
        let first: &Host = first.get_or_insert_with(|| here.clone());
        // Whoever a backend names is called as it is.
        host.way = here.way;
        host.id = plan.find_host(&host);
        drop_secrets |= !redirect::trusts(first, &host);
        drop_body |= next.body == NextBody::Dropped;
        // What is here of this answer is read, so that its connection can be used again.
        answer.body.take_if_here();
        let is_downgrade = here.scheme == Scheme::Https && host.scheme == Scheme::Http;
        let adjust = |headers: &mut HeaderMap| {
            if drop_secrets {
                redirect::strip_secrets(headers);
            }
            if drop_body {
                redirect::strip_body_fields(headers);
            }
            if !is_downgrade
                && let (false, Ok(from)) =
                    (headers.contains_key(REFERER), HeaderValue::from_str(&from))
            {
                headers.insert(REFERER, from);
            }
        };
        let body = match kept.first {
            FirstBody::Held if !drop_body => RequestBody::Held(kept.bytes.clone()),
            FirstBody::Held | FirstBody::None | FirstBody::Streamed => RequestBody::Empty,
        };
        method = next.method;
        let host = Picked::Named(&host);
        let (method, adjust) = (&method, &adjust);
        let sender = Sender { thread, backend, caller, method, host, uri, adjust, deadline };
        answer = sender.send(body).await?;
        requests += 1;
    }
    Ok(answer)
}

/// Where a call goes: one of the backend's hosts, and path and query there.
pub(super) fn choose<'a>(
    thread: &'a ThreadState,
    backend: &'a BackendPlan,
    caller: &Caller<'_>,
    own: Vec<Pair<'_>>,
) -> Result<(Picked<'a>, Uri), Failure> {
    let picked = pick(thread, backend)?;
    let (host, base) = match &picked {
        Picked::Planned(host, base) => (*host, *base),
        Picked::Named(host) => (*host, ""),
        Picked::Found(host) => (&**host, ""),
    };
    let uri = target_of(backend, caller, (host, base), own)?;
    Ok((picked, uri))
}

/// Path and query of the call. A pattern without placeholders was made at start.
fn target_of(
    backend: &BackendPlan,
    caller: &Caller<'_>,
    (host, base): (&Host, &str),
    own: Vec<Pair<'_>>,
) -> Result<Uri, Failure> {
    let query = caller.head.query().filter(|_| backend.query != QueryFilter::Nothing);
    if base.is_empty()
        && query.is_none()
        && own.is_empty()
        && let Some(uri) = &backend.fixed
    {
        return Ok(Uri::clone(uri));
    }
    let mut target = base.as_bytes().to_vec();
    let state = write_target(backend, caller, host, &mut target)?;
    backend.query.append_with(query, own, state, &mut target);
    Uri::from_maybe_shared(target.clone()).map_err(|_invalid| unsendable(host, &target))
}

/// `url_pattern` with its values.
pub(crate) fn write_target(
    backend: &BackendPlan,
    caller: &Caller<'_>,
    host: impl Display,
    target: &mut Vec<u8>,
) -> Result<QueryState, Failure> {
    backend.url.render(&caller.values, target).map_err(|error| match error {
        TemplateError::DotSegment => Failure::DotSegment,
        TemplateError::Missing => Failure::Missing,
        error @ TemplateError::Unparsable { .. } => Failure::Url(error.text(&host.to_string())),
    })
}

fn unsendable(host: &Host, target: &[u8]) -> Failure {
    let target = String::from_utf8_lossy(target);
    Failure::Url(format!("parse \"{host}{target}\": net/url: invalid URL"))
}

/// Where the gateway asked for gzip of its own accord, nobody behind it knows of it.
fn undo_gzip(answer: &mut Answer, asked: Asked, decoding: Decoding) {
    let Some(coding) = answer.headers.get(CONTENT_ENCODING) else { return };
    let is_gzip = match (asked, decoding) {
        (Asked::ByGateway, _) => coding.as_bytes().eq_ignore_ascii_case(b"gzip"),
        (Asked::ByClient, Decoding::Gunzip) => coding == "gzip",
        (Asked::ByClient, Decoding::None) => false,
    };
    if is_gzip {
        answer.headers.remove(CONTENT_ENCODING);
        answer.body.gunzip();
    }
}
