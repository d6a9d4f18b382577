//! Gateways in front of one backend, as most tests want them.

use baton_tests::Baton;
use baton_tests::backend::{Backend, Step};
use baton_tests::client::Client;
use baton_tests::http::Message;
use serde_json::{Value, json};

/// A gateway and what stands behind it.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) baton: Baton,
    pub(crate) backend: Backend,
}

impl Gateway {
    /// The usual endpoints before a backend that does what `reply` says.
    pub(crate) fn start(reply: impl Fn(&Message) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::with(&json!({}), reply)
    }

    /// The same with these members at the root besides.
    pub(crate) fn with(
        root: &Value,
        reply: impl Fn(&Message) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let backend = Backend::start(reply);
        let mut config = endpoints(&backend.host());
        merge(&mut config, root);
        Self { baton: Baton::start(&config), backend }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.baton.address())
    }

    /// Sends `bytes` on a new connection and reads one answer.
    pub(crate) fn ask(&self, bytes: impl AsRef<[u8]>) -> Message {
        self.client().send(bytes).answer()
    }
}

/// Puts the members of `more` into `config`.
pub(crate) fn merge(config: &mut Value, more: &Value) {
    if let (Some(config), Some(more)) = (config.as_object_mut(), more.as_object()) {
        config.extend(more.clone());
    }
}

/// `/all`: everything passes, both ways, as a stream; `/strict`: nothing that is not listed;
/// `/path/{x}` and `/query/{x}`: a value lands in the path or in the query; `/json`: decoded.
pub(crate) fn endpoints(host: &str) -> Value {
    let all = |method: &str, path: &str, pattern: &str| {
        json!({
            "endpoint": path, "method": method, "output_encoding": "no-op",
            "input_headers": ["*"], "input_query_strings": ["*"],
            "backend": [{ "url_pattern": pattern, "encoding": "no-op" }]
        })
    };
    json!({
        "version": 3,
        "timeout": "10s",
        "host": [host],
        "endpoints": [
            all("GET", "/all", "/b/all"),
            all("POST", "/all", "/b/all"),
            all("PUT", "/all", "/b/all"),
            all("GET", "/path/{x}", "/b/{x}/end"),
            all("GET", "/query/{x}", "/b?v={x}"),
            { "endpoint": "/strict", "output_encoding": "no-op",
              "backend": [{ "url_pattern": "/b/strict", "encoding": "no-op" }] },
            { "endpoint": "/strict", "method": "POST", "output_encoding": "no-op",
              "backend": [{ "url_pattern": "/b/strict", "encoding": "no-op" }] },
            { "endpoint": "/json", "backend": [{ "url_pattern": "/b/json" }] },
        ]
    })
}

/// A configuration whose generation can be told from what the backend sees: `/g/N/…`.
pub(crate) fn generation(host: &str, number: u64) -> Value {
    let endpoint = |method: &str, path: &str| {
        json!({
            "endpoint": format!("/{path}"), "method": method, "output_encoding": "no-op",
            "input_headers": ["*"],
            "backend": [{ "url_pattern": format!("/g/{number}/{path}"), "encoding": "no-op" }]
        })
    };
    json!({
        "version": 3,
        "timeout": "60s",
        "host": [host],
        "endpoints": [
            endpoint("GET", "x"), endpoint("POST", "up"), endpoint("GET", "stream"),
            endpoint("GET", "slow"),
        ]
    })
}

/// The generation whose call a backend saw, or that is told by a body which repeats the target.
pub(crate) fn generation_of(target: &str) -> u64 {
    target
        .split('/')
        .nth(2)
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("no generation in {target:?}"))
}

/// A backend whose answer is the target that it was called with.
pub(crate) fn echo_target(request: &Message) -> Vec<Step> {
    baton_tests::backend::ok(request.word(1))
}
