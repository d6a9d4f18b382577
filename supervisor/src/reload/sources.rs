//! The hands at the sources: reading them beside the loop, answering workers, keeping the copy.

use std::path::Path;
use std::time::Duration;

use baton_shared::control::ToWorker;
use baton_shared::control::message::Invalid;
use baton_shared::os::memfd;
use baton_shared::words::GenerationId;

use super::drive::{Drive, Heard};
use super::event::{Snapshotted, TxnId, WorkerId};
use super::notice::Notice;
use super::state::Reload;
use crate::generation::worker::Worker;
use crate::snapshot::set::Fingerprint;
use crate::snapshot::source::Source;
use crate::snapshot::{draft, history, kept, source};

/// How long one file may take; a file system that hangs is an answer, too.
const READ: Duration = Duration::from_secs(2);
/// Files that are read for one worker at the same time.
const READS_MAX: usize = 64;
/// The largest rendered configuration.
const RENDERED_BYTES_MAX: usize = 64 << 20;
/// The longest path that the kernel takes.
const PATH_BYTES_MAX: usize = 4_096;

impl<T: FnMut(Notice)> Drive<T> {
    pub(super) fn read_sources(&mut self, txn: TxnId, compare: &[GenerationId]) {
        let known: Vec<(GenerationId, Fingerprint)> = compare
            .iter()
            .filter_map(|generation| {
                let print = self.sets.get(generation).map(|set| set.fingerprint());
                Some((*generation, print.or_else(|| self.prints.get(generation).cloned())?))
            })
            .collect();
        self.candidate = None;
        let (config, folder, heard) =
            (self.config.clone(), self.folder.clone(), self.heard.clone());
        drop(tokio::task::spawn_blocking(move || {
            let (set, what) = draft::read(&config, &folder, &known);
            drop(heard.blocking_send(Heard::Snapshot(txn, set.map(Box::new), what)));
        }));
    }

    pub(super) fn load_history(&mut self, txn: TxnId) {
        let Some(kept) = self.keeper.folder() else {
            let text = "no copy of the last good configuration is kept".to_owned();
            return self.no_history(txn, text);
        };
        let (config, folder) = (self.config.clone(), self.folder.clone());
        match history::load(&kept, &config, &folder) {
            Ok(set) => {
                let text = "serving the last good configuration instead of the one that is refused";
                (self.tell)(Notice::Warning(text.to_owned()));
                let config_bytes = set.config().map_or(0, |source| source.bytes);
                let what = Snapshotted::Read { same_as: None, config_bytes };
                self.later(Heard::Snapshot(txn, Some(Box::new(set)), what));
            },
            Err(error) => {
                self.no_history(
                    txn,
                    format!("the last good configuration cannot be used: {error}"),
                );
            },
        }
    }

    fn no_history(&mut self, txn: TxnId, text: String) {
        (self.tell)(Notice::Warning(text.clone()));
        let invalid = Invalid { text, findings: Vec::new(), exit_code: draft::EXIT_REFUSED };
        self.later(Heard::Snapshot(txn, None, Snapshotted::Failed(invalid)));
    }

    /// A worker asks for a file or folder. What was read once is never read again.
    pub(super) fn need(&mut self, id: WorkerId, path: &str) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let set = self.sets.get_mut(&worker.generation);
        let known = match set {
            Some(set) => match set.ask(path) {
                Some(source) => Some(source),
                None if set.is_open() && path.len() < PATH_BYTES_MAX => None,
                None => Some(Source::failed("not part of this generation".to_owned())),
            },
            None => Some(Source::failed("this generation is over".to_owned())),
        };
        if let Some(source) = known {
            return self.give(id, path, source);
        }
        if worker.reads >= READS_MAX {
            return self.give(id, path, Source::failed("too many at once".to_owned()));
        }
        worker.reads += 1;
        let (file, path, heard) = (self.folder.join(path), path.to_owned(), self.heard.clone());
        drop(tokio::spawn(async move {
            let source = read(&file).await;
            drop(heard.send(Heard::Read(id, path, Box::new(source))).await);
        }));
    }

    pub(super) fn was_read(&mut self, id: WorkerId, path: &str, source: Source) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.reads -= 1;
        let Some(set) = self.sets.get_mut(&worker.generation) else { return };
        set.add(path, source);
        self.need(id, path); // from the set now
    }

    fn give(&self, id: WorkerId, path: &str, source: Source) {
        let message = ToWorker::File { path: path.to_owned(), found: source.found };
        self.order(id, 0, message, source.content.into_iter().collect());
    }

    /// The worker has planned: its sources are complete.
    pub(super) fn close_set(&mut self, id: WorkerId) -> String {
        let Some(worker) = self.workers.get_mut(&id) else { return String::new() };
        let set = self.sets.get_mut(&worker.generation);
        worker.hash = set.map(|set| set.close()).unwrap_or_default();
        worker.hash.clone()
    }

    /// What is in force now goes where `FC_OUT` says, beside the loop.
    pub(super) fn keep_rendered(&mut self, generation: GenerationId) {
        let Some(path) = self.settings.rendered.clone() else { return };
        let of = |worker: &&mut Worker| worker.generation == generation;
        let text = self.workers.values_mut().find(of).and_then(|worker| worker.rendered.take());
        let Some(text) = text else { return };
        let (file, heard) = (self.folder.join(&path), self.heard.clone());
        drop(tokio::task::spawn_blocking(move || {
            let outcome = memfd::read(&text, RENDERED_BYTES_MAX)
                .and_then(|text| kept::write(&file, &text))
                .map_err(|error| format!("FC_OUT is not written: {}: {error}", path.display()));
            drop(heard.blocking_send(Heard::Kept(outcome)));
        }));
    }

    /// What the file watch should look at: what serves, and what was tried last, so that repairing
    /// a broken file reloads.
    pub(super) fn tell_sources(&mut self, state: &Reload) {
        let paths = |generation: Option<GenerationId>| {
            let set = generation.and_then(|generation| self.sets.get(&generation));
            set.map(|set| set.paths(&self.folder))
        };
        let serving = paths(state.generation()).unwrap_or_default();
        let tried = paths(self.candidate).unwrap_or_else(|| vec![self.folder.join(&self.config)]);
        (self.tell)(Notice::Sources { serving, tried });
    }
}

async fn read(file: &Path) -> Source {
    let path = file.to_owned();
    let reading = tokio::task::spawn_blocking(move || source::read(&path));
    match tokio::time::timeout(READ, reading).await {
        Ok(Ok(source)) => source,
        Ok(Err(_panicked)) => Source::failed(format!("open {}: cannot be read", file.display())),
        Err(_elapsed) => {
            Source::failed(format!("open {}: took longer than {READ:?}", file.display()))
        },
    }
}
