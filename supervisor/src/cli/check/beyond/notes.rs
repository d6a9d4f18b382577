//! A bounded list of findings, and ways to look at a configuration that several looks share.

use baton_shared::config::model::{ExtraConfig, ServiceConfig, Source};
use baton_shared::config::node::{Node, Value};
use baton_shared::control::message::Notice;
use baton_shared::words::JsonPointer;

/// More findings of one kind than this help nobody.
const NOTES_MAX: usize = 1_000;

/// Findings, each with its place.
pub(super) struct Notes<'a> {
    source: &'a Source,
    notes: Vec<Notice>,
}

impl<'a> Notes<'a> {
    pub(super) const fn of(config: &'a ServiceConfig) -> Self {
        Self { source: &config.source, notes: Vec::new() }
    }

    pub(super) fn tell(&mut self, at: &JsonPointer, text: impl Into<String>) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(self.source.notice(at, text));
        }
    }

    /// The line of what stands at `at`.
    pub(super) fn line(&self, at: &JsonPointer) -> u32 {
        self.source.line(at)
    }

    /// Whether the file has something at `at`.
    pub(super) fn has(&self, at: &JsonPointer) -> bool {
        self.source.node(at).is_some()
    }

    pub(super) fn done(self) -> Vec<Notice> {
        self.notes
    }
}

/// Every `extra_config` of a configuration: of the service, endpoints, backends and agents.
pub(super) fn all_extra(config: &ServiceConfig) -> impl Iterator<Item = &ExtraConfig> {
    let endpoints = config.endpoints.iter().flat_map(|endpoint| {
        std::iter::once(&endpoint.extra_config)
            .chain(endpoint.backend.iter().map(|backend| &backend.extra_config))
    });
    let agents = config.async_agent.iter().flat_map(|agent| {
        std::iter::once(&agent.extra_config)
            .chain(agent.backend.iter().map(|backend| &backend.extra_config))
    });
    std::iter::once(&config.extra_config).chain(endpoints).chain(agents)
}

/// The settings of a namespace and where they stand.
pub(super) fn namespace<'a>(
    extra: &'a ExtraConfig,
    name: &str,
) -> Option<(&'a Node, &'a JsonPointer)> {
    extra.namespaces.get(name).map(|found| (&found.settings, &found.at))
}

/// A member of an object.
pub(super) fn member<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Value::Object(members) = &node.value else { return None };
    members.iter().find(|(name, _)| name == key).map(|(_, node)| node)
}

/// A member that is a text.
pub(super) fn text<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    match &member(node, key)?.value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Whether a member is `true`.
pub(super) fn is_set(node: &Node, key: &str) -> bool {
    member(node, key).is_some_and(|node| node.value == Value::Bool(true))
}

/// The texts of a list, with their places in it.
pub(super) fn texts(node: &Node) -> impl Iterator<Item = (usize, &str)> {
    let items: &[Node] = match &node.value {
        Value::Array(items) => items,
        _ => &[],
    };
    items.iter().enumerate().filter_map(|(index, item)| match &item.value {
        Value::String(text) => Some((index, text.as_str())),
        _ => None,
    })
}
