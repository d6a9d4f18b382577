//! Keeps the last-known-good copy up to date without holding anybody up: one write at a time, and
//! of those that wait only the newest is written.

use std::path::PathBuf;

use tokio::sync::mpsc;

use super::drive::Heard;
use crate::snapshot::history;
use crate::snapshot::set::SourceSet;

/// The folder's name in the state folder of an instance.
const FOLDER: &str = "last-known-good";

#[derive(Debug)]
pub(super) struct Keeper {
    folder: Option<PathBuf>,
    is_saving: bool,
    next: Option<(String, SourceSet)>,
    /// The last complaint: the same is not told with every reload.
    complaint: Option<String>,
}

impl Keeper {
    pub(super) fn new(state_folder: Option<&PathBuf>) -> Self {
        let folder = state_folder.map(|folder| folder.join(FOLDER));
        Self { folder, is_saving: false, next: None, complaint: None }
    }

    pub(super) fn folder(&self) -> Option<PathBuf> {
        self.folder.clone()
    }

    pub(super) const fn is_saving(&self) -> bool {
        self.is_saving
    }

    pub(super) fn save(&mut self, config: &str, set: &SourceSet, heard: &mpsc::Sender<Heard>) {
        let Some(folder) = self.folder.clone() else { return };
        let (config, set) = (config.to_owned(), set.clone());
        if self.is_saving {
            self.next = Some((config, set));
            return;
        }
        self.is_saving = true;
        let heard = heard.clone();
        drop(tokio::task::spawn_blocking(move || {
            let outcome = history::save(&folder, &config, &set);
            let outcome = outcome.map_err(|error| format!("{}: {error}", folder.display()));
            drop(heard.blocking_send(Heard::Saved(outcome)));
        }));
    }

    /// A write has ended; gives what a person should know.
    pub(super) fn saved(
        &mut self,
        outcome: Result<(), String>,
        heard: &mpsc::Sender<Heard>,
    ) -> Option<String> {
        self.is_saving = false;
        if let Some((config, set)) = self.next.take() {
            self.save(&config, &set, heard);
        }
        let complaint = outcome.err();
        let is_new = complaint != self.complaint;
        self.complaint.clone_from(&complaint);
        let text = complaint.filter(|_| is_new)?;
        Some(format!("the last good configuration is not kept: {text}"))
    }
}
