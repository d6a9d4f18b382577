//! What the kernel's events, the supervisor and the watching thread share: not a queue of events
//! but one state, so that no flood of them can pile up.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind};

use super::debounce::Burst;
use super::plan::Plan;

/// How often folders are looked at that the kernel does not watch.
const LOOK_EVERY: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Eye {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    follow: Option<(Vec<PathBuf>, SystemTime)>,
    plan: Plan,
    burst: Option<Burst>,
    closed: bool,
}

/// Why the thread goes on.
#[derive(Debug)]
pub(super) enum Wake {
    /// Other sources count from now on.
    Follow { sources: Vec<PathBuf>, since: SystemTime },
    /// A source changed, and the burst is over.
    Changed(PathBuf),
    /// Time to look where the kernel does not.
    Look,
    /// The watch was dropped.
    Close,
}

impl Eye {
    /// An event of the kernel. Everything that is not about a source is forgotten right here.
    pub(super) fn see(&self, event: notify::Result<Event>) {
        let now = Instant::now();
        let mut state = self.lock();
        let path = match event {
            // Events were lost: any source may have changed.
            Err(_) => Some(PathBuf::new()),
            Ok(event) if event.need_rescan() => Some(PathBuf::new()),
            Ok(event) if is_change(event.kind) => {
                event.paths.into_iter().find(|path| state.plan.minds(path))
            },
            Ok(_) => None,
        };
        if let Some(path) = path {
            state.note(&path, now);
            self.woken.notify_one();
        }
    }

    /// Something changed although no event said so.
    pub(super) fn changed(&self, path: &Path, now: Instant) {
        self.lock().note(path, now);
        self.woken.notify_one();
    }

    pub(super) fn follow(&self, sources: Vec<PathBuf>, since: SystemTime) {
        self.lock().follow = Some((sources, since));
        self.woken.notify_one();
    }

    /// From now on events are judged by this plan.
    pub(super) fn mind(&self, plan: Plan) {
        self.lock().plan = plan;
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.woken.notify_one();
    }

    /// Waits for something to do; with `look`, at most [`LOOK_EVERY`].
    pub(super) fn wait(&self, look: bool) -> Wake {
        let look_at = look.then(|| Instant::now() + LOOK_EVERY);
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if state.closed {
                return Wake::Close;
            }
            if let Some((sources, since)) = state.follow.take() {
                return Wake::Follow { sources, since };
            }
            if let Some(burst) = state.burst.take_if(|burst| burst.due() <= now) {
                return Wake::Changed(burst.into_path());
            }
            if look_at.is_some_and(|at| at <= now) {
                return Wake::Look;
            }
            let due = state.burst.as_ref().map(Burst::due);
            state = match due.into_iter().chain(look_at).min() {
                None => self.woken.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let waited = self.woken.wait_timeout(state, until.duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                },
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, path: &Path, now: Instant) {
        match &mut self.burst {
            Some(burst) => burst.goes_on(now),
            None => self.burst = Some(Burst::begin(path, now)),
        }
    }
}

/// Reading, opening and closing a file changes nothing; closing one that was written ends a save.
const fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => matches!(access, AccessKind::Close(AccessMode::Write)),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_only_reads_wakes_nobody() {
        assert!(!is_change(EventKind::Access(AccessKind::Open(AccessMode::Any))));
        assert!(!is_change(EventKind::Access(AccessKind::Close(AccessMode::Read))));
        assert!(is_change(EventKind::Access(AccessKind::Close(AccessMode::Write))));
    }

    #[test]
    fn lost_events_count_as_a_change() {
        let eye = Eye::default();
        let lost = Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
        eye.see(Ok(lost));
        assert!(matches!(eye.wait(false), Wake::Changed(_)));
    }

    #[test]
    fn closing_comes_before_all_work() {
        let eye = Eye::default();
        eye.changed(Path::new("/a"), Instant::now());
        eye.follow(Vec::new(), SystemTime::now());
        eye.close();
        assert!(matches!(eye.wait(true), Wake::Close));
    }
}
