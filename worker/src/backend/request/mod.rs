//! What of a client's request reaches a backend: nothing that is not listed.
//!
//! KrakenD: by default `Content-Type` and what the gateway itself sets; `input_headers` of the endpoint
//! replaces the former (`*` is everything), `input_headers` of the backend filters once more, its `*` being a
//! name like any other. The gateway's own fields replace the client's of the same name.
//! Hop-by-hop fields end here, with `*` too (RFC 9110 §7.6.1); so does the client's framing (RFC 9112 §6).

use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName,
    RANGE, TE, TRAILER, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Method, Uri};
use http_body::Body as _;

use super::exchange::Outbound;
use super::hop::{connection_lines, ends_here, is_forbidden_trailer, is_named, is_trailers};
use crate::message::{Head, RequestBody};

/// The address that the request is for.
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The authority that the client asked for.
pub(crate) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// The gateway, where `User-Agent` is the client's.
pub(crate) const X_FORWARDED_VIA: HeaderName = HeaderName::from_static("x-forwarded-via");

/// What Go's client calls itself when nobody sets a name; KrakenD's second filter has that effect.
const GO_AGENT: HeaderValue = HeaderValue::from_static("Go-http-client/1.1");

/// The fields of requests to one backend, compiled from both `input_headers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderPlan {
    pass: Pass,
    agent: Agent,
    /// Whether `X-Forwarded-Via` names the gateway where the client's `User-Agent` passes the first filter.
    via: Passes,
    forwarded_for: Passes,
    forwarded_host: Passes,
    /// Whether the gateway asks for gzip where the client's `Accept-Encoding` does not pass.
    gzip: Passes,
    /// Whether `Content-Length` passes: otherwise every body is chunked.
    length: Passes,
    /// Whether `Cache-Control` passes.
    cache_control: Passes,
    connection: Option<HeaderValue>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pass {
    Listed(Box<[HeaderName]>),
    All,
    /// What a script made, or of that what is listed.
    Scripted(Option<Box<[HeaderName]>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passes {
    Yes,
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agent {
    Gateway,
    /// The gateway's if the client has none.
    Client,
    /// Go's if a script left none.
    Scripted,
    Go,
}

/// Whether the gateway asked for gzip, and so has to undo it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The client knows nothing of it.
    ByGateway,
    /// The client's own `Accept-Encoding` was passed, or none was sent.
    ByClient,
}

/// What the gateway tells about a request, ready to be sent.
#[derive(Debug)]
pub(crate) struct Own<'a> {
    /// `KrakenD Version …`.
    pub(crate) agent: &'a HeaderValue,
    /// The client's address, as it is believed.
    pub(crate) client: HeaderValue,
    /// Backend host and port.
    pub(crate) host: &'a HeaderValue,
}

/// Where a request goes.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    /// The backend's method.
    pub(crate) method: &'a Method,
    /// Path and query.
    pub(crate) uri: Uri,
}

impl HeaderPlan {
    /// `endpoint` and `backend`: their `input_headers`; an empty one of the backend is no filter.
    pub(crate) fn compile(
        endpoint: &[String],
        backend: &[String],
        compression: Compression,
        keep_alive: super::exchange::Reuse,
    ) -> Self {
        let first = |name: &HeaderName| match endpoint {
            [] => *name == CONTENT_TYPE,
            listed => {
                listed.iter().any(|one| one == "*" || one.eq_ignore_ascii_case(name.as_str()))
            },
        };
        let second = |name: &HeaderName| {
            backend.is_empty() || backend.iter().any(|one| one.eq_ignore_ascii_case(name.as_str()))
        };
        let both = |name: &HeaderName| passes(first(name) && second(name));
        let agent = match (first(&USER_AGENT), second(&USER_AGENT)) {
            (_, false) => Agent::Go,
            (true, true) => Agent::Client,
            (false, true) => Agent::Gateway,
        };
        Self {
            pass: pass(endpoint, backend),
            agent,
            via: passes(first(&USER_AGENT) && second(&X_FORWARDED_VIA)),
            forwarded_for: passes(second(&X_FORWARDED_FOR)),
            forwarded_host: passes(second(&X_FORWARDED_HOST)),
            gzip: passes(compression == Compression::Gzip),
            length: both(&CONTENT_LENGTH),
            cache_control: both(&CACHE_CONTROL),
            connection: (keep_alive == super::exchange::Reuse::Never)
                .then(|| HeaderValue::from_static("close")),
        }
    }

