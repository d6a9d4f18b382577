//! Backends behind a proxy that the environment names.

use baton_tests::Baton;
use baton_tests::backend::{Backend, ok};
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use baton_tests::port;
use serde_json::{Value, json};

fn config(direct: &Backend) -> Value {
    let endpoint = |path: &str, host: &str| {
        json!({
            "endpoint": path, "input_query_strings": ["*"],
            "backend": [{ "url_pattern": "/b", "host": [host] }]
        })
    };
    json!({
        "endpoints": [
            endpoint("/far", "http://backend.example"),
            endpoint("/odd", "http://backend.example:8080"),
            endpoint("/own", &direct.host())
        ],
        "extra_config": { "router": { "return_error_msg": true } }
    })
}

fn ask(baton: &Baton, target: &str) -> (u16, String) {
    let request = format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n");
    let answer = Client::connect(baton.address()).send(request).answer();
    (answer.status(), answer.text())
}

#[test]
fn requests_for_other_machines_are_given_to_the_proxy() {
    let (proxy, direct) =
        (Backend::start(|_| ok("{\"by\":\"proxy\"}")), Backend::start(|_| ok("{}")));
    let url = proxy.host().replace("http://", "http://user:pass@");
    let baton = Starter::new(&config(&direct)).environment("HTTP_PROXY", &url).start();
    assert_eq!(ask(&baton, "/far?x=1"), (200, "{\"by\":\"proxy\"}".to_owned()));
    let seen = proxy.last();
    assert_eq!(seen.line, "GET http://backend.example/b?x=1 HTTP/1.1");
    assert_eq!(seen.fields.first("host"), Some("backend.example"));
    assert_eq!(seen.fields.first("proxy-authorization"), Some("Basic dXNlcjpwYXNz"));
    assert_eq!(ask(&baton, "/odd").0, 200);
    assert_eq!(proxy.last().line, "GET http://backend.example:8080/b HTTP/1.1");
    assert_eq!(ask(&baton, "/own"), (200, "{}".to_owned()));
    assert_eq!((proxy.count(), direct.count()), (2, 1));
}

#[test]
fn a_proxy_that_is_not_there_is_told_apart_from_the_backend() {
    let direct = Backend::start(|_| ok("{}"));
    let nobody = format!("127.0.0.1:{}", port::free());
    let baton = Starter::new(&config(&direct)).environment("http_proxy", &nobody).start();
    let (status, text) = ask(&baton, "/far");
    assert_eq!(status, 500);
    assert_eq!(
        text,
        format!(
            "Get \"http://backend.example/b\": proxyconnect tcp: dial tcp {nobody}: connect: connection refused"
        )
    );
}
