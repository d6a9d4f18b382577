//! The plugin `ip-filter`: from where a service, or an endpoint, may be asked.

use baton_tests::Baton;
use baton_tests::backend::{Backend, ok};
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use baton_tests::http::Message;
use baton_tests::until::PATIENCE;
use serde_json::{Value, json};

fn ask(baton: &Baton, target: &str, fields: &str) -> Message {
    let request = format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\n{fields}\r\n");
    Client::connect(baton.address()).send(request).answer()
}

fn plugin(block: &Value) -> Value {
    json!({ "name": ["ip-filter"], "ip-filter": block })
}

fn endpoint(path: &str, backend: &Backend, filter: &Value) -> Value {
    json!({
        "endpoint": path,
        "backend": [{ "url_pattern": "/b", "host": [backend.host()] }],
        "extra_config": { "plugin/req-resp-modifier": plugin(filter) }
    })
}

#[test]
fn a_service_answers_403_to_all_that_are_not_let_in() {
    let backend = Backend::start(|_| ok("{}"));
    let config = |block: &Value| {
        json!({
            "extra_config": { "plugin/http-server": plugin(block) },
            "endpoints": [
                { "endpoint": "/a", "backend": [{ "url_pattern": "/b", "host": [backend.host()] }] }
            ]
        })
    };
    let baton = Baton::start(&config(&json!({ "CIDR": ["127.0.0.0/8"], "allow": true })));
    assert_eq!(ask(&baton, "/a", "").status(), 200);
    for fields in ["X-Forwarded-For: 8.8.8.8\r\n", "X-Real-IP: 8.8.8.8\r\n"] {
        assert_eq!(ask(&baton, "/a", fields).status(), 403, "{fields}");
    }

    let block = json!({ "CIDR": ["127.0.0.1"], "allow": false });
    assert_eq!(baton.reload_with(&config(&block))["outcome"]["result"], "committed");
    let before = backend.count();
    for target in ["/a", "/__health", "/nowhere"] {
        for fields in ["", "X-Forwarded-For: 8.8.8.8\r\n"] {
            let refused = ask(&baton, target, fields);
            assert_eq!((refused.status(), refused.body.len()), (403, 0), "{target} {fields}");
            assert_eq!(refused.fields.first("x-krakend"), None);
        }
    }
    assert_eq!(backend.count(), before);

    let block = json!({
        "CIDR": ["8.8.8.0/24"], "allow": true, "trusted_proxies": ["127.0.0.1"],
        "client_ip_headers": ["X-Client"]
    });
    baton.reload_with(&config(&block));
    assert_eq!(ask(&baton, "/a", "X-Client: 8.8.8.8\r\n").status(), 200);
    assert_eq!(ask(&baton, "/a", "X-Client: 8.8.8.8, 9.9.9.9\r\n").status(), 403);
    assert_eq!(ask(&baton, "/a", "X-Forwarded-For: 8.8.8.8\r\n").status(), 403);
}

#[test]
fn an_endpoint_fails_for_them_as_its_backend_would() {
    let backend = Backend::start(|_| ok("{}"));
    let nobody = json!({ "CIDR": ["127.0.0.1"], "allow": false });
    let mut told = endpoint("/told", &backend, &nobody);
    told["backend"][0]["extra_config"] = json!({ "backend/http": { "return_error_code": true } });
    let baton = Baton::start(&json!({ "endpoints": [
        endpoint("/refused", &backend, &nobody),
        told,
        endpoint("/taken", &backend, &json!({ "CIDR": ["127.0.0.1"], "allow": true })),
    ]}));
    for (target, status) in [("/refused", 500), ("/told", 403)] {
        let refused = ask(&baton, target, "");
        let completed = refused.fields.first("x-krakend-completed");
        assert_eq!((refused.status(), completed, refused.body.len()), (status, Some("false"), 0));
    }
    assert_eq!(backend.count(), 0);
    assert_eq!(ask(&baton, "/taken", "").status(), 200);
}

#[test]
fn another_plugin_beside_it_refuses_the_start_and_is_named() {
    let mut block = plugin(&json!({ "CIDR": [], "allow": false }));
    block["name"] = json!(["ip-filter", "geoip"]);
    let mut baton =
        Starter::new(&json!({ "extra_config": { "plugin/http-server": block }, "endpoints": [] }))
            .spawn();
    assert_eq!(baton.wait_end(PATIENCE).code(), Some(255));
    assert!(baton.log().contains("`plugin/http-server: geoip` protects"), "{}", baton.log());
    assert!(!baton.log().contains("ip-filter"), "{}", baton.log());
}
