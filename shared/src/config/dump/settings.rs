//! `extra_config` in the dump: names, and with more detail the settings in Go's `%+v`.
//!
//! KrakenD shows keys in random order; here they are sorted.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use super::{Detail, Out};
use crate::config::model::ExtraConfig;
use crate::config::node::{Node, Value};

impl Out<'_> {
    /// How many components there are, and which.
    pub(super) fn component_count(&mut self, indent: &str, whose: &str, extra: &ExtraConfig) {
        let count = extra.namespaces.len();
        if count == 0 && !self.shows(Detail::More) {
            return;
        }
        self.line(indent, format_args!("{count} {whose} component configuration(s):"));
        let mut components: Vec<_> = extra.namespaces.values().collect();
        components.sort_by_key(|component| component.spelling.as_str());
        for component in components {
            self.line(indent, format_args!("- {}", component.spelling));
            if self.shows(Detail::More) {
                self.settings(indent, &component.settings);
            }
        }
    }

    /// KrakenD indents these by a tab, whatever the indentation is.
    fn settings(&mut self, indent: &str, settings: &Node) {
        let Value::Object(members) = &settings.value else {
            self.line("\t", format_args!("{indent}: {}", Plain(&settings.value)));
            return;
        };
        for (key, node) in sorted(members) {
            self.line("\t", format_args!("{indent}{key}: {}", Plain(&node.value)));
        }
    }
}

fn sorted(members: &[(String, Node)]) -> Vec<&(String, Node)> {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    sorted
}

/// A value in Go's `%+v`.
struct Plain<'a>(&'a Value);

impl Display for Plain<'_> {
    // Recursion: the readers bound how deep a document nests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => f.write_str("<nil>"),
            Value::Bool(flag) => write!(f, "{flag}"),
            Value::Number(digits) => f.write_str(&percent_v(digits)),
            Value::String(text) => f.write_str(text),
            Value::Array(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    let blank = if index > 0 { " " } else { "" };
                    write!(f, "{blank}{}", Plain(&item.value))?;
                }
                f.write_str("]")
            },
            Value::Object(members) => {
                f.write_str("map[")?;
                for (index, (key, node)) in sorted(members).into_iter().enumerate() {
                    let blank = if index > 0 { " " } else { "" };
                    write!(f, "{blank}{key}:{}", Plain(&node.value))?;
                }
                f.write_str("]")
            },
        }
    }
}

/// Go's `%v` of a number: as in JSON, but exponents begin below 1e-4 and have two digits.
fn percent_v(digits: &str) -> String {
    let float: f64 = digits.parse().unwrap_or(0.0);
    let is_tiny = float != 0.0 && float.abs() < 1e-4;
    if !is_tiny {
        return digits.to_owned();
    }
    let text = format!("{float:e}");
    match text.split_once("e-") {
        Some((mantissa, exponent)) => format!("{mantissa}e-{exponent:0>2}"),
        None => text,
    }
}

/// The inside of Go's `map[…]`.
pub(super) struct Members<'a>(pub(super) &'a BTreeMap<String, String>);

impl Display for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, value)) in self.0.iter().enumerate() {
            let blank = if index > 0 { " " } else { "" };
            write!(f, "{blank}{key}:{value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_have_gos_exponents() {
        for (digits, shown) in [
            ("5", "5"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("1e-7", "1e-07"),
            ("1e+21", "1e+21"),
        ] {
            assert_eq!(percent_v(digits), shown);
        }
    }
}
