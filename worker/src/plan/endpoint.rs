//! One entry of `endpoints`, compiled.

use std::hint::black_box;
use std::time::Duration;

use baton_shared::config::model::{EndpointConfig, Wait};
use tokio::time::Instant;

use super::compile::Compiler;
use super::guard;
use super::pipe::{self, Pipe};
use crate::encode::OutputEncoding;
use crate::guards::EndpointGuards;
use crate::respond::lines::{Completed, LinesId};

/// A public route and what answers it. Few cache lines side by side: of thousands of endpoints each is fetched anew, and what
/// stands behind a pointer only after the pointer.
#[derive(Debug)]
#[repr(align(64))]
pub struct Endpoint {
    /// `timeout`: of the whole exchange.
    pub(crate) timeout: Duration,
    /// `"@baton".stream_timeout`: bounds the body of a `no-op` answer in place of `timeout`.
    pub(crate) stream: StreamBound,
    /// What answers.
    pub(crate) pipe: Pipe,
    /// What stands in front of that; none, usually.
    pub(crate) guards: Option<Box<EndpointGuards>>,
    /// What is said of it.
    pub(crate) labels: Box<Labels>,
}

const _: () = assert!(size_of::<Endpoint>() == 256, "an endpoint is four cache lines");

/// How an endpoint is called in logs, and what its answers say of themselves.
#[derive(Debug)]
pub(crate) struct Labels {
    /// Its place among all.
    pub(crate) place: usize,
    /// What stands in the brackets of its log lines.
    pub(crate) tag: Box<str>,
    /// Lines of answers with data, by their `Content-Type`.
    pub(crate) lines: Box<[DataLines]>,
}

/// The lines of an answer with data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataLines {
    pub(crate) content_type: &'static str,
    pub(crate) complete: LinesId,
    pub(crate) partial: LinesId,
}

/// Until when the body of a `no-op` answer may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamBound {
    /// As long as the exchange may: KrakenD's way.
    Timeout,
    /// So long from the request on.
    AtMost(Duration),
    /// As long as both sides like.
    None,
}

/// Until when a body may be streamed, for one request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StreamDeadline {
    /// The deadline of the exchange.
    Same,
    /// This one, or none.
    Other(Option<Instant>),
}

impl StreamBound {
    pub(crate) fn deadline(self, begun: Instant) -> StreamDeadline {
        match self {
            Self::Timeout => StreamDeadline::Same,
            Self::AtMost(time) => StreamDeadline::Other(begun.checked_add(time)),
            Self::None => StreamDeadline::Other(None),
        }
    }

    /// `stream_timeout`.
    pub(super) const fn of(endpoint: &EndpointConfig) -> Self {
        match endpoint.baton.stream_timeout {
            None => Self::Timeout,
            Some(Wait::AtMost(time)) => Self::AtMost(time),
            Some(Wait::Unbounded) => Self::None,
        }
    }
}

impl Endpoint {
    /// Has the processor fetch what the request is about to need, all at once: of thousands of endpoints few
    /// are in its caches, and each piece would be waited for on its own.
    #[inline]
    pub(crate) fn fetch(&self) {
        match &self.pipe {
            Pipe::NoOp(plan) => {
                plan.backend.fetch();
                black_box(plan.lines);
            },
            Pipe::Data(plan) => plan.calls.fetch(),
            Pipe::WebSocket(_) | Pipe::Empty | Pipe::NotBuilt => {},
        }
    }

    /// What an endpoint that is guarded has.
    #[cfg(test)]
    pub(crate) fn gates(&self) -> &crate::guards::Gates {
        self.guards.as_ref().unwrap().gates.as_ref().unwrap()
    }

    /// The lines of data that leaves as `content_type`.
    pub(crate) fn data_lines(&self, content_type: &str, completed: Completed) -> Option<LinesId> {
        let lines = self.labels.lines.iter().find(|lines| lines.content_type == content_type)?;
        Some(match completed {
            Completed::True => lines.complete,
            Completed::False => lines.partial,
        })
    }
}

/// Compiles one entry.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    place: usize,
    config: &EndpointConfig,
    closed: bool,
) -> Endpoint {
    let pipe = if closed { Pipe::NotBuilt } else { pipe::compile(compiler, config) };
    let output = pipe.output();
    let lines = output.map(|output| data_lines(compiler, config, output)).unwrap_or_default();
    let guards = guard::endpoint(compiler, config);
    let is_signed = guards.as_ref().is_some_and(|guards| guards.signs());
    let pipe = if is_signed && matches!(pipe, Pipe::WebSocket(_)) {
        // Better no answer than one that nobody signed.
        let text = "`auth/signer` beside `websocket` is not built: this endpoint answers 501";
        compiler.tell(&config.at, text);
        Pipe::NotBuilt
    } else {
        pipe
    };
    // What answers 501 needs no guard.
    let guards = guards.filter(|_| !matches!(pipe, Pipe::NotBuilt));
    let tag = format!("ENDPOINT: {}", config.route).into();
    Endpoint {
        timeout: timeout(config),
        stream: StreamBound::of(config),
        pipe,
        guards,
        labels: Box::new(Labels { place, tag, lines }),
    }
}

fn data_lines(
    compiler: &mut Compiler<'_>,
    config: &EndpointConfig,
    output: OutputEncoding,
) -> Box<[DataLines]> {
    let content_types = output.content_types().iter();
    let lines = content_types.map(|content_type| {
        let lines = &mut compiler.lines;
        DataLines {
            content_type,
            complete: lines.answer(Completed::True, Some(content_type), cache_seconds(config)),
            partial: lines.answer(Completed::False, Some(content_type), None),
        }
    });
    lines.collect()
}

/// `timeout`: one that is negative is over at once.
pub(super) fn timeout(endpoint: &EndpointConfig) -> Duration {
    endpoint.timeout.positive().unwrap_or(Duration::ZERO)
}

/// `cache_ttl` in whole seconds, as Go cuts it; zero is none, though a fraction of a second is `max-age=0`.
pub(super) fn cache_seconds(endpoint: &EndpointConfig) -> Option<i64> {
    (endpoint.cache_ttl.0 != 0).then_some(endpoint.cache_ttl.0 / 1_000_000_000)
}
