//! What a token says, as what it is counted by; and key sets that lie encrypted on the disk.

use baton_tests::Baton;
use baton_tests::backend::{Backend, ok};
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use serde_json::{Value, json};

use super::{OF_K1, bearer, open};

/// HS256, `kid` k1, until 2100: `sub` u2.
pub(super) const OF_U2: &str = "eyJhbGciOiAiSFMyNTYiLCAia2lkIjogImsxIiwgInR5cCI6ICJKV1QifQ.eyJzdWIiOiAidTIiLCAiZXhwIjogNDEwMjQ0NDgwMH0.GUsoTo2NibdAKRIDzmrxCQEBdyZIELCJYRlP_7PBXO0";
/// Without `sub`.
const OF_NOBODY: &str = "eyJhbGciOiAiSFMyNTYiLCAia2lkIjogImsxIiwgInR5cCI6ICJKV1QifQ.eyJleHAiOiA0MTAyNDQ0ODAwfQ.Di8bWGO302P1bo_Q7jvJr_jf97lMd8TgVywsyGGhtN0";

/// Made by Go: `nacl/secretbox`, `crypto/aes`, `crypto/cipher`; inside is the set of `k1`.
const SECRET_URL: &str = "base64key://YW4gZXhhbXBsZSBzZWNyZXQgb2YgMzIgYnl0ZXMhISE=";
const CYPHER_KEY: &str =
    "dHdlbnR5LWZvdXIgYnl0ZXMgbm9uY2Uhq3RJnC0+t1+2RYAAEFsYy2iI3/94nhUDY1J9VSxNRXqlqxDh9Gkh/Rz852U=";
const FILE: &[u8] = &[
    0x74, 0x77, 0x65, 0x6C, 0x76, 0x65, 0x20, 0x62, 0x79, 0x74, 0x65, 0x73, 0x58, 0x00, 0x1A, 0x33,
    0xC5, 0x14, 0xD8, 0xA2, 0xAA, 0x6E, 0x29, 0x84, 0x92, 0xF9, 0x32, 0x62, 0x5E, 0xBD, 0x28, 0x5B,
    0xFA, 0x21, 0x59, 0xFE, 0x06, 0x64, 0x4B, 0x27, 0x17, 0x3B, 0x6E, 0x4B, 0x86, 0x93, 0xCE, 0x8D,
    0x39, 0xFA, 0x9D, 0x9A, 0xD8, 0x56, 0x58, 0x2B, 0x22, 0x61, 0xB7, 0x33, 0xC5, 0x14, 0xFC, 0x35,
    0xFB, 0x72, 0x8F, 0x0C, 0xE8, 0x50, 0x8B, 0xCE, 0x8D, 0x4B, 0xFC, 0x55, 0xB5, 0xE1, 0x57, 0xB0,
    0x12, 0x80, 0xA2, 0xB6, 0x7B, 0xD1, 0x1A, 0x7C, 0x6F, 0x9D, 0x98, 0x77, 0xCF, 0x70, 0xE4, 0x16,
    0x73, 0x74, 0xDB, 0xCA, 0xE5, 0x4A, 0xBE, 0x4A, 0xBF, 0x69, 0xD5, 0xFB, 0x9B, 0xFC, 0xCE, 0x33,
    0x67,
];

/// `/a` behind a validator whose keys lie in `keys`, and with these limits; `/open` without.
fn config(backend: &Backend, secret_url: &str, limit: &Value) -> Value {
    let behind = json!([{ "url_pattern": "/b", "host": [backend.host()] }]);
    json!({ "endpoints": [
        {
            "endpoint": "/a",
            "backend": behind,
            "extra_config": {
                "auth/validator": {
                    "alg": "HS256", "jwk_local_path": "keys", "disable_jwk_security": true,
                    "secret_url": secret_url, "cypher_key": CYPHER_KEY,
                    "propagate_claims": [["sub", "X-User"]]
                },
                "qos/ratelimit/router": limit
            }
        },
        { "endpoint": "/open", "backend": behind },
    ]})
}

fn starter(config: &Value) -> Starter {
    let starter = Starter::new(config);
    std::fs::write(starter.folder().join("keys"), FILE).unwrap();
    starter
}

/// How many of ten pass, and how the others are refused.
fn ten(baton: &Baton, token: &str) -> (usize, Vec<u16>) {
    let all: Vec<u16> = (0..10).map(|_| bearer(baton, token)).collect();
    let others: Vec<u16> = all.iter().copied().filter(|status| *status != 200).collect();
    (all.len() - others.len(), others)
}

#[test]
fn a_limit_counts_by_a_claim_and_a_bad_token_costs_nothing() {
    for limit in [
        json!({ "strategy": "param", "key": "JWT.sub" }),
        json!({ "strategy": "header", "key": "X-User" }),
    ] {
        let mut limit = limit;
        limit["client_max_rate"] = json!(3);
        limit["client_capacity"] = json!(3);
        limit["every"] = json!("1h");
        let backend = Backend::start(|_| ok("{}"));
        let baton = starter(&config(&backend, SECRET_URL, &limit)).start();
        let forged = format!("{OF_K1}x");
        assert_eq!(ten(&baton, &forged), (0, vec![401; 10]), "{limit}");
        assert_eq!(ten(&baton, OF_K1), (3, vec![429; 7]), "{limit}");
        assert_eq!(ten(&baton, OF_U2), (3, vec![429; 7]), "another user: {limit}");
        assert_eq!(ten(&baton, OF_NOBODY), (0, vec![429; 10]), "without the claim: {limit}");
        assert_eq!(open(&baton), 200);
    }
}

#[test]
fn an_encrypted_key_set_is_read_and_one_that_is_not_refuses_the_start() {
    let backend = Backend::start(|_| ok("{}"));
    let baton = starter(&config(&backend, SECRET_URL, &json!({}))).start();
    assert_eq!((bearer(&baton, OF_K1), bearer(&baton, "x")), (200, 401));
    let secret = SECRET_URL.trim_start_matches("base64key://");
    for (url, told) in [
        (SECRET_URL.replace("YW4", "YW5"), "auth~1validator/cypher_key"),
        ("awskms://alias/key".to_owned(), "only base64key:// is built"),
    ] {
        let config = config(&backend, &url, &json!({}));
        baton.write_config(&config);
        let refused = baton.try_reload(&[]).unwrap_err();
        assert!(refused.contains(told) && !refused.contains(secret), "{refused}");
    }
    assert_eq!(bearer(&baton, OF_K1), 200, "what serves goes on");
    let mut client = Client::connect(baton.address());
    assert_eq!(client.get("/a").status(), 401);
    assert!(!baton.log().contains(secret) && !baton.log().contains(CYPHER_KEY));
}

#[test]
fn a_nested_key_that_is_too_short_for_krakend_is_refused_with_its_place() {
    let backend = Backend::start(|_| ok("{}"));
    let mut config = config(&backend, SECRET_URL, &json!({}));
    let baton = starter(&config).start();
    let validator = &mut config["endpoints"][0]["extra_config"]["auth/validator"];
    validator["roles_key_is_nested"] = json!(true);
    validator["roles_key"] = json!("a.b");
    baton.write_config(&config);
    let refused = baton.try_reload(&[]).unwrap_err();
    assert!(refused.contains("auth~1validator/roles_key"), "{refused}");
    config["endpoints"][0]["extra_config"]["auth/validator"]["roles_key"] = json!("a.bc");
    assert_eq!(baton.reload_with(&config)["outcome"]["result"], "committed");
}
