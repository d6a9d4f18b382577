//! What protects without a backend's help, compiled: `security/*` of the service and of an endpoint.
//!
//! Nothing of it fails open: a block that cannot be used refuses the start, where KrakenD leaves it out or panics.

use baton_shared::config::model::{EndpointConfig, ExtraConfig, Namespace};
use baton_shared::config::node::Value;
use baton_shared::words::JsonPointer;

use super::compile::Compiler;
use super::{payload, script};
use crate::guards::api_keys;
use crate::guards::basic;
use crate::guards::bot_detector::BotDetector;
use crate::guards::cel::{self, AtEndpoint};
use crate::guards::cors::{Cors, MaxAgeIsNoText};
use crate::guards::http_security::HttpSecurity;
use crate::guards::ip_filter;
use crate::guards::json_schema::JsonSchema;
use crate::guards::jwt;
use crate::guards::rate_limit::{RateLimit, Tokens};
use crate::guards::service::ServiceGuards;
use crate::guards::tiered::{self, Tiered};
use crate::guards::{EndpointGuards, Gates};
use crate::payload::Payload;

/// What the root asks for.
pub(super) fn service(compiler: &mut Compiler<'_>) -> Option<Box<ServiceGuards>> {
    let extra = &compiler.service.extra_config;
    let guards = ServiceGuards {
        addresses: ip_filter::of_service(compiler),
        cors: cors(compiler, extra),
        security: security(compiler, extra),
        script: script::service(compiler),
        bots: bot_detector(compiler, extra).map(|detector| *detector),
    };
    let any = guards.addresses.is_some()
        || guards.cors.is_some()
        || guards.security.is_some()
        || guards.script.is_some()
        || guards.bots.is_some();
    any.then(|| Box::new(guards))
}

/// What stands in front of an endpoint's pipe.
pub(super) fn endpoint(
    compiler: &mut Compiler<'_>,
    config: &EndpointConfig,
) -> Option<Box<EndpointGuards>> {
    let gates = gates(compiler, config);
    let signing = gates.as_ref().and_then(|gates| gates.signing.as_ref());
    let guards = EndpointGuards {
        tiers: tiers(compiler, config),
        rate_limits: rate_limits(compiler, config, signing),
        payload: payload::of(compiler, config),
        gates,
    };
    let any = guards.gates.is_some()
        || !guards.tiers.is_empty()
        || !guards.rate_limits.is_empty()
        || guards.payload != Payload::default();
    any.then(|| Box::new(guards))
}

fn gates(compiler: &mut Compiler<'_>, config: &EndpointConfig) -> Option<Box<Gates>> {
    let signing = jwt::compile_signer(compiler, config);
    let mut scripts = script::endpoint(compiler, config);
    // KrakenD's signer stands in the place of what runs it.
    if let (Some(_), Some(scripts)) = (&signing, &mut scripts) {
        scripts.endpoint = None;
    }
    let known_keys = compiler.api_keys.clone();
    let users = compiler.users.clone();
    let gates = Gates {
        bots: bot_detector(compiler, &config.extra_config),
        api_keys: api_keys::compile(compiler, known_keys.as_ref(), config),
        basic: basic::compile(compiler, users.as_ref(), config),
        token: jwt::compile(compiler, config),
        signing,
        scripts,
        cel: cel(compiler, config),
        addresses: ip_filter::of_endpoint(compiler, config).map(Box::new),
        schema: schema(compiler, config),
    };
    let any = gates.bots.is_some()
        || gates.api_keys.is_some()
        || gates.basic.is_some()
        || gates.addresses.is_some()
        || gates.token.is_some()
        || gates.signing.is_some()
        || gates.scripts.is_some()
        || gates.cel.is_some()
        || gates.schema.is_some();
    any.then(|| Box::new(gates))
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
        compiler.rate_config(&block.settings, &block.at, &owner)
    });
    let tokens = tokens(config);
    let service = compiler.service_rate.clone();
    let service_at = JsonPointer::root().key("extra_config").key("qos/ratelimit/service");
    let blocks = [(service, &service_at), (own, block.map_or(&config.at, |block| &block.at))];
    let limits = blocks.into_iter().filter_map(|(limits, at)| {
        limits?.compile(&config.route, tokens, |key, text| compiler.tell(&at.key(key), text))
    });
    limits.collect()
}

