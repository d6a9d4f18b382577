//! Checks, defaults and what is inherited.

use super::*;
use crate::config::duration::GoDuration;
use crate::config::placeholder;

#[test]
fn what_krakend_refuses_is_refused_with_its_text() {
    let cases = [
        (r#"{"version":2}"#.to_owned(), "unsupported version: 2 (want: 3)"),
        (r#"{"endpoints":[]}"#.to_owned(), "unsupported version: 0 (want: 3)"),
        (r#"{"version":3,"listen_ip":"localhost"}"#.to_owned(), "invalid ip address localhost"),
        (
            r#"{"version":3,"host":["http://a,http://b"]}"#.to_owned(),
            "host http://a,http://b not valid: invalid host",
        ),
        (
            endpoint("", &format!(r#""endpoint":"/x/__health",{BACKEND}"#)),
            "ignoring the ' /x/__health' endpoint, since it is invalid!!!",
        ),
        (
            endpoint("", &format!(r#""method":"get","endpoint":"a/*x",{BACKEND}"#)),
            "ignoring the 'get /a/*x' endpoint, since it is invalid!!!",
        ),
        (
            endpoint("", r#""endpoint":"/a","method":"GET","backend":[]"#),
            "ignoring the 'GET /a' endpoint, since it has 0 backends defined!",
        ),
        (
            endpoint("", r#""endpoint":"/a/{id}","backend":[{"url_pattern":"/b/{nope}"}]"#),
            "undefined output param 'nope'! endpoint: GET /a/:id, backend: 0. input: [id], output: [nope]",
        ),
        (
            endpoint("", r#""endpoint":"/{b}/{a}","backend":[{},{"url_pattern":"/{resp0}/{a}"}]"#),
            "undefined output param 'resp0'! endpoint: GET /:b/:a, backend: 1. input: [a b], output: [a resp0]",
        ),
        (
            endpoint("", r#""endpoint":"/a","backend":[{"url_pattern":"/{x}/{y}"}]"#),
            "input and output params do not match. endpoint: GET /a, backend: 0. input: [], output: [x y]",
        ),
        (
            endpoint(r#""output_encoding":"no-op","#, r#""endpoint":"/a","backend":[{},{}]"#),
            "can not use NoOp encoding with more than one backends connected to the same endpoint",
        ),
        (
            endpoint("", r#""endpoint":"/a","backend":[{"host":["ftp://x"]}]"#),
            "host ftp://x not valid: invalid host",
        ),
    ];
    for (text, wanted) in cases {
        assert_eq!(refused(&text), wanted, "{text}");
    }
}

#[test]
fn the_first_fault_is_krakends_text_and_all_are_found() {
    let text =
        r#"{"version":4,"listen_ip":"x","endpoints":[{"endpoint":"/__echo"},{"endpoint":"/a"}]}"#;
    let refusal = load_json(text).unwrap_err();
    assert_eq!(refusal.text, "'krakend.json': unsupported version: 4 (want: 3)");
    let pointers: Vec<_> = refusal.findings.iter().map(|f| f.pointer.as_str()).collect();
    assert_eq!(pointers, ["/version", "/listen_ip", "/endpoints/0", "/endpoints/1"]);
}

#[test]
fn defaults_are_krakends() {
    let text = endpoint("", &format!(r#""endpoint":"/a",{BACKEND}"#));
    let config = config(&text);
    assert_eq!((config.port, config.listen_ip), (8080, None));
    assert_eq!(config.timeout, GoDuration::seconds(2));
    assert_eq!(config.max_idle_connections_per_host, 250);
    assert_eq!(config.dns_cache_ttl, GoDuration::seconds(30));
    let endpoint = &config.endpoints[0];
    assert_eq!((endpoint.method.as_str(), endpoint.output_encoding.as_str()), ("GET", "json"));
    assert_eq!((endpoint.concurrent_calls, endpoint.timeout), (1, GoDuration::seconds(2)));
    let backend = &endpoint.backend[0];
    assert_eq!((backend.encoding.as_str(), backend.encoding_written.as_str()), ("json", ""));
    assert_eq!((backend.method.as_str(), backend.sd_scheme.as_str()), ("GET", "http"));
}

#[test]
fn endpoints_inherit_from_the_root_and_backends_from_both() {
    let root = r#""timeout":"3s","cache_ttl":"5s","output_encoding":"no-op","host":["a:80/"],"#;
    let text = endpoint(
        root,
        r#""endpoint":"/a/{id}","method":"put","cache_ttl":"0s",
        "backend":[{"url_pattern":"x/{id}/{JWT.sub}","encoding":"XML"}]"#,
    );
    let config = config(&text);
    let endpoint = &config.endpoints[0];
    assert_eq!(
        (endpoint.route.as_str(), endpoint.placeholders.as_slice()),
        ("/a/:id", &["id".to_owned()][..])
    );
    assert_eq!(
        (endpoint.timeout, endpoint.cache_ttl),
        (GoDuration::seconds(3), GoDuration::seconds(5))
    );
    let backend = &endpoint.backend[0];
    assert_eq!(backend.host, ["http://a:80"]);
    assert_eq!(backend.method, "put");
    assert_eq!((backend.encoding.as_str(), backend.encoding_written.as_str()), ("no-op", "no-op"));
    assert_eq!(placeholder::template(&backend.url_pattern), "/x/{{.Id}}/{{.JWT.sub}}");
}

#[test]
fn hosts_are_taken_as_they_stand_when_cleaning_is_off() {
    let text = endpoint(
        r#""host":["127.0.0.1:80/"],"#,
        r#""endpoint":"/a","backend":[{"disable_host_sanitize":true,"host":["weird:thing"],"sd":"dns"},
            {"disable_host_sanitize":true}]"#,
    );
    let config = config(&text);
    assert_eq!(config.endpoints[0].backend[0].host, ["weird:thing"]);
    assert_eq!(config.endpoints[0].backend[1].host, ["http://127.0.0.1:80"]);
}

#[test]
fn long_names_become_short_and_the_short_one_wins() {
    let text = endpoint(
        "",
        r#""endpoint":"/a","backend":[{"extra_config":{
            "github.com/devopsfaith/krakend/http":{"return_error_details":"old"},
            "github.com/devopsfaith/krakend/proxy":{"shadow":true},"proxy":{"shadow":false}}}]"#,
    );
    let loaded = load_json(&text).unwrap();
    let extra = &loaded.config.endpoints[0].backend[0].extra_config;
    let names: Vec<_> =
        extra.namespaces.iter().map(|(k, n)| (k.as_str(), n.spelling.as_str())).collect();
    assert_eq!(
        names,
        [("backend/http", "github.com/devopsfaith/krakend/http"), ("proxy", "proxy")]
    );
    assert_eq!(
        extra.namespaces["backend/http"].at.as_str(),
        "/endpoints/0/backend/0/extra_config/github.com~1devopsfaith~1krakend~1http"
    );
    assert_eq!(loaded.notices.len(), 1);
}
