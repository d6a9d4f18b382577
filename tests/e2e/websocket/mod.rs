//! WebSockets: who may open one, what passes, what a reload does to it.

mod handshake;
mod limits;
mod reload;
mod tls;
mod traffic;

use baton_tests::Baton;
use baton_tests::backend::Backend;
use baton_tests::client::Client;
use serde_json::{Value, json};

use crate::fixture::merge;

/// `/ws` tunnels to this backend, with these settings besides; `/plain` does not tunnel.
fn config(backend: &Backend, settings: &Value) -> Value {
    let mut websocket = json!({ "enable_direct_communication": true });
    merge(&mut websocket, settings);
    let host = format!("ws://{}", backend.address());
    json!({
        "version": 3,
        "timeout": "5s",
        "endpoints": [
            { "endpoint": "/ws/{room}",
              "backend": [{
                  "url_pattern": "/socket/{room}", "host": [host], "disable_host_sanitize": true
              }],
              "extra_config": { "websocket": websocket } },
            { "endpoint": "/plain", "output_encoding": "no-op", "input_headers": ["*"],
              "backend": [{ "url_pattern": "/plain", "host": [backend.host()] }] },
        ]
    })
}

fn start(backend: &Backend, settings: &Value) -> Baton {
    Baton::start(&config(backend, settings))
}

fn connect(baton: &Baton) -> Client {
    Client::connect(baton.address())
}
