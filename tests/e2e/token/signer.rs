//! `auth/signer`: what is signed is what a validator takes, whatever becomes of who has the key.

use baton_tests::Baton;
use baton_tests::backend::{Backend, Step, ok};
use baton_tests::client::Client;
use baton_tests::until;
use baton_tests::until::PATIENCE;
use serde_json::{Value, json};

use super::{Provider, SET_K, SET_K1, bearer, key_set};

const CLAIMS: &str = r#"{"access":{"sub":"u1","exp":4102444800},"other":{"a":1},"n":1}"#;

/// `/token` signs with `k1`, `/a` wants such a token.
fn config(backend: &Backend, keys: &str, name: &str) -> Value {
    let behind = |pattern: &str| json!([{ "url_pattern": pattern, "host": [backend.host()] }]);
    let signer = json!({
        "alg": "HS256", "kid": "k1", "jwk_url": keys, "disable_jwk_security": true,
        "keys_to_sign": ["access", "n", "absent"], "cipher_suites": [4865]
    });
    let validator = json!({
        "alg": "HS256", "jwk_url": keys, "disable_jwk_security": true, "cache": true
    });
    json!({
        "name": name,
        "timeout": "5s",
        "endpoints": [
            { "endpoint": "/token", "backend": behind("/t"), "extra_config": { "auth/signer": signer } },
            { "endpoint": "/a", "backend": behind("/b"), "extra_config": { "auth/validator": validator } },
        ]
    })
}

fn signed(baton: &Baton) -> Option<Value> {
    let answer = Client::connect(baton.address()).get("/token");
    match answer.status() {
        200 => Some(serde_json::from_str(&answer.text()).unwrap()),
        status => {
            assert_eq!((status, answer.body.len()), (401, 0));
            None
        },
    }
}

#[test]
fn a_key_that_is_not_there_yet_is_asked_for_again_and_stays_over_a_reload() {
    let backend = Backend::start(|_| ok(CLAIMS));
    let provider = Provider::start(vec![
        vec![Step::Close],
        key_set(SET_K),
        key_set(SET_K1),
        vec![Step::Stall],
    ]);
    let keys = provider.backend.host();
    let baton = Baton::start(&config(&backend, &keys, "one"));
    assert_eq!(signed(&baton), None, "nobody has a key");
    assert_eq!(backend.count(), 0, "and nobody is asked for what cannot be signed");
    provider.behave(1);
    assert_eq!(signed(&baton), None, "nor the right one");
    provider.behave(2);
    until("there is a key", PATIENCE, || signed(&baton).is_some());
    let answer = signed(&baton).unwrap();
    assert_eq!(
        (&answer["other"], &answer["n"]),
        (&json!({ "a": 1 }), &json!(1)),
        "not objects, not named"
    );
    // The validator trusts its provider otherwise, so that it asks for itself.
    let token = answer["access"].as_str().unwrap();
    until("the validator has it too", PATIENCE, || bearer(&baton, token) == 200);

    provider.behave(3);
    assert_eq!(
        baton.reload_with(&config(&backend, &keys, "two"))["outcome"]["result"],
        "committed"
    );
    let again = signed(&baton).expect("the key came along");
    assert_eq!(again["access"], answer["access"]);
    assert_eq!(bearer(&baton, again["access"].as_str().unwrap()), 200);
}
