//! RFC 6901 JSON pointers: where in a configuration something stands.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in a configuration, such as `/endpoints/0/timeout`; the root is the empty string.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonPointer(String);

impl JsonPointer {
    /// The whole document.
    #[must_use]
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// The member `key` of the object here (`~` and `/` are escaped, RFC 6901 §3).
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self(format!("{}/{}", self.0, key.replace('~', "~0").replace('/', "~1")))
    }

    /// The item `index` of the array here.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }

    /// The text of the pointer.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_slash_and_tilde_are_escaped() {
        let at = JsonPointer::root().key("extra_config").key("qos/rate~limit").index(2);
        assert_eq!(at.as_str(), "/extra_config/qos~1rate~0limit/2");
        assert_eq!(JsonPointer::root().to_string(), "/");
    }
}
