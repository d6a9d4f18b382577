//! Waiting for an event, with a deadline and a name.

use std::time::{Duration, Instant};

/// How long most waits may take: far above what a loaded machine needs.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Waits until `holds`; after `deadline` the test fails and says `what` did not happen.
pub fn until(what: &str, deadline: Duration, mut holds: impl FnMut() -> bool) {
    until_some(what, deadline, || holds().then_some(()));
}

/// Waits until `value` gives something, and gives it back.
pub fn until_some<T>(what: &str, deadline: Duration, mut value: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = value() {
            return found;
        }
        assert!(begun.elapsed() < deadline, "waited {deadline:?} in vain: {what}");
        pause(Duration::from_millis(2));
    }
}

/// Lets time pass where time itself is what is tested: an idle connection, a slow client.
pub fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
    std::thread::sleep(time);
}