    /// For requests whose fields a script made: they pass as they are, but what the backend's list filters.
    pub(crate) fn scripted(
        backend: Option<&[String]>,
        compression: Compression,
        keep_alive: super::exchange::Reuse,
    ) -> Self {
        let names = backend.filter(|names| !names.is_empty());
        let listed = names.map(|names| {
            let names =
                names.iter().filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok());
            names.collect()
        });
        let all = ["*".to_owned()];
        let plan = Self::compile(&all, backend.unwrap_or_default(), compression, keep_alive);
        Self {
            pass: Pass::Scripted(listed),
            agent: Agent::Scripted,
            via: Passes::No,
            forwarded_for: Passes::No,
            forwarded_host: Passes::No,
            ..plan
        }
    }

    /// The fields as scripts see them: what passes of the client's, and what the gateway tells.
    pub(crate) fn proxied(&self, head: &Head, own: Own<'_>) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        self.put_proxied(head, own, &mut headers);
        headers
    }

    fn put_proxied(&self, head: &Head, own: Own<'_>, headers: &mut HeaderMap) {
        self.pass(head, headers);
        self.name_agent(head, own.agent, headers);
        if self.forwarded_for == Passes::Yes {
            headers.insert(X_FORWARDED_FOR, own.client);
        }
        if self.forwarded_host == Passes::Yes
            && let Some(host) = value(head, &head.host)
        {
            headers.insert(X_FORWARDED_HOST, host);
        }
    }

    /// The request for a backend, from the client's.
    pub(crate) fn build(
        &self,
        head: &Head,
        body: RequestBody,
        line: Line<'_>,
        own: Own<'_>,
    ) -> (Outbound, Asked) {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(HOST, own.host.clone());
        self.put_proxied(head, own, &mut headers);
        if is_empty(&headers, &USER_AGENT) {
            headers.remove(USER_AGENT);
        }
        if let Some(close) = &self.connection {
            headers.insert(CONNECTION, close.clone());
        }
        let asked = self.ask_for_gzip(line.method, &mut headers);
        self.frame(line.method, head, &body, &mut headers);
        let mut request = Outbound::new(body.into());
        *request.method_mut() = line.method.clone();
        *request.uri_mut() = line.uri;
        *request.headers_mut() = headers;
        (request, asked)
    }

    /// The client's fields that pass both filters.
    fn pass(&self, head: &Head, headers: &mut HeaderMap) {
        let mut connection = None;
        for field in &head.fields {
            let Some(name) = self.passing(head.bytes(&field.name)) else { continue };
            let connection = connection.get_or_insert_with(|| connection_lines(head));
            if is_named(connection, &name) || (name == TE && !is_trailers(head, &field.value)) {
                continue;
            }
            if let Some(value) = value(head, &field.value) {
                headers.append(name, value);
            }
        }
        self.read_pragma(head, headers);
    }

    /// Go reads the old word as the new one (RFC 9111 §5.4): the backend is told both.
    fn read_pragma(&self, head: &Head, headers: &mut HeaderMap) {
        if self.cache_control == Passes::Yes
            && head.field("pragma") == Some(b"no-cache")
            && head.field("cache-control").is_none()
        {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
    }

    fn passing(&self, name: &[u8]) -> Option<HeaderName> {
        match &self.pass {
            Pass::Listed(listed) => {
                let is_it = |one: &&HeaderName| name.eq_ignore_ascii_case(one.as_str().as_bytes());
                listed.iter().find(is_it).cloned()
            },
            Pass::All => {
                let name = HeaderName::from_bytes(name).ok()?;
                (!ends_here(&name)).then_some(name)
            },
            Pass::Scripted(listed) => {
                let name = HeaderName::from_bytes(name).ok()?;
                let is_forwarded = name == X_FORWARDED_FOR || name == X_FORWARDED_HOST;
                let passes = is_forwarded || !ends_here(&name);
                let is_listed = listed.as_ref().is_none_or(|listed| listed.contains(&name));
                (passes && is_listed).then_some(name)
            },
        }
    }

    fn name_agent(&self, head: &Head, own: &HeaderValue, headers: &mut HeaderMap) {
        let client = match (self.via, self.agent) {
            (Passes::No, Agent::Gateway | Agent::Go) => None,
            (Passes::Yes, _) | (_, Agent::Client | Agent::Scripted) => {
                head.field_span("user-agent")
            },
        };
        if client.is_some() && self.via == Passes::Yes {
            headers.insert(X_FORWARDED_VIA, own.clone());
        }
        let client = client.and_then(|span| value(head, span));
        let agent = match (self.agent, client) {
            (Agent::Client | Agent::Scripted, Some(client)) => client,
            (Agent::Client, None) | (Agent::Gateway, _) => own.clone(),
            (Agent::Go, _) | (Agent::Scripted, None) => GO_AGENT,
        };
        headers.insert(USER_AGENT, agent);
    }

    fn ask_for_gzip(&self, method: &Method, headers: &mut HeaderMap) -> Asked {
        let says = |name| headers.contains_key(name) && !is_empty(headers, name);
        let client_asked = says(&ACCEPT_ENCODING) || says(&RANGE);
        if self.gzip == Passes::No || client_asked || *method == Method::HEAD {
            return Asked::ByClient;
        }
        headers.append(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        Asked::ByGateway
    }

    /// Exactly one framing, written here: the client's own ended at its connection.
    fn frame(&self, method: &Method, head: &Head, body: &RequestBody, headers: &mut HeaderMap) {
        if body.is_end_stream() {
            if matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
                headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
            return;
        }
        match body.size_hint().exact() {
            Some(bytes) if is_held(body) || self.tells_length(head, body) => {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
            },
            Some(_) | None => {
                headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
                // A copy has none.
                if !matches!(body, RequestBody::Copied(_)) {
                    self.announce_trailers(head, headers);
                }
            },
        }
    }

    /// `Content-Length` passes, and the client sent one if this is a copy of its body.
    fn tells_length(&self, head: &Head, body: &RequestBody) -> bool {
        let is_copy = matches!(body, RequestBody::Copied(_));
        self.length == Passes::Yes
            && (!is_copy || head.field("content-length").is_some_and(|length| length != b"0"))
    }

    /// Trailers pass as fields do; hyper sends those that `Trailer` names.
    fn announce_trailers(&self, head: &Head, headers: &mut HeaderMap) {
        let Some(names) = head.field("trailer") else { return };
        let names = names.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        let passing = names.filter_map(|name| self.passing(name));
        let mut line = String::new();
        for name in passing.filter(|name| !is_forbidden_trailer(name)) {
            line.push_str(if line.is_empty() { "" } else { ", " });
            line.push_str(name.as_str());
        }
        if let (false, Ok(line)) = (line.is_empty(), HeaderValue::try_from(line)) {
            headers.insert(TRAILER, line);
        }
    }
}

/// Whether the gateway asks backends for gzip of its own accord.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// It does.
    Gzip,
    /// `disable_compression`.
    None,
}

