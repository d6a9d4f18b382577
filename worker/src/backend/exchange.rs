//! One exchange with a backend: a connection, a request, the head of its answer.
//!
//! A request is sent once. Two exceptions, neither of which a backend can notice twice: a connection that
//! turns out to be closed before a byte was written costs nothing, and a request without a body of a safe
//! method whose **reused** connection ended before any byte of an answer is sent once more on a new one
//! (RFC 9110 §9.2.2): backends close idle connections, and their close may cross a request.
//! KrakenD: the same, by Go's transport. HTTP/2 adds a third: what the backend says that it has not looked at.

use std::rc::Rc;
use std::time::Duration;

use http::header::PROXY_AUTHORIZATION;
use http::{Method, Uri, response};
use tokio::time::Instant;

use super::answer::{Answer, Called};
use super::call_error::CallError;
use super::dial::Dialer;
use super::dialing::{self, Takes};
use super::expect;
use super::http2::{self, Connection};
use super::outgoing::Outgoing;
use super::pool::Pool;
use super::source::{Home, Source};
use super::tries::Tries;
use super::via::{Proxy, Speaks};
use crate::plan::{Host, Scheme, Speech};

/// A request as it is sent.
pub(crate) type Outbound = http::Request<Outgoing>;

/// What one thread needs to speak to backends.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) pool: Rc<Pool>,
    pub(crate) dialer: Rc<Dialer>,
    /// `response_header_timeout`.
    pub(crate) head_time_max: Option<Duration>,
    /// `expect_continue_timeout`; none: no body waits.
    pub(crate) continue_time_max: Option<Duration>,
    /// `disable_keep_alives` unless it is set.
    pub(crate) reuse: Reuse,
}

/// Who is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whom<'a> {
    pub(crate) host: &'a Host,
    /// Path and query, whatever the request line says.
    pub(crate) uri: &'a Uri,
    /// Who is connected to in its place.
    pub(crate) via: Option<&'a Proxy>,
}

impl Whom<'_> {
    /// Writes a request so that a proxy which reads it knows whom it is for (RFC 9112 §3.2.2).
    fn address(&self, request: &mut Option<Outbound>) {
        if let (Some(proxy), Scheme::Http, Some(request)) = (self.via, self.host.scheme, request)
            && let Ok(Speaks::Http { credentials }) = &proxy.speaks
        {
            // Both parts are of a URL already.
            if let Ok(uri) = Uri::try_from(format!("{}{}", self.host, self.uri)) {
                *request.uri_mut() = uri;
            }
            if let Some(credentials) = credentials {
                request.headers_mut().insert(PROXY_AUTHORIZATION, credentials.clone());
            }
        }
    }
}

/// Whether connections serve more than one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// As long as both sides keep them.
    KeepAlive,
    /// `disable_keep_alives`.
    Never,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Lost {
    /// The deadline passed.
    Late,
    /// The connection was found closed before a byte was written: the request is in its place again.
    Unsent,
    /// The backend has not looked at the request, which is in its place again if it can be.
    Unseen {
        /// Why.
        error: CallError,
    },
    /// The request may have reached the backend.
    Broken {
        /// What happened.
        error: CallError,
        /// Whether anything of an answer was read.
        answered: bool,
    },
}

impl Client {
    /// Sends `request` and waits for the head of the answer, at most until `deadline`. `again`
    /// makes the same request once more; only asked for one without a body.
    ///
    /// The request is taken out of its place: as an argument it would be kept here twice.
    pub(crate) async fn exchange(
        &self,
        whom: Whom<'_>,
        request: &mut Option<Outbound>,
        again: impl Fn() -> Option<Outbound>,
        deadline: Instant,
    ) -> Result<Answer, CallError> {
        let repeatable = request.as_ref().is_some_and(is_repeatable);
        let mut tries = Tries::new(repeatable);
        whom.address(request);
        // Bounded: each turn uses up an idle connection or an offer, or is the last but one, or the last.
        loop {
            let connection = self.connect(whom, tries.take_idle, deadline).await?;
            let reused = connection.is_reused();
            match self.send(connection, whom, request, deadline).await {
                Ok((head, source)) => {
                    return Answer::check(head, source, Called::new(whom.host, whom.uri.clone()));
                },
                Err(Lost::Late) if Instant::now() < deadline => return Err(CallError::HeadLate),
                Err(Lost::Late) => return Err(CallError::Late),
                Err(Lost::Unsent) if reused => {},
                Err(Lost::Unsent) => return Err(CallError::Closed),
                Err(Lost::Unseen { error }) if request.is_none() => return Err(error),
                Err(Lost::Unseen { error }) => Box::pin(tries.offer_again(error)).await?,
                Err(Lost::Broken { error, answered }) => {
                    if !(reused && tries.repeatable && !answered && error.is_of_connection()) {
                        return Err(error);
                    }
                    (tries.repeatable, tries.take_idle) = (false, false);
                    *request = again();
                    whom.address(request);
                },
            }
        }
    }

