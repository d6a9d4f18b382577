//! HTTP/2: the same rules as for HTTP/1.1 ([`requests`], over TLS [`veiled`]), floods and slow clients that hurt nobody
//! else, over both transports ([`floods`], [`slow`]), reloads that lose no stream ([`reload`]), the protocol itself ([`spec`]).

/// A test for each of these functions and each transport.
macro_rules! over_both_transports {
    ($($test:ident,)*) => {
        mod clear {
            $(#[test]
            fn $test() {
                super::$test($crate::http2::Transport::Clear);
            })*
        }

        mod tls {
            $(#[test]
            fn $test() {
                super::$test($crate::http2::Transport::Tls);
            })*
        }
    };
}

mod floods;
mod reload;
mod requests;
mod slow;
mod spec;
mod veiled;

use std::net::SocketAddr;

use baton_tests::backend::Step;
use baton_tests::h2::{Client, Raw};
use baton_tests::http::Message;
use baton_tests::tls::{Authority, NAME, Veil};
use http::Request;
use serde_json::{Value, json};

use crate::fixture::{Gateway, merge};

/// How clients come to a gateway.
#[derive(Clone, Copy, Debug)]
enum Transport {
    /// With prior knowledge.
    Clear,
    /// With TLS, which they know nothing of.
    Tls,
}

/// A gateway and where it is met.
struct Place {
    gateway: Gateway,
    address: SocketAddr,
    _veil: Option<(Veil, Authority)>,
}

impl Transport {
    fn start(self, reply: impl Fn(&Message) -> Vec<Step> + Send + Sync + 'static) -> Place {
        self.with(&json!({}), reply)
    }

    /// With these members at its root besides.
    fn with(
        self,
        root: &Value,
        reply: impl Fn(&Message) -> Vec<Step> + Send + Sync + 'static,
    ) -> Place {
        match self {
            Self::Clear => {
                let gateway = with(root, reply);
                Place { address: gateway.baton.address(), gateway, _veil: None }
            },
            Self::Tls => {
                let authority = Authority::new();
                let mut all = json!({ "tls": { "keys": [authority.issue("gw").json()] } });
                merge(&mut all, root);
                let gateway = Gateway::with(&all, reply);
                let client = authority.client(None, &["h2"]);
                let veil = Veil::start(gateway.baton.address(), &client, NAME);
                Place { address: veil.address(), gateway, _veil: Some((veil, authority)) }
            },
        }
    }
}

impl Place {
    fn client(&self) -> Client {
        Client::connect(self.address)
    }

    fn raw(&self) -> Raw {
        Raw::connect(self.address)
    }
}

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
