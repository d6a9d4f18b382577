//! One entry of `backend`, compiled.

use std::hint::black_box;
use std::sync::Arc;

use baton_shared::config::model::{BackendConfig, EndpointConfig};
use baton_shared::config::node::Value;
use http::{HeaderValue, Method, Uri};

use super::client_credentials;
use super::compile::Compiler;
use super::files;
use super::graphql;
use super::host::{self, Host, HostError, HostId, Speech, Way};
use super::http_cache;
use super::script;
use super::service;
use super::settings;
use super::template::{AnswerSlots, Template};
use super::tls;
use super::via;
use crate::backend::cache::Cache;
use crate::backend::exchange::Reuse;
use crate::backend::graphql::GraphQl;
use crate::backend::limits::{self, Limits};
use crate::backend::oauth2::ClientCredentials;
use crate::backend::query::QueryFilter;
use crate::backend::request::{Compression, HeaderPlan};
use crate::files::Folder;
use crate::guards::cel::{self, AtBackend};
use crate::message::Head;
use crate::script::backend::{BackendScript, answers as named_answers};

/// A call that an endpoint makes.
#[derive(Debug)]
pub struct BackendPlan {
    /// Its place among all backend entries: the state of its balancer, and what a thread keeps for it.
    pub(crate) place: usize,
    /// The method that is sent,
    pub(crate) method: Method,
    /// unless it is the client's (`/__catchall`).
    pub(crate) any_method: bool,
    /// `url_pattern`, compiled.
    pub(crate) url: Box<Template>,
    /// The target, where nothing of it depends on the request.
    pub(crate) fixed: Option<Arc<Uri>>,
    /// The client's parameters that pass.
    pub(crate) query: QueryFilter,
    /// Whom it may be sent to.
    pub(crate) hosts: Hosts,
    /// The fields that are sent.
    pub(crate) headers: Arc<HeaderPlan>,
    /// What keeps calls from it.
    pub(crate) limits: Option<Box<Limits>>,
    /// `backend/static-filesystem`: nobody is called, the answer is a file.
    pub(crate) files: Option<Folder>,
    /// What becomes of an answer that is neither 200 nor 201.
    pub(crate) on_error: Box<OnError>,
    /// What becomes of a request's body when its answer is a 307 or 308.
    pub(crate) on_redirect: OnRedirect,
    /// `qos/http-cache`.
    pub(crate) cache: Option<Cache>,
    /// `backend/graphql`.
    pub(crate) graphql: Option<Box<GraphQl>>,
    /// `auth/client-credentials`.
    pub(crate) credentials: Option<Arc<ClientCredentials>>,
    /// `modifier/lua-backend`.
    pub(crate) script: Option<Box<BackendScript>>,
    /// `validation/cel`.
    pub(crate) cel: Option<Box<AtBackend>>,
}

/// Whom the requests of a backend may be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// `host`, in order.
    Fixed(Arc<[HostTarget]>),
    /// `sd: dns`: the hosts of a service, by its place in the plan's.
    Service(usize),
    /// Nobody: a negative `timeout` is over before a call is made.
    TooLate,
}

/// One entry of `host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostTarget {
    /// A host of the plan's table; the base path behind it and the login before it (`disable_host_sanitize`).
    Host { host: HostId, base: Box<str>, login: Option<Box<HeaderValue>> },
    /// No request can be sent there; each that tries says why, as KrakenD's do.
    Broken { text: Box<str>, error: HostError },
}

/// `backend/http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OnError {
    /// The client gets 500, and where errors are told the method as the file has it.
    Fail { method: Method },
    /// `return_error_code`: the client gets the backend's status and body.
    PassStatus,
    /// `return_error_details`: the client gets 200 and an `error_NAME` object.
    Tell { name: Box<str> },
}

/// `backend/http/client`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnRedirect {
    /// It was streamed and is gone: the redirect is the answer.
    DropBody,
    /// `send_body_on_redirect`: it is held in memory and sent once more.
    SendBody,
    /// `no_redirect`: none is followed.
    Stay,
}

