//! The shape of an endpoint: which backends it calls, in which order, and what becomes of their answers.

use std::time::Duration;

use baton_shared::config::model::{BackendConfig, EndpointConfig, ExtraConfig, GoDuration};
use baton_shared::config::node::{Node, Value};
use baton_shared::config::read::Format;

use super::backend::{self, BackendPlan};
use super::compile::Compiler;
use super::endpoint::cache_seconds;
use super::settings;
use super::template::{AnswerSlots, Wanted};
use super::websocket::{self, WebSocketPlan};
use crate::decode::{Decoder, Doubt, Flatmap};
use crate::encode::OutputEncoding;
use crate::proxy::StaticData;
use crate::respond::lines::{Completed, LinesId};

/// What answers an endpoint.
#[derive(Debug)]
pub enum Pipe {
    /// Both directions stream; nothing is decoded. In no box: that would be one more memory access to wait for.
    NoOp(NoOpPlan),
    /// Answers are decoded, put together, shaped and encoded.
    Data(Box<DataPlan>),
    /// Bytes both ways, once the handshake is done.
    WebSocket(Box<WebSocketPlan>),
    /// Nobody is called whose answer counts: KrakenD cannot build such an endpoint and answers 500.
    Empty,
    /// What the file asks for is not built, and anything else would mislead or leave something unguarded:
    /// 501. The reasons were told at start.
    NotBuilt,
}

/// An endpoint that streams.
#[derive(Debug)]
pub struct NoOpPlan {
    pub(crate) backend: BackendPlan,
    /// What its answers say of themselves.
    pub(crate) lines: LinesId,
    /// `static` data makes a failure an empty answer.
    pub(crate) hides_failures: bool,
}

/// An endpoint with data.
#[derive(Debug)]
pub struct DataPlan {
    /// Who is called.
    pub(crate) calls: Calls,
    /// How long the calls may take.
    pub(crate) budget: Duration,
    /// What becomes of the client's body.
    pub(crate) body: BodyUse,
    /// Who gets a copy besides.
    pub(crate) shadow: Option<ShadowPlan>,
    /// `flatmap_filter`, applied where nothing failed.
    pub(crate) flatmap: Option<Flatmap>,
    /// `static`: laid over what the calls gave.
    pub(crate) overlay: Option<StaticData>,
    /// From data to the client's body.
    pub(crate) output: OutputEncoding,
}

/// Backends whose answers nobody reads.
#[derive(Debug)]
pub(crate) struct ShadowPlan {
    pub(crate) calls: Calls,
    /// How long the calls may take.
    pub(crate) budget: Duration,
}

/// Backends and how they are called; of several, each has its own.
#[derive(Debug)]
pub(crate) enum Calls {
    /// One.
    One(Box<CallPlan>),
    /// All at once; what they say is merged as it arrives.
    Parallel(Box<[CallPlan]>),
    /// One after the other.
    Sequential(SequentialPlan),
}

/// A backend and what becomes of its answer.
#[derive(Debug)]
pub(crate) struct CallPlan {
    pub(crate) backend: BackendPlan,
    pub(crate) decoder: Decoder,
    /// `concurrent_calls`, where it is more than one.
    pub(crate) concurrent: Option<ConcurrentPlan>,
}

/// The same call, several times at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConcurrentPlan {
    pub(crate) calls: usize,
    /// How long they may take.
    pub(crate) budget: Duration,
}

/// `proxy.sequential`.
#[derive(Debug)]
pub(crate) struct SequentialPlan {
    /// In file order.
    pub(crate) steps: Box<[StepPlan]>,
    /// Fields of answers that later steps want.
    pub(crate) wanted: Box<[Wanted]>,
}

/// One call of a sequential endpoint.
#[derive(Debug)]
pub(crate) struct StepPlan {
    pub(crate) call: CallPlan,
    /// What it wants of earlier answers, by place.
    pub(crate) wants: Box<[usize]>,
}

