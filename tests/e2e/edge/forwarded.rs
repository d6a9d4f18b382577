//! Zero trust: what is not listed does not pass; and whose address counts.

use baton_tests::backend::ok;
use baton_tests::until;
use serde_json::json;

use super::{SOON, plain};
use crate::fixture::Gateway;

#[test]
fn what_is_not_listed_does_not_pass() {
    let gateway = plain();
    gateway.ask(
        "GET /strict?a=1&b=2 HTTP/1.1\r\nHost: gw.test\r\nCookie: a=b\r\nAuthorization: x\r\n\
         X-Secret: 1\r\nAccept: x/y\r\nTraceparent: 00-1-2-3\r\n\r\n",
    );
    let seen = gateway.backend.last();
    assert_eq!(seen.word(1), "/b/strict");
    let names: Vec<String> =
        seen.fields.0.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    let allowed = ["host", "user-agent", "x-forwarded-for", "x-forwarded-host", "accept-encoding"];
    for name in &names {
        assert!(allowed.contains(&name.as_str()), "{name} passed");
    }
}

#[test]
fn the_forwarded_address_is_one_value_and_replaces_the_clients() {
    let gateway = plain();
    gateway.ask(
        "GET /all HTTP/1.1\r\nHost: gw.test\r\nX-Forwarded-For: 9.9.9.9, 8.8.8.8\r\n\
         X-Forwarded-For: 7.7.7.7\r\nX-Forwarded-Host: evil.test\r\n\r\n",
    );
    let seen = gateway.backend.last();
    assert_eq!(seen.fields.all("x-forwarded-for").count(), 1);
    let address = seen.fields.first("x-forwarded-for").unwrap_or_default();
    assert!(address.parse::<std::net::IpAddr>().is_ok(), "{address}");
    assert_eq!(seen.fields.all("x-forwarded-host").collect::<Vec<_>>(), ["gw.test"]);
}

#[test]
fn the_peers_address_can_be_made_the_only_truth() {
    let root = json!({ "@baton": { "trust_forwarded_for": false } });
    let gateway = Gateway::with(&root, |_| ok("ok"));
    gateway.ask("GET /all HTTP/1.1\r\nHost: gw.test\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n");
    assert_eq!(gateway.backend.last().fields.first("x-forwarded-for"), Some("127.0.0.1"));
}

#[test]
fn that_every_peer_is_believed_is_said_at_start() {
    let gateway = plain();
    let told = || gateway.baton.log().contains("/extra_config/router: X-Forwarded-For is believed");
    until("the start tells whom it believes", SOON, told);
    assert!(gateway.baton.log().contains("trust_forwarded_for"), "no way out is named");
}
