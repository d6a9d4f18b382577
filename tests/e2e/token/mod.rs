//! Who may come in: from where, with which password, with whose keys: providers that rotate, fail, hang, lie; tokens for
//! backends.

mod basic;
mod claims;
mod credentials;
mod debug;
mod expressions;
mod ip_filter;
mod oidc;
mod provider;
mod revoker;
mod signer;
mod slow;
mod tiers;
mod trust;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use baton_tests::Baton;
use baton_tests::backend::{Backend, Step, answer};
use baton_tests::client::Client;
use serde_json::{Value, json};

/// HS256, `kid` k1, until 2100.
const OF_K1: &str = "eyJhbGciOiAiSFMyNTYiLCAia2lkIjogImsxIiwgInR5cCI6ICJKV1QifQ.eyJzdWIiOiAidTEiLCAiZXhwIjogNDEwMjQ0NDgwMH0.mzyPmpVaybUpBK-LBsgBvwDIHRMA7t2zao_VftOt-Nw";
/// HS256, `kid` k, until 2100, signed with another secret.
const OF_K: &str = "eyJhbGciOiAiSFMyNTYiLCAia2lkIjogImsiLCAidHlwIjogIkpXVCJ9.eyJzdWIiOiAidTEiLCAiZXhwIjogNDEwMjQ0NDgwMCwgImlzcyI6ICJiIn0.Pmd5if2ijXYmStXH1MU51KGB5TPMgftUUCJ0xNdtTu4";
/// HS256, `kid` gone.
const OF_NOBODY: &str = "eyJhbGciOiAiSFMyNTYiLCAia2lkIjogImdvbmUiLCAidHlwIjogIkpXVCJ9.eyJzdWIiOiAidTEiLCAiZXhwIjogNDEwMjQ0NDgwMH0.CEvdzUN00ps7aTaV9WISe_sTUFO3nZFU29zR8gM7GtU";

const SET_K1: &str =
    r#"{"keys":[{"kty":"oct","kid":"k1","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#;
const SET_K: &str =
    r#"{"keys":[{"kty":"oct","kid":"k","k":"QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI"}]}"#;

/// An answer with a key set.
fn key_set(set: &str) -> Vec<Step> {
    answer("200 OK", "Content-Type: application/json\r\n", set)
}

/// A provider that can be told to behave otherwise.
struct Provider {
    backend: Backend,
    mode: Arc<AtomicUsize>,
}

impl Provider {
    /// It behaves as the first of `modes` says, until it is told another.
    fn start(modes: Vec<Vec<Step>>) -> Self {
        let mode = Arc::new(AtomicUsize::new(0));
        let current = Arc::clone(&mode);
        let backend = Backend::start(move |_| modes[current.load(Ordering::SeqCst)].clone());
        Self { backend, mode }
    }

    fn behave(&self, mode: usize) {
        self.mode.store(mode, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.backend.count()
    }
}

/// `/a` behind a validator with these further settings; `/open` without one.
fn config(backend: &Backend, url: &str, settings: &Value) -> Value {
    let mut validator = json!({ "alg": "HS256", "jwk_url": url, "disable_jwk_security": true });
    validator.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let behind = json!([{ "url_pattern": "/b", "host": [backend.host()] }]);
    json!({
        "timeout": "5s",
        "endpoints": [
            { "endpoint": "/a", "backend": behind, "extra_config": { "auth/validator": validator } },
            { "endpoint": "/open", "backend": behind },
        ]
    })
}

fn bearer(baton: &Baton, token: &str) -> u16 {
    let request = format!(
        "GET /a HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    Client::connect(baton.address()).send(request).answer().status()
}

fn open(baton: &Baton) -> u16 {
    Client::connect(baton.address()).get("/open").status()
}