/// What becomes of the client's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyUse {
    /// It streams to the only backend.
    Stream,
    /// It is held, and each call gets a copy.
    Copy,
}

/// KrakenD's shares of the timeout: several backends may take this much of it, in percent,
const MERGE_PERCENT: i64 = 85;
/// and concurrent calls this much.
const CONCURRENT_PERCENT: i64 = 75;
/// More calls at once than this are a mistake.
const CONCURRENT_MAX: i64 = 100;

impl Pipe {
    /// From data to the client's body, where there is data.
    pub(crate) fn output(&self) -> Option<OutputEncoding> {
        match self {
            Self::Data(plan) => Some(plan.output),
            Self::NoOp(_) | Self::WebSocket(_) | Self::Empty | Self::NotBuilt => None,
        }
    }
}

impl Calls {
    /// How long they may take.
    fn budget(&self, config: &EndpointConfig) -> Duration {
        match self {
            Self::One(_) => share(config.timeout, 100),
            Self::Parallel(_) | Self::Sequential(_) => share(config.timeout, MERGE_PERCENT),
        }
    }

    /// See [`super::Endpoint::fetch`]; of several calls each is waited for longer than for its plan.
    #[inline]
    pub(super) fn fetch(&self) {
        match self {
            Self::One(call) => call.backend.fetch(),
            Self::Parallel(_) | Self::Sequential(_) => {},
        }
    }

    /// Every backend, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &CallPlan> {
        let (some, steps): (&[CallPlan], &[StepPlan]) = match self {
            Self::One(call) => (std::slice::from_ref(&**call), &[]),
            Self::Parallel(calls) => (calls, &[]),
            Self::Sequential(plan) => (&[], &plan.steps),
        };
        some.iter().chain(steps.iter().map(|step| &step.call))
    }
}

/// Compiles the backends of an endpoint and all that stands in its `proxy`.
pub(super) fn compile(compiler: &mut Compiler<'_>, config: &EndpointConfig) -> Pipe {
    if let Some(namespace) = config.extra_config.namespaces.get("websocket") {
        let plan = websocket::compile(compiler, config, namespace);
        return plan.map_or(Pipe::NotBuilt, |plan| Pipe::WebSocket(Box::new(plan)));
    }
    let (shadows, backends): (Vec<_>, Vec<_>) =
        config.backend.iter().partition(|backend| is_shadow(backend));
    if backends.is_empty() {
        compiler
            .tell(&config.at, "all backends are shadows: KrakenD answers 500, and so does this");
        return Pipe::Empty;
    }
    // With one backend KrakenD does not look for it.
    let flatmap = setting(config, "flatmap_filter").filter(|_| backends.len() > 1);
    doubt(compiler, &config.extra_config);
    config.backend.iter().for_each(|backend| doubt(compiler, &backend.extra_config));
    let flatmap = flatmap.and_then(Flatmap::compile);
    let format = Format::of(&compiler.service.source.file);
    let overlay =
        setting(config, "static").and_then(|settings| StaticData::compile(settings, format));
    if config.output_encoding == "no-op" {
        return match &*backends {
            [only] => Pipe::NoOp(no_op(compiler, config, only, overlay.as_ref())),
            // Several are refused where the file is read.
            _ => Pipe::Empty,
        };
    }
    let calls = calls(compiler, config, &backends);
    let shadow = (!shadows.is_empty()).then(|| shadow(compiler, config, &shadows));
    let output = OutputEncoding::compile(config);
    // What is missing was told one by one.
    let Some(calls) = calls else {
        return Pipe::NotBuilt;
    };
    let shadow = match shadow {
        None => None,
        Some(Some(plan)) => Some(plan),
        Some(None) => return Pipe::NotBuilt,
    };
    let budget = calls.budget(config);
    let is_one_call = matches!(&calls, Calls::One(call) if call.concurrent.is_none());
    let body = if is_one_call && shadow.is_none() { BodyUse::Stream } else { BodyUse::Copy };
    Pipe::Data(Box::new(DataPlan { calls, budget, body, shadow, flatmap, overlay, output }))
}

