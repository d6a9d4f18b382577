use super::document;
use crate::decode::tests::decode;

#[track_caller]
fn check(body: &str, expected: &str) {
    let data = decode(|_| {}, body).unwrap();
    assert_eq!(String::from_utf8_lossy(&document(&data)), expected, "{body}");
}

/// One text, as a field of the document.
#[track_caller]
fn text(text: &str, expected: &str) {
    let json = serde_json::to_string(text).unwrap();
    check(&format!("{{\"k\":{json}}}"), &format!("k: {expected}\n"));
}

#[test]
fn objects_and_arrays_are_blocks_and_empty_ones_are_not() {
    check("{}", "{}\n");
    check("null", "{}\n");
    check(r#"{"a":{"b":{"c":true}},"d":null}"#, "a:\n  b:\n    c: true\nd: null\n");
    check(r#"{"a":[],"b":{},"c":[[]],"d":[{}]}"#, "a: []\nb: {}\nc:\n- []\nd:\n- {}\n");
    check(
        r#"{"e":[["x","z"],{"x":["z"],"y":{"k":"v"}}]}"#,
        "e:\n- - x\n  - z\n- x:\n  - z\n  \"y\":\n    k: v\n",
    );
}

#[test]
fn what_a_feed_does_not_have_is_an_empty_list_or_object() {
    let data = decode(|backend| backend.encoding = "rss".to_owned(), "<rss/>").unwrap();
    let shown = String::from_utf8_lossy(&document(&data)).into_owned();
    assert!(
        shown.starts_with("author: null\ncategories: []\ncopyright: \"\"\ncustom: {}\n"),
        "{shown}"
    );
    assert!(shown.contains("\nitems: []\n"), "{shown}");
}

#[test]
fn numbers_of_a_backend_are_texts() {
    check(
        r#"{"i":1,"f":1.50,"e":1e5,"E":1E+2,"b":12345678901234567890,"z":-0}"#,
        "E: 1E+2\nb: \"12345678901234567890\"\ne: 1e5\nf: \"1.50\"\ni: \"1\"\nz: \"-0\"\n",
    );
}

#[test]
fn what_would_be_read_as_something_else_is_quoted() {
    let quoted = [
        "",
        "true",
        "NULL",
        "~",
        "yes",
        "Off",
        "n",
        "1",
        "+1",
        "-.5",
        "0x1F",
        "0o17",
        "0b1",
        "017",
        "1_000",
        "99999999999999999999x",
        "1.5e999",
        "-",
        "- x",
        "a: b",
        "a:",
        "#c",
        "*a",
        "&a",
        "[x]",
        "{a}",
        "a]x: ",
        "!x",
        "|",
        "> x",
        "%",
        "'",
        "@",
        "`",
        ",",
        " x",
        "x ",
        "2001-01-01",
        "2001-01-01T1:00:00.5+02:00",
        "2001-01-01 10:11:12",
        "1:2",
        "23:59",
    ];
    for value in quoted {
        text(value, &format!("\"{value}\""));
    }
    let plain = [
        "a b",
        "a-b",
        "a:b",
        "a,b",
        "x'",
        ".inf",
        ".",
        "08",
        "1.2.3",
        "--1",
        "_1",
        "25:00",
        "2001-02-30",
        "2001-01-01T10:11Z",
        "1e5",
        "\ta",
        "é😀",
        "?",
        "? x",
        "=",
        "<<",
        "99999x",
    ];
    for value in plain {
        text(value, value);
    }
    text("a\\b", r#""a\\b""#);
    text(
        "# \u{1}\u{7F}\u{A0}\u{2028}\u{FEFF}é\n\u{7}\"",
        r##""# \x01\x7f\u00a0\u2028\ufeffé\n\a\"""##,
    );
    check(r#"{"no":"x","":"y","1":"z"}"#, "\"\": \"y\"\n\"1\": z\n\"no\": x\n");
}

#[test]
fn several_lines_are_a_literal() {
    text("a\nb\n", "|\n  a\n  b");
    text("a\n\nb", "|-\n  a\n  \n  b");
    text("a\n\n", "|+\n  a\n");
    text("a\r\nb", "|-\r\n  a\r\n  b");
    check(r#"{"o":{"k":"a\nb"}}"#, "o:\n  k: |-\n    a\n    b\n");
    check(r#"{"l":["a\n\nb",{"k":"a\nb"}]}"#, "l:\n- |-\n  a\n\n  b\n- k: |-\n    a\n    b\n");
    check(r#"{"o":{"l":[["a\nb"]]}}"#, "o:\n  l:\n  - - |-\n      a\n      b\n");
}

#[test]
fn very_deep_values_are_written_in_one_line() {
    let deep = |levels: usize| {
        let body = format!("{{\"a\":{}\"x\"{}}}", "[".repeat(levels), "]".repeat(levels));
        let data = decode(|_| {}, body).unwrap();
        String::from_utf8(document(&data).to_vec()).unwrap()
    };
    assert_eq!(deep(63), format!("a:\n{}x\n", "- ".repeat(63)));
    assert_eq!(deep(64), format!("a:\n{}[\"x\"]\n", "- ".repeat(63)));
    assert_eq!(deep(9_000).len(), "a:\n".len() + 63 * 2 + (9_000 - 63) * 2 + 4);
}
