//! All routes of a service: KrakenD's own endpoints first, then those of the file.
//!
//! Before the way: runs once when the configuration is compiled. The order matters: the `Allow` of a
//! 405 lists methods as they were first registered.

use std::collections::BTreeMap;
use std::fmt;

use http::Method;

use baton_shared::config::model::{EndpointConfig, ServiceConfig};

use super::{Route, RouteError, RouteName, Router, RouterFlags};

/// What a route leads to. Small: one of thousands is fetched for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An endpoint, by its index in the file.
    Endpoint(u32),
    /// `/__health`.
    Health,
    /// `/__debug/`.
    Debug,
    /// `/__echo/`.
    Echo,
    /// OPTIONS of a path by `auto_options`.
    AutoOptions {
        /// The methods registered for the path.
        allow: Methods,
    },
}

/// Some of [`ENDPOINT_METHODS`]: a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Methods(u8);

impl Methods {
    fn add(&mut self, method: &Method) {
        let at = ENDPOINT_METHODS.iter().position(|known| known == method);
        self.0 |= at.map_or(0, |at| 1 << at);
    }
}

/// As the `Allow` field lists them: sorted.
impl fmt::Display for Methods {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = ENDPOINT_METHODS.iter().enumerate();
        let names = known.filter(|(at, _)| self.0 & (1 << at) != 0).map(|(_, name)| name.as_str());
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        out.write_str(&names.join(", "))
    }
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

/// A route that cannot be registered, and which entries of `endpoints` it is about. `None` stands for
/// an endpoint of KrakenD's own, or for one made by `auto_options`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Collision {
    /// The refused endpoint.
    pub endpoint: Option<usize>,
    /// The earlier endpoint that it collides with.
    pub other: Option<usize>,
    /// What is wrong.
    pub error: RouteError,
}

/// Builds the router of a service.
///
/// # Errors
/// Every route that collides with an earlier one or cannot be registered.
pub fn build(
    config: &ServiceConfig,
    flags: &RouterFlags,
) -> Result<Router<Target>, Vec<Collision>> {
    let all = config.endpoints.iter().enumerate().filter(|(_, one)| !is_catch_all(one));
    let endpoints = all.map(|(index, one)| (index, (one.method.as_str(), one.route.as_str())));
    let mut own = Vec::new();
    if config.debug_endpoint {
        own.push(("/__debug/*param", Target::Debug));
    }
    if config.echo_endpoint {
        own.push(("/__echo/*param", Target::Echo));
    }
    build_from(endpoints, own, flags)
}

fn build_from<'c>(
    endpoints: impl IntoIterator<Item = (usize, (&'c str, &'c str))>,
    own: Vec<(&'static str, Target)>,
    flags: &RouterFlags,
) -> Result<Router<Target>, Vec<Collision>> {
    let mut routes = built_in(own, flags);
    let mut catalog: BTreeMap<&str, Methods> = BTreeMap::new();
    for (index, (method, path)) in endpoints {
        let Some(method) = endpoint_method(method) else {
            continue;
        };
        catalog.entry(path).or_default().add(&method);
        let value = Target::Endpoint(u32::try_from(index).unwrap_or(u32::MAX));
        routes.push(Route { method, path: registered(path), value });
    }
    if flags.auto_options {
        routes.extend(catalog.into_iter().map(|(path, methods)| auto_options(path, methods)));
    }
    let places: Vec<Option<usize>> = routes.iter().map(|route| route.value.endpoint()).collect();
    Router::build(routes, flags.rules()).map_err(|errors| {
        let place = |name: &RouteName| places.get(name.id.index()).copied().flatten();
        let collision = |error: RouteError| Collision {
            endpoint: place(&error.route),
            other: error.other.as_ref().and_then(place),
            error,
        };
        errors.into_iter().map(collision).collect()
    })
}

impl Target {
    const fn endpoint(self) -> Option<usize> {
        match self {
            Self::Endpoint(index) => Some(index as usize),
            Self::Health | Self::Debug | Self::Echo | Self::AutoOptions { .. } => None,
        }
    }
}

