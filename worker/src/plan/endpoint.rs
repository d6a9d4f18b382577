//! One entry of `endpoints`, compiled.

use std::hint::black_box;
use std::time::Duration;

use baton_shared::config::model::{EndpointConfig, Wait};
use baton_shared::words::JsonPointer;
use tokio::time::Instant;

use super::compile::Compiler;
use super::guard;
use super::payload;
use super::pipe::{self, Pipe};
use super::script::{self, Scripts};
use crate::encode::OutputEncoding;
use crate::guards::api_keys::{self, ApiKeys};
use crate::guards::bot_detector::BotDetector;
use crate::guards::json_schema::JsonSchema;
use crate::guards::jwt;
use crate::guards::rate_limit::RateLimit;
use crate::payload::Payload;
use crate::respond::lines::{Completed, LinesId};

/// A public route and what answers it. Whole cache lines: of thousands of endpoints each is fetched anew.
#[derive(Debug)]
#[repr(align(64))]
pub struct Endpoint {
    /// Its place among all.
    pub(crate) place: usize,
    /// What stands in the brackets of its log lines.
    pub(crate) tag: Box<str>,
    /// `timeout`: of the whole exchange.
    pub(crate) timeout: Duration,
    /// `"@baton".stream_timeout`: bounds the body of a `no-op` answer in place of `timeout`.
    pub(crate) stream: StreamBound,
    /// `security/bot-detector`.
    pub(crate) bots: Option<Box<BotDetector>>,
    /// `auth/api-keys`: what key it asks for.
    pub(crate) api_keys: Option<Box<ApiKeys>>,
    /// `auth/validator`: what token it asks for.
    pub(crate) token: Option<jwt::Gate>,
    /// `auth/signer`: what becomes of its answers.
    pub(crate) signing: Option<jwt::Signing>,
    /// How often it may be asked: the service's limits, then its own.
    pub(crate) rate_limits: Box<[RateLimit]>,
    /// What is said of the bodies of requests.
    pub(crate) payload: Payload,
    /// `modifier/lua-endpoint` and `modifier/lua-proxy`.
    pub(crate) scripts: Option<Box<Scripts>>,
    /// `validation/json-schema`.
    pub(crate) schema: Option<Box<JsonSchema>>,
    /// What answers.
    pub(crate) pipe: Pipe,
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
            Pipe::NoOp(plan) => plan.backend.fetch(),
            Pipe::Data(plan) => plan.calls.fetch(),
            Pipe::WebSocket(_) | Pipe::Empty | Pipe::NotBuilt => {},
        }
        black_box((self.timeout, self.rate_limits.len(), self.lines.len()));
    }

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
    place: usize,
    config: &EndpointConfig,
    closed: bool,
) -> Endpoint {
    let pipe = if closed { Pipe::NotBuilt } else { pipe::compile(compiler, config) };
    let output = pipe.output();
    let lines = output.map(|output| data_lines(compiler, config, output)).unwrap_or_default();
    let signing = jwt::compile_signer(compiler, config);
    let mut scripts = script::endpoint(compiler, config);
    // KrakenD's signer stands in the place of what runs it.
    if let (Some(_), Some(scripts)) = (&signing, &mut scripts) {
        scripts.endpoint = None;
    }
    let is_scripted = scripts.as_ref().is_some_and(|scripts| scripts.proxy.is_some());
    let pipe = if signing.is_some() && is_scripted {
        // Better no answer than one that nobody signed.
        let text =
            "`auth/signer` beside `modifier/lua-proxy` is not built: this endpoint answers 501";
        compiler.tell(&config.at, text);
        Pipe::NotBuilt
    } else {
        pipe
    };
    Endpoint {
        place,
        tag: format!("ENDPOINT: {}", config.route).into(),
        timeout: timeout(config),
        stream: StreamBound::of(config),
        bots: guard::bot_detector(compiler, &config.extra_config),
        api_keys: api_keys::compile(compiler, compiler.api_keys.clone().as_ref(), config)
            .map(Box::new),
        token: jwt::compile(compiler, config),
        rate_limits: rate_limits(compiler, config, signing.as_ref()),
        signing,
        payload: payload::of(compiler, config),
        scripts,
        schema: guard::schema(compiler, config),
        pipe,
        lines,
    }
}

/// An endpoint that signs has none of its own, as in KrakenD.
fn rate_limits(
    compiler: &mut Compiler<'_>,
    config: &EndpointConfig,
    signing: Option<&jwt::Signing>,
) -> Box<[RateLimit]> {
    const NAMESPACE: &str = "qos/ratelimit/router";
    let block = config.extra_config.namespaces.get(NAMESPACE).filter(|_| signing.is_none());
    let own = block.map(|block| {
        let owner = format!("{NAMESPACE}\0{} {}", config.method, config.route);
        compiler.rate_config(block, &owner)
    });
    let service = compiler.service_rate.clone();
    let service_at = JsonPointer::root().key("extra_config").key("qos/ratelimit/service");
    let blocks = [(service, &service_at), (own, block.map_or(&config.at, |block| &block.at))];
    let limits = blocks.into_iter().filter_map(|(limits, at)| {
        limits?.compile(&config.route, |key, text| compiler.tell(&at.key(key), text))
    });
    limits.collect()
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
