//! One thread's view of the keys: looked at without a lock, renewed when a set has changed.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use baton_shared::words::Monotonic;

use super::Source;
use crate::guards::jwt::key_set::KeySet;

/// The sets of every source.
#[derive(Debug)]
pub(crate) struct ThreadKeys(Box<[RefCell<View>]>);

#[derive(Debug, Default)]
struct View {
    version: u64,
    set: Arc<KeySet>,
}

impl ThreadKeys {
    /// For so many sources.
    pub(crate) fn new(sources: usize) -> Self {
        Self(std::iter::repeat_with(RefCell::default).take(sources).collect())
    }

    /// Looks into the set of the source at `place`; `None` if nothing of it may be used.
    pub(crate) fn with<T>(
        &self,
        place: usize,
        source: &Source,
        look: impl FnOnce(&KeySet) -> Option<T>,
    ) -> Option<T> {
        if !source.is_usable(Monotonic::now()) {
            return None;
        }
        let view = self.0.get(place)?;
        let version = source.version.load(Ordering::Acquire);
        if view.borrow().version != version {
            *view.borrow_mut() = View { version, set: source.list() };
        }
        look(&view.borrow().set)
    }
}
