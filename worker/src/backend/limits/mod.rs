//! `qos/circuit-breaker`, `qos/ratelimit/proxy`, `qos/circuit-breaker/http`: what keeps calls from a
//! backend.
//!
//! On the way: around a call; the breaker first, so that what the rate limit refuses counts as a failure. No
//! await, no lock.
//! KrakenD: the breaker sees what the endpoint sees: an answer that cannot be decoded is a failure, a `no-op`
//! answer of 500 is none, nor is one that passes as `return_error_details`. A client who gives up is
//! neither. The HTTP breaker (Enterprise) judges each answer by its status, whatever the encoding.

#[cfg(test)]
mod tests;

use std::time::Duration;

use baton_shared::config::duration::GoDuration;
use baton_shared::config::model::{BackendConfig, EndpointConfig};
use baton_shared::config::node::{Node, Value};
use baton_shared::log;
use baton_shared::soft::{Breaker, Change, Outcome, Rate, Refused, Ticket};
use baton_shared::words::Monotonic;

use super::answer::Answer;
use super::failure::Failure;
use crate::guards::rate_limit::{capacity, whole};
use crate::plan::settings::{boolean, member, number, shown, string};
use crate::plan::soft::{BreakerId, Bucket, SoftPlan};
use crate::plan::{BackendPlan, ThreadState};

/// What a backend's calls pass; most have none of it.
#[derive(Debug)]
pub(crate) struct Limits {
    breaker: Option<BreakerPlan>,
    rate: Option<Bucket>,
    http: Option<(BreakerPlan, Box<[u16]>)>,
}

#[derive(Debug)]
struct BreakerPlan {
    breaker: Breaker,
    state: BreakerId,
    /// `name`, if changes of state are logged.
    log_as: Option<Box<str>>,
}

/// A call that was let through; the breaker hears what became of it. Dropped, it says nothing.
#[derive(Debug)]
#[must_use = "a breaker must hear what became of a call"]
pub(crate) struct Pass<'p> {
    held: Option<Held<'p>>,
}

#[derive(Debug)]
struct Held<'p> {
    soft: &'p SoftPlan,
    breaker: &'p BreakerPlan,
    ticket: Ticket,
}

/// Lets a call pass, or not.
pub(crate) fn enter<'p>(
    thread: &'p ThreadState,
    backend: &'p BackendPlan,
) -> Result<Pass<'p>, Failure> {
    let Some(limits) = &backend.limits else { return Ok(Pass { held: None }) };
    let soft = &thread.plan.soft;
    let pass = Pass::of(soft, limits.breaker.as_ref())?;
    match &limits.rate {
        Some(bucket) if !soft.take(bucket, Monotonic::now()) => {
            pass.settle(Outcome::Failure);
            Err(Failure::Limited)
        },
        Some(_) | None => Ok(pass),
    }
}

/// Lets the HTTP request of a call pass, or not.
pub(super) fn enter_http<'p>(
    thread: &'p ThreadState,
    backend: &'p BackendPlan,
) -> Result<Pass<'p>, Failure> {
    let http = backend.limits.as_ref().and_then(|limits| limits.http.as_ref());
    Pass::of(&thread.plan.soft, http.map(|(breaker, _)| breaker))
}

impl<'p> Pass<'p> {
    fn of(soft: &'p SoftPlan, breaker: Option<&'p BreakerPlan>) -> Result<Self, Failure> {
        let Some(breaker) = breaker else { return Ok(Self { held: None }) };
        let words = soft.words(breaker.state).ok_or(Failure::BreakerOpen)?;
        let (entered, change) = breaker.breaker.enter(words, Monotonic::now());
        breaker.tell(change);
        match entered {
            Ok(ticket) => Ok(Self { held: Some(Held { soft, breaker, ticket }) }),
            Err(Refused::Open) => Err(Failure::BreakerOpen),
            Err(Refused::Busy) => Err(Failure::BreakerBusy),
        }
    }

    /// What became of the call.
    pub(crate) fn hear<T>(self, result: &Result<T, Failure>) {
        if self.held.is_some() {
            self.settle(match result {
                Ok(_) => Outcome::Success,
                Err(failure) => outcome(failure),
            });
        }
    }

    /// What became of the HTTP request.
    pub(super) fn hear_http(self, backend: &BackendPlan, result: &Result<Answer, Failure>) {
        let Some((_, valid)) = backend.limits.as_ref().and_then(|limits| limits.http.as_ref())
        else {
            return;
        };
        self.settle(match result {
            Ok(answer) if valid.contains(&answer.status.as_u16()) => Outcome::Success,
            Ok(_) => Outcome::Failure,
            Err(failure) => outcome(failure),
        });
    }

    fn settle(mut self, outcome: Outcome) {
        if let Some(held) = self.held.take() {
            held.settle(outcome);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            held.settle(Outcome::Void);
        }
    }
}

impl Held<'_> {
    fn settle(self, outcome: Outcome) {
        let Self { soft, breaker, ticket } = self;
        if let Some(words) = soft.words(breaker.state) {
            let change = breaker.breaker.leave(words, ticket, outcome, Monotonic::now());
            breaker.tell(change);
        }
    }
}

impl BreakerPlan {
    fn tell(&self, change: Option<Change>) {
        if let (Some(Change { from, to }), Some(name)) = (change, &self.log_as) {
            let (from, to) = (from.as_str(), to.as_str());
            let text = format!("Circuit breaker named '{name}' went from '{from}' to '{to}'");
            log::warning("CB", text);
        }
    }
}