fn no_op(
    compiler: &mut Compiler<'_>,
    config: &EndpointConfig,
    backend: &BackendConfig,
    overlay: Option<&StaticData>,
) -> NoOpPlan {
    if config.concurrent_calls > 1 {
        let text = "one call is made: of several, KrakenD cuts the body that is streamed";
        compiler.tell(&config.at.key("concurrent_calls"), text);
    }
    let backend = backend::compile(compiler, config, backend, &mut AnswerSlots::default());
    let has_data = overlay.is_some_and(|data| data.suits_a_stream(false) && !data.is_empty());
    let lines = if has_data {
        compiler.lines.answer(Completed::True, None, cache_seconds(config))
    } else {
        compiler.lines.answer(Completed::False, None, None)
    };
    let hides_failures = overlay.is_some_and(|data| data.suits_a_stream(true));
    NoOpPlan { backend, lines, hides_failures }
}

/// One group with one timeout: the longest.
fn shadow(
    compiler: &mut Compiler<'_>,
    config: &EndpointConfig,
    backends: &[&BackendConfig],
) -> Option<ShadowPlan> {
    let calls = calls(compiler, config, backends)?;
    let timeout = |backend: &&BackendConfig| {
        let own = match proxy_setting(&backend.extra_config, "shadow_timeout") {
            Some(Node { value: Value::String(text), .. }) => GoDuration::parse(text).ok(),
            Some(_) | None => None,
        };
        own.unwrap_or(config.timeout)
    };
    let longest = backends.iter().map(timeout).max().and_then(GoDuration::positive);
    let budget = longest.unwrap_or(Duration::ZERO);
    let budget = match &calls {
        Calls::One(_) => budget,
        several => budget.min(several.budget(config)),
    };
    Some(ShadowPlan { calls, budget })
}

/// The calls to `backends`, of which there is at least one; `None` if something is not built.
fn calls(
    compiler: &mut Compiler<'_>,
    config: &EndpointConfig,
    backends: &[&BackendConfig],
) -> Option<Calls> {
    if backends.len() > 1 {
        check_strings(compiler, config);
        if is_true(setting(config, "sequential")) {
            return sequence(compiler, config, backends).map(Calls::Sequential);
        }
    }
    let mut calls: Vec<CallPlan> = Vec::with_capacity(backends.len());
    for backend in backends {
        calls.extend(call(compiler, config, backend, &mut AnswerSlots::default()));
    }
    if calls.len() < backends.len() {
        return None;
    }
    match calls.len() {
        1 => calls.pop().map(|only| Calls::One(Box::new(only))),
        _ => Some(Calls::Parallel(calls.into())),
    }
}

fn sequence(
    compiler: &mut Compiler<'_>,
    config: &EndpointConfig,
    backends: &[&BackendConfig],
) -> Option<SequentialPlan> {
    let mut slots = AnswerSlots::default();
    let mut steps = Vec::with_capacity(backends.len());
    for (index, backend) in backends.iter().enumerate() {
        slots.behind(index);
        propagated(config).for_each(|name| slots.propagate(name));
        if let Some(call) = call(compiler, config, backend, &mut slots) {
            let wants = call.backend.answers();
            steps.push(StepPlan { call, wants });
        }
    }
    (steps.len() == backends.len())
        .then(|| SequentialPlan { steps: steps.into(), wanted: slots.into_wanted() })
}