impl BackendPlan {
    /// See [`super::Endpoint::fetch`].
    #[inline]
    pub(super) fn fetch(&self) {
        black_box((self.place, self.any_method, self.on_redirect, self.limits.is_some()));
        black_box((self.fixed.is_some(), self.cache.is_some(), self.files.is_some()));
        black_box((self.query == QueryFilter::Nothing, self.method == Method::GET));
        black_box((self.graphql.is_some(), self.credentials.is_some()));
    }

    /// Whether this is one of the hosts that the file names for it; a redirect may lead to others.
    pub(crate) fn is_own(&self, host: &Host) -> bool {
        let Some(id) = host.id else { return false };
        match &self.hosts {
            Hosts::Fixed(targets) => targets
                .iter()
                .any(|one| matches!(one, HostTarget::Host { host, .. } if *host == id)),
            Hosts::Service(_) => id.is_found(),
            Hosts::TooLate => false,
        }
    }

    /// The method that is sent for a client's request: an operation of GraphQL has its own.
    pub(crate) fn method<'a>(&'a self, head: &'a Head) -> &'a Method {
        let is_own = self.graphql.is_some() || !self.any_method;
        if is_own { self.sent_method() } else { head.method() }
    }

    /// The method of the first request: an operation of GraphQL has its own.
    pub(crate) fn sent_method(&self) -> &Method {
        self.graphql.as_ref().map_or(&self.method, |graphql| &graphql.method)
    }

    /// The fields of earlier answers that it wants, by place, each once.
    pub(crate) fn answers(&self) -> Box<[usize]> {
        let graphql = self.graphql.iter().flat_map(|graphql| graphql.answers());
        let scripts = self.script.iter().map(|script| &script.params);
        let named = scripts.chain(self.cel.iter().map(|cel| &cel.params));
        let named = named.flat_map(named_answers);
        let patterns = self.url.answers();
        let patterns = patterns.iter().copied();
        let mut places: Vec<usize> = patterns.chain(graphql).chain(named).collect();
        places.sort_unstable();
        places.dedup();
        places.into()
    }

    /// `url_pattern` as KrakenD shows it: `{id}` is `{{.Id}}`.
    pub(crate) fn shown_pattern(&self) -> Box<str> {
        self.url.shown().into()
    }
}

/// Compiles one entry. A host that cannot be called is told: it may be one of several.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    endpoint: &EndpointConfig,
    backend: &BackendConfig,
    answers: &mut AnswerSlots,
) -> BackendPlan {
    let service = compiler.service;
    let compression =
        if service.disable_compression { Compression::None } else { Compression::Gzip };
    let reuse = if service.disable_keep_alives { Reuse::Never } else { Reuse::KeepAlive };
    let headers = if script::is_proxied(endpoint) {
        HeaderPlan::scripted(Some(&backend.input_headers), compression, reuse)
    } else {
        HeaderPlan::compile(&endpoint.input_headers, &backend.input_headers, compression, reuse)
    };
    compile_with(compiler, endpoint, backend, headers, answers)
}

/// The backend of a WebSocket: hosts are `ws://…` too, and `input_headers` those of the namespace.
pub(super) fn compile_upgrade(
    compiler: &mut Compiler<'_>,
    endpoint: &EndpointConfig,
    backend: &BackendConfig,
    input_headers: &[String],
) -> BackendPlan {
    let http = |host: &String| match host.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ws") => format!("http://{rest}"),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("wss") => format!("https://{rest}"),
        Some(_) | None => host.clone(),
    };
    let host = backend.host.iter().map(http).collect();
    let backend = BackendConfig { host, ..backend.clone() };
    let headers = HeaderPlan::compile(
        input_headers,
        &backend.input_headers,
        Compression::None,
        Reuse::KeepAlive,
    );
    // There is no earlier answer whose fields it could want.
    compile_with(compiler, endpoint, &backend, headers, &mut AnswerSlots::default())
}

