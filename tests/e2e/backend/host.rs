//! What `host` may be.

use baton_tests::Baton;
use baton_tests::backend::{Backend, answer};
use baton_tests::client::Client;
use serde_json::json;

#[test]
fn a_number_that_only_the_c_library_reads_as_an_address_is_no_host() {
    let behind = Backend::start(|_| answer("200 OK", "", "{}"));
    let host = behind.host();
    let port = host.rsplit(':').next().unwrap();
    let names = ["127.1", "0x7f.1", "2130706433", "0177.0.0.1"];
    let backend =
        |name: &str| json!([{ "url_pattern": "/b", "host": [format!("http://{name}:{port}")] }]);
    let endpoint =
        |name: &&str| json!({ "endpoint": format!("/{name}"), "backend": backend(name) });
    let baton = Baton::start(&json!({
        "endpoints": names.iter().map(endpoint).collect::<Vec<_>>(),
        "extra_config": { "router": { "return_error_msg": true } }
    }));
    for name in names {
        let told = Client::connect(baton.address()).get(&format!("/{name}"));
        let text = format!("Get \"http://{name}:{port}/b\": dial tcp: lookup {name}: no such host");
        assert_eq!((told.status(), told.text()), (500, text));
    }
}

#[test]
fn a_login_in_a_host_is_sent_unless_the_client_brings_its_own() {
    let behind = Backend::start(|_| answer("200 OK", "", "{}"));
    let host = behind.host().replace("http://", "http://user:p%40ss@");
    let backend = json!([{ "url_pattern": "/b", "host": [host], "disable_host_sanitize": true }]);
    let baton = Baton::start(&json!({
        "endpoints": [{ "endpoint": "/a", "backend": backend, "input_headers": ["Authorization"] }]
    }));
    let mut client = Client::connect(baton.address());
    assert_eq!(client.get("/a").status(), 200);
    client.send("GET /a HTTP/1.1\r\nHost: gw.test\r\nAuthorization: Bearer x\r\n\r\n");
    assert_eq!(client.answer().status(), 200);
    let seen = behind.seen();
    let told: Vec<_> = seen.iter().map(|one| one.fields.first("authorization")).collect();
    assert_eq!(told, [Some("Basic dXNlcjpwQHNz"), Some("Bearer x")]);
    assert_eq!(seen[0].fields.first("host"), behind.host().strip_prefix("http://"));
}
