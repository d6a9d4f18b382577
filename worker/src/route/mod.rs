//! Method and path to endpoint, as gin does it.
//!
//! On the way: the first question about a request, asked once. A pure lookup: no clock, no socket, no
//! log. KrakenD: one tree per method; text beats a placeholder; a miss is a redirect, 405 or 404.

pub mod builtin;
pub mod error;
pub mod flags;
pub mod miss;
pub mod params;
pub mod table;
mod draft;
mod fold;
mod path;
pub(crate) mod percent;
mod recommend;
mod tree;

use std::borrow::Cow;

use http::{Method, StatusCode};

pub use error::{RouteError, RouteFault, RouteId, RouteName};
pub use flags::RouterFlags;
pub use params::Params;
pub use percent::BadEscape;

use params::{BadParam, Spans};
use tree::{Tree, TreeBuilder};

/// A method and a path in gin's form (`/a/:id`), and what they lead to.
#[derive(Clone, Debug)]
pub struct Route<T> {
    /// The method; compared verbatim.
    pub method: Method,
    /// The path. gin cleans it (`//a/./b` is `/a/b`).
    pub path: String,
    /// What the lookup gives.
    pub value: T,
}

/// All routes, ready for lookups.
#[derive(Debug)]
pub struct Router<T> {
    trees: Vec<(Method, Tree)>,
    values: Vec<T>,
    rules: Rules,
}

/// What the router does beyond matching, from the `router` namespace.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one switch of KrakenD's")]
pub struct Rules {
    /// Redirect to the spelling with, or without, a final slash.
    pub redirect_slash: bool,
    /// Redirect to the cleaned path in the registered case.
    pub redirect_fixed_path: bool,
    /// 405 with `Allow` instead of 404.
    pub method_not_allowed: bool,
    /// Clean the path before it is matched.
    pub remove_extra_slash: bool,
    /// Refuse values that are still encoded.
    pub check_params: bool,
}

/// Why a request has no route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// Another spelling of the path is registered.
    Redirect(Redirect),
    /// The path is registered for other methods.
    MethodNotAllowed {
        /// Those methods, as the `Allow` field lists them.
        allow: String,
    },
    /// Nothing is registered for this path.
    NotFound,
    /// The target is not accepted.
    Refused {
        /// What is wrong with it.
        why: Refusal,
        /// The methods whose `Allow` a 405 would have carried, and this does too.
        allow: Option<String>,
    },
    /// `OPTIONS *`: a question about the server, answered without routing.
    ServerOptions,
}

/// A route and the values of its placeholders.
#[derive(Debug)]
pub struct Found<'r, 'p, T> {
    /// What the route leads to.
    pub value: &'r T,
    /// The values of its placeholders.
    pub params: Params<'p>,
}

/// Where to ask instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// 301 for GET, 307 for every other method.
    pub status: StatusCode,
    /// Path and query, encoded; begins with exactly one slash.
    pub target: Vec<u8>,
}

/// Why a target is not accepted: always 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A `%` without two hexadecimal digits (RFC 3986 §2.1).
    #[error("{0} in the path")]
    BadEscape(BadEscape),
    /// A backslash, also encoded: some backends read it as a slash.
    #[error("a backslash in the path")]
    Backslash,
    /// The value of a placeholder is still encoded, or holds `?` or `#`.
    #[error("encoded url params")]
    EncodedParam,
    /// The value of a placeholder holds a `%` that begins no escape.
    #[error("{0}")]
    BadParamEscape(BadEscape),
}

impl From<BadParam> for Refusal {
    fn from(fault: BadParam) -> Self {
        match fault {
            BadParam::Encoded => Self::EncodedParam,
            BadParam::Escape(escape) => Self::BadParamEscape(escape),
        }
    }
}

/// What the lookup needs of a request.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'p> {
    /// The method, verbatim.
    pub method: &'p Method,
    /// The path as sent, still encoded; may be `*` or empty.
    pub path: &'p [u8],
    /// What follows the first `?`; kept in redirects.
    pub query: Option<&'p [u8]>,
    /// The first `X-Forwarded-Prefix`; put before the target of a redirect.
    pub forwarded_prefix: Option<&'p [u8]>,
}

impl Miss {
    const fn refused(why: Refusal) -> Self {
        Self::Refused { why, allow: None }
    }
}

