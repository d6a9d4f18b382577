//! What a worker has had of the processors: one that does not answer may be stuck, or may not have been let run.
//! A page of its code that is read from a disk under load counts as much.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use baton_shared::words::Monotonic;

/// Who has run for so long and said nothing is stuck, however long it has waited besides: an answer takes far less, and a
/// script holds a thread up for little more.
const RAN_ENOUGH: Duration = Duration::from_millis(100);

/// The threads of a process at a moment.
#[derive(Clone, Debug)]
pub(crate) struct Processor {
    at: Monotonic,
    threads: BTreeMap<u32, Thread>,
}

/// One thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Thread {
    /// How long it has run.
    ran: Duration,
    /// How long it has waited to run.
    waited: Duration,
    /// It runs, or would if the kernel let it.
    is_runnable: bool,
}

impl Processor {
    /// As the kernel tells it; `None` where it does not.
    pub(crate) fn look(pid: u32) -> Option<Self> {
        let mut threads = BTreeMap::new();
        for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
            let path = task.ok()?.path();
            let id = path.file_name()?.to_str()?.parse().ok()?;
            let times = fs::read_to_string(path.join("schedstat")).ok()?;
            let stat = fs::read_to_string(path.join("stat")).ok()?;
            threads.insert(id, Thread::parse(&times, &stat)?);
        }
        Some(Self { at: Monotonic::now(), threads })
    }

    /// Whether some thread has waited for a processor for at least half of the time since `earlier`.
    pub(crate) fn has_waited_since(&self, earlier: &Self) -> bool {
        let half = self.at.since(earlier.at) / 2;
        self.threads.iter().any(|(id, now)| {
            earlier.threads.get(id).is_some_and(|before| now.has_waited_since(before, half))
        })
    }
}

impl Thread {
    /// From `schedstat` (nanoseconds run, nanoseconds waited, turns) and `stat`, whose third word is the state.
    fn parse(times: &str, stat: &str) -> Option<Self> {
        let mut times = times.split_ascii_whitespace().map(str::parse::<u64>);
        let (ran, waited) = (times.next()?.ok()?, times.next()?.ok()?);
        // The name before it stands in brackets and may hold anything.
        let (_, state) = stat.rsplit_once(") ")?;
        let is_runnable = state.starts_with(['R', 'D']);
        let (ran, waited) = (Duration::from_nanos(ran), Duration::from_nanos(waited));
        Some(Self { ran, waited, is_runnable })
    }

    /// A wait is counted when it is over: one that is not shows as a thread that could run and does not.
    fn has_waited_since(&self, before: &Self, half: Duration) -> bool {
        if self.ran.saturating_sub(before.ran) >= RAN_ENOUGH {
            return false;
        }
        let waited = self.waited.saturating_sub(before.waited);
        waited >= half || (self.is_runnable && before.is_runnable && self.ran == before.ran)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Duration = Duration::from_millis(500);

    fn thread(ran_ms: u64, waited_ms: u64, state: char) -> Thread {
        let times = format!("{} {} 9\n", ran_ms * 1_000_000, waited_ms * 1_000_000);
        Thread::parse(&times, &format!("17 (a) b (c) {state} 1 17 17\n")).unwrap()
    }

    #[test]
    fn a_thread_that_was_not_let_run_has_waited() {
        let before = thread(100, 10, 'R');
        assert!(thread(150, 510, 'S').has_waited_since(&before, HALF), "mostly");
        assert!(thread(100, 10, 'R').has_waited_since(&before, HALF), "all the time");
        assert!(thread(100, 10, 'D').has_waited_since(&before, HALF), "for a page");
    }

    #[test]
    fn a_thread_that_loops_sleeps_or_is_stopped_has_not() {
        let before = thread(100, 10, 'R');
        for (name, now) in [
            ("loops", thread(1_080, 30, 'R')),
            ("loops among others", thread(300, 810, 'R')),
            ("sleeps", thread(100, 10, 'S')),
            ("is stopped", thread(100, 10, 'T')),
        ] {
            assert!(!now.has_waited_since(&before, HALF), "{name}");
        }
        assert_eq!(Thread::parse("1 2", "no state"), None);
        assert_eq!(Thread::parse("", "17 (a) R"), None);
    }

    #[test]
    fn this_process_is_seen() {
        let first = Processor::look(std::process::id()).unwrap();
        assert!(!first.threads.is_empty());
        assert!(!first.has_waited_since(&Processor { threads: BTreeMap::new(), ..first.clone() }));
        assert!(Processor::look(u32::MAX).is_none());
    }
}
