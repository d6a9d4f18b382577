//! KrakenD Enterprise's endpoints for many paths: `/path/*` and `/__catchall`, by their published form.
//!
//! What follows the endpoint's path follows the backend's. KrakenD's Community edition refuses such a
//! file at start, whose `url_pattern` gives no hint that anything may follow; so does this.

use std::borrow::Cow;

use baton_shared::config::model::{BackendConfig, EndpointConfig};

use super::compile::Compiler;
use crate::route::table::is_catch_all;

/// The endpoint as it is compiled.
pub(super) fn prepare<'c>(
    compiler: &mut Compiler<'_>,
    config: &'c EndpointConfig,
) -> Cow<'c, EndpointConfig> {
    if is_catch_all(config) {
        return Cow::Owned(catch_all(compiler, config));
    }
    if config.route == "/__catchall" {
        let text = "is an ordinary path here: the endpoint for all that no other takes has \
                    `\"output_encoding\": \"no-op\"`";
        compiler.tell(&config.at.key("endpoint"), text);
    }
    if config.route.ends_with("/*") {
        for backend in config.backend.iter().filter(|backend| !takes_more(backend)) {
            let pattern = &backend.url_pattern;
            let text = format!(
                "`{pattern}` does not say where the rest of `{}` goes: write `{pattern}/*`",
                config.endpoint
            );
            compiler.refuse(&backend.at.key("url_pattern"), text);
        }
    }
    Cow::Borrowed(config)
}

/// A path that ends with a slash, or with `/*`.
fn takes_more(backend: &BackendConfig) -> bool {
    let path = backend.url_pattern.split(['?', '#']).next().unwrap_or_default();
    path.ends_with('/') || path.ends_with("/*")
}

/// KrakenD: everything passes, whatever the file says of it.
fn catch_all(compiler: &mut Compiler<'_>, config: &EndpointConfig) -> EndpointConfig {
    let all = vec!["*".to_owned()];
    for (key, given) in [
        ("input_headers", &config.input_headers),
        ("input_query_strings", &config.input_query_strings),
    ] {
        if !given.is_empty() && *given != all {
            let text = "has no effect: an endpoint for everything passes everything (`*`)";
            compiler.tell(&config.at.key(key), text);
        }
    }
    EndpointConfig {
        route: "/*".to_owned(),
        input_headers: all.clone(),
        input_query_strings: all,
        ..config.clone()
    }
}
