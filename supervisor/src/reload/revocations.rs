//! The hand at revocations: every worker that serves or drains is asked, and who asked hears what all of them said.
//!
//! Workers with the same `auth/revoker` share one memory, so that later ones know too; one that drains may have another.

use std::collections::{BTreeMap, BTreeSet};

use baton_shared::control::ToWorker;
use baton_shared::control::message::Revoking;
use tokio::sync::oneshot;

use super::drive::Drive;
use super::event::WorkerId;
use super::notice::Notice;

/// Questions that are not answered yet.
#[derive(Debug, Default)]
pub(super) struct Revocations {
    open: BTreeMap<u64, Open>,
    next: u64,
}

#[derive(Debug)]
struct Open {
    /// Who has not answered.
    workers: BTreeSet<WorkerId>,
    revoked: Option<Vec<bool>>,
    answer: oneshot::Sender<Option<Vec<bool>>>,
}

impl Revocations {
    fn ask(
        &mut self,
        workers: BTreeSet<WorkerId>,
        answer: oneshot::Sender<Option<Vec<bool>>>,
    ) -> u64 {
        self.open.retain(|_, open| !open.answer.is_closed());
        self.next += 1;
        self.open.insert(self.next, Open { workers, revoked: None, answer });
        self.close();
        self.next
    }

    /// A worker has answered.
    pub(super) fn heard(&mut self, id: u64, worker: WorkerId, revoked: Option<Vec<bool>>) {
        let Some(open) = self.open.get_mut(&id) else { return };
        if !open.workers.remove(&worker) {
            return;
        }
        open.revoked = match (open.revoked.take(), revoked) {
            (Some(one), Some(other)) => Some(one.iter().zip(other).map(|(a, b)| *a || b).collect()),
            (one, other) => one.or(other),
        };
        self.close();
    }

    /// A worker has ended: what it would say does not matter any more.
    pub(super) fn forget(&mut self, worker: WorkerId) {
        for open in self.open.values_mut() {
            open.workers.remove(&worker);
        }
        self.close();
    }

    /// Tells those whose answers are complete.
    fn close(&mut self) {
        for (_, open) in self.open.extract_if(.., |_, open| open.workers.is_empty()) {
            drop(open.answer.send(open.revoked)); // who asked may have gone
        }
    }
}

impl<T: FnMut(Notice)> Drive<T> {
    pub(crate) fn ask_revocations(
        &mut self,
        entries: &[String],
        wanted: Revoking,
        answer: oneshot::Sender<Option<Vec<bool>>>,
    ) {
        let ready = self.workers.iter().filter(|(_, worker)| worker.is_ready);
        let ready: BTreeSet<WorkerId> = ready.map(|(id, _)| *id).collect();
        let id = self.revocations.ask(ready.clone(), answer);
        for worker in ready {
            let entries = entries.to_vec();
            self.order(worker, 0, ToWorker::Revocations { id, entries, wanted }, Vec::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: WorkerId = WorkerId(1);
    const OTHER: WorkerId = WorkerId(2);

    #[test]
    fn who_asks_hears_what_all_workers_said_and_waits_for_no_dead_one() {
        let mut revocations = Revocations::default();
        let mut ask = |workers: &[WorkerId]| {
            let (answer, heard) = oneshot::channel();
            (revocations.ask(workers.iter().copied().collect(), answer), heard)
        };
        let (first, mut heard) = ask(&[ONE, OTHER]);
        let (second, mut later) = ask(&[ONE, OTHER]);
        let (_, mut nobody) = ask(&[]);
        assert_eq!(nobody.try_recv(), Ok(None));
        revocations.heard(first, ONE, Some(vec![true, false, false]));
        revocations.heard(first, ONE, Some(vec![true, true, true]));
        assert!(heard.try_recv().is_err(), "the other has said nothing");
        revocations.heard(first, OTHER, Some(vec![false, true, false]));
        assert_eq!(heard.try_recv(), Ok(Some(vec![true, true, false])));
        revocations.heard(second, OTHER, None);
        revocations.forget(ONE);
        assert_eq!(later.try_recv(), Ok(None));
        assert!(revocations.open.is_empty());
    }
}
