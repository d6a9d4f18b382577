//! Many events, one reload. Pure: time is an argument.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A save is over when nothing more happened for so long.
const QUIET: Duration = Duration::from_millis(50);
/// Somebody who never stops writing waits no longer than this.
const LONGEST: Duration = Duration::from_millis(500);

/// Changes that no reload has answered yet.
#[derive(Debug)]
pub(super) struct Burst {
    path: PathBuf,
    first: Instant,
    last: Instant,
}

impl Burst {
    pub(super) fn begin(path: &Path, now: Instant) -> Self {
        Self { path: path.to_owned(), first: now, last: now }
    }

    pub(super) fn goes_on(&mut self, now: Instant) {
        self.last = now;
    }

    /// When to reload.
    pub(super) fn due(&self) -> Instant {
        (self.last + QUIET).min(self.first + LONGEST)
    }

    /// The path whose change came first.
    pub(super) fn into_path(self) -> PathBuf {
        self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_waits_for_the_end_of_the_burst_but_not_for_ever() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut burst = Burst::begin(Path::new("/a"), start);
        assert_eq!(burst.due(), at(50));
        burst.goes_on(at(40));
        assert_eq!(burst.due(), at(90));
        for ms in (40..900).step_by(10) {
            burst.goes_on(at(ms));
        }
        assert_eq!(burst.due(), at(500));
        assert_eq!(burst.into_path(), Path::new("/a"));
    }
}
