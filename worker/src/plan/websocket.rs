//! `websocket` of an endpoint, in direct mode: each client has a connection to the backend of its own.
//!
//! KrakenD (Enterprise): its default is another mode, in which all clients of an endpoint share one
//! connection; that one is not built.

use std::time::Duration;

use baton_shared::config::duration::GoDuration;
use baton_shared::config::model::{EndpointConfig, Namespace};
use baton_shared::config::node::{Node, Value};
use http::Method;

use super::backend::{self, BackendPlan};
use super::compile::Compiler;
use super::settings;
use crate::connection::tunnel::Settings;

/// KrakenD's least `timeout`.
const TIMEOUT_MIN: Duration = Duration::from_secs(60);

/// An endpoint that tunnels.
#[derive(Debug)]
pub struct WebSocketPlan {
    /// What it is recognised by over a reload.
    pub(crate) key: u64,
    /// Whom to call; its fields are those of the handshake.
    pub(crate) backend: BackendPlan,
    /// Subprotocols that clients may ask for.
    pub(crate) protocols: Protocols,
    pub(crate) settings: Settings,
}

/// `subprotocols`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Protocols {
    /// Only these.
    Listed(Box<[Box<str>]>),
    /// Any: `input_headers` lets the client's field pass.
    Any,
}

impl Protocols {
    pub(crate) fn allow(&self, protocol: &str) -> bool {
        match self {
            Self::Listed(listed) => listed.iter().any(|one| **one == *protocol),
            Self::Any => true,
        }
    }
}

/// Keys that have no meaning in direct mode, and why.
const WITHOUT_EFFECT: [(&str, &str); 8] = [
    ("connect_event", "only multiplexed clients are announced"),
    ("disconnect_event", "only multiplexed clients are announced"),
    ("max_retries", "a client's own connection cannot be made anew without the client"),
    ("backoff_strategy", "a client's own connection cannot be made anew without the client"),
    ("message_buffer_size", "nothing is queued: a slow reader slows its sender"),
    ("read_buffer_size", "buffers are bounded already, 16 KB for each direction"),
    ("write_buffer_size", "buffers are bounded already, 16 KB for each direction"),
    ("return_error_details", "the connection is closed, as between the client and its backend"),
];

/// Compiles the endpoint; `None` (told) when it cannot be done: 501.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    config: &EndpointConfig,
    namespace: &Namespace,
) -> Option<WebSocketPlan> {
    let node = &namespace.settings;
    if settings::boolean(node, "enable_direct_communication") != Some(true) {
        let text = "multiplexing (one connection for all clients) is not built: this endpoint \
                    answers 501; set `enable_direct_communication` to true for a connection each";
        compiler.tell(&namespace.at.key("enable_direct_communication"), text);
        return None;
    }
    if config.method != Method::GET.as_str() {
        let text = "a WebSocket is opened by GET: this endpoint answers 501";
        compiler.tell(&config.at.key("method"), text);
        return None;
    }
    let [only] = &*config.backend else {
        let text = "a WebSocket has one backend: this endpoint answers 501";
        compiler.tell(&config.at.key("backend"), text);
        return None;
    };
    for (key, why) in WITHOUT_EFFECT {
        if settings::member(node, key).is_some_and(is_asked) {
            compiler.tell(&namespace.at.key(key), format!("has no effect: {why}"));
        }
    }
    let input_headers = texts(node, "input_headers");
    let listed = texts(node, "subprotocols");
    let passes = |name: &String| name == "*" || name.eq_ignore_ascii_case("sec-websocket-protocol");
    let protocols = if listed.is_empty() && input_headers.iter().any(passes) {
        Protocols::Any
    } else {
        Protocols::Listed(listed.into_iter().map(String::into_boxed_str).collect())
    };
    let limits = limits(compiler, namespace);
    let backend = backend::compile_upgrade(compiler, config, only, &input_headers);
    Some(WebSocketPlan { key: key_of(&config.route), backend, protocols, settings: limits })
}

fn limits(compiler: &mut Compiler<'_>, namespace: &Namespace) -> Settings {
    let timeout = duration(compiler, namespace, "timeout");
    if timeout.is_some_and(|timeout| timeout < TIMEOUT_MIN) {
        compiler.tell(&namespace.at.key("timeout"), "is raised to one minute, the least there is");
    }
    Settings {
        message_bytes_max: integer(&namespace.settings, "max_message_size"),
        ping_period: duration(compiler, namespace, "ping_period"),
        client_silence_max: duration(compiler, namespace, "pong_wait"),
        backend_silence_max: timeout.map(|timeout| timeout.max(TIMEOUT_MIN)),
        write_wait: duration(compiler, namespace, "write_wait"),
    }
}

/// `false`, `null` and the like ask for nothing.
const fn is_asked(node: &Node) -> bool {
    !matches!(node.value, Value::Null | Value::Bool(false))
}

/// A positive duration.
fn duration(compiler: &mut Compiler<'_>, namespace: &Namespace, key: &str) -> Option<Duration> {
    let text = settings::string(&namespace.settings, key)?;
    match GoDuration::parse(text) {
        Ok(duration) => duration.positive(),
        Err(_) => {
            let problem = format!("`{text}` is not a duration: write 100ms, 2s or 1h30m");
            compiler.tell(&namespace.at.key(key), problem);
            None
        },
    }
}

/// A positive whole number.
fn integer(node: &Node, key: &str) -> Option<u64> {
    match &settings::member(node, key)?.value {
        Value::Number(text) => text.parse().ok().filter(|number| *number > 0),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        },
    }
}

fn texts(node: &Node, key: &str) -> Vec<String> {
    let Some(Value::Array(items)) = settings::member(node, key).map(|node| &node.value) else {
        return Vec::new();
    };
    let text = |item: &Node| match &item.value {
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        },
    };
    items.iter().filter_map(text).collect()
}

/// The same in every process and version: FNV-1a of the path.
fn key_of(route: &str) -> u64 {
    route.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_an_endpoint_is_its_path_and_never_changes() {
        assert_eq!(key_of(""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(key_of("a"), 0xAF63_DC4C_8601_EC8C);
        assert_ne!(key_of("/ws/:a"), key_of("/ws/:b"));
    }

    #[test]
    fn only_listed_subprotocols_pass_unless_the_field_does() {
        let listed = Protocols::Listed(["chat".into()].into());
        assert!(listed.allow("chat") && !listed.allow("Chat") && !listed.allow("x"));
        assert!(Protocols::Any.allow("x"));
    }
}
