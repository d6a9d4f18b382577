//! `modifier/lua-*`, compiled: of the service, of an endpoint, of a backend.
//!
//! KrakenD: a key of another type is left out; so is, in silence, the whole block when an `md5` does not match. Here that
//! refuses the start: what was signed is what runs.

use baton_shared::config::model::{BackendConfig, EndpointConfig, ExtraConfig};
use baton_shared::config::node::{Node, Value};
use baton_shared::words::JsonPointer;

use super::compile::Compiler;
use super::settings::{boolean, member, string, strings};
use super::template::AnswerSlots;
use crate::backend::exchange::Reuse;
use crate::backend::query::QueryFilter;
use crate::backend::request::{Compression, HeaderPlan};
use crate::route::params;
use crate::script::backend::{BackendScript, NamedParams, Param};
use crate::script::proxy::ProxyScript;
use crate::script::view::View;
use crate::script::{Block, Libraries, Next, Settings};

const ENDPOINT: &str = "modifier/lua-endpoint";
const PROXY: &str = "modifier/lua-proxy";
const BACKEND: &str = "modifier/lua-backend";

/// Every namespace of scripts.
pub(super) const ALL: [&str; 3] = [ENDPOINT, PROXY, BACKEND];

/// What runs around an endpoint; at least one.
#[derive(Debug)]
pub(crate) struct Scripts {
    /// `modifier/lua-endpoint`
    pub(crate) endpoint: Option<Block>,
    /// Names of the placeholders, as scripts of that level call them.
    pub(crate) names: Box<[Box<[u8]>]>,
    /// `modifier/lua-proxy`
    pub(crate) proxy: Option<ProxyScript>,
}

/// Whether a script stands between an endpoint's lists and its backends.
pub(super) fn is_proxied(endpoint: &EndpointConfig) -> bool {
    let block = endpoint.extra_config.namespaces.get(PROXY);
    block.is_some_and(|block| matches!(block.settings.value, Value::Object(_)))
}

/// Of the service.
pub(super) fn service(compiler: &mut Compiler<'_>) -> Option<Block> {
    let extra = &compiler.service.extra_config;
    block(compiler, extra, ENDPOINT)
}

/// Of an endpoint.
pub(super) fn endpoint(
    compiler: &mut Compiler<'_>,
    config: &EndpointConfig,
) -> Option<Box<Scripts>> {
    let endpoint = block(compiler, &config.extra_config, ENDPOINT);
    let names = params::names(&config.route);
    let proxy = block(compiler, &config.extra_config, PROXY)
        .map(|block| ProxyScript { block, view: view(config) });
    let any = endpoint.is_some() || proxy.is_some();
    let names = names.iter().map(|name| name.as_bytes().into()).collect();
    any.then(|| Box::new(Scripts { endpoint, names, proxy }))
}

/// Of a backend.
pub(super) fn backend(
    compiler: &mut Compiler<'_>,
    endpoint: &EndpointConfig,
    backend: &BackendConfig,
    answers: &AnswerSlots,
) -> Option<Box<BackendScript>> {
    let block = block(compiler, &backend.extra_config, BACKEND)?;
    let service = compiler.service;
    let compression =
        if service.disable_compression { Compression::None } else { Compression::Gzip };
    let reuse = if service.disable_keep_alives { Reuse::Never } else { Reuse::KeepAlive };
    let headers = HeaderPlan::scripted(None, compression, reuse);
    Some(Box::new(BackendScript { block, headers, params: named_params(endpoint, answers) }))
}

/// The request as an endpoint's lists filter it.
pub(super) fn view(endpoint: &EndpointConfig) -> View {
    let (lists, query) = (&endpoint.input_headers, &endpoint.input_query_strings);
    View {
        headers: HeaderPlan::compile(lists, &[], Compression::None, Reuse::KeepAlive),
        query: QueryFilter::new(query, &[]),
        names: params::names(&endpoint.route).iter().map(|name| exported(name)).collect(),
    }
}

/// What is found among the parameters of a call.
pub(super) fn named_params(endpoint: &EndpointConfig, answers: &AnswerSlots) -> NamedParams {
    let path = params::names(&endpoint.route).into_iter().enumerate();
    let path = path.map(|(index, name)| (exported(name), Param::Path(index)));
    let earlier = answers.named().map(|(place, name)| (exported(name), Param::Answer(place)));
    path.chain(earlier).collect()
}

/// The first letter is a capital.
fn exported(name: &str) -> Box<[u8]> {
    let mut bytes = name.as_bytes().to_vec();
    if let Some(first) = bytes.first_mut() {
        first.make_ascii_uppercase();
    }
    bytes.into()
}

fn block(compiler: &mut Compiler<'_>, extra: &ExtraConfig, name: &str) -> Option<Block> {
    let namespace = extra.namespaces.get(name)?;
    let (settings, at) = (&namespace.settings, &namespace.at);
    if !matches!(settings.value, Value::Object(_)) {
        compiler.refuse(at, format!("`{name}` must be an object: KrakenD leaves it out"));
        return None;
    }
    check_sums(compiler, settings, at);
    let is = |key| boolean(settings, key) == Some(true);
    let files = compiler.files;
    let content = |path| files.get(path).and_then(|file| file.as_deref().ok());
    let settings = Settings {
        sources: strings(settings, "sources")
            .into_iter()
            .map(|path| (path, content(path)))
            .collect(),
        pre: string(settings, "pre").unwrap_or_default(),
        post: match name {
            ENDPOINT => "",
            _ => string(settings, "post").unwrap_or_default(),
        },
        next: if is("skip_next") { Next::Skip } else { Next::Call },
        libraries: if is("allow_open_libs") { Libraries::All } else { Libraries::Base },
    };
    Some(Block::compile(&settings, |key, text| compiler.tell(&at.key(key), text)))
}

/// `md5`: sums of sources, in hexadecimal digits; not looked at where they are `live`.
fn check_sums(compiler: &mut Compiler<'_>, settings: &Node, at: &JsonPointer) {
    let Some(Value::Object(sums)) = member(settings, "md5").map(|node| &node.value) else { return };
    if boolean(settings, "live") == Some(true) {
        return;
    }
    for (path, sum) in sums {
        let at = at.key("md5").key(path);
        let content = compiler.files.get(path).and_then(|file| file.as_deref().ok());
        let found = super::md5::sum(content.unwrap_or_default());
        match &sum.value {
            Value::String(wanted) if *wanted == found => {},
            Value::String(wanted) => {
                let text = format!("`{path}` has the sum {found}, not {wanted}");
                compiler.refuse(&at, text);
            },
            _ => compiler.refuse(&at, "must be a text: the sum in hexadecimal digits"),
        }
    }
}
