//! Whom a call goes to, and for what: one of the backend's hosts, path and query there.

use std::fmt::Display;
use std::rc::Rc;

use http::{HeaderValue, Uri};

use super::call::Caller;
use super::call_error::CallError;
use super::failure::Failure;
use super::query::{Pair, QueryFilter, QueryState};
use super::send::failed;
use crate::plan::template::TemplateError;
use crate::plan::{BackendPlan, Host, HostError, HostTarget, Hosts, ThreadState};
use crate::route::percent::GoQuoted;

/// The host of a call.
pub(super) enum Picked<'a> {
    /// One of the plan, the base path behind it, and the login that it is told.
    Planned { host: &'a Host, base: &'a str, login: Option<&'a HeaderValue> },
    /// One that a redirect named.
    Named(&'a Host),
    /// One of a service.
    Found(Rc<Host>),
}

impl Picked<'_> {
    pub(super) fn host(&self) -> &Host {
        match self {
            Self::Planned { host, .. } | Self::Named(host) => host,
            Self::Found(host) => host,
        }
    }

    pub(super) const fn login(&self) -> Option<&HeaderValue> {
        match self {
            Self::Planned { login, .. } => *login,
            Self::Named(_) | Self::Found(_) => None,
        }
    }
}

fn pick<'a>(
    thread: &'a ThreadState,
    backend: &'a BackendPlan,
    caller: &Caller<'_>,
) -> Result<Picked<'a>, Failure> {
    let (plan, balancer) = (&thread.plan, &thread.balancer);
    match &backend.hosts {
        Hosts::Fixed(targets) => {
            match balancer.pick(backend.place, targets).ok_or(Failure::NoHosts)? {
                HostTarget::Host { host, base, login } => {
                    let host = plan.host(*host).ok_or(Failure::NoHosts)?;
                    Ok(Picked::Planned { host, base, login: login.as_deref() })
                },
                HostTarget::Broken { text, error } => Err(uncallable(backend, caller, text, error)),
            }
        },
        Hosts::TooLate => Err(Failure::Late),
        Hosts::Service(place) => {
            let service = plan.resolver.services.get(*place).ok_or(Failure::NoHosts)?;
            let hosts = thread.discovered.hosts(*place, service, &thread.client.pool);
            let picked = balancer.pick(backend.place, &hosts).ok_or(Failure::NoHosts)?;
            Ok(Picked::Found(Rc::clone(picked)))
        },
    }
}

/// Nobody is called there; Go looks after the values are in.
fn uncallable(
    backend: &BackendPlan,
    caller: &Caller<'_>,
    text: &str,
    error: &HostError,
) -> Failure {
    let url = [text.as_bytes(), &backend.url.joined(&caller.values)].concat();
    match error {
        HostError::NoUrl(why) => Failure::Url(format!("parse {}: {why}", GoQuoted(&url))),
        error => {
            let url = String::from_utf8_lossy(&url).into_owned();
            failed(backend, url, CallError::Host(error.clone()))
        },
    }
}

/// Where a call goes: one of the backend's hosts, and path and query there.
pub(super) fn choose<'a>(
    thread: &'a ThreadState,
    backend: &'a BackendPlan,
    caller: &Caller<'_>,
    own: Vec<Pair<'_>>,
) -> Result<(Picked<'a>, Uri), Failure> {
    let picked = pick(thread, backend, caller)?;
    let (host, base) = match &picked {
        Picked::Planned { host, base, .. } => (*host, *base),
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
