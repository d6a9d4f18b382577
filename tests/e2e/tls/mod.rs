//! TLS: towards clients, towards backends, over reloads.

mod backends;
mod clients;
mod offered;
mod relayed;
mod reload;

use baton_tests::Baton;
use baton_tests::backend::{Backend, Step};
use baton_tests::client::Client;
use baton_tests::http::Message;
use baton_tests::tls::{Authority, NAME, Pair, Veil};
use serde_json::{Value, json};

use crate::fixture::{endpoints, merge};

/// A gateway that speaks TLS, and who believes it.
pub(crate) struct Veiled {
    pub(crate) authority: Authority,
    pub(crate) baton: Baton,
    pub(crate) backend: Backend,
    pub(crate) veil: Veil,
}

impl Veiled {
    /// The usual endpoints behind `tls` with one certificate and these members besides.
    pub(crate) fn start(
        tls: &Value,
        reply: impl Fn(&Message) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let (authority, backend) = (Authority::new(), Backend::start(reply));
        let pair = authority.issue("gw");
        let baton = Baton::start(&config(&pair, tls, endpoints(&backend.host())));
        let client = authority.client(None, &["http/1.1"]);
        let veil = Veil::start(baton.address(), &client, NAME);
        Self { authority, baton, backend, veil }
    }

    /// A client that speaks TLS without knowing it.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.veil.address())
    }
}

/// `config` with `tls`.
pub(crate) fn config(pair: &Pair, tls: &Value, mut config: Value) -> Value {
    let mut block = json!({ "keys": [pair.json()] });
    merge(&mut block, tls);
    merge(&mut config, &json!({ "tls": block }));
    config
}
