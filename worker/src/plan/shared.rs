//! Equal parts of endpoints, kept once: thousands of endpoints that ask the same hosts in the same way stay in
//! the processor's caches.

use std::sync::Arc;

use http::Uri;

use super::backend::HostTarget;
use crate::backend::request::HeaderPlan;

/// How many parts of a kind are compared: neighbours in a file are alike, and a start must not take longer with
/// the square of its endpoints.
const COMPARED_MAX: usize = 16;

/// What the backends compiled so far have.
#[derive(Debug, Default)]
pub(super) struct SharedParts {
    pub(super) hosts: Recent<[HostTarget]>,
    pub(super) headers: Recent<HeaderPlan>,
    pub(super) targets: Recent<Uri>,
}

/// The last parts of a kind.
#[derive(Debug)]
pub(super) struct Recent<T: ?Sized>(Vec<Arc<T>>);

impl<T: ?Sized> Default for Recent<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: ?Sized + PartialEq> Recent<T> {
    /// An equal part that is there already, or this one.
    pub(super) fn share(&mut self, part: Arc<T>) -> Arc<T> {
        if let Some(known) = self.0.iter().find(|known| **known == part) {
            return Arc::clone(known);
        }
        if self.0.len() == COMPARED_MAX {
            self.0.remove(0);
        }
        self.0.push(Arc::clone(&part));
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_parts_are_one_as_long_as_they_are_near() {
        let mut recent: Recent<usize> = Recent::default();
        let first = recent.share(Arc::new(0));
        assert!(Arc::ptr_eq(&first, &recent.share(Arc::new(0))));
        (1..=COMPARED_MAX).for_each(|part| drop(recent.share(Arc::new(part))));
        assert!(!Arc::ptr_eq(&first, &recent.share(Arc::new(0))));
    }
}
