//! The hand at the soft state: the memory for limits and breakers, which outlives every worker.
//!
//! It is made when the first worker asks for it, and every later one gets the same. Nothing in here reads
//! what is in it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use baton_shared::control::ToWorker;
use baton_shared::soft::{self, Sizes};

use super::drive::Drive;
use super::event::WorkerId;
use super::notice::Notice;

/// The memory, once somebody has asked for it.
#[derive(Debug, Default)]
pub(super) struct SoftState {
    memory: Option<(Sizes, Arc<OwnedFd>)>,
}

impl SoftState {
    /// The memory; and whether a smaller one had to be given up for it.
    fn of(&mut self, wanted: Sizes) -> io::Result<(Arc<OwnedFd>, bool)> {
        if let Some((sizes, memory)) = &self.memory
            && sizes.covers(wanted)
        {
            return Ok((Arc::clone(memory), false));
        }
        let memory = Arc::new(soft::create(wanted)?);
        let before = self.memory.replace((wanted, Arc::clone(&memory)));
        Ok((memory, before.is_some()))
    }
}

impl<T: FnMut(Notice)> Drive<T> {
    /// A worker has limits or breakers.
    pub(super) fn need_soft(&mut self, id: WorkerId, wanted: Sizes) {
        let alive = self.workers.values().map(|worker| worker.generation);
        let kept = self.sets.keys().copied();
        let Some(oldest) = alive.chain(kept).min() else { return };
        let (failure, fds) = match self.soft.of(wanted) {
            Ok((memory, is_new)) => {
                if is_new {
                    let text = "limits and breakers begin anew: they need more room than before";
                    (self.tell)(Notice::Warning(text.to_owned()));
                }
                (None, vec![memory])
            },
            Err(error) => (Some(error.to_string()), Vec::new()),
        };
        self.order(id, 0, ToWorker::Soft { oldest, failure }, fds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_gets_the_same_memory_until_it_is_too_small() {
        let mut state = SoftState::default();
        let (first, is_new) = state.of(Sizes::of(10)).unwrap();
        assert!(!is_new);
        let (second, _) = state.of(Sizes::of(100)).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let (larger, is_new) = state.of(Sizes::of(1 << 17)).unwrap();
        assert!(is_new && !Arc::ptr_eq(&first, &larger));
        let (again, is_new) = state.of(Sizes::of(10)).unwrap();
        assert!(!is_new && Arc::ptr_eq(&again, &larger));
    }
}