/// Those of the service, then its own.
fn tiers(compiler: &mut Compiler<'_>, config: &EndpointConfig) -> Box<[Tiered]> {
    let block = config.extra_config.namespaces.get(tiered::NAME);
    let owner = format!("{} {}", config.method, config.route);
    let own = block.and_then(|block| tiered::read(compiler, block, &owner));
    let blocks = compiler.service_tiers.clone().into_iter().chain(own);
    let tiers = blocks.map(|block| {
        block.compile(&config.route, tokens(config), |at, text| compiler.tell(at, text))
    });
    tiers.collect()
}

fn tokens(config: &EndpointConfig) -> Tokens {
    match config.extra_config.namespaces.contains_key("auth/validator") {
        true => Tokens::Checked,
        false => Tokens::None,
    }
}

/// `security/bot-detector`, of the service or of an endpoint.
pub(super) fn bot_detector(
    compiler: &mut Compiler<'_>,
    extra: &ExtraConfig,
) -> Option<Box<BotDetector>> {
    let block = extra.namespaces.get("security/bot-detector")?;
    match BotDetector::compile(&block.settings) {
        Ok(detector) => Some(Box::new(detector)),
        Err(faults) => {
            for fault in faults {
                let at = match (fault.key.as_str(), fault.index) {
                    ("", _) => block.at.clone(),
                    (key, None) => block.at.key(key),
                    (key, Some(index)) => block.at.key(key).index(index),
                };
                compiler.refuse(&at, fault.text);
            }
            None
        },
    }
}

/// The block of a module that takes nothing but an object.
fn object<'a>(
    compiler: &mut Compiler<'_>,
    extra: &'a ExtraConfig,
    name: &str,
) -> Option<&'a Namespace> {
    let block = extra.namespaces.get(name)?;
    if matches!(block.settings.value, Value::Object(_)) {
        return Some(block);
    }
    compiler.refuse(&block.at, format!("`{name}` must be an object: KrakenD leaves it out"));
    None
}

fn cors(compiler: &mut Compiler<'_>, extra: &ExtraConfig) -> Option<Cors> {
    let block = object(compiler, extra, "security/cors")?;
    let tell = |key: &str, text| compiler.tell(&block.at.key(key), text);
    match Cors::compile(&block.settings, tell) {
        Ok(cors) => Some(cors),
        Err(MaxAgeIsNoText) => {
            let text = "must be a text, such as \"12h\": KrakenD does not start with it";
            compiler.refuse(&block.at.key("max_age"), text);
            None
        },
    }
}

fn security(compiler: &mut Compiler<'_>, extra: &ExtraConfig) -> Option<HttpSecurity> {
    let block = object(compiler, extra, "security/http")?;
    let tell = |key: &str, text: &str| compiler.tell(&block.at.key(key), text);
    match HttpSecurity::compile(&block.settings, tell) {
        Ok(security) => Some(security),
        Err(faults) => {
            for fault in faults {
                let at = block.at.key("allowed_hosts").index(fault.index);
                compiler.refuse(&at, fault.text);
            }
            None
        },
    }
}

/// `validation/cel` of an endpoint.
fn cel(compiler: &mut Compiler<'_>, endpoint: &EndpointConfig) -> Option<Box<AtEndpoint>> {
    let layer = cel::of_endpoint(compiler, endpoint)?;
    Some(Box::new(AtEndpoint { layer, view: script::view(endpoint) }))
}

/// `validation/json-schema`; one that cannot be compiled was told where its files were read.
pub(super) fn schema(
    compiler: &Compiler<'_>,
    endpoint: &EndpointConfig,
) -> Option<Box<JsonSchema>> {
    let block = endpoint.extra_config.namespaces.get("validation/json-schema")?;
    if matches!(block.settings.value, Value::Null) {
        return None;
    }
    JsonSchema::compile(&block.settings, compiler.files).ok().map(Box::new)
}
