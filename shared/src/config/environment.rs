//! `KRAKEND_*`: environment variables that override the file.
//!
//! KrakenD: the name without its prefix, in lower case, is a key; a dot nests; the value is a text
//! that goes through weak typing; a key that the file does not have is added.

use std::ffi::OsString;

use super::node::{Node, Value};

/// What of a process's environment a configuration depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `KRAKEND_*` without the prefix, in lower case, sorted.
    overrides: Vec<(String, String)>,
    /// `FC_*`, when `FC_ENABLE` is set and not empty.
    flexible: Option<Flexible>,
}

/// Flexible configuration: the file is a template. What is empty is not used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flexible {
    /// `FC_SETTINGS`: a folder of JSON files, the data of the template.
    pub settings: String,
    /// `FC_PARTIALS`: where `include` looks.
    pub partials: String,
    /// `FC_TEMPLATES`: a folder of further templates.
    pub templates: String,
    /// `FC_OUT`: where the rendered text is kept.
    pub out: String,
}

/// The line of what does not come from the file.
pub(super) const LINE_NONE: u32 = 0;

impl Environment {
    /// Picks out of all variables (`std::env::vars_os()`) those that count.
    pub fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        let (mut is_flexible, mut flexible) = (false, Flexible::default());
        for (name, value) in variables {
            let name = name.to_string_lossy();
            let text = || value.to_string_lossy().into_owned();
            match name.as_ref() {
                "FC_ENABLE" => is_flexible = !value.is_empty(),
                "FC_SETTINGS" => flexible.settings = text(),
                "FC_PARTIALS" => flexible.partials = text(),
                "FC_TEMPLATES" => flexible.templates = text(),
                "FC_OUT" => flexible.out = text(),
                _ => {},
            }
            let Some(key) = name.strip_prefix("KRAKEND_") else { continue };
            if !key.is_empty() {
                environment.overrides.push((key.to_lowercase(), text()));
            }
        }
        environment.flexible = is_flexible.then_some(flexible);
        environment.overrides.sort();
        environment
    }

    /// Flexible configuration, if it is switched on.
    #[must_use]
    pub const fn flexible(&self) -> Option<&Flexible> {
        self.flexible.as_ref()
    }

    /// Lays the overrides over the members of the root.
    pub(super) fn lay_over(&self, root: &mut Vec<(String, Node)>) {
        for (name, value) in &self.overrides {
            let path: Vec<&str> = name.split('.').collect();
            let value = Node { line: LINE_NONE, value: Value::String(value.clone()) };
            lay(root, &path, value);
        }
    }
}

/// Puts `value` at `path`; whatever stands in the way and is no object is replaced.
fn lay(members: &mut Vec<(String, Node)>, path: &[&str], value: Node) {
    let Some((first, rest)) = path.split_first() else { return };
    let place = members.iter().position(|(key, _)| key == first).unwrap_or_else(|| {
        members.push(((*first).to_owned(), Node { line: LINE_NONE, value: Value::Null }));
        members.len() - 1
    });
    let Some((_, node)) = members.get_mut(place) else { return };
    if rest.is_empty() {
        *node = value;
        return;
    }
    if !matches!(node.value, Value::Object(_)) {
        *node = Node { line: LINE_NONE, value: Value::Object(Vec::new()) };
    }
    if let Value::Object(inner) = &mut node.value {
        lay(inner, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read::{Format, read};

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::of(pairs.iter().map(|(n, v)| (OsString::from(n), OsString::from(v))))
    }

    #[test]
    fn overrides_replace_add_and_nest() {
        let set = environment(&[
            ("KRAKEND_PORT", "9000"),
            ("KRAKEND_EXTRA_CONFIG.ROUTER.HEALTH_PATH", "/hc"),
            ("KRAKEND_NAME.X", "y"),
            ("KRAKEND_", "ignored"),
            ("PORT", "1"),
            ("FC_ENABLE", ""),
        ]);
        assert_eq!(set.flexible(), None);
        let file = br#"{"port": 1, "name": "n", "extra_config": {"router": {"a": true}}}"#;
        let wanted = br#"{"port": "9000", "name": {"x": "y"},
            "extra_config": {"router": {"a": true, "health_path": "/hc"}}}"#;
        let mut root = read(Format::Json, file).unwrap().root;
        if let Value::Object(members) = &mut root.value {
            set.lay_over(members);
        }
        assert_eq!(plain(&root), plain(&read(Format::Json, wanted).unwrap().root));
    }

    #[test]
    fn flexible_configuration_is_on_with_any_text() {
        let set = environment(&[("FC_ENABLE", "0"), ("FC_SETTINGS", "s"), ("FC_OUT", "o.yml")]);
        let flexible = set.flexible().unwrap();
        assert_eq!((flexible.settings.as_str(), flexible.out.as_str()), ("s", "o.yml"));
        assert_eq!(flexible.partials, "");
    }

    /// Without lines.
    fn plain(node: &Node) -> Node {
        let value = match &node.value {
            Value::Array(items) => Value::Array(items.iter().map(plain).collect()),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(k, n)| (k.clone(), plain(n))).collect())
            },
            scalar => scalar.clone(),
        };
        Node { line: 0, value }
    }
}