/// `sequential_propagated_params`: what later calls may name outside of their patterns.
fn propagated(config: &EndpointConfig) -> impl Iterator<Item = &str> {
    let list = setting(config, "sequential_propagated_params").map(|node| &node.value);
    let names: &[Node] = match list {
        Some(Value::Array(names)) => names,
        Some(_) | None => &[],
    };
    names.iter().filter_map(|node| match &node.value {
        Value::String(name) => Some(name.as_str()),
        _ => None,
    })
}

fn call(
    compiler: &mut Compiler<'_>,
    config: &EndpointConfig,
    backend: &BackendConfig,
    answers: &mut AnswerSlots,
) -> Option<CallPlan> {
    let plan = backend::compile(compiler, config, backend, answers);
    match Decoder::compile(backend) {
        Ok(decoder) => {
            let concurrent = concurrent(compiler, config);
            Some(CallPlan { backend: plan, decoder, concurrent })
        },
        Err(error) => {
            compiler.tell(&backend.at, error.to_string());
            None
        },
    }
}

fn concurrent(compiler: &mut Compiler<'_>, config: &EndpointConfig) -> Option<ConcurrentPlan> {
    let asked = config.concurrent_calls;
    if asked > CONCURRENT_MAX {
        let text = format!("{asked} calls at once: {CONCURRENT_MAX} are made");
        compiler.tell(&config.at.key("concurrent_calls"), text);
    }
    let calls = usize::try_from(asked.min(CONCURRENT_MAX)).ok().filter(|calls| *calls > 1)?;
    Some(ConcurrentPlan { calls, budget: share(config.timeout, CONCURRENT_PERCENT) })
}

/// So many percent of a timeout; one that is negative is over at once.
fn share(timeout: GoDuration, percent: i64) -> Duration {
    let nanos = i128::from(timeout.0) * i128::from(percent) / 100;
    u64::try_from(nanos).map_or(Duration::ZERO, Duration::from_nanos)
}

/// A setting of an endpoint's `proxy`.
fn setting<'a>(config: &'a EndpointConfig, key: &str) -> Option<&'a Node> {
    proxy_setting(&config.extra_config, key)
}

fn proxy_setting<'a>(extra: &'a ExtraConfig, key: &str) -> Option<&'a Node> {
    settings::member(&extra.namespaces.get("proxy")?.settings, key)
}

fn is_true(setting: Option<&Node>) -> bool {
    matches!(setting, Some(Node { value: Value::Bool(true), .. }))
}

fn is_shadow(backend: &BackendConfig) -> bool {
    is_true(proxy_setting(&backend.extra_config, "shadow"))
}

/// Tells of operations of a `flatmap_filter` that do not do what somebody may expect.
fn doubt(compiler: &mut Compiler<'_>, extra: &ExtraConfig) {
    let Some(proxy) = extra.namespaces.get("proxy") else { return };
    let Some(list) = settings::member(&proxy.settings, "flatmap_filter") else { return };
    for Doubt { index, text } in Flatmap::doubts(list) {
        compiler.tell(&proxy.at.key("flatmap_filter").index(index), text);
    }
}

/// KrakenD reads these as strings whatever they are. There is one combiner, whatever its name, and the
/// propagated parameters are for scripts: a `url_pattern` names what it wants itself.
fn check_strings(compiler: &mut Compiler<'_>, config: &EndpointConfig) {
    let Some(proxy) = config.extra_config.namespaces.get("proxy") else { return };
    let is_string = |node: &Node| matches!(node.value, Value::String(_));
    if setting(config, "combiner").is_some_and(|node| !is_string(node)) {
        compiler
            .refuse(&proxy.at.key("combiner"), "`combiner` must be a string, such as \"default\"");
    }
    let key = "sequential_propagated_params";
    let Some(Node { value: Value::Array(items), .. }) = setting(config, key) else { return };
    for (index, _) in items.iter().enumerate().filter(|(_, item)| !is_string(item)) {
        let text = format!("`{key}` holds strings, such as \"resp0_id\"");
        compiler.refuse(&proxy.at.key(key).index(index), text);
    }
}
