//! WebSockets: who may open one, what passes, what a reload does to it.

mod handshake;
mod limits;
mod reload;
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

/// `wss://` towards the backend, TLS towards the client.
pub(crate) fn over_tls() {
    use baton_tests::tls::{Authority, Front, NAME, Veil};
    let backend = baton_tests::ws::backend("", |socket, _| baton_tests::ws::echo(socket));
    let authority = Authority::new();
    let pair = authority.issue("gw");
    let front = Front::start(backend.address(), &authority.server(&pair, false));
    let mut file = config(&backend, &json!({}));
    file["endpoints"][0]["backend"][0]["host"] =
        json!([format!("wss://127.0.0.1:{}", front.port())]);
    let more = json!({
        "tls": { "keys": [pair.json()] },
        "client_tls": { "ca_certs": [authority.certificate()] }
    });
    merge(&mut file, &more);
    let baton = Baton::start(&file);
    let veil = Veil::start(baton.address(), &authority.client(None, &["http/1.1"]), NAME);
    let mut client = Client::connect(veil.address());
    baton_tests::ws::open(&mut client, "/ws/a", "");
    let mut noise = baton_tests::ws::Noise::new(3);
    let said = noise.take(300_000);
    let socket = client.stream().socket().try_clone().unwrap();
    let hearing = std::thread::spawn(move || baton_tests::ws::Noise::new(3).check(socket).unwrap());
    client.send(&said[..1000]);
    // It stays where it is, and is not cut.
    file["name"] = json!("another generation");
    baton.reload_with(&file);
    client.send(&said[1000..]).finish_sending();
    assert_eq!(hearing.join().unwrap(), 300_000);
}

fn start(backend: &Backend, settings: &Value) -> Baton {
    Baton::start(&config(backend, settings))
}

fn connect(baton: &Baton) -> Client {
    Client::connect(baton.address())
}
