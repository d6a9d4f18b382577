//! A configuration as the rules look at it: which components are there, with KrakenD's strictness
//! about kinds (a flag that is no boolean is not set, a block that is no object is absent).

use baton_shared::config::model::{BackendConfig, EndpointConfig, ExtraConfig, ServiceConfig};
use baton_shared::config::node::{Node, Value};
use baton_shared::config::read::Format;

/// What is audited.
pub(super) struct Service<'a> {
    pub(super) config: &'a ServiceConfig,
    format: Format,
}

impl<'a> Service<'a> {
    pub(super) fn of(config: &'a ServiceConfig, path: &str) -> Self {
        Self { config, format: Format::of(path) }
    }

    /// Whether the service has the component.
    pub(super) fn has(&self, name: &str) -> bool {
        is_there(&self.config.extra_config, name)
    }

    /// The settings of the service's component, if they are an object.
    pub(super) fn settings(&self, name: &str) -> Option<&'a Node> {
        self.config
            .extra_config
            .namespaces
            .get(name)
            .map(|found| &found.settings)
            .filter(|node| is_object(node))
    }

    pub(super) fn any_endpoint(&self, is_it: impl Fn(&EndpointConfig) -> bool) -> bool {
        self.config.endpoints.iter().any(is_it)
    }

    pub(super) fn any_backend(&self, is_it: impl Fn(&BackendConfig) -> bool) -> bool {
        self.config.endpoints.iter().flat_map(|endpoint| &endpoint.backend).any(is_it)
    }

    /// Whether an endpoint or one of its backends has the component.
    pub(super) fn below(&self, name: &str) -> bool {
        self.any_endpoint(|endpoint| is_there(&endpoint.extra_config, name))
            || self.any_backend(|backend| is_there(&backend.extra_config, name))
    }

    /// Whether some endpoint may take longer than so many milliseconds.
    pub(super) fn is_slower_than(&self, millis: i64) -> bool {
        self.any_endpoint(|endpoint| endpoint.timeout.0 / 1_000_000 > millis)
    }

    /// A number above zero, as a float: integers of YAML and TOML are none to KrakenD.
    pub(super) fn is_positive(&self, node: Option<&Node>) -> bool {
        let Some(Value::Number(digits)) = node.map(|node| &node.value) else { return false };
        let is_float = self.format == Format::Json || digits.contains(['.', 'e', 'E']);
        is_float && digits.parse::<f64>().is_ok_and(|number| number > 0.0)
    }

    /// A plugin of the server by its name, which stands alone or in a list.
    pub(super) fn has_server_plugin(&self, plugin: &str) -> bool {
        let name =
            self.settings("plugin/http-server").and_then(|settings| member(settings, "name"));
        name.is_some_and(|name| {
            is_text(name, plugin) || items(name).iter().any(|one| is_text(one, plugin))
        })
    }

    /// A plugin of requests and answers, which must stand in a list.
    pub(super) fn has_modifier_plugin(&self, plugin: &str) -> bool {
        let has = |extra: &ExtraConfig| {
            let name =
                object(extra, "plugin/req-resp-modifier").and_then(|found| member(found, "name"));
            name.is_some_and(|name| items(name).iter().any(|one| is_text(one, plugin)))
        };
        self.any_endpoint(|endpoint| has(&endpoint.extra_config))
            || self.any_backend(|backend| has(&backend.extra_config))
    }

    /// A plugin of the client; KrakenD looks for it at endpoints, where it has no effect.
    pub(super) fn has_client_plugin(&self, plugin: &str) -> bool {
        self.any_endpoint(|endpoint| {
            object(&endpoint.extra_config, "plugin/http-client")
                .and_then(|found| member(found, "name"))
                .is_some_and(|name| is_text(name, plugin))
        })
    }

    /// Exporters of OpenTelemetry of this kind that do not disable `signal`.
    pub(super) fn exporters(&self, kind: &str, signal: &str) -> usize {
        let exporters = self
            .settings("telemetry/opentelemetry")
            .and_then(|settings| member(settings, "exporters"))
            .and_then(|exporters| member(exporters, kind));
        let Some(exporters) = exporters else { return 0 };
        items(exporters).iter().filter(|one| is_object(one) && !is_set(one, signal)).count()
    }
}

/// Whether a component is there: an object, where KrakenD looks into it, else anything.
pub(super) fn is_there(extra: &ExtraConfig, name: &str) -> bool {
    let Some(found) = extra.namespaces.get(name) else { return false };
    let settings = &found.settings;
    match name {
        "security/bot-detector" | "router" | "proxy" | "auth/revoker" | "qos/ratelimit/router" => {
            is_object(settings)
        },
        "telemetry/opencensus" => member(settings, "exporters").is_some_and(is_object),
        _ => true,
    }
}

/// The settings of a component, if they are an object.
pub(super) fn object<'a>(extra: &'a ExtraConfig, name: &str) -> Option<&'a Node> {
    extra.namespaces.get(name).map(|found| &found.settings).filter(|node| is_object(node))
}

/// A member of an object.
pub(super) fn member<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Value::Object(members) = &node.value else { return None };
    members.iter().find(|(name, _)| name == key).map(|(_, node)| node)
}

/// The items of a list; nothing else has any.
pub(super) fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::Array(items) => items,
        _ => &[],
    }
}

/// Whether a member is `true`.
pub(super) fn is_set(node: &Node, key: &str) -> bool {
    member(node, key).is_some_and(|node| node.value == Value::Bool(true))
}

fn is_object(node: &Node) -> bool {
    matches!(node.value, Value::Object(_))
}

fn is_text(node: &Node, text: &str) -> bool {
    matches!(&node.value, Value::String(found) if found == text)
}
