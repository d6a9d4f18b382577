//! One exchange with a backend: a connection, a request, the head of its answer.
//!
//! A request is sent once. Two exceptions, neither of which a backend can notice twice: a connection that
//! turns out to be closed before a byte was written costs nothing, and a request without a body of a safe
//! method whose **reused** connection ended before any byte of an answer is sent once more on a new one
//! (RFC 9110 §9.2.2): backends close idle connections, and their close may cross a request.
//! KrakenD: the same, by Go's transport.

use std::rc::Rc;
use std::time::Duration;

use http::header::PROXY_AUTHORIZATION;
use http::{Method, Uri};
use tokio::time::Instant;

use super::answer::{Answer, Called};
use super::dial::Dialer;
use super::dialing;
use super::expect;
use super::failure::CallError;
use super::link::{Link, Lost, Outgoing};
use super::pool::Pool;
use super::via::{Proxy, Speaks};
use crate::plan::{Host, Scheme};

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
        let mut repeatable = request.as_ref().is_some_and(is_repeatable);
        let Whom { host, uri, via } = whom;
        let mut take_idle = true;
        whom.address(request);
        // Bounded: each turn uses up an idle connection, or is the last but one, or the last.
        loop {
            let idle = if take_idle { self.idle(host) } else { None };
            let mut link = match idle {
                Some(link) => link,
                // In a box: few requests dial, and all would carry the room for it.
                None => Box::pin(self.dial(host, via, deadline)).await?,
            };
            let waits = self.hold(request);
            match link.send(request, self.head_deadline(deadline)).await {
                Ok(answer) => {
                    if let Some(body) = waits {
                        body.answered();
                    }
                    let called = Called::new(host, uri.clone());
                    return Answer::check(answer, link, self.home(host), called);
                },
                Err(Lost::Late) if Instant::now() < deadline => return Err(CallError::HeadLate),
                Err(Lost::Late) => return Err(CallError::Late),
                Err(Lost::Unsent) if link.reused => {},
                Err(Lost::Unsent) => return Err(CallError::Closed),
                Err(Lost::Broken { error, answered }) => {
                    let error = CallError::of(&error, answered);
                    if !(link.reused && repeatable && !answered && error.is_of_connection()) {
                        return Err(error);
                    }
                    (repeatable, take_idle) = (false, false);
                    *request = again();
                    whom.address(request);
                },
            }
        }
    }

    async fn dial(
        &self,
        host: &Host,
        via: Option<&Proxy>,
        deadline: Instant,
    ) -> Result<Box<Link>, CallError> {
        match (self.home(host), via) {
            (Some((pool, id)), None) => {
                dialing::dial(&self.dialer, &pool, (host, id), deadline).await
            },
            _ => self.dialer.dial(host, via, deadline).await,
        }
    }

    fn hold(&self, request: &mut Option<Outbound>) -> Option<expect::Word> {
        expect::hold(request.as_mut()?, self.continue_time_max?)
    }

    fn idle(&self, host: &Host) -> Option<Box<Link>> {
        self.pool.take(host.id?)
    }

    /// Where the connection goes after its answer.
    fn home(&self, host: &Host) -> Option<(Rc<Pool>, crate::plan::HostId)> {
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
