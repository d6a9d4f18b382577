//! Weak typing, and KrakenD's lines about what cannot be converted.

use super::*;
use crate::config::duration::GoDuration;

#[test]
fn faults_of_kinds_are_listed_in_krakends_order() {
    let text = format!(
        r#"{{"version":3,"timeout":"3","port":"x","endpoints":[
            {{"endpoint":"/a",{BACKEND},"timeout":"1 s"}},
            {{"endpoint":"/b",{BACKEND},"cache_ttl":"abc"}}]}}"#
    );
    assert_eq!(
        load_json(&text).unwrap_err().text,
        "'krakend.json': decoding failed due to the following error(s):\n\n\
         'endpoints[0].timeout' time: unknown unit\n\
         'endpoints[1].cache_ttl' time: invalid duration\n\
         'timeout' time: missing unit in duration\n\
         'port' cannot parse value as 'int': strconv.ParseInt: invalid syntax"
    );
}

#[test]
fn each_kind_has_krakends_text() {
    let cases = [
        (
            r#""extra_config":[1]"#,
            "'extra_config[0]' expected type 'config.ExtraConfig', got unconvertible type 'float64'",
        ),
        (
            r#""extra_config":"x""#,
            "'extra_config' expected type 'config.ExtraConfig', got unconvertible type 'string'",
        ),
        (r#""endpoints":"x""#, "'endpoints[0]' expected a map or struct, got \"string\""),
        (r#""endpoints":[[]]"#, "'endpoints[0]' expected a map or struct, got \"slice\""),
        (r#""endpoints":[5]"#, "'endpoints[0]' expected a map or struct, got \"float64\""),
        (r#""tls":true"#, "'tls' expected a map or struct, got \"bool\""),
        (
            r#""host":[{}]"#,
            "'host[0]' expected type 'string', got unconvertible type 'map[string]interface {}'",
        ),
        (r#""name":[]"#, "'name' expected type 'string', got unconvertible type '[]interface {}'"),
        (
            r#""use_h2c":"yes""#,
            "'use_h2c' cannot parse value as 'bool': strconv.ParseBool: invalid syntax",
        ),
        (
            r#""port":"99999999999999999999""#,
            "'port' cannot parse value as 'int': strconv.ParseInt: value out of range",
        ),
        (
            r#""port":{}"#,
            "'port' expected type 'int', got unconvertible type 'map[string]interface {}'",
        ),
        (
            r#""timeout":[]"#,
            "'timeout' expected type 'time.Duration', got unconvertible type '[]interface {}'",
        ),
        (r#""timeout":"""#, "'timeout' time: invalid duration"),
        (r#""timeout":"a b""#, "'timeout' time: invalid duration \"a"),
        (r#""PORT":"x""#, "'port' cannot parse value as 'int': strconv.ParseInt: invalid syntax"),
        (
            r#""tls":{"cipher_suites":["x"]}"#,
            "'tls.cipher_suites[0]' cannot parse value as 'uint16': strconv.ParseUint: invalid syntax",
        ),
        (
            r#""async_agent":{"consumer":{"max_rate":"x"}}"#,
            "'async_agent[0].consumer.max_rate' cannot parse value as 'float64': strconv.ParseFloat: invalid syntax",
        ),
    ];
    for (member, wanted) in cases {
        let found = refused(&format!(r#"{{"version":3,{member}}}"#));
        assert_eq!(found, format!("decoding: {wanted}"), "{member}");
    }
    let cases = [
        (
            r#""mapping":"x""#,
            "mapping' expected type 'map[string]string', got unconvertible type 'string'",
        ),
        (
            r#""mapping":{"a":[]}"#,
            "mapping[a]' expected type 'string', got unconvertible type '[]interface {}'",
        ),
        (r#""timeout":"x""#, "Timeout' time: invalid duration"),
    ];
    for (member, wanted) in cases {
        let text = endpoint("", &format!(r#""endpoint":"/a","backend":{{{member}}}"#));
        assert_eq!(
            refused(&text),
            format!("decoding: 'endpoints[0].backend[0].{wanted}"),
            "{member}"
        );
    }
}

#[test]
fn values_of_other_kinds_are_converted() {
    let text = r#"{"version":3.9,"PORT":"0x1F90","Timeout":3000000000,"name":true,"host":"http://h:80",
        "debug_endpoint":"T","echo_endpoint":2,"use_h2c":"","disable_rest":null,
        "max_header_bytes":8080.7,"cache_ttl":null,"read_timeout":true,"listen_ip":"::1",
        "extra_config":[],
        "endpoints":{"Endpoint":"foo","METHOD":"post","concurrent_calls":"2","input_headers":"x-a",
            "backend":{"Url_Pattern":"b","mapping":{"a":1,"b":null},"allow":{}}}}"#;
    let config = config(text);
    assert_eq!(config.port, 8080);
    assert_eq!(config.timeout, GoDuration::seconds(3));
    assert_eq!(config.name, "1");
    assert_eq!((config.debug_endpoint, config.echo_endpoint, config.use_h2c), (true, true, false));
    assert_eq!(config.max_header_bytes, 8080);
    assert_eq!(config.read_timeout, GoDuration(1));
    assert_eq!(config.listen_ip, "::1".parse().ok());
    let endpoint = &config.endpoints[0];
    assert_eq!((endpoint.endpoint.as_str(), endpoint.method.as_str()), ("/foo", "POST"));
    assert_eq!((endpoint.concurrent_calls, endpoint.timeout), (2, GoDuration::seconds(3)));
    assert_eq!(endpoint.input_headers, ["X-A"]);
    let backend = &endpoint.backend[0];
    assert_eq!((backend.url_pattern.as_str(), backend.method.as_str()), ("/b", "post"));
    assert_eq!(backend.host, ["http://h:80"]);
    assert_eq!(backend.mapping["a"], "1");
    assert_eq!(backend.mapping["b"], "");
}

#[test]
fn the_exact_key_beats_one_in_another_case() {
    let text =
        r#"{"version":3,"endpoints":[],"ENDPOINTS":[{"endpoint":"/a"}],"Name":"x","NAME":"y"}"#;
    let config = config(text);
    assert!(config.endpoints.is_empty());
    assert_eq!(config.name, "x");
}

#[test]
fn the_environment_beats_the_file() {
    let file = r#"{"version":3,"port":1,"timeout":"10s"}"#;
    let variables = [
        ("KRAKEND_PORT", ""),
        ("KRAKEND_TIMEOUT", "200ms"),
        ("KRAKEND_ECHO_ENDPOINT", "true"),
        ("KRAKEND_HOST", "http://a"),
        ("KRAKEND_EXTRA_CONFIG.ROUTER.HEALTH_PATH", "/hc"),
        ("KRAKEND_UNKNOWN", "x"),
    ];
    let loaded = load_with(file, &variables).unwrap();
    assert_eq!(loaded.config.port, 8080);
    assert_eq!(loaded.config.timeout, GoDuration(200_000_000));
    assert!(loaded.config.echo_endpoint);
    assert_eq!(loaded.config.host, ["http://a"]);
    assert!(loaded.config.extra_config.namespaces.contains_key("router"));
    assert_eq!(loaded.notices, []);

    let cases = [
        ("KRAKEND_ENDPOINTS", "x", "'endpoints[0]' expected a map or struct, got \"string\""),
        (
            "KRAKEND_PORT",
            "abc",
            "'port' cannot parse value as 'int': strconv.ParseInt: invalid syntax",
        ),
        ("KRAKEND_TIMEOUT", "abc", "'timeout' time: invalid duration"),
    ];
    for (name, value, wanted) in cases {
        let refusal = load_with(file, &[(name, value)]).unwrap_err();
        assert!(refusal.text.ends_with(wanted), "{}", refusal.text);
        assert!(refusal.findings[0].to_string().starts_with(&format!("{name}: /")));
    }
}
