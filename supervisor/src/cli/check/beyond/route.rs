//! Endpoints that no request can reach, and requests that another endpoint answers.

use baton_shared::config::model::{EndpointConfig, ServiceConfig};
use baton_worker::route::table::{ENDPOINT_METHODS, endpoint_method};

use super::notes::{Notes, is_set, namespace};

/// A path that no request has, a method that is not registered.
pub(super) fn unreachable(config: &ServiceConfig, notes: &mut Notes<'_>) {
    let router = namespace(&config.extra_config, "router");
    let decodes = router.is_none_or(|(router, _)| !is_set(router, "disable_path_decoding"));
    for endpoint in &config.endpoints {
        if endpoint_method(&endpoint.method).is_none() {
            let allowed: Vec<&str> =
                ENDPOINT_METHODS.iter().map(|method| method.as_str()).collect();
            notes.tell(
                &endpoint.at.key("method"),
                format!(
                    "`{}` is no method of an endpoint: nobody can reach it; one of {}",
                    endpoint.method_written,
                    allowed.join(", ")
                ),
            );
        }
        if let Some(why) = never(&endpoint.endpoint, decodes) {
            let text = format!("no request has the path `{}`: {why}", endpoint.endpoint);
            notes.tell(&endpoint.at.key("endpoint"), text);
        }
    }
}

fn never(path: &str, decodes: bool) -> Option<&'static str> {
    if path.contains('?') {
        return Some("the query is no part of it; list its parameters in `input_query_strings`");
    }
    if path.contains('#') {
        return Some("a fragment stays in the browser");
    }
    (decodes && path.contains('%')).then_some("paths are compared decoded: write the letter itself")
}

/// `/users/me` beside `/users/{id}`: the text wins, wherever it stands in the file.
pub(super) fn shadowed(config: &ServiceConfig, notes: &mut Notes<'_>) {
    for (index, one) in config.endpoints.iter().enumerate().filter(|(_, one)| is_wild(one)) {
        let others = config.endpoints.iter().enumerate();
        let by = others.filter(|(other, _)| *other != index).map(|(_, other)| other);
        for other in by.filter(|other| other.method == one.method && takes_from(other, one)) {
            let line = notes.line(&other.at);
            notes.tell(
                &one.at.key("endpoint"),
                format!(
                    "requests to `{}` never come here: `{}` (line {line}) takes them",
                    other.endpoint, other.endpoint
                ),
            );
        }
    }
}

fn is_wild(endpoint: &EndpointConfig) -> bool {
    endpoint.route.contains("/:") || endpoint.route.ends_with("/*")
}

/// Whether `other` answers some of what `one` would: it has a text where `one` has a placeholder, and
/// is the same elsewhere.
fn takes_from(other: &EndpointConfig, one: &EndpointConfig) -> bool {
    let (mut theirs, mut ours) = (other.route.split('/'), one.route.split('/'));
    let mut takes = false;
    loop {
        match (theirs.next(), ours.next()) {
            (None, None) => return takes,
            (Some(_), Some("*")) => return true,
            (Some(text), Some(place)) if place.starts_with(':') => {
                takes |= !text.starts_with([':', '*']);
            },
            (Some(text), Some(same)) if text == same => {},
            _ => return false,
        }
    }
}
