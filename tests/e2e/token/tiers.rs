//! Limits by the plan of who asks, which a token names.

use baton_tests::Baton;
use baton_tests::backend::{Backend, ok};
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use serde_json::{Value, json};

use super::claims::OF_U2;
use super::{OF_K1, SET_K1, bearer};

/// Tiers at the root and at `/a`; `name` makes it another content.
fn config(backend: &Backend, name: &str) -> Value {
    let limit = |capacity: usize| json!({ "max_rate": 1, "every": "1h", "capacity": capacity });
    let behind = json!([{ "url_pattern": "/b", "host": [backend.host()] }]);
    json!({
        "name": name,
        "extra_config": { "qos/ratelimit/tiered": {
            "tier_key": "x-via", "tiers": [{ "tier_value": "slow", "ratelimit": limit(2) }]
        }},
        "endpoints": [
            {
                "endpoint": "/a",
                "backend": behind,
                "extra_config": {
                    "auth/validator": {
                        "alg": "HS256", "jwk_local_path": "keys", "disable_jwk_security": true,
                        "propagate_claims": [["sub", "X-Plan"]]
                    },
                    "qos/ratelimit/tiered": { "tier_key": "X-Plan", "tiers": [
                        { "tier_value": "u1", "ratelimit": {
                            "client_max_rate": 1, "client_capacity": 5, "every": "1h",
                            "strategy": "param", "key": "JWT.sub"
                        }},
                        { "tier_value_as": "*", "ratelimit": limit(2) }
                    ]}
                }
            },
            { "endpoint": "/open", "backend": behind },
        ]
    })
}

fn statuses(baton: &Baton, token: &str, count: usize) -> Vec<u16> {
    (0..count).map(|_| bearer(baton, token)).collect()
}

fn slow(baton: &Baton) -> u16 {
    let request = "GET /open HTTP/1.1\r\nHost: gw.test\r\nX-Via: slow\r\n\r\n";
    Client::connect(baton.address()).send(request).answer().status()
}

#[test]
fn each_plan_has_its_limits_and_a_reload_neither_fills_nor_empties_them() {
    let backend = Backend::start(|_| ok("{}"));
    let starter = Starter::new(&config(&backend, "one"));
    std::fs::write(starter.folder().join("keys"), SET_K1).unwrap();
    let baton = starter.start();
    assert_eq!(statuses(&baton, OF_K1, 3), [200; 3]);
    assert_eq!(statuses(&baton, OF_U2, 1), [200]);
    assert_eq!(slow(&baton), 200);
    baton.reload_with(&config(&backend, "two"));
    assert_eq!(statuses(&baton, OF_K1, 3), [200, 200, 429]);
    assert_eq!(statuses(&baton, OF_U2, 2), [200, 503]);
    assert_eq!([slow(&baton), slow(&baton)], [200, 503]);
    assert_eq!(super::open(&baton), 200, "who names no plan has no tier here");
}