/// A body that is held is one that Go knows the length of.
const fn is_held(body: &RequestBody) -> bool {
    matches!(body, RequestBody::Held(_))
}

const fn passes(yes: bool) -> Passes {
    if yes { Passes::Yes } else { Passes::No }
}

/// Names that pass both lists and do not end here anyway.
fn pass(endpoint: &[String], backend: &[String]) -> Pass {
    let all = endpoint.iter().any(|name| name == "*");
    if all && backend.is_empty() {
        return Pass::All;
    }
    let content_type = [CONTENT_TYPE.as_str().to_owned()];
    let first = match endpoint {
        [] => &content_type,
        _ if all => backend,
        listed => listed,
    };
    let is_in_second =
        |name: &&String| backend.is_empty() || backend.iter().any(|b| b.eq_ignore_ascii_case(name));
    let mut names: Vec<_> = first
        .iter()
        .filter(is_in_second)
        .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
        .filter(|name| !ends_here(name))
        .collect();
    names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    Pass::Listed(names.into())
}

/// Whether the field is there and its first line is empty: to Go it says nothing.
fn is_empty(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get(name).is_some_and(HeaderValue::is_empty)
}

/// A part of the head as a value: shared, not copied.
fn value(head: &Head, span: &crate::message::Span) -> Option<HeaderValue> {
    let bytes = head.buffer.slice(span.start as usize..span.end as usize);
    HeaderValue::from_maybe_shared(bytes).ok()
}

#[cfg(test)]
mod tests;
