//! `auth/revoker`: what is revoked stays so, whatever becomes of workers.

use baton_tests::backend::{Backend, ok};
use baton_tests::client::Client;
use baton_tests::until::PATIENCE;
use baton_tests::{Baton, port, process, until};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{OF_K1, Provider, SET_K1, bearer, config, key_set};

/// `sub` of the token.
const ENTRY: &str = "sub-u1";

fn post(port: u16, target: &str, body: &str, kind: &str) -> (u16, String) {
    let mut client = Client::connect(([127, 0, 0, 1], port).into());
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = client.send(request).answer();
    (answer.status(), answer.text())
}

#[test]
fn a_revoked_token_is_refused_by_every_later_worker() {
    let (backend, provider) =
        (Backend::start(|_| ok("{}")), Provider::start(vec![key_set(SET_K1)]));
    let revocations = port::free();
    let mut config = config(&backend, &provider.backend.host(), &json!({ "cache": true }));
    config["extra_config"] = json!({ "auth/revoker": {
        "N": 1000, "P": 0.0001, "hash_name": "optimal", "TTL": 3600, "port": revocations,
        "token_keys": ["jti", "sub"]
    }});
    let baton = Baton::start(&config);
    assert_eq!(bearer(&baton, OF_K1), 200);
    let json = "application/json";
    assert_eq!(post(revocations, "/revocations", r#"["sub-u2"]"#, json).0, 200);
    assert_eq!(bearer(&baton, OF_K1), 200, "another was revoked");
    let list = format!("[\"{ENTRY}\"]");
    assert_eq!(post(revocations, "/revocations", &list, "text/plain").0, 400, "as from a browser");
    assert_eq!(bearer(&baton, OF_K1), 200);
    assert_eq!(post(revocations, "/revocations", &list, json), (200, "{\"revoked\":1}".to_owned()));
    assert_eq!(bearer(&baton, OF_K1), 401, "although it was remembered as good");
    let asked = format!("[\"{ENTRY}\",\"sub-u3\"]");
    let told = post(revocations, "/revocations/check", &asked, json);
    assert_eq!(told, (200, "[true,false]".to_owned()));

    it_stays_revoked(&baton, config);
}

/// The token of `K1` is refused, also by the next generation and by a worker that replaces a killed one.
fn it_stays_revoked(baton: &Baton, mut config: Value) {
    config["name"] = json!("another content");
    assert_eq!(baton.reload_with(&config)["outcome"]["result"], "committed");
    assert_eq!(bearer(baton, OF_K1), 401, "after a reload");
    let dead = baton.serving_worker();
    process::signal(dead, Signal::SIGKILL);
    until("another worker serves", PATIENCE, || {
        baton.workers().iter().any(|worker| worker.pid != dead)
            && Client::try_connect(baton.address()).is_ok()
    });
    assert_eq!(bearer(baton, OF_K1), 401, "after a death");
}

/// `baton revoke` with these arguments: its exit code and all it said.
fn revoke(baton: &Baton, arguments: &[&str]) -> (Option<i32>, String) {
    let output = baton.command("revoke", arguments);
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn one_command_revokes_for_good_and_needs_no_port() {
    let (backend, provider) =
        (Backend::start(|_| ok("{}")), Provider::start(vec![key_set(SET_K1)]));
    let mut config = config(&backend, &provider.backend.host(), &json!({ "cache": true }));
    let baton = Baton::start(&config);
    let (code, said) = revoke(&baton, &[ENTRY]);
    assert_eq!((code, said.contains("no `auth/revoker`")), (Some(1), true), "{said}");
    config["extra_config"] = json!({ "auth/revoker": {
        "N": 1000, "P": 0.0001, "hash_name": "optimal", "TTL": 3600, "token_keys": ["jti", "sub"]
    }});
    baton.reload_with(&config);

    assert_eq!(bearer(&baton, OF_K1), 200);
    let (code, said) = revoke(&baton, &["--check", ENTRY]);
    assert_eq!((code, said.as_str()), (Some(1), "sub-u1: not revoked\n"));
    assert_eq!(bearer(&baton, OF_K1), 200, "it was only looked for");
    let (code, said) = revoke(&baton, &["jit-abc", "sub"]);
    assert_eq!(
        (code, said.lines().count()),
        (Some(1), 2),
        "no token is looked at for these: {said}"
    );
    let (code, said) = revoke(&baton, &["jti-abc", ENTRY]);
    assert_eq!((code, said.as_str()), (Some(0), "jti-abc: revoked\nsub-u1: revoked\n"));
    assert_eq!(bearer(&baton, OF_K1), 401, "at once");

    it_stays_revoked(&baton, config);
    assert_eq!(revoke(&baton, &["--check", ENTRY, "jti-abc"]).0, Some(0));
}