fn compile_with(
    compiler: &mut Compiler<'_>,
    endpoint: &EndpointConfig,
    backend: &BackendConfig,
    headers: HeaderPlan,
    answers: &mut AnswerSlots,
) -> BackendPlan {
    let way = Way {
        speech: if backend.baton.http2 == Some(true) { Speech::Http2 } else { Speech::Http1 },
        tls: tls::of_backend(compiler, backend),
        via: via::of_backend(compiler, backend),
    };
    let hosts = match service::compile(compiler, backend, way) {
        _ if endpoint.timeout.0 < 0 => Hosts::TooLate,
        Some(service) => Hosts::Service(service),
        None => {
            let hosts = backend.host.iter().enumerate();
            let targets = hosts.map(|(index, text)| target(compiler, backend, way, index, text));
            let targets: Arc<[HostTarget]> = targets.collect();
            Hosts::Fixed(compiler.shared.hosts.share(targets))
        },
    };
    let cache = http_cache::compile(compiler, endpoint, backend);
    let url = Box::new(Template::compile(&backend.url_pattern, &endpoint.route, answers));
    let graphql = graphql::compile(compiler, endpoint, backend, answers);
    let constant = url.constant().map(|(target, _)| target.clone());
    let fixed = constant.and_then(|target| Uri::from_maybe_shared(target).ok());
    let script = script::backend(compiler, endpoint, backend, answers);
    let cel = cel::of_backend(compiler, &backend.extra_config, url.shown());
    let params = || script::named_params(endpoint, answers);
    let cel = cel.map(|layer| Box::new(AtBackend { layer, params: params() }));
    compiler.backends += 1;
    BackendPlan {
        place: compiler.backends - 1,
        method: Method::from_bytes(backend.method.to_ascii_uppercase().as_bytes())
            .unwrap_or_default(),
        any_method: endpoint.route == "/*",
        fixed: fixed.map(|uri| compiler.shared.targets.share(Arc::new(uri))),
        url,
        query: match script::is_proxied(endpoint) {
            true => QueryFilter::new(&["*".to_owned()], &backend.input_query_strings),
            false => QueryFilter::new(&endpoint.input_query_strings, &backend.input_query_strings),
        },
        hosts,
        headers: compiler.shared.headers.share(Arc::new(headers)),
        limits: limits::compile(&mut compiler.soft, endpoint, backend),
        files: files::folder(compiler, &backend.extra_config),
        on_error: Box::new(on_error(backend)),
        on_redirect: on_redirect(backend),
        cache,
        graphql: graphql.map(Box::new),
        credentials: client_credentials::compile(compiler, backend),
        script,
        cel,
    }
}

fn target(
    compiler: &mut Compiler<'_>,
    backend: &BackendConfig,
    way: Way,
    index: usize,
    text: &str,
) -> HostTarget {
    let login = host::login(text);
    let without_login = login.as_ref().map_or(text, |(without, _)| without);
    match Host::parse(without_login) {
        Ok((host, base)) => {
            let host = compiler.hosts.place(Host { way, ..host });
            let login = login.as_ref().map(|(_, value)| Box::new(value.clone()));
            HostTarget::Host { host, base: base.into(), login }
        },
        Err(error) => {
            compiler.tell(&backend.at.key("host").index(index), error.to_string());
            HostTarget::Broken { text: without_login.into(), error }
        },
    }
}

/// Details beat the code; where they are written but are no name, there is neither.
fn on_error(backend: &BackendConfig) -> OnError {
    let fail = || OnError::Fail {
        method: Method::from_bytes(backend.method.as_bytes()).unwrap_or_default(),
    };
    let Some(namespace) = backend.extra_config.namespaces.get("backend/http") else {
        return fail();
    };
    let code = settings::boolean(&namespace.settings, "return_error_code") == Some(true);
    let details = settings::member(&namespace.settings, "return_error_details");
    match details.map(|details| &details.value) {
        Some(Value::String(name)) if !name.is_empty() => {
            OnError::Tell { name: name.as_str().into() }
        },
        None if code => OnError::PassStatus,
        Some(_) | None => fail(),
    }
}

/// KrakenD's keys of the namespace but `send_body_on_redirect` are of its Enterprise edition.
fn on_redirect(backend: &BackendConfig) -> OnRedirect {
    let Some(namespace) = backend.extra_config.namespaces.get("backend/http/client") else {
        return OnRedirect::DropBody;
    };
    let is = |key| settings::boolean(&namespace.settings, key) == Some(true);
    match (is("no_redirect"), is("send_body_on_redirect")) {
        (true, _) => OnRedirect::Stay,
        (false, true) => OnRedirect::SendBody,
        (false, false) => OnRedirect::DropBody,
    }
}
