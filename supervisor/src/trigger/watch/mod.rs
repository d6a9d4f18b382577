//! A saved file reloads. By inotify: nothing is polled unless the kernel cannot watch a folder.
//!
//! Files are rewritten in place, replaced by a rename, swapped through a link (Kubernetes), and
//! whole folders are moved away and back. So not the files are watched but every folder on the way
//! to them, links included ([`plan`]); what counts is a change of a name on that way. A burst is
//! one reload ([`debounce`]). A thread of its own does it: file systems may hang, the supervisor
//! may not.

mod debounce;
mod eye;
mod plan;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Instant, SystemTime};

use tokio::sync::mpsc;

use self::eye::{Eye, Wake};
use self::plan::Plan;
use super::{Cause, Command, ReloadRequest, Wait};

/// The file watch of this process. Dropping it ends its thread.
#[derive(Debug)]
pub struct Watch {
    eye: Arc<Eye>,
}

impl Watch {
    /// Starts to watch; at first nothing, see [`Watch::follow`]. `warn` is told once per folder
    /// whose changes will be seen late.
    ///
    /// # Errors
    /// Why the kernel gives no inotify instance or no thread.
    pub fn start(
        commands: mpsc::Sender<Command>,
        warn: impl Fn(String) + Send + 'static,
    ) -> Result<Self, notify::Error> {
        let eye = Arc::new(Eye::default());
        let seen = Arc::clone(&eye);
        let watcher = notify::recommended_watcher(move |event| seen.see(event))?;
        let seen = Arc::clone(&eye);
        let mut work = Work { eye: seen, watcher, commands, warn, plan: Plan::default() };
        let thread = thread::Builder::new().name("watch".to_owned());
        thread.spawn(move || work.run()).map_err(notify::Error::io)?;
        Ok(Self { eye })
    }

    /// From now on these files and folders count (absolute paths), found or not. What is new among
    /// them and changed after `since`, when they were about to be read, reloads at once.
    pub fn follow(&self, sources: Vec<PathBuf>, since: SystemTime) {
        self.eye.follow(sources, since);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.eye.close();
    }
}

struct Work<W> {
    eye: Arc<Eye>,
    watcher: notify::RecommendedWatcher,
    commands: mpsc::Sender<Command>,
    warn: W,
    plan: Plan,
}

impl<W: Fn(String)> Work<W> {
    fn run(&mut self) {
        let mut sources: Vec<PathBuf> = Vec::new();
        let mut blind: Vec<PathBuf> = Vec::new();
        let mut signature = Vec::new();
        loop {
            match self.eye.wait(!blind.is_empty()) {
                Wake::Follow { sources: next, since } => {
                    let new = |path: &PathBuf| !sources.contains(path);
                    let fresh: Vec<PathBuf> =
                        next.iter().filter(|path| new(path)).cloned().collect();
                    sources = next;
                    blind = self.arm(&sources, &blind);
                    signature = plan::signature(&sources);
                    if let Some(path) = plan::changed_since(&fresh, since) {
                        self.eye.changed(path, Instant::now());
                    }
                },
                Wake::Changed(path) => {
                    // First the new watches, then the reload: what changes after the reload has
                    // read is seen by them.
                    blind = self.arm(&sources, &blind);
                    signature = plan::signature(&sources);
                    if !self.reload(path) {
                        return;
                    }
                },
                Wake::Look => {
                    let now = plan::signature(&sources);
                    if now != signature {
                        signature = now;
                        let path = blind.first().cloned().unwrap_or_default();
                        self.eye.changed(&path, Instant::now());
                    }
                },
                Wake::Close => return,
            }
        }
    }

    /// Watches what the sources need now, no more and no less, and gives the folders that the
    /// kernel does not watch.
    fn arm(&mut self, sources: &[PathBuf], blind_before: &[PathBuf]) -> Vec<PathBuf> {
        use notify::{RecursiveMode::NonRecursive, Watcher as _};
        let plan = Plan::of(sources);
        self.eye.mind(plan.clone());
        for (folder, watched) in self.plan.folders() {
            if plan.identity(folder) != Some(watched) {
                // It may be gone, and the watch with it.
                let _gone = self.watcher.unwatch(folder);
            }
        }
        let mut blind = Vec::new();
        for (folder, _) in plan.folders() {
            // Once more does no harm, and the library forgets a folder that was moved away.
            if let Err(error) = self.watcher.watch(folder, NonRecursive)
                && plan.matters(folder)
            {
                if !blind_before.iter().any(|known| known == folder) {
                    (self.warn)(blindness(folder, &error));
                }
                blind.push(folder.to_owned());
            }
        }
        self.plan = plan;
        blind
    }

    /// False when nobody takes commands any more.
    fn reload(&self, path: PathBuf) -> bool {
        let (cause, wait) = (Cause::File(path), Wait::Committed);
        let wish = ReloadRequest { cause, force: false, wait, answer: None };
        self.commands.blocking_send(Command::Reload(wish)).is_ok()
    }
}

fn blindness(folder: &Path, error: &notify::Error) -> String {
    let folder = folder.display();
    format!("changes in {folder} are looked for every 2 s only: {error}")
}

#[cfg(test)]
mod tests;