fn built_in(own: Vec<(&'static str, Target)>, flags: &RouterFlags) -> Vec<Route<Target>> {
    let mut routes = Vec::new();
    if !flags.disable_health {
        let path = flags.health_path.clone();
        routes.push(Route { method: Method::GET, path, value: Target::Health });
    }
    for (path, value) in own {
        let route = |method| Route { method, path: path.to_owned(), value };
        routes.extend(ALL_METHODS.into_iter().map(route));
    }
    routes
}

fn auto_options(path: &str, allow: Methods) -> Route<Target> {
    let value = Target::AutoOptions { allow };
    Route { method: Method::OPTIONS, path: registered(path), value }
}

/// `/a/*` as the tree has it: what matches everything has a name there.
fn registered(path: &str) -> String {
    let name = if path.ends_with("/*") { "rest" } else { "" };
    format!("{path}{name}")
}

/// Whether this is the endpoint for all that no other takes: `/__catchall` in KrakenD's Enterprise
/// edition, where it always is `no-op`. In the other edition it is a path like any other.
#[must_use]
pub fn is_catch_all(endpoint: &EndpointConfig) -> bool {
    endpoint.route == "/__catchall" && endpoint.output_encoding == "no-op"
}

#[cfg(test)]
mod tests {
    use crate::route::{Asked, Miss};

    use super::*;

    type Endpoints<'c> = [(&'c str, &'c str)];

    fn table(
        endpoints: &Endpoints<'_>,
        own: Vec<(&'static str, Target)>,
        flags: &RouterFlags,
    ) -> Result<Router<Target>, Vec<Collision>> {
        build_from(endpoints.iter().copied().enumerate(), own, flags)
    }

    fn find(router: &Router<Target>, method: &Method, path: &str) -> Result<Target, Miss> {
        let asked = Asked { method, path: path.as_bytes(), query: None, forwarded_prefix: None };
        router.find(&asked).map(|found| *found.value)
    }

    fn not_allowed(allow: &str) -> Result<Target, Miss> {
        Err(Miss::MethodNotAllowed { allow: allow.to_owned() })
    }

    #[test]
    fn the_debug_endpoint_fixes_the_order_of_methods_in_allow() {
        let own = vec![("/__debug/*param", Target::Debug), ("/__echo/*param", Target::Echo)];
        let endpoints = [("DELETE", "/a"), ("POST", "/a"), ("GET", "/a")];
        let router = table(&endpoints, own, &RouterFlags::default()).unwrap();
        assert_eq!(find(&router, &Method::PUT, "/a"), not_allowed("GET, POST, DELETE"));
        assert_eq!(find(&router, &Method::TRACE, "/__debug/x"), Ok(Target::Debug));
        assert_eq!(find(&router, &Method::CONNECT, "/__echo/"), Ok(Target::Echo));
        assert_eq!(find(&router, &Method::GET, "/__health"), Ok(Target::Health));
        assert_eq!(find(&router, &Method::POST, "/a"), Ok(Target::Endpoint(1)));
    }

    #[test]
    fn auto_options_answers_registered_paths_and_joins_allow_at_its_end() {
        let flags = RouterFlags { auto_options: true, ..RouterFlags::default() };
        let endpoints = [("POST", "/a"), ("GET", "/a"), ("DELETE", "/b/:x")];
        let router = table(&endpoints, Vec::new(), &flags).unwrap();
        let allowed = |path| match find(&router, &Method::OPTIONS, path) {
            Ok(Target::AutoOptions { allow }) => allow.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(allowed("/a"), "GET, POST");
        assert_eq!(allowed("/b/1"), "DELETE");
        assert_eq!(find(&router, &Method::OPTIONS, "/c"), Err(Miss::NotFound));
        assert_eq!(find(&router, &Method::PUT, "/a"), not_allowed("GET, POST, OPTIONS"));
    }

    #[test]
    fn health_moves_or_vanishes() {
        let moved = RouterFlags { health_path: "hc".to_owned(), ..RouterFlags::default() };
        let router = table(&[], Vec::new(), &moved).unwrap();
        assert_eq!(find(&router, &Method::GET, "/hc"), Ok(Target::Health));
        assert_eq!(find(&router, &Method::GET, "/__health"), Err(Miss::NotFound));
        let off = RouterFlags { disable_health: true, ..RouterFlags::default() };
        let router = table(&[("POST", "/a")], Vec::new(), &off).unwrap();
        assert_eq!(find(&router, &Method::GET, "/__health"), Err(Miss::NotFound));
        assert_eq!(find(&router, &Method::GET, "/a"), not_allowed("POST"));
    }

    #[test]
    fn a_service_without_any_route_says_not_found() {
        let off = RouterFlags { disable_health: true, ..RouterFlags::default() };
        let router = table(&[], Vec::new(), &off).unwrap();
        assert_eq!(find(&router, &Method::GET, "/"), Err(Miss::NotFound));
    }

    #[test]
    fn methods_that_krakend_does_not_register_are_left_out() {
        let router = table(&[("HEAD", "/a"), ("GET", "/b")], Vec::new(), &RouterFlags::default());
        let router = router.unwrap();
        assert_eq!(find(&router, &Method::HEAD, "/a"), Err(Miss::NotFound));
        assert_eq!(find(&router, &Method::GET, "/b"), Ok(Target::Endpoint(1)));
    }

    #[test]
    fn a_collision_knows_both_entries_of_the_file() {
        let endpoints = [("GET", "/x"), ("GET", "/a/:x"), ("GET", "/a/:y"), ("GET", "/hc")];
        let flags = RouterFlags { health_path: "/hc".to_owned(), ..RouterFlags::default() };
        let collisions = table(&endpoints, Vec::new(), &flags).unwrap_err();
        let places: Vec<_> = collisions.iter().map(|one| (one.endpoint, one.other)).collect();
        assert_eq!(places, [(Some(2), Some(1)), (Some(3), None)]);
        assert_eq!(
            collisions[1].to_string(),
            "`GET /hc`: the same method and path are registered twice: collides with `GET /hc`"
        );
    }
}
