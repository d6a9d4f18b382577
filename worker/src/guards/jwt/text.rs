//! Claims as text: in header fields, in `url_pattern`, in logs; Go's forms, quirks included.

use std::fmt::Write as _;

use super::json::Json;
use crate::encode::{float64, json_text, shortest};

/// What KrakenD makes of a claim for a header field or a URL.
pub(crate) fn of_claim(claim: &Json) -> String {
    match claim {
        Json::Text(text) => text.as_ref().to_owned(),
        Json::Number(number) => of_number(*number),
        Json::List(items) => {
            let items: Vec<String> = items.iter().map(of_item).collect();
            items.join(",")
        },
        Json::Object(_) | Json::Bool(_) | Json::Null => {
            let mut text = String::new();
            write_json(claim, &mut text);
            text
        },
    }
}

/// An item of a list: Go's `%v`.
pub(crate) fn of_item(item: &Json) -> String {
    let mut text = String::new();
    write_item(item, &mut text);
    text
}

/// Digits where it is nearly an integer, six decimals otherwise; an integer that is none in Go is its smallest (amd64).
fn of_number(number: f64) -> String {
    const NEARLY: f64 = 1e-6;
    let rounded = number.round();
    if (number - rounded).abs() <= NEARLY {
        return integer(rounded).unwrap_or(i64::MIN).to_string();
    }
    format!("{number:.6}")
}

/// A float without a fraction as an integer, if it is in its range.
pub(crate) fn integer(number: f64) -> Option<i64> {
    // Both bounds are floats exactly.
    const BELOW: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "in range, as was just looked at")]
    ((-BELOW..BELOW).contains(&number)).then_some(number as i64)
}

fn write_item(item: &Json, text: &mut String) {
    match item {
        Json::Null => text.push_str("<nil>"),
        Json::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => text.push_str(&shortest(*number)),
        Json::Text(value) => text.push_str(value),
        Json::List(items) => {
            text.push('[');
            for (nth, item) in items.iter().enumerate() {
                if nth > 0 {
                    text.push(' ');
                }
                write_item(item, text);
            }
            text.push(']');
        },
        Json::Object(members) => {
            text.push_str("map[");
            for (nth, (name, value)) in sorted(members).into_iter().enumerate() {
                if nth > 0 {
                    text.push(' ');
                }
                let _infallible = write!(text, "{name}:");
                write_item(value, text);
            }
            text.push(']');
        },
    }
}

/// As Go's `json.Marshal`: keys sorted, `<`, `>`, `&` escaped.
fn write_json(value: &Json, text: &mut String) {
    match value {
        Json::Null => text.push_str("null"),
        Json::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => text.push_str(&float64(*number).unwrap_or_default()),
        Json::Text(value) => quoted(value, text),
        Json::List(items) => {
            text.push('[');
            for (nth, item) in items.iter().enumerate() {
                if nth > 0 {
                    text.push(',');
                }
                write_json(item, text);
            }
            text.push(']');
        },
        Json::Object(members) => {
            text.push('{');
            for (nth, (name, value)) in sorted(members).into_iter().enumerate() {
                if nth > 0 {
                    text.push(',');
                }
                quoted(name, text);
                text.push(':');
                write_json(value, text);
            }
            text.push('}');
        },
    }
}

fn quoted(value: &str, text: &mut String) {
    let mut bytes = Vec::with_capacity(value.len() + 2);
    json_text(value.as_bytes(), &mut bytes);
    // Escapes are ASCII, and the rest is as it was.
    text.push_str(&String::from_utf8_lossy(&bytes));
}

fn sorted(members: &[(Box<str>, Json)]) -> Vec<(&str, &Json)> {
    let mut sorted: Vec<(&str, &Json)> =
        members.iter().map(|(name, value)| (&**name, value)).collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    sorted
}

#[cfg(test)]
mod tests {
    use super::super::json::read;
    use super::*;

    #[track_caller]
    fn check(claim: &str, text: &str) {
        assert_eq!(of_claim(&read(claim.as_bytes()).unwrap()), text, "{claim}");
    }

    #[test]
    fn claims_are_written_as_krakend_writes_them() {
        check("42", "42");
        check("-42.42", "-42.420000");
        check("4.000001", "4.000001");
        check("4.0000001", "4");
        check("1651529725", "1651529725");
        check("1e20", "-9223372036854775808");
        check("-0.0", "0");
        check(r#"["item 1","item-2",1,-2,2.99,-3.01]"#, "item 1,item-2,1,-2,2.99,-3.01");
        check("[]", "");
        check(
            r#"["a",1,1.5,true,null,{"q":1},1234567]"#,
            "a,1,1.5,true,<nil>,map[q:1],1.234567e+06",
        );
        check(r#"[[1,[2]],{"b":1,"a":[]}]"#, "[1 [2]],map[a:[] b:1]");
        check(
            r#"{"b":[1,{"z":1}],"a":"<&>\u2028\"\n"}"#,
            r#"{"a":"\u003c\u0026\u003e\u2028\"\n","b":[1,{"z":1}]}"#,
        );
        check("true", "true");
        check("null", "null");
        check(r#""""#, "");
        check(r#""h\u00e9""#, "h\u{e9}");
    }
}
