//! Every namespace that KrakenD knows, in both editions: its names, where it has an effect, what it
//! is for, and whether Baton does it. The one place that says what is built.

use super::decode::{Faults, Place};
use super::finding::Problem;
use super::model::{ExtraConfig, ServiceConfig};
use super::nearest::nearest;
use crate::words::JsonPointer;

mod plugin;
mod table;

pub use plugin::{Plugin, plugins};
pub(super) use table::replacement_of_old;
pub use table::{KNOWN, Known};

/// Where an `extra_config` stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The root.
    Service,
    /// An endpoint.
    Endpoint,
    /// A backend, of an endpoint or an agent.
    Backend,
    /// An async agent.
    Agent,
}

impl Level {
    const fn place(self) -> &'static str {
        match self {
            Self::Service => "at the root",
            Self::Endpoint => "to an endpoint",
            Self::Backend => "to a backend",
            Self::Agent => "to an async agent",
        }
    }
}

/// What a namespace is for: what leaving it out would mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It refuses requests or limits them: without it, something would be open.
    Protects,
    /// It changes requests or answers: without it, they would be wrong.
    Shapes,
    /// It tells others about what happens: without it, answers are the same.
    Adds,
}

/// What Baton does.
pub const BUILT: &[(Level, &str)] = &[
    (Level::Service, "router"),
    (Level::Service, "qos/ratelimit/service"),
    (Level::Service, "qos/ratelimit/tiered"),
    (Level::Endpoint, "qos/ratelimit/tiered"),
    (Level::Service, "security/cors"),
    (Level::Service, "security/http"),
    (Level::Service, "modifier/lua-endpoint"),
    (Level::Endpoint, "modifier/lua-endpoint"),
    (Level::Endpoint, "modifier/lua-proxy"),
    (Level::Backend, "modifier/lua-backend"),
    (Level::Service, "security/bot-detector"),
    (Level::Endpoint, "security/bot-detector"),
    (Level::Endpoint, "validation/json-schema"),
    (Level::Endpoint, "validation/cel"),
    (Level::Backend, "validation/cel"),
    (Level::Service, "auth/validator"),
    (Level::Service, "auth/revoker"),
    (Level::Service, "auth/api-keys"),
    (Level::Endpoint, "auth/api-keys"),
    (Level::Service, "auth/basic"),
    (Level::Endpoint, "auth/basic"),
    (Level::Endpoint, "auth/validator"),
    (Level::Endpoint, "auth/signer"),
    (Level::Service, "server/static-filesystem"),
    (Level::Backend, "backend/static-filesystem"),
    (Level::Endpoint, "proxy"),
    (Level::Endpoint, "websocket"),
    (Level::Endpoint, "qos/ratelimit/router"),
    (Level::Backend, "proxy"),
    (Level::Backend, "backend/http"),
    (Level::Backend, "backend/http/client"),
    (Level::Backend, "qos/circuit-breaker"),
    (Level::Backend, "qos/circuit-breaker/http"),
    (Level::Backend, "qos/ratelimit/proxy"),
    (Level::Backend, "backend/graphql"),
    (Level::Backend, "auth/client-credentials"),
    (Level::Backend, "qos/http-cache"),
];

/// The plugins of KrakenD's Enterprise edition that Baton has, where it has them.
pub const BUILT_PLUGINS: &[(Level, &str, &str)] = &[
    (Level::Service, "plugin/http-server", "ip-filter"),
    (Level::Endpoint, "plugin/req-resp-modifier", "ip-filter"),
];

/// Something that the configuration asks for and Baton does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unbuilt {
    /// Where it stands.
    pub at: JsonPointer,
    /// Its short name; of a plugin, also that one's.
    pub namespace: String,
    /// What leaving it out means.
    pub kind: Kind,
    /// Whose it is.
    pub owner: Owner,
}

/// Whose `extra_config` it is, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The root's.
    Service,
    /// An endpoint's.
    Endpoint(usize),
    /// A backend's: endpoint, backend.
    Backend(usize, usize),
    /// An agent's or that of one of its backends.
    Agent(usize),
}

/// The known namespace of this name, in any of its spellings.
#[must_use]
pub fn find(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.short == name || known.long == Some(name))
}

/// What is asked for, has an effect in KrakenD, and is not built, in file order of its owners.
#[must_use]
pub fn unbuilt(config: &ServiceConfig) -> Vec<Unbuilt> {
    let mut found = Vec::new();
    look(&config.extra_config, Level::Service, Owner::Service, &mut found);
    for (index, agent) in config.async_agent.iter().enumerate() {
        look(&agent.extra_config, Level::Agent, Owner::Agent(index), &mut found);
        for backend in &agent.backend {
            look(&backend.extra_config, Level::Backend, Owner::Agent(index), &mut found);
        }
    }
    for (index, endpoint) in config.endpoints.iter().enumerate() {
        look(&endpoint.extra_config, Level::Endpoint, Owner::Endpoint(index), &mut found);
        for (number, backend) in endpoint.backend.iter().enumerate() {
            let owner = Owner::Backend(index, number);
            look(&backend.extra_config, Level::Backend, owner, &mut found);
        }
    }
    found
}

