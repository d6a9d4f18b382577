//! `qos/http-cache` of a backend: which store its answers go to.
//!
//! KrakenD: `{}` is a map of the backend's own and `shared` one for all, both without bounds; with `max_size` and
//! `max_items`, both of them, the map is an LRU, and the shared one has the bounds of the backend that comes first.
//! Settings of a wrong type are no settings: the backend gets a map of its own.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use baton_shared::config::model::{BackendConfig, EndpointConfig};
use baton_shared::config::node::{Node, Value};

use super::compile::Compiler;
use crate::backend::cache::{Bounds, Cache, Counts, Store};

/// What all caches without bounds of their own may take together.
const PLAIN_BYTES_MAX: usize = 128 << 20;

/// Owner of the entries that are everybody's.
const EVERYBODY: u32 = u32::MAX;

/// The stores of a plan.
#[derive(Debug, Default)]
pub(super) struct Stores {
    /// Of all caches without bounds.
    plain: Option<Arc<Store>>,
    /// The shared one with bounds.
    shared: Option<Arc<Store>>,
    /// Of every backend that has one.
    caches: Vec<Cache>,
}

impl Stores {
    pub(super) fn into_caches(self) -> Box<[Cache]> {
        self.caches.into()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Options {
    shared: bool,
    max_size: u64,
    max_items: u64,
}

/// The cache of a backend entry, if it has one.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    endpoint: &EndpointConfig,
    backend: &BackendConfig,
) -> Option<Cache> {
    let namespace = backend.extra_config.namespaces.get("qos/http-cache")?;
    let options = Options::read(&namespace.settings).unwrap_or_else(|| {
        compiler.tell(
            &namespace.at,
            "a setting has another type than `shared` (true, false), `max_size` and `max_items` (whole numbers): \
             all of them are left out, and the backend has a cache of its own",
        );
        Options::default()
    });
    let place = u32::try_from(compiler.backends).unwrap_or(EVERYBODY);
    let identity = identity(compiler, endpoint, backend);
    let stores = &mut compiler.stores;
    let plain = || {
        let (items_max, bytes_max) = (usize::MAX, PLAIN_BYTES_MAX);
        Arc::new(Store::new(Bounds { items_max, bytes_max, counts: Counts::Everything }))
    };
    let owner = if options.shared { EVERYBODY } else { place };
    let store = match (options.bounds(), options.shared) {
        (None, _) => Arc::clone(stores.plain.get_or_insert_with(plain)),
        (Some(bounds), false) => Arc::new(Store::new(bounds)),
        (Some(bounds), true) => {
            Arc::clone(stores.shared.get_or_insert_with(|| Arc::new(Store::new(bounds))))
        },
    };
    let cache = Cache { store, owner, identity };
    stores.caches.push(cache.clone());
    Some(cache)
}

/// The same for the same backend of the same endpoint in another generation, wherever they stand in the file: what
/// is stored for one is right for the other.
fn identity(compiler: &Compiler<'_>, endpoint: &EndpointConfig, backend: &BackendConfig) -> u64 {
    let place = backend.at.as_str().rsplit('/').next();
    let written = compiler.service.source.node(&backend.at);
    // Its keys are fixed: it is compared with that of another process.
    let mut hasher = DefaultHasher::new();
    (&endpoint.method, &endpoint.route, place, &backend.host, written).hash(&mut hasher);
    hasher.finish()
}

impl Options {
    /// `None`: something has a type that Go would not read.
    fn read(settings: &Node) -> Option<Self> {
        let mut options = Self::default();
        let members = match &settings.value {
            Value::Object(members) => members,
            Value::Null => return Some(options),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => return None,
        };
        for (key, node) in members {
            let value = &node.value;
            match (key.to_ascii_lowercase().as_str(), value) {
                ("shared" | "max_size" | "max_items", Value::Null) => {},
                ("shared", Value::Bool(shared)) => options.shared = *shared,
                ("max_size", Value::Number(text)) => options.max_size = text.parse().ok()?,
                ("max_items", Value::Number(text)) => options.max_items = text.parse().ok()?,
                ("shared" | "max_size" | "max_items", _) => return None,
                _ => {},
            }
        }
        Some(options)
    }

    fn bounds(self) -> Option<Bounds> {
        if self.max_size == 0 || self.max_items == 0 {
            return None;
        }
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let (items_max, bytes_max) = (size(self.max_items), size(self.max_size));
        Some(Bounds { items_max, bytes_max, counts: Counts::Answer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(members: &[(&str, Value)]) -> Option<(bool, u64, u64)> {
        let members = members.iter().cloned();
        let members =
            members.map(|(key, value)| (key.to_owned(), Node { line: 1, value })).collect();
        let options = Options::read(&Node { line: 1, value: Value::Object(members) })?;
        Some((options.shared, options.max_size, options.max_items))
    }

    fn number(text: &str) -> Value {
        Value::Number(text.to_owned())
    }

    #[test]
    fn settings_are_read_as_go_reads_them() {
        assert_eq!(read(&[]), Some((false, 0, 0)));
        let all = [
            ("shared", Value::Bool(true)),
            ("max_size", number("5000")),
            ("Max_Items", number("7")),
            ("other", Value::String(String::new())),
        ];
        assert_eq!(read(&all), Some((true, 5000, 7)));
        assert_eq!(read(&[("shared", Value::Null)]), Some((false, 0, 0)));
        assert_eq!(read(&[("shared", number("1"))]), None);
        assert_eq!(read(&[("max_size", number("1.5"))]), None);
        assert_eq!(read(&[("max_items", number("-1"))]), None);
        assert_eq!(read(&[("max_items", Value::String("5".to_owned()))]), None);
        assert_eq!(Options::read(&Node { line: 1, value: Value::Bool(true) }), None);
    }

    #[test]
    fn bounds_need_both_numbers() {
        let bounds = |max_size, max_items| Options { shared: false, max_size, max_items }.bounds();
        assert_eq!(bounds(5, 0), None);
        assert_eq!(bounds(0, 5), None);
        assert!(bounds(5, 6).is_some_and(|bounds| (bounds.bytes_max, bounds.items_max) == (5, 6)));
    }
}
