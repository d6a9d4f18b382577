//! A value as Go's `fmt` prints it with `%v`: what a field of an earlier answer becomes in a `url_pattern`.
//!
//! KrakenD: strings as they are, numbers as the backend wrote them, `null` is `<nil>`, objects are
//! `map[key:value …]` with their keys sorted, arrays `[item …]`; a list at the top is its items, joined by commas.

use super::json;
use crate::decode::{Document, Typed, Value, unescape};

/// The text of `value`.
pub(crate) fn go_text(document: &Document, value: Value) -> Vec<u8> {
    let mut text = Vec::new();
    match value {
        Value::Plain(span) => text.extend_from_slice(span.of(&document.input)),
        Value::Opaque(_, Typed::NoObject) => text.extend_from_slice(b"map[]"),
        Value::Opaque(_, Typed::NoList) => {},
        Value::Verbatim(span) | Value::Opaque(span, Typed::Failure) => {
            of_json(span.of(&document.input), &mut text);
        },
        Value::Object(_) | Value::Array(_) => {
            let mut written = Vec::new();
            json::value(document, value, &mut written);
            of_json(&written, &mut text);
        },
    }
    text
}

/// JSON as it leaves the gateway: no blanks, keys sorted.
fn of_json(json: &[u8], text: &mut Vec<u8>) {
    let list = json.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    let mut rest = list.unwrap_or(json);
    let is_list = list.is_some();
    let mut depth = 0_usize;
    while let Some((first, behind)) = rest.split_first() {
        rest = match first {
            b'"' => {
                let (inside, behind) = string(behind);
                unescape(inside, text);
                behind
            },
            b'{' | b'[' => {
                depth += 1;
                text.extend_from_slice(if *first == b'{' { b"map[" } else { b"[" });
                behind
            },
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                text.push(b']');
                behind
            },
            b',' => {
                text.push(if is_list && depth == 0 { b',' } else { b' ' });
                behind
            },
            b'n' => {
                text.extend_from_slice(b"<nil>");
                rest.get(b"null".len()..).unwrap_or_default()
            },
            other => {
                text.push(*other);
                behind
            },
        };
    }
}

/// The inside of a string whose opening quote has been taken, and what follows it.
fn string(rest: &[u8]) -> (&[u8], &[u8]) {
    let mut end = 0;
    loop {
        match rest.get(end) {
            Some(b'"') => break,
            Some(b'\\') => end += 2,
            Some(_) => end += 1,
            None => return (rest, b""),
        }
    }
    let (inside, behind) = rest.split_at(end);
    (inside, behind.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tests::decode;

    /// The member `a.b` of a body, however it stands there.
    #[track_caller]
    fn check(value: &str, expected: &str) {
        let key = |text: &str| -> Box<[u8]> { text.as_bytes().into() };
        let path = [key("a"), key("b")];
        for body in [
            format!(r#"{{"a":{{"b":{value}}}}}"#),
            format!(r#"{{"a": {{"b": {value} , "a": 1}}}}"#),
            format!(r#"{{"\u0061":{{"\u0062":{value}}}}}"#),
        ] {
            let data = decode(|_| {}, &body).unwrap();
            let (document, value) = data.find_at(&path).unwrap();
            let text = String::from_utf8(go_text(document, value)).unwrap();
            assert_eq!(text, expected, "{body}");
        }
    }

    #[test]
    fn scalars_are_what_they_say() {
        check("7", "7");
        check("12345678901234567890", "12345678901234567890");
        check("100000.0", "100000.0");
        check("true", "true");
        check("null", "<nil>");
        check(r#""a b/\u00e9;<\"\\""#, "a b/\u{e9};<\"\\");
        check(r#""null""#, "null");
        check(r#""""#, "");
    }

    #[test]
    fn lists_are_joined_by_commas_and_what_is_in_them_is_gos() {
        check("[]", "");
        check(r#"[1,"x"]"#, "1,x");
        check(r#"[1, {"c": "d"}, [2, 3], [], null, "a,b"]"#, "1,map[c:d],[2 3],[],<nil>,a,b");
        check(r#"[{"id":5},{"id":6}]"#, "map[id:5],map[id:6]");
        check("[[1,2]]", "[1 2]");
    }

    #[test]
    fn objects_are_maps_with_sorted_keys() {
        check("{}", "map[]");
        check(r#"{"b": 1, "a": {"z": [1, 2], "y": null}}"#, "map[a:map[y:<nil> z:[1 2]] b:1]");
        check(r#"{"a\"b": "}"}"#, "map[a\"b:}]");
    }
}