fn look(extra: &ExtraConfig, level: Level, owner: Owner, found: &mut Vec<Unbuilt>) {
    for (name, namespace) in &extra.namespaces {
        let Some(known) = find(name).filter(|known| known.levels.contains(&level)) else {
            continue;
        };
        if BUILT.contains(&(level, known.short)) {
            continue;
        }
        let at = &namespace.at;
        let unbuilt = |namespace| Unbuilt { at: at.clone(), namespace, kind: known.kind, owner };
        let plugins =
            if known.short.starts_with("plugin/") { plugins(namespace) } else { Vec::new() };
        if plugins.is_empty() {
            found.push(unbuilt(known.short.to_owned()));
        }
        let is_missing =
            |plugin: &&Plugin<'_>| !BUILT_PLUGINS.contains(&(level, known.short, plugin.name));
        let missing = plugins.iter().filter(is_missing);
        found.extend(missing.map(|plugin| unbuilt(format!("{}: {}", known.short, plugin.name))));
    }
}

/// Gives every namespace its short name, and tells of those that have no effect.
pub(super) fn normalize(config: &mut ServiceConfig, faults: &mut Faults) {
    let source = config.source.clone();
    let place =
        |at: &JsonPointer| Place { name: String::new(), at: at.clone(), line: source.line(at) };
    let mut one = |extra: &mut ExtraConfig, level| {
        shorten(extra, |at, problem| faults.notice(&place(at), problem));
        judge(extra, level, |at, problem| faults.notice(&place(at), problem));
    };
    one(&mut config.extra_config, Level::Service);
    for agent in &mut config.async_agent {
        one(&mut agent.extra_config, Level::Agent);
        agent.backend.iter_mut().for_each(|backend| one(&mut backend.extra_config, Level::Backend));
    }
    for endpoint in &mut config.endpoints {
        one(&mut endpoint.extra_config, Level::Endpoint);
        endpoint.backend.iter_mut().for_each(|b| one(&mut b.extra_config, Level::Backend));
    }
}

/// Long names become short ones; where both stand, the short one wins.
fn shorten(extra: &mut ExtraConfig, mut tell: impl FnMut(&JsonPointer, Problem)) {
    let long: Vec<(String, &'static str)> = extra
        .namespaces
        .keys()
        .filter_map(|name| Some((name.clone(), find(name)?.short)))
        .filter(|(name, short)| name != short)
        .collect();
    for (long, short) in long {
        let Some(namespace) = extra.namespaces.remove(&long) else { continue };
        if extra.namespaces.contains_key(short) {
            tell(&namespace.at, Problem::BothSpellings { long, short });
        } else {
            extra.namespaces.insert(short.to_owned(), namespace);
        }
    }
}

fn judge(extra: &ExtraConfig, level: Level, mut tell: impl FnMut(&JsonPointer, Problem)) {
    for (name, namespace) in &extra.namespaces {
        let is_comment = name.starts_with(['@', '$', '_', '#']);
        let problem = match find(name) {
            Some(known) if known.levels.contains(&level) => continue,
            Some(known) => {
                let places: Vec<_> = known.levels.iter().map(|level| level.place()).collect();
                let levels = places.join(" or ");
                Problem::MisplacedNamespace { name: namespace.spelling.clone(), levels }
            },
            None if is_comment => continue,
            None => match replacement_of_old(name) {
                Some(replacement) => Problem::OldNamespace { name: name.clone(), replacement },
                None => {
                    let here = KNOWN.iter().filter(|known| known.levels.contains(&level));
                    let nearest = nearest(name, here.map(|known| known.short));
                    Problem::UnknownNamespace { name: name.clone(), nearest }
                },
            },
        };
        tell(&namespace.at, problem);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_stands_once_and_what_is_built_is_known() {
        let mut names = HashSet::new();
        for known in KNOWN {
            assert!(names.insert(known.short), "{}", known.short);
            assert!(known.long.is_none_or(|long| names.insert(long)), "{:?}", known.long);
            assert!(!known.levels.is_empty(), "{}", known.short);
        }
        let plugins = BUILT_PLUGINS.iter().map(|(level, name, _)| (level, name));
        for (level, name) in BUILT.iter().map(|(level, name)| (level, name)).chain(plugins) {
            assert!(find(name).is_some_and(|known| known.levels.contains(level)), "{name}");
        }
    }
}