impl<T> Router<T> {
    /// Builds all trees; methods keep the order in which they came first.
    ///
    /// # Errors
    /// Every route that cannot stand beside the ones before it.
    pub fn build(
        routes: impl IntoIterator<Item = Route<T>>,
        rules: Rules,
    ) -> Result<Self, Vec<RouteError>> {
        let mut builders: Vec<(Method, TreeBuilder)> = Vec::new();
        let mut names: Vec<RouteName> = Vec::new();
        let mut values = Vec::new();
        let mut errors = Vec::new();
        for route in routes {
            let id = RouteId::new(values.len());
            let path = path::clean_keeping_slash(route.path.as_bytes());
            let name = RouteName { id, method: route.method.to_string(), path: route.path };
            if let Err(fault) = builder_for(&mut builders, &route.method).insert(&path, id) {
                let other = fault.other().and_then(|other| names.get(other.index())).cloned();
                errors.push(RouteError { route: name.clone(), fault, other });
            }
            names.push(name);
            values.push(route.value);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let trees = builders.into_iter().map(|(method, tree)| (method, tree.finish())).collect();
        Ok(Self { trees, values, rules })
    }

    /// Looks a request up.
    ///
    /// # Errors
    /// Why there is no route, with what the answer needs.
    pub fn find<'r, 'p>(&'r self, asked: &Asked<'p>) -> Result<Found<'r, 'p, T>, Miss> {
        if asked.path == b"*" {
            let about_server = *asked.method == Method::OPTIONS;
            return Err(if about_server { Miss::ServerOptions } else { Miss::NotFound });
        }
        let mut path = decode(asked.path).map_err(Miss::refused)?;
        if self.rules.remove_extra_slash {
            path = Cow::Owned(path::clean_request(&path));
        }
        let mut spans = Spans::new();
        let tree = self.tree(asked.method);
        let found = tree.and_then(|tree| tree.find(&path, &mut spans));
        let Some(value) = found.and_then(|route| self.values.get(route.index())) else {
            return Err(self.miss(asked, &path, tree));
        };
        self.check_params(&path, &spans).map_err(Miss::refused)?;
        Ok(Found { value, params: Params::new(path, spans) })
    }

    fn check_params(&self, path: &[u8], spans: &Spans) -> Result<(), Refusal> {
        if !self.rules.check_params {
            return Ok(());
        }
        params::check(path, spans).map_err(Refusal::from)
    }

    fn tree(&self, method: &Method) -> Option<&Tree> {
        self.trees.iter().find(|(known, _)| known == method).map(|(_, tree)| tree)
    }

    /// Off the way: redirect, 405 or 404.
    fn miss(&self, asked: &Asked<'_>, path: &[u8], tree: Option<&Tree>) -> Miss {
        let mut spans = Spans::new();
        if let Some(tree) = tree {
            let other_slash = tree.recommends_other_slash(path, &mut spans);
            if *asked.method != Method::CONNECT
                && path != b"/"
                && let Some(redirect) = self.redirect(asked, other_slash, tree)
            {
                return Miss::Redirect(redirect);
            }
        }
        let allow = self.other_methods(asked.method, path);
        // KrakenD looks at what the placeholders took before it says 404 or 405, but behind `Allow`.
        match (self.check_params(path, &spans), allow) {
            (Err(why), allow) => Miss::Refused { why, allow },
            (Ok(()), Some(allow)) => Miss::MethodNotAllowed { allow },
            (Ok(()), None) => Miss::NotFound,
        }
    }

    fn redirect(&self, asked: &Asked<'_>, other_slash: bool, tree: &Tree) -> Option<Redirect> {
        let decoded = percent::decode(asked.path).unwrap_or(Cow::Borrowed(asked.path));
        if other_slash && self.rules.redirect_slash {
            let mut path = asked.forwarded_prefix.map(path::forwarded_prefix).unwrap_or_default();
            path.push(b'/');
            path.extend_from_slice(&decoded);
            match path.strip_suffix(b"/") {
                Some(without) if decoded.len() > 1 => path.truncate(without.len()),
                _ => path.push(b'/'),
            }
            return Some(redirect_to(asked, &path));
        }
        if !self.rules.redirect_fixed_path {
            return None;
        }
        let fixed = tree.find_in_any_case(&path::clean_request(&decoded))?;
        Some(redirect_to(asked, &fixed))
    }

    /// The methods whose trees have this path, in the order of the trees.
    fn other_methods(&self, method: &Method, path: &[u8]) -> Option<String> {
        if !self.rules.method_not_allowed {
            return None;
        }
        let mut left = Vec::new();
        if let Some(own) = self.tree(method) {
            let _found_nothing = own.finds_among(path, &mut left);
        }
        let others = self.trees.iter().filter(|(other, _)| other != method);
        let allowed: Vec<&str> = others
            .filter(|(_, tree)| tree.finds_among(path, &mut left))
            .map(|(method, _)| method.as_str())
            .collect();
        (!allowed.is_empty()).then(|| allowed.join(", "))
    }
}

/// A path that no route takes, as the value of an endpoint that takes them all.
pub(crate) fn whole(path: &[u8]) -> Params<'_> {
    let path = percent::decode(path).unwrap_or_default();
    let span = params::Span::new(0, path.len());
    Params::new(path, std::iter::once(span).collect())
}

fn builder_for<'b>(
    builders: &'b mut Vec<(Method, TreeBuilder)>,
    method: &Method,
) -> &'b mut TreeBuilder {
    let at = builders.iter().position(|(known, _)| known == method).unwrap_or_else(|| {
        builders.push((method.clone(), TreeBuilder::default()));
        builders.len() - 1
    });
    &mut builders[at].1
}

/// One form of the path for routing, guards and backends: decoded once, no backslash.
fn decode(path: &[u8]) -> Result<Cow<'_, [u8]>, Refusal> {
    let decoded = percent::decode(path).map_err(Refusal::BadEscape)?;
    if memchr::memchr(b'\\', &decoded).is_some() {
        return Err(Refusal::Backslash);
    }
    Ok(decoded)
}

/// The path encoded and cleaned (so that it can never be read as `//host`), the query as it came.
fn redirect_to(asked: &Asked<'_>, path: &[u8]) -> Redirect {
    let mut encoded = Vec::with_capacity(path.len() + 16);
    percent::escape_path(path, &mut encoded);
    let mut target = path::clean_keeping_slash(&encoded);
    if let Some(query) = asked.query {
        target.push(b'?');
        target.extend_from_slice(query);
    }
    let get = *asked.method == Method::GET;
    let status = if get { StatusCode::MOVED_PERMANENTLY } else { StatusCode::TEMPORARY_REDIRECT };
    Redirect { status, target }
}

#[cfg(test)]
pub(crate) mod tests;
