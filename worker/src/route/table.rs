//! All routes of a service: KrakenD's own endpoints first, then those of the file.
//!
//! Before the way: runs once when the configuration is compiled. The order matters: the `Allow` of a
//! 405 lists methods as they were first registered.

use std::collections::BTreeMap;

use http::Method;

use baton_shared::config::model::ServiceConfig;

use super::{Route, RouteError, Router, RouterFlags};

/// What a route leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An endpoint, by its index in the file.
    Endpoint(usize),
    /// `/__health`.
    Health,
    /// `/__debug/`.
    Debug,
    /// `/__echo/`.
    Echo,
    /// OPTIONS of a path by `auto_options`.
    AutoOptions {
        /// The methods registered for the path, sorted.
        allow: String,
    },
}

/// The methods that KrakenD registers endpoints for. Others are named in the log and left out.
pub const ENDPOINT_METHODS: [Method; 5] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The methods of `/__debug/` and `/__echo/`, in gin's order.
const ALL_METHODS: [Method; 9] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::HEAD,
    Method::OPTIONS,
    Method::DELETE,
    Method::CONNECT,
    Method::TRACE,
];

/// The method that an endpoint is registered for; `None` when KrakenD leaves the endpoint out.
#[must_use]
pub fn endpoint_method(method: &str) -> Option<Method> {
    ENDPOINT_METHODS.into_iter().find(|known| known.as_str() == method)
}

/// Builds the router of a service.
///
/// # Errors
/// Every route that collides with an earlier one or cannot be registered.
pub fn build(
    config: &ServiceConfig,
    flags: &RouterFlags,
) -> Result<Router<Target>, Vec<RouteError>> {
    let mut routes = built_in(config, flags);
    let mut catalog: BTreeMap<&str, Vec<Method>> = BTreeMap::new();
    for (index, endpoint) in config.endpoints.iter().enumerate() {
        let Some(method) = endpoint_method(&endpoint.method) else {
            continue;
        };
        catalog.entry(&endpoint.route).or_default().push(method.clone());
        routes.push(Route { method, path: endpoint.route.clone(), value: Target::Endpoint(index) });
    }
    if flags.auto_options {
        routes.extend(catalog.into_iter().map(|(path, methods)| auto_options(path, methods)));
    }
    Router::build(routes, flags.rules())
}

fn built_in(config: &ServiceConfig, flags: &RouterFlags) -> Vec<Route<Target>> {
    let mut routes = Vec::new();
    if !flags.disable_health {
        let path = flags.health_path.clone();
        routes.push(Route { method: Method::GET, path, value: Target::Health });
    }
    let all = |path: &'static str, value: Target| {
        let route = move |method| Route { method, path: path.to_owned(), value: value.clone() };
        ALL_METHODS.into_iter().map(route)
    };
    if config.debug_endpoint {
        routes.extend(all("/__debug/*param", Target::Debug));
    }
    if config.echo_endpoint {
        routes.extend(all("/__echo/*param", Target::Echo));
    }
    routes
}

fn auto_options(path: &str, mut methods: Vec<Method>) -> Route<Target> {
    methods.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    let value = Target::AutoOptions { allow: names.join(", ") };
    Route { method: Method::OPTIONS, path: path.to_owned(), value }
}
