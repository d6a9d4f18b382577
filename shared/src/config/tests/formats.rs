//! YAML and TOML.

use super::*;

/// The members of an object as text.
fn shown(node: &Value) -> String {
    match node {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(digits) => digits.clone(),
        Value::String(text) => format!("{text:?}"),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|i| shown(&i.value)).collect::<Vec<_>>().join(" "))
        },
        Value::Object(members) => {
            let members = members.iter().map(|(key, node)| format!("{key}:{}", shown(&node.value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(" "))
        },
    }
}

fn yaml(text: &str) -> Result<String, String> {
    let document = read(Format::Yaml, text.as_bytes());
    document.map(|d| shown(&d.root.value)).map_err(|error| error.text)
}

fn toml(text: &str) -> Result<String, String> {
    let document = read(Format::Toml, text.as_bytes());
    document.map(|d| shown(&d.root.value)).map_err(|error| error.text)
}

#[test]
fn yaml_is_read_as_krakends_parser_reads_it() {
    let cases = [
        ("", "{}"),
        ("# nothing", "{}"),
        ("~", "{}"),
        ("a: 1\nb: [yes, 017, 1.50]\n", "{a:1 b:[\"yes\" 15 1.5]}"),
        ("a: |\n  x\n  y\nb: >-\n  f\n  g\n", "{a:\"x\\ny\\n\" b:\"f g\"}"),
        ("1: a\ntrue: b\n~: c", "{1:\"a\" true:\"b\" <nil>:\"c\"}"),
        ("a: &x [1]\nb: *x", "{a:[1] b:[1]}"),
        ("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}", "{a:{k:1 l:2} b:{k:3 l:2}}"),
        ("b: {<<: [{k: 1}, {k: 2, l: 3}]}", "{b:{k:1 l:3}}"),
        ("b: {\"<<\": 1}", "{b:{<<:1}}"),
        ("a:\nb: {c: }", "{a:null b:{c:null}}"),
        ("a: 1\n---\nb: 2", "{a:1}"),
        ("a: !!str 1\nb: !local x", "{a:\"1\" b:\"x\"}"),
    ];
    for (text, wanted) in cases {
        assert_eq!(yaml(text).as_deref(), Ok(wanted), "{text}");
    }
}

#[test]
fn what_is_no_yaml_is_refused_with_its_line() {
    let cases = [
        (
            "version: 3\n  endpoints: [\n",
            "yaml: line 2: mapping values are not allowed in this context",
        ),
        (
            "- a",
            "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into map[string]interface {}",
        ),
        (
            "just a text",
            "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `just a ...` into map[string]interface {}",
        ),
        (
            "a: 1\nb: 2\na: 3",
            "yaml: unmarshal errors:\n  line 3: mapping key \"a\" already defined at line 1",
        ),
        ("a: &x [*x]", "yaml: unmarshal errors:\n  line 1: anchor value contains itself"),
        (
            "? [a]\n: 1",
            "yaml: unmarshal errors:\n  line 1: invalid map key: a key must be a scalar",
        ),
        ("a: {<<: 1}", "yaml: map merge requires map or sequence of maps as the value"),
    ];
    for (text, wanted) in cases {
        assert_eq!(yaml(text).unwrap_err(), wanted, "{text}");
    }
    assert!(read(Format::Yaml, b"a: \xff").is_err());
}

#[test]
fn a_small_yaml_cannot_grow_large_or_deep() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    bomb.extend((1..12).map(|n| {
        let many = vec![format!("*a{}", n - 1); 10].join(", ");
        format!("a{n}: &a{n} [{many}]\n")
    }));
    assert!(yaml(&bomb).unwrap_err().ends_with("document contains excessive aliasing"));
    let mut tower = "a0: &a0 [x]\n".to_owned();
    tower.extend((1..1_100).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)));
    assert!(yaml(&tower).is_err());
    assert!(yaml(&"[".repeat(200_000)).is_err());
    assert!(yaml(&format!("a: {}", "- ".repeat(5_000))).is_err());
}

#[test]
fn toml_is_read_with_exact_integers_in_file_order() {
    let cases = [
        ("", "{}"),
        (
            "z = 12345678901234567\na = 1.50\n[t.u]\nl = [1, 2]\nh = 0x1f",
            "{z:12345678901234567 a:1.5 t:{u:{l:[1 2] h:31}}}",
        ),
        ("[[e]]\nx = 1\n[[e]]\ny = inf", "{e:[{x:1} {y:\"inf\"}]}"),
        ("d = 2001-01-02", "{d:\"2001-01-02\"}"),
    ];
    for (text, wanted) in cases {
        assert_eq!(toml(text).as_deref(), Ok(wanted), "{text}");
    }
    let error = read(Format::Toml, b"a = 1\nb = \n").unwrap_err();
    assert!(error.text.starts_with("(2, "), "{}", error.text);
    assert_eq!(error.line, 2);
    assert!(toml("a = 1\na = 2").is_err());
    assert!(toml("a = 99999999999999999999").is_err());
    assert!(toml(&format!("a = {}", "[".repeat(100_000))).is_err());
}

#[test]
fn integers_keep_their_type_in_krakends_texts() {
    for (path, text, kind) in
        [("k.yaml", "endpoints: 1", "int"), ("k.toml", "endpoints = 1", "int64")]
    {
        let refusal = load(path, text.as_bytes(), &Environment::default()).unwrap_err();
        let wanted = format!("'endpoints[0]' expected a map or struct, got \"{kind}\"");
        assert!(refusal.text.ends_with(&wanted), "{}", refusal.text);
    }
}

#[test]
fn lines_are_those_of_the_file() {
    let text =
        "version: 3\nendpoints:\n  - endpoint: /a\n    tiemout: 1s\n    backend:\n      - {}\n";
    let loaded = load("k.yaml", text.as_bytes(), &Environment::default()).unwrap();
    assert!(loaded.notices[0].to_string().starts_with("k.yaml:4: /endpoints/0/tiemout: "));
    let text = "version = 3\n[[endpoints]]\nendpoint = \"/a\"\ntiemout = \"1s\"\nbackend = [{}]\n";
    let loaded = load("k.toml", text.as_bytes(), &Environment::default()).unwrap();
    assert!(loaded.notices[0].to_string().starts_with("k.toml:4: /endpoints/0/tiemout: "));
}
