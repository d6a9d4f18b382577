//! Baton's voice: file, line, pointer, what was found, what would be right.

use super::*;
use crate::config::model::Wait;
use crate::config::namespace::{Kind, Owner, unbuilt};

fn notices(text: &str) -> Vec<String> {
    load_json(text).expect(text).notices.iter().map(ToString::to_string).collect()
}

fn findings(text: &str) -> Vec<String> {
    load_json(text).expect_err(text).findings.iter().map(ToString::to_string).collect()
}

#[test]
fn keys_without_effect_are_told_with_the_nearest_spelling() {
    let text = "{\"version\":3,\n\"tiemout\":\"1s\",\n\"$schema\":\"x\",\"@comment\":1,\"_a\":1,\"#b\":1,\n\
        \"endpoints\":[{\"endpoint\":\"/a\",\"qqq\":1,\n\"backend\":[{\"hosts\":[],\"timeout\":\"1s\"}]}]}";
    assert_eq!(
        notices(text),
        [
            "krakend.json:5: /endpoints/0/backend/0/timeout: the key `timeout` is unknown and has no \
             effect",
            "krakend.json:5: /endpoints/0/backend/0/hosts: the key `hosts` is unknown and has no \
             effect: did you mean `host`?",
            "krakend.json:4: /endpoints/0/qqq: the key `qqq` is unknown and has no effect",
            "krakend.json:2: /tiemout: the key `tiemout` is unknown and has no effect: did you mean \
             `timeout`?",
        ]
    );
    assert_eq!(
        notices(r#"{"version":3,"@batom":{"drain":"1s"}}"#),
        ["krakend.json:1: /@batom: the key `@batom` is unknown and has no effect: did you mean \
          `@baton`?"]
    );
}

#[test]
fn a_key_that_stands_twice_is_told() {
    assert_eq!(
        notices("{\"version\":3,\n\"name\":\"a\",\n\"name\":\"b\"}"),
        ["krakend.json:3: /name: this key stood already on line 2: the last one counts"]
    );
    assert_eq!(config("{\"version\":2,\"version\":3}").name, "");
}

#[test]
fn namespaces_without_effect_are_told() {
    let text = endpoint(
        r#""extra_config":{"security/cros":{},"unknown/ns":{},"qos/circuit-breaker":{},"_c":1},"#,
        &format!(
            r#""endpoint":"/a",{BACKEND},
            "extra_config":{{"github.com/devopsfaith/krakend-ratelimit/juju/router":{{"maxRate":1}}}}"#
        ),
    );
    assert_eq!(
        notices(&text),
        [
            "krakend.json:1: /extra_config/qos~1circuit-breaker: the namespace `qos/circuit-breaker` \
             has no effect on this level: it belongs to a backend",
            "krakend.json:1: /extra_config/security~1cros: the namespace `security/cros` is unknown and \
             has no effect: did you mean `security/cors`?",
            "krakend.json:1: /extra_config/unknown~1ns: the namespace `unknown/ns` is unknown and has \
             no effect",
            "krakend.json:2: /endpoints/0/extra_config/github.com~1devopsfaith~1krakend-ratelimit~1juju\
             ~1router: the namespace `github.com/devopsfaith/krakend-ratelimit/juju/router` is KrakenD \
             1's and has no effect: write `qos/ratelimit/router`",
        ]
    );
}

#[test]
fn a_fault_says_what_was_found_and_what_is_allowed() {
    assert_eq!(
        findings("{\"version\":3,\n\"timeout\":\"2 s\"}"),
        ["krakend.json:2: /timeout: \"2 s\" is not a duration: write 100ms, 2s or 1h30m"]
    );
    let text = endpoint("", r#""endpoint":"/a/{user}","backend":[{"url_pattern":"/{usr}"}]"#);
    assert_eq!(
        findings(&text),
        ["krakend.json:1: /endpoints/0/backend/0/url_pattern: `{usr}` is no placeholder of the \
          endpoint: did you mean `user`?; it has: `user`"]
    );
    assert_eq!(
        findings(r#"{"version":3,"endpoints":[null]}"#),
        ["krakend.json:1: /endpoints/0: null stands where an endpoint must"]
    );
}

#[test]
fn a_host_that_is_not_used_as_it_stands_is_told() {
    assert_eq!(
        notices(r#"{"version":3,"host":["[::1]","http://a:80/","b"]}"#),
        ["krakend.json:1: /host/0: `[::1]` is used as `http://1`"]
    );
}

#[test]
fn what_only_baton_has_is_typed() {
    let text = endpoint(
        r#""@baton":{"trust_forwarded_for":false,"drain":"none","bake":"3s","threads":2,
        "krakend_version":"2.9","limits":{"header_bytes":4096,"head_timeout":"5s","body_bytes":1e9}},"#,
        r#""endpoint":"/a","@baton":{"stream_timeout":"1h"},
        "backend":[{"@baton":{"http2":true}},{"@baton":{}}]"#,
    );
    let config = config(&text);
    let backend = |index: usize| config.endpoints[0].backend[index].baton.http2;
    assert_eq!((backend(0), backend(1)), (Some(true), None));
    let baton = &config.baton;
    assert_eq!(baton.trust_forwarded_for, Some(false));
    assert_eq!(baton.drain, Some(Wait::Unbounded));
    assert_eq!(baton.bake.map(|bake| bake.as_secs()), Some(3));
    assert_eq!(baton.threads.map(Into::into), Some(2usize));
    assert_eq!(baton.krakend_version.as_deref(), Some("2.9"));
    assert_eq!(
        (baton.limits.header_bytes, baton.limits.body_bytes),
        (Some(4096), Some(1_000_000_000))
    );
    let stream_timeout = config.endpoints[0].baton.stream_timeout;
    assert_eq!(stream_timeout, Some(Wait::AtMost(std::time::Duration::from_secs(3600))));
}

#[test]
fn batons_own_keys_are_strict() {
    let cases = [
        (
            r#"{"drian":"1s"}"#,
            "/@baton/drian: the key `drian` is unknown: did you mean `drain`?; known here:",
        ),
        (
            r#"{"drain":5}"#,
            "/@baton/drain: 5 is not a positive duration (100ms, 2s, 1h30m) or \"none\"",
        ),
        (r#"{"bake":"-1s"}"#, "/@baton/bake: \"-1s\" is not a positive duration"),
        (r#"{"threads":0}"#, "/@baton/threads: 0 is not a number of threads from 1 to 512"),
        (
            r#"{"trust_forwarded_for":"no"}"#,
            "/@baton/trust_forwarded_for: \"no\" is not true or false",
        ),
        (r#"{"krakend_version":"a\nb"}"#, "/@baton/krakend_version: \"a\\nb\" is not a version"),
        (
            r#"{"limits":{"x":1}}"#,
            "/@baton/limits/x: the key `x` is unknown; known here: `header_bytes`,",
        ),
        (r#"{"limits":[]}"#, "/@baton/limits: a list is not an object"),
        ("7", "/@baton: 7 is not an object"),
    ];
    let of_backend = endpoint("", r#""endpoint":"/a","backend":[{"@baton":{"http2":"yes"}}]"#);
    let found = findings(&of_backend);
    let wanted = "/endpoints/0/backend/0/@baton/http2: \"yes\" is not true or false";
    assert!(found[0].ends_with(wanted), "{found:?}");
    for (block, wanted) in cases {
        let text = format!(r#"{{"version":3,"@baton":{block}}}"#);
        let found = findings(&text);
        assert!(found[0].starts_with(&format!("krakend.json:1: {wanted}")), "{found:?}");
        assert!(load_json(&text).unwrap_err().text.contains("/@baton"));
    }
}

#[test]
fn what_is_not_built_is_told_with_its_owner_and_kind() {
    let text = endpoint(
        r#""extra_config":{"router":{},"telemetry/moesif":{}},"#,
        r#""endpoint":"/a","extra_config":{"governance/quota":{},"nobody/knows":{}},
        "backend":[{},{"extra_config":{"backend/soap":{},"backend/http":{}}}]"#,
    );
    let found: Vec<_> =
        unbuilt(&config(&text)).into_iter().map(|u| (u.namespace, u.kind, u.owner)).collect();
    assert_eq!(
        found,
        [
            ("telemetry/moesif".to_owned(), Kind::Adds, Owner::Service),
            ("governance/quota".to_owned(), Kind::Protects, Owner::Endpoint(0)),
            ("backend/soap".to_owned(), Kind::Shapes, Owner::Backend(0, 1)),
        ]
    );
}

#[test]
fn parts_of_the_request_in_a_url_pattern_are_refused_unless_they_are_asked_for() {
    let text = |baton: &str| {
        format!(
            r#"{{"version":3,{baton}"endpoints":[{{"endpoint":"/a","backend":[{{
            "host":["http://h"],"url_pattern":"/{{input_headers.X-A}}"}}]}}]}}"#
        )
    };
    assert!(refused(&text("")).contains("undefined output param 'input_headers.X-A'"));
    assert!(load_json(&text(r#""@baton":{"dynamic_routing":true},"#)).is_ok());
    assert!(load_json(&text(r#""@baton":{"dynamic_routing":false},"#)).is_err());
}
