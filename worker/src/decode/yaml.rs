//! `yaml`: KrakenD's Enterprise encoding, as documented: a mapping, or a list with `is_collection`.
//!
//! The reader is that of configurations (go-yaml's rules); what it finds is put as JSON through the
//! JSON decoder, which gives it its shape. JSON is YAML: a JSON backend may be declared as one.

use bytes::Bytes;

use baton_shared::config::read::yaml_value;

use super::data::{Data, Numbers};
use super::error::DecodeError;
use super::json::{self, Root};
use super::shape::Shape;
use crate::encode::{Integers, static_json};

/// Longer bodies are refused: a tree is built of them.
const YAML_BYTES_MAX: usize = 64 << 20;

/// Aliases may copy some times what the body has, and something at any rate.
const COPIED_TIMES_MAX: usize = 16;
const COPIED_BYTES_MIN: usize = 1 << 20;

/// Decodes a body and gives it its shape.
pub(super) fn decode(root: Root, shape: &Shape, body: &Bytes) -> Result<Data, DecodeError> {
    if body.len() > YAML_BYTES_MAX {
        return Err(DecodeError::TooLarge);
    }
    let copied_bytes_max = (body.len() * COPIED_TIMES_MAX).max(COPIED_BYTES_MIN);
    let value = yaml_value(body, copied_bytes_max);
    let value = value.map_err(|error| DecodeError::Yaml(error.text.into()))?;
    let json = static_json(&value, Integers::Exact);
    let mut data = json::decode(root, shape, Bytes::from(json))?;
    for document in &mut data.documents {
        document.numbers = Numbers::Exact;
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use crate::decode::tests::{decode, json};

    #[track_caller]
    fn check(is_collection: bool, body: &str, expected: &str) {
        let found = decode(
            |backend| {
                backend.encoding = "yaml".to_owned();
                backend.is_collection = is_collection;
            },
            body,
        );
        let shown = found.map_or_else(|error| error.to_string(), |data| json(&data));
        assert_eq!(shown, expected, "{body}");
    }

    #[test]
    fn mappings_lists_and_scalars_are_what_they_are_in_json() {
        check(
            false,
            "b: [1, 1.50, 0x1f, yes, ~]\na:\n  z: |\n    x\n    y\n  d: 2001-01-02\n1: k",
            r#"{"1":"k","a":{"d":"2001-01-02T00:00:00Z","z":"x\ny\n"},"b":[1,1.5,31,"yes",null]}"#,
        );
        check(true, "- a: 1\n- b", r#"{"collection":[{"a":1},"b"]}"#);
        check(false, r#"{"a": [1, 12345678901234567890]}"#, r#"{"a":[1,12345678901234567890]}"#);
        check(false, "", "null");
    }

    #[test]
    fn what_is_no_mapping_is_refused() {
        let wanted = "Go value of type map[string]interface {}";
        check(false, "- a", &format!("json: cannot unmarshal array into {wanted}"));
        check(false, "a", &format!("json: cannot unmarshal string into {wanted}"));
        check(
            false,
            "a: [",
            "yaml: line 2: while parsing a node, did not find expected node content",
        );
    }

    #[test]
    fn aliases_are_followed_and_bounded() {
        check(
            false,
            "a: &x {k: 1}\nb: *x\nc: {<<: *x, l: 2}",
            r#"{"a":{"k":1},"b":{"k":1},"c":{"k":1,"l":2}}"#,
        );
        let level = |level: usize| {
            let before = vec![format!("*a{}", level - 1); 10].join(", ");
            format!("a{level}: &a{level} [{before}]\n")
        };
        let laughs: String = (1..9).map(level).collect();
        let laughs = format!("a0: &a0 [{}]\n{laughs}", ["ha"; 10].join(", "));
        let error = "yaml: unmarshal errors:\n  line 5: document contains excessive aliasing";
        check(false, &laughs, error);
    }
}
