//! `target`, `allow`, `deny`, `mapping`, `group`: what is kept of a backend's answer, and where.
//!
//! Compiled at start; applied while the body is read, so that what is not kept is never built.
//! KrakenD: paths go through objects only, an array is kept or dropped whole; `deny` counts only
//! without `allow`; `mapping` renames top-level keys.

use baton_shared::config::model::BackendConfig;

use super::data::{Data, Document, Entry, Key, Span, Typed, Value};
use super::trie::{Next, Trie};

/// A path of more keys than this is refused: each is a level of recursion.
pub const PATH_KEYS_MAX: usize = 500;

/// What is kept of a backend's answer, and where.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// Keys down to the object that replaces the whole.
    pub(super) target: Vec<Box<[u8]>>,
    pub(super) filter: Filter,
    /// For top-level keys, in order of the old names.
    pub(super) mapping: Vec<Rename>,
    /// The key under which everything is put.
    pub(super) group: Option<Box<[u8]>>,
}

/// Old and new name of a key.
type Rename = (Box<[u8]>, Box<[u8]>);

/// Which fields stay.
#[derive(Clone, Debug, Default)]
pub(super) enum Filter {
    /// All.
    #[default]
    All,
    /// Those of `allow`.
    Allow(Trie),
    /// All but those of `deny`.
    Deny(Trie),
}

/// What was found in a body, besides its fields.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    /// `null`, and where it stands.
    Null(Span),
    /// An object.
    Object {
        /// The whole of it, when it can be written as it stands.
        verbatim: Option<Span>,
    },
}

impl Found {
    pub(super) const EMPTY: Self = Self::Object { verbatim: None };
}

/// A path of `allow`, `deny` or `target` that is too long to be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a path of `{key}` has {keys} keys; at most {PATH_KEYS_MAX} are possible")]
pub struct PathTooLong {
    /// The list it stands in.
    pub key: &'static str,
    /// Its length.
    pub keys: usize,
}

impl Shape {
    /// Compiles the keys of a backend.
    ///
    /// # Errors
    /// A path is longer than [`PATH_KEYS_MAX`].
    pub fn compile(backend: &BackendConfig) -> Result<Self, PathTooLong> {
        check("target", std::slice::from_ref(&backend.target))?;
        check("allow", &backend.allow)?;
        check("deny", &backend.deny)?;
        let filter = match (backend.allow.as_slice(), backend.deny.as_slice()) {
            ([], []) => Filter::All,
            ([], deny) => Filter::Deny(Trie::deny(deny)),
            (allow, _) => Filter::Allow(Trie::allow(allow)),
        };
        let target = match backend.target.as_str() {
            "" => Vec::new(),
            path => path.split('.').map(bytes).collect(),
        };
        let renames = backend.mapping.iter();
        let mapping = renames.map(|(from, to)| (bytes(from), bytes(first_key(to)))).collect();
        let group = (!backend.group.is_empty()).then(|| bytes(&backend.group));
        Ok(Self { target, filter, mapping, group })
    }
}

impl Shape {
    /// Leaves nothing but `target`; gives back what is to be done at the end: `group`.
    pub(super) fn only_target(&mut self) -> Option<Box<[u8]>> {
        let target = std::mem::take(&mut self.target);
        std::mem::replace(self, Self { target, ..Self::default() }).group
    }

    /// Whether a top-level field stays that is no object: it cannot be entered, so `target` loses
    /// it, and of longer paths `allow` drops and `deny` keeps it.
    pub(super) fn keeps_leaf(&self, name: &[u8]) -> bool {
        let kept = match &self.filter {
            Filter::All => true,
            Filter::Allow(trie) => matches!(trie.find(name), Some(Next::Leaf)),
            Filter::Deny(trie) => !matches!(trie.find(name), Some(Next::Leaf)),
        };
        kept && self.target.is_empty()
    }

    /// The last steps: what was found becomes the root, renamed and grouped. Its fields are
    /// `children`, in order.
    pub(super) fn arrange(
        &self,
        found: Found,
        mut children: Vec<Entry>,
        mut document: Document,
    ) -> Data {
        let verbatim = match (found, &self.group) {
            (Found::Object { verbatim }, _) => verbatim,
            (Found::Null(_), None) => return Data::of(document, None),
            (Found::Null(span), Some(group)) => {
                return Data::under(group, document, Value::Opaque(span, Typed::NoObject));
            },
        };
        let renamed = self.rename(&mut children, &mut document);
        let verbatim = verbatim.filter(|_| !renamed);
        let Some(group) = &self.group else {
            return Data { verbatim, ..Data::of(document, Some(children)) };
        };
        let value = verbatim.map_or_else(|| document.adopt(&children), Value::Verbatim);
        Data::under(group, document, value)
    }