    /// One that is idle, or has room, or a new one.
    async fn connect(
        &self,
        whom: Whom<'_>,
        take_idle: bool,
        deadline: Instant,
    ) -> Result<Connection, CallError> {
        let idle = if take_idle { whom.host.id.and_then(|id| self.pool.take(id)) } else { None };
        match idle {
            Some(link) => Ok(Connection::Http1(link)),
            // In a box: few requests dial, and all would carry the room for it.
            None => Box::pin(self.dial(whom, take_idle, deadline)).await,
        }
    }

    async fn dial(
        &self,
        whom: Whom<'_>,
        take_idle: bool,
        deadline: Instant,
    ) -> Result<Connection, CallError> {
        let Whom { host, via, .. } = whom;
        let dialer = &self.dialer;
        match (self.home(host), host.way.speech) {
            (Some((pool, id)), Speech::Http2) => {
                let way = http2::Way { dialer, host, via };
                pool.shared(id).connection(way, deadline).await
            },
            (None, Speech::Http2) => {
                let dialed = dialer.dial_as_wanted(host, via, &Rc::default(), deadline).await?;
                Ok(dialed.into())
            },
            (Some((pool, id)), Speech::Http1) if via.is_none() => {
                let takes = if take_idle { Takes::WhatIsFirst } else { Takes::New };
                let link = dialing::dial(dialer, &pool, (host, id), takes, deadline).await?;
                Ok(Connection::Http1(link))
            },
            (_, Speech::Http1) => dialer.dial(host, via, deadline).await.map(Connection::Http1),
        }
    }

    /// Sends it by this connection.
    async fn send(
        &self,
        connection: Connection,
        whom: Whom<'_>,
        request: &mut Option<Outbound>,
        deadline: Instant,
    ) -> Result<(response::Parts, Source), Lost> {
        let waits = self.hold(request);
        let head_deadline = self.head_deadline(deadline);
        let answered = match connection {
            Connection::Http1(mut link) => {
                let (head, body) = link.send(request, head_deadline).await?.into_parts();
                (head, Source::Http1 { body, link, home: self.home(whom.host) })
            },
            Connection::Http2(place) => {
                // In a box, for the same reason.
                let sent = http2::send(place, request, waits.as_ref(), head_deadline);
                let (head, stream) = Box::pin(sent).await?;
                (head, Source::Http2(stream))
            },
        };
        if let Some(body) = waits {
            body.answered();
        }
        Ok(answered)
    }

    fn hold(&self, request: &mut Option<Outbound>) -> Option<expect::Word> {
        expect::hold(request.as_mut()?, self.continue_time_max?)
    }

    /// Where the connection goes after its answer.
    fn home(&self, host: &Host) -> Home {
        match self.reuse {
            Reuse::KeepAlive => Some((Rc::clone(&self.pool), host.id?)),
            Reuse::Never => None,
        }
    }

    fn head_deadline(&self, deadline: Instant) -> Instant {
        let own = self.head_time_max.and_then(|time| Instant::now().checked_add(time));
        own.map_or(deadline, |own| own.min(deadline))
    }
}

/// Methods that change nothing (RFC 9110 §9.2.1), without a body.
fn is_repeatable(request: &Outbound) -> bool {
    let is_safe =
        matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
    is_safe && request.body().is_empty()
}
