//! Where Baton answers otherwise than KrakenD on purpose.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// By case, by request: the rule that asks for it and what Baton does instead.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Deviations(BTreeMap<String, BTreeMap<String, String>>);

impl Deviations {
    /// Reads the list.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn read(path: &Path) -> Self {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// Those of `differences` that are not meant, and listed ones that are no longer there.
    pub fn unmeant(&self, case: &str, differences: Vec<String>) -> Vec<String> {
        let Some(listed) = self.0.get(case) else { return differences };
        let of = |words: &str, request: &str| words.starts_with(&format!("{request}: "));
        let gone = listed
            .keys()
            .filter(|request| !differences.iter().any(|words| of(words, request)))
            .map(|request| {
                format!(
                    "{request}: listed as a deviation, but it does not differ: take it off the list"
                )
            });
        let gone: Vec<String> = gone.collect();
        let unmeant = differences
            .into_iter()
            .filter(|words| !listed.keys().any(|request| of(words, request)));
        unmeant.chain(gone).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meant_difference_is_silent_and_a_stale_entry_is_not() {
        let list: Deviations =
            serde_json::from_str(r#"{"c": {"GET /a": "rule: why", "GET /b": "rule: why"}}"#)
                .unwrap();
        let found = list.unmeant("c", vec!["GET /a: status".to_owned(), "GET /c: body".to_owned()]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().any(|words| words.starts_with("GET /c")));
        assert!(found.iter().any(|words| words.starts_with("GET /b: listed")));
    }
}
