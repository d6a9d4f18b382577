//! HTTP/2 in clear text: the same rules as for HTTP/1.1 ([`requests`]), floods that hurt nobody else
//! ([`floods`], [`slow`]), reloads that lose no stream ([`reload`]), the protocol itself ([`spec`]), and all that
//! again over TLS ([`veiled`]).

mod floods;
mod reload;
mod requests;
mod slow;
mod spec;
mod veiled;

use baton_tests::backend::Step;
use baton_tests::h2::{Client, Raw};
use baton_tests::http::Message;
use http::Request;
use serde_json::{Value, json};

use crate::fixture::{Gateway, merge};

fn start(reply: impl Fn(&Message) -> Vec<Step> + Send + Sync + 'static) -> Gateway {
    with(&json!({}), reply)
}

fn with(root: &Value, reply: impl Fn(&Message) -> Vec<Step> + Send + Sync + 'static) -> Gateway {
    let mut all = json!({ "use_h2c": true });
    merge(&mut all, root);
    Gateway::with(&all, reply)
}

fn client(gateway: &Gateway) -> Client {
    Client::connect(gateway.baton.address())
}

fn raw(gateway: &Gateway) -> Raw {
    Raw::connect(gateway.baton.address())
}

fn request(method: &str, path: &str, fields: &[(&str, &str)]) -> Request<()> {
    let uri = format!("http://gw.test{path}");
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}
