//! One entry of `endpoints`, compiled.

use std::time::Duration;

use baton_shared::config::model::{EndpointConfig, Wait};
use smallvec::SmallVec;
use tokio::time::Instant;

use super::backend::{self, BackendPlan};
use super::compile::Compiler;
use crate::decode::Decoder;
use crate::encode::OutputEncoding;
use crate::respond::lines::{Completed, LinesId};

/// A public route and what answers it.
#[derive(Debug)]
pub struct Endpoint {
    /// What stands in the brackets of its log lines.
    pub(crate) tag: Box<str>,
    /// `timeout`: of the whole exchange.
    pub(crate) timeout: Duration,
    /// `"@baton".stream_timeout`: bounds the body of a `no-op` answer in place of `timeout`.
    pub(crate) stream: StreamBound,
    /// What answers.
    pub(crate) pipe: Pipe,
    /// Lines of answers with data, by their `Content-Type`.
    pub(crate) lines: SmallVec<[DataLines; 1]>,
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

/// The shape of an endpoint.
#[derive(Debug)]
pub enum Pipe {
    /// Both directions stream; nothing is decoded.
    NoOp(BackendPlan),
    /// One answer, decoded.
    Single {
        /// Whom to call.
        backend: BackendPlan,
        /// From its body to data.
        decoder: Decoder,
        /// From data to the client's body.
        output: OutputEncoding,
    },
    /// What the file asks for is not built, and anything else would mislead or leave something unguarded:
    /// 501. The reasons were told at start.
    NotBuilt,
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
    /// The lines of data that leaves as `content_type`.
    pub(crate) fn data_lines(&self, content_type: &str, completed: Completed) -> Option<LinesId> {
        let lines = self.lines.iter().find(|lines| lines.content_type == content_type)?;
        Some(match completed {
            Completed::True => lines.complete,
            Completed::False => lines.partial,
        })
    }
}

/// Compiles one entry.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    config: &EndpointConfig,
    closed: bool,
) -> Endpoint {
    let pipe = if closed { Pipe::NotBuilt } else { pipe(compiler, config) };
    let lines = match &pipe {
        Pipe::Single { output, .. } => data_lines(compiler, config, *output),
        Pipe::NoOp(_) | Pipe::NotBuilt => SmallVec::new(),
    };
    Endpoint {
        tag: format!("ENDPOINT: {}", config.route).into(),
        timeout: timeout(config),
        stream: StreamBound::of(config),
        pipe,
        lines,
    }
}

fn pipe(compiler: &mut Compiler<'_>, config: &EndpointConfig) -> Pipe {
    let [only] = &*config.backend else {
        compiler.tell(&config.at.key("backend"), "several backends are not built yet: 501");
        return Pipe::NotBuilt;
    };
    if only.sd == "dns" {
        compiler.tell(&only.at.key("sd"), "`dns` is not built: this endpoint answers 501");
        return Pipe::NotBuilt;
    }
    if config.concurrent_calls > 1 {
        compiler.tell(&config.at.key("concurrent_calls"), "is not built: one call is made");
    }
    let backend = backend::compile(compiler, config, only);
    if config.output_encoding == "no-op" {
        return Pipe::NoOp(backend);
    }
    match (Decoder::compile(only), OutputEncoding::compile(config)) {
        (Ok(decoder), Ok(output)) => Pipe::Single { backend, decoder, output },
        (decoder, output) => {
            if let Err(error) = decoder {
                compiler.tell(&only.at, error.to_string());
            }
            if let Err(error) = output {
                compiler.tell(&config.at.key("output_encoding"), error.to_string());
            }
            Pipe::NotBuilt
        },
    }
}

fn data_lines(
    compiler: &mut Compiler<'_>,
    config: &EndpointConfig,
    output: OutputEncoding,
) -> SmallVec<[DataLines; 1]> {
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

/// `cache_ttl` in whole seconds; zero is none, though a fraction of a second is `max-age=0`.
pub(super) fn cache_seconds(endpoint: &EndpointConfig) -> Option<u64> {
    endpoint.cache_ttl.positive().map(|ttl| ttl.as_secs())
}