    /// Gives top-level keys their new names; says whether any has one. A new name replaces the field
    /// that had it, and a key that is mapped to itself is lost, as with KrakenD.
    fn rename(&self, children: &mut Vec<Entry>, document: &mut Document) -> bool {
        let mut renamed = false;
        for (old, new) in &self.mapping {
            let named = |name: &[u8], child: &Entry| *document.key(child.key()) == *name;
            let Some(index) = children.iter().position(|child| named(old, child)) else { continue };
            let child = children.remove(index);
            renamed = true;
            if old == new {
                continue;
            }
            children.retain(|other| !named(new, other));
            let key = Key::make(&mut document.made_keys, new);
            children.push(Entry::new(key, child.value, false));
        }
        if renamed {
            document.sort(children);
        }
        renamed
    }
}

fn bytes(text: &str) -> Box<[u8]> {
    text.as_bytes().into()
}

/// KrakenD cuts new names at their first dot.
fn first_key(path: &str) -> &str {
    path.split_once('.').map_or(path, |(first, _)| first)
}

fn check(key: &'static str, paths: &[String]) -> Result<(), PathTooLong> {
    let lengths = paths.iter().map(|path| path.split('.').count());
    match lengths.max() {
        Some(keys) if keys > PATH_KEYS_MAX => Err(PathTooLong { key, keys }),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tests::{backend, decode, json};

    const BODY: &str = r#"{"a": {"b": {"c": 1, "d": 2}, "e": "x"}, "f": [1, {"g": 2}], "h": null, "i": 1.0, "k": {"l": {}}, "": 0}"#;

    fn list(paths: &str) -> Vec<String> {
        if paths == "-" { Vec::new() } else { paths.split(' ').map(ToOwned::to_owned).collect() }
    }

    #[track_caller]
    fn check_body(set: impl FnOnce(&mut BackendConfig), body: &str, expected: &str) {
        let found = decode(set, body).map(|data| json(&data));
        assert_eq!(found.as_deref(), Ok(expected));
    }

    #[track_caller]
    fn check(set: impl FnOnce(&mut BackendConfig), expected: &str) {
        check_body(set, BODY, expected);
    }

    #[track_caller]
    fn allow(paths: &str, expected: &str) {
        check(|backend| backend.allow = list(paths), expected);
    }

    #[track_caller]
    fn deny(paths: &str, expected: &str) {
        let set = |backend: &mut BackendConfig| {
            backend.deny = list(paths);
            backend.target = "a".to_owned();
        };
        check(set, expected);
    }

    #[track_caller]
    fn mapping(renames: &[(&str, &str)], expected: &str) {
        let own = |(old, new): &(&str, &str)| ((*old).to_owned(), (*new).to_owned());
        let set = |backend: &mut BackendConfig| backend.mapping = renames.iter().map(own).collect();
        check_body(set, r#"{"a":1,"b":2,"c":{"d":3}}"#, expected);
    }

    #[track_caller]
    fn target(path: &str, expected: &str) {
        check(|backend| backend.target = path.to_owned(), expected);
    }

    #[test]
    fn allow_keeps_what_is_listed_and_goes_through_objects_only() {
        allow("a.b.c", r#"{"a":{"b":{"c":1}}}"#);
        allow("f", r#"{"f":[1,{"g":2}]}"#);
        allow("f.g", "{}");
        allow("h i", r#"{"h":null,"i":1.0}"#);
        allow("zz", "{}");
        allow("a.zz i", r#"{"i":1.0}"#);
        allow("k", r#"{"k":{"l":{}}}"#);
        allow("k.l.m", "{}");
        allow("a..b", "{}");
        allow("", r#"{"":0}"#);
    }

    #[test]
    fn of_two_allowed_paths_the_later_wins() {
        allow("a a.b.c", r#"{"a":{"b":{"c":1}}}"#);
        allow("a.b.c a", r#"{"a":{"b":{"c":1,"d":2},"e":"x"}}"#);
    }

    #[test]
    fn an_allowed_duplicate_that_is_pruned_takes_the_earlier_one_along() {
        let set = |backend: &mut BackendConfig| backend.allow = list("a.b x");
        check_body(set, r#"{"a":{"b":1},"x":0,"a":{"c":2}}"#, r#"{"x":0}"#);
        let set = |backend: &mut BackendConfig| backend.allow = list("a.b x");
        check_body(set, r#"{"a":{"b":1},"x":0,"a":5}"#, r#"{"x":0}"#);
        let set = |backend: &mut BackendConfig| backend.allow = list("a.b x");
        check_body(set, r#"{"a":5,"x":0,"\u0061":{"b":1}}"#, r#"{"a":{"b":1},"x":0}"#);
    }

    #[test]
    fn deny_removes_and_leaves_empty_objects() {
        deny("b", r#"{"e":"x"}"#);
        deny("b.c b.d", r#"{"b":{},"e":"x"}"#);
        deny("b b.c", r#"{"e":"x"}"#);
        deny("b.c b", r#"{"e":"x"}"#);
        deny("e.x b.c.z", r#"{"b":{"c":1,"d":2},"e":"x"}"#);
        deny("b e", "{}");
        check(|backend| backend.deny = list("f.1 a h i k "), r#"{"f":[1,{"g":2}]}"#);
    }

    #[test]
    fn deny_counts_only_without_allow() {
        let set = |backend: &mut BackendConfig| {
            backend.allow = list("h");
            backend.deny = list("h");
        };
        check(set, r#"{"h":null}"#);
    }

    #[test]
    fn target_replaces_the_whole_by_an_object() {
        target("a", r#"{"b":{"c":1,"d":2},"e":"x"}"#);
        target("a.b", r#"{"c":1,"d":2}"#);
        for path in ["zz", "f", "h", "i", "a.e", "a.zz.y", ""] {
            if !path.is_empty() {
                target(path, "{}");
            }
        }
        let set = |backend: &mut BackendConfig| backend.target = "a.b".to_owned();
        check_body(set, r#"{"a":{"b":{"x":1}},"a":{"c":2}}"#, "{}");
        let set = |backend: &mut BackendConfig| backend.target = "a".to_owned();
        check_body(set, "null", "{}");
    }

    #[test]
    fn a_collection_cannot_be_entered() {
        let check = |change: fn(&mut BackendConfig), expected| {
            let set = |backend: &mut BackendConfig| {
                backend.is_collection = true;
                change(backend);
            };
            check_body(set, "[{\"b\":1}]", expected);
        };
        check(|backend| backend.allow = list("collection"), r#"{"collection":[{"b":1}]}"#);
        check(|backend| backend.allow = list("collection.b"), "{}");
        check(|backend| backend.deny = list("collection"), "{}");
        check(|backend| backend.deny = list("collection.b"), r#"{"collection":[{"b":1}]}"#);
        check(|backend| backend.target = "collection".to_owned(), "{}");
        check(|backend| backend.group = "g".to_owned(), r#"{"g":{"collection":[{"b":1}]}}"#);
    }

    #[test]
    fn mapping_renames_top_level_keys_in_sorted_order() {
        mapping(&[("a", "z")], r#"{"b":2,"c":{"d":3},"z":1}"#);
        mapping(&[("a", "x.y")], r#"{"b":2,"c":{"d":3},"x":1}"#);
        mapping(&[("a", ".y")], r#"{"":1,"b":2,"c":{"d":3}}"#);
        mapping(&[("c.d", "z"), ("zz", "y")], r#"{"a":1,"b":2,"c":{"d":3}}"#);
        mapping(&[("a", "c")], r#"{"b":2,"c":1}"#);
        mapping(&[("a", "a")], r#"{"b":2,"c":{"d":3}}"#);
        mapping(&[("a", "b"), ("b", "c")], r#"{"c":1}"#);
    }

    #[test]
    fn group_wraps_also_nothing() {
        let group = |body: &str, expected: &str| {
            check_body(|backend| backend.group = "g.h".to_owned(), body, expected);
        };
        group("{}", r#"{"g.h":{}}"#);
        group("null", r#"{"g.h":null}"#);
        group(r#"{"b":1,"a":2}"#, r#"{"g.h":{"a":2,"b":1}}"#);
        group(r#"{"a":2}"#, r#"{"g.h":{"a":2}}"#);
    }

    #[test]
    fn the_steps_follow_each_other() {
        let set = |backend: &mut BackendConfig| {
            backend.target = "a.b".to_owned();
            backend.deny = list("d");
            backend.mapping = std::iter::once(("c".to_owned(), "C".to_owned())).collect();
            backend.group = "g".to_owned();
        };
        check(set, r#"{"g":{"C":1}}"#);
    }

    #[test]
    fn text_has_a_shape_too() {
        let check = |change: fn(&mut BackendConfig), expected| {
            let set = |backend: &mut BackendConfig| {
                backend.encoding = "string".to_owned();
                change(backend);
            };
            check_body(set, "x", expected);
        };
        check(|_| {}, r#"{"content":"x"}"#);
        check(|backend| backend.allow = list("content"), r#"{"content":"x"}"#);
        check(|backend| backend.allow = list("content.x"), "{}");
        check(|backend| backend.deny = list("content"), "{}");
        check(|backend| backend.target = "content".to_owned(), "{}");
        check(|backend| backend.group = "g".to_owned(), r#"{"g":{"content":"x"}}"#);
    }

    #[test]
    fn a_path_that_is_too_long_is_refused_at_start() {
        let long = vec!["a"; PATH_KEYS_MAX + 1].join(".");
        let found = Shape::compile(&backend(|backend| backend.allow = vec![long]));
        let expected = PathTooLong { key: "allow", keys: PATH_KEYS_MAX + 1 };
        assert_eq!(found.map(|_| ()), Err(expected));
    }
}
