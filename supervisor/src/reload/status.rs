//! The state of the instance as `baton status` shows it.

use baton_shared::words::{BATON_VERSION, Monotonic};

use super::drive::Drive;
use super::notice::Notice;
use super::report::{Status, WorkerStatus};
use super::state::Reload;

impl<T: FnMut(Notice)> Drive<T> {
    pub(crate) fn status(&self, state: &Reload) -> Status {
        let workers = self.workers.iter().rev().map(|(id, worker)| WorkerStatus {
            generation: worker.generation,
            pid: worker.pid,
            state: state.duty(*id).name().to_owned(),
            hash: worker.hash.clone(),
            health: worker.health.clone(),
        });
        let answered = self.workers.values().map(|worker| worker.health.requests).sum::<u64>();
        let set = state.generation().and_then(|generation| self.sets.get(&generation));
        let sources = set.map(|set| set.paths(&self.folder)).unwrap_or_default();
        Status {
            pid: std::process::id(),
            version: BATON_VERSION.to_owned(),
            config: self.folder.join(&self.config).display().to_string(),
            uptime_s: Monotonic::now().since(self.started).as_secs(),
            generation: state.generation(),
            phase: state.phase().to_owned(),
            last_failure: state.last_failure().map(str::to_owned),
            requests: self.requests_of_gone + answered,
            workers: workers.collect(),
            listeners: self.listeners.status(),
            sources: sources.iter().map(|path| path.display().to_string()).collect(),
        }
    }

    pub(crate) const fn is_saving(&self) -> bool {
        self.keeper.is_saving()
    }
}