/// What a failure says about the backend: nothing, if no backend was asked or the client broke off.
const fn outcome(failure: &Failure) -> Outcome {
    match failure {
        Failure::NoHosts
        | Failure::Url(_)
        | Failure::DotSegment
        | Failure::Missing
        | Failure::Upload(_)
        | Failure::Schema(_)
        | Failure::Variables(_) => Outcome::Void,
        Failure::Late
        | Failure::Limited
        | Failure::BreakerOpen
        | Failure::BreakerBusy
        | Failure::Call { .. }
        | Failure::Status { .. }
        | Failure::Passed { .. }
        | Failure::Several(_)
        | Failure::Flatmap
        | Failure::Script(_)
        | Failure::Rejected(_)
        | Failure::Decode(_)
        | Failure::Body(_)
        | Failure::TooLarge { .. } => Outcome::Failure,
    }
}

/// Compiles what the entry asks for; none: nothing.
pub(crate) fn compile(
    soft: &mut SoftPlan,
    endpoint: &EndpointConfig,
    backend: &BackendConfig,
) -> Option<Box<Limits>> {
    let settings =
        |namespace: &str| Some(&backend.extra_config.namespaces.get(namespace)?.settings);
    let owner = |namespace| owner(namespace, endpoint, backend);
    let trial = endpoint.timeout.positive().unwrap_or_default().saturating_add(GRACE);
    let breaker = settings("qos/circuit-breaker")
        .filter(|settings| says_anything(settings))
        .map(|settings| read_breaker(soft, &owner("qos/circuit-breaker"), settings, trial));
    let rate = settings("qos/ratelimit/proxy").and_then(|settings| {
        let (rate, capacity) = rate(settings)?;
        Some(soft.bucket(&owner("qos/ratelimit/proxy"), Rate::new(rate, capacity)))
    });
    let http = settings("qos/circuit-breaker/http").map(|settings| {
        let breaker = read_breaker(soft, &owner("qos/circuit-breaker/http"), settings, trial);
        (breaker, valid_statuses(settings))
    });
    let limits = Limits { breaker, rate, http };
    let is_limited = limits.breaker.is_some() || limits.rate.is_some() || limits.http.is_some();
    is_limited.then(|| Box::new(limits))
}

/// A call that tries a half-open breaker is over when its endpoint is; a little later another may try.
const GRACE: Duration = Duration::from_secs(1);

/// Whose a limit is: an entry of an endpoint, known by what it calls.
fn owner(namespace: &str, endpoint: &EndpointConfig, backend: &BackendConfig) -> String {
    let endpoint = format!("{} {}", endpoint.method, endpoint.route);
    let call = format!("{} {}", backend.method, backend.url_pattern);
    format!("{namespace}\0{endpoint}\0{call}\0{}", backend.host.join("\0"))
}

/// KrakenD: a block in which everything is zero, or of the wrong type, is none.
fn says_anything(settings: &Node) -> bool {
    let is_set = |key| number(settings, key).is_some_and(|value| whole(value.abs()) != 0);
    ["interval", "timeout", "max_errors"].into_iter().any(is_set)
        || string(settings, "name").is_some_and(|name| !name.is_empty())
        || boolean(settings, "log_status_change") == Some(true)
}

fn read_breaker(soft: &mut SoftPlan, owner: &str, settings: &Node, trial: Duration) -> BreakerPlan {
    let seconds = |key| {
        let seconds = number(settings, key).filter(|value| *value >= 1.0)?;
        Some(Duration::from_secs(whole(seconds)))
    };
    let breaker = Breaker {
        max_errors: max_errors(number(settings, "max_errors").unwrap_or(0.0)),
        interval: seconds("interval"),
        timeout: seconds("timeout").unwrap_or(Duration::from_secs(60)),
        trial,
    };
    let is_logged = boolean(settings, "log_status_change") == Some(true);
    let log_as = is_logged.then(|| string(settings, "name").unwrap_or_default().into());
    BreakerPlan { breaker, state: soft.breaker(owner, &breaker), log_as }
}

/// A negative number is enormous, as in Go.
fn max_errors(value: f64) -> u32 {
    if value <= -1.0 { u32::MAX } else { u32::try_from(whole(value)).unwrap_or(u32::MAX) }
}

/// Tokens a second, and how many fit; none: not limited. Here `every` may be as short as one likes.
fn rate(settings: &Node) -> Option<(f64, u64)> {
    let factor = shown(settings, "every").map_or(1.0, |every| {
        let every = GoDuration::parse(&every).unwrap_or(GoDuration::seconds(1));
        1e9 / nanos(every)
    });
    let rate = number(settings, "max_rate").unwrap_or(0.0) * factor;
    let default = if rate < 1.0 { 1 } else { whole(rate) };
    (rate > 0.0).then(|| (rate, capacity(settings, "capacity").unwrap_or(default)))
}

#[expect(clippy::cast_precision_loss, reason = "as Go's float64(every)")]
const fn nanos(every: GoDuration) -> f64 {
    every.0 as f64
}

/// Without a list, what every other part of KrakenD takes for a success.
fn valid_statuses(settings: &Node) -> Box<[u16]> {
    let listed: Vec<u16> = match member(settings, "valid_status_codes").map(|node| &node.value) {
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(|item| match &item.value {
                Value::Number(text) => text.parse().ok(),
                Value::Null
                | Value::Bool(_)
                | Value::String(_)
                | Value::Array(_)
                | Value::Object(_) => None,
            })
            .collect(),
        Some(_) | None => Vec::new(),
    };
    if listed.is_empty() { [200, 201].into() } else { listed.into() }
}
