//! The reader's errors are Go's, word by word.

use super::*;

#[test]
fn syntax_errors_are_gos() {
    let cases = [
        ("", "unexpected end of JSON input"),
        ("  \n", "unexpected end of JSON input"),
        ("{\"version\":3,", "unexpected end of JSON input"),
        ("{\"version\"", "unexpected end of JSON input"),
        ("{\"a\":[1,", "unexpected end of JSON input"),
        ("\"ab", "unexpected end of JSON input"),
        ("{nope", "invalid character 'n' looking for beginning of object key string"),
        ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
        ("{'a':1}", r"invalid character '\'' looking for beginning of object key string"),
        ("[1,]", "invalid character ']' looking for beginning of value"),
        ("{\"a\" 1}", "invalid character '1' after object key"),
        ("{\"a\":1 \"b\":2}", "invalid character '\"' after object key:value pair"),
        ("{\"a\":1]", "invalid character ']' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ("{} {}", "invalid character '{' after top-level value"),
        ("{}// c", "invalid character '/' after top-level value"),
        ("{/*c*/}", "invalid character '/' looking for beginning of object key string"),
        ("{\"a\":01}", "invalid character '1' after object key:value pair"),
        ("{\"a\":-}", "invalid character '}' in numeric literal"),
        ("{\"a\":+1}", "invalid character '+' looking for beginning of value"),
        ("{\"a\":1.}", "invalid character '}' after decimal point in numeric literal"),
        ("{\"a\":1e+}", "invalid character '}' in exponent of numeric literal"),
        ("{\"a\":1e", "invalid character ' ' in exponent of numeric literal"),
        ("{\"a\":tru", "invalid character ' ' in literal true (expecting 'e')"),
        ("{\"a\":nil}", "invalid character 'i' in literal null (expecting 'u')"),
        ("{\"a\":False}", "invalid character 'F' looking for beginning of value"),
        ("{\"a\":\"\t\"}", r"invalid character '\t' in string literal"),
        ("{\"a\":\"\\x\"}", "invalid character 'x' in string escape code"),
        ("{\"a\":\"\\u12g4\"}", r"invalid character 'g' in \u hexadecimal character escape"),
        ("{\"a\":\"\\", "invalid character ' ' in string escape code"),
        ("\u{feff}{}", "invalid character 'ï' looking for beginning of value"),
        ("[]", "json: cannot unmarshal array into Go value of type map[string]interface {}"),
        ("\"x\"", "json: cannot unmarshal string into Go value of type map[string]interface {}"),
        (" 1", "json: cannot unmarshal number into Go value of type map[string]interface {}"),
        ("true", "json: cannot unmarshal bool into Go value of type map[string]interface {}"),
        ("{\"a\":1e400}", "json: cannot unmarshal number 1e400 into Go value of type float64"),
        ("{\"a\":1e400,}", "invalid character '}' looking for beginning of object key string"),
        ("null", "unsupported version: 0 (want: 3)"),
    ];
    for (text, wanted) in cases {
        assert_eq!(refused(text), wanted, "{text:?}");
    }
}

#[test]
fn nesting_is_bounded() {
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    assert_eq!(refused(&deep), "invalid character '[' exceeded max depth");
    let right = format!("{{\"version\":3,\"_a\":{}{}}}", "[".repeat(999), "]".repeat(999));
    assert!(load_json(&right).is_ok());
}

#[test]
fn a_syntax_error_has_its_line_and_how_far_the_reader_came() {
    let refusal = load_json("{\n \"endpoints\": [\n  {},\n  {\"timeout\": x}\n]}").unwrap_err();
    assert_eq!(
        refusal.findings[0].to_string(),
        "krakend.json:4: /endpoints/1/timeout: invalid character 'x' looking for beginning of value"
    );
}

#[test]
fn strings_and_numbers_are_read_as_go_reads_them() {
    let text = r#"{"version":3,"name":"\u00e9\ud83d\ude00\ud800A\u0041\ud800\u0041\/","_x":1}"#;
    assert_eq!(config(text).name, "\u{e9}\u{1f600}\u{fffd}AA\u{fffd}A/");
    let bytes = b"{\"version\":3,\"name\":\"a\xffb\"}";
    let loaded = load("k", bytes, &Environment::default()).unwrap();
    assert_eq!(loaded.config.name, "a\u{fffd}b");
    for (written, held) in
        [("1.50", "1.5"), ("1E+2", "100"), ("12345678901234567", "12345678901234568"), ("-0", "-0")]
    {
        let text = format!(r#"{{"version":3,"extra_config":{{"router":{{"n":{written}}}}}}}"#);
        let config = config(&text);
        let settings = &config.extra_config.namespaces["router"].settings;
        let Value::Object(members) = &settings.value else { panic!("no object") };
        assert_eq!(members[0].1.value, Value::Number(held.to_owned()));
    }
}
