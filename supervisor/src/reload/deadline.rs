//! Every time bound of the supervisor, in one table. A wait that is not in here does not exist.

use std::time::Duration;

/// Reading the sources once; a file system that hangs ends the reload, not the supervisor.
pub const SNAPSHOT: Duration = Duration::from_secs(5);
/// From the start of a worker's process to its first word: nobody but the caller waits for it, and a busy machine
/// starts processes slowly.
pub const HELLO: Duration = Duration::from_secs(5);
/// From the configuration to the plan; see [`plan`].
const PLAN: Duration = Duration::from_secs(10);
/// Binding new addresses; longer than [`BIND_RETRY`].
pub const BIND: Duration = Duration::from_millis(3_500);
/// How long an address that is taken is tried again: who had it may be about to leave.
pub const BIND_RETRY: Duration = Duration::from_millis(2_500);
/// From the listeners to `Ready`, counted anew with each `Warming`.
pub const WARM: Duration = Duration::from_secs(10);
/// The same in all, however often `Warming` is said.
pub const WARM_IN_ALL: Duration = Duration::from_secs(60);
/// A request of the worker to itself.
pub const PROBE: Duration = Duration::from_secs(5);
/// How long a reload waits for one of the drainers to end before the oldest is ended.
pub const DRAINERS: Duration = Duration::from_secs(60);
/// Each half of the switch: the new worker accepts; the old one has stopped. Pings find sooner who hangs.
pub const SWITCH: Duration = Duration::from_secs(5);
/// Moving what is idle.
pub const HANDOVER: Duration = Duration::from_secs(5);
/// From `Quit` to SIGKILL, and from a broken channel to SIGKILL.
pub const QUIT: Duration = Duration::from_secs(1);
/// How long an address that a reload removed is still accepted on, for those who have connected.
pub const LEAVE: Duration = Duration::from_secs(3);
/// What a worker may take beyond the deadline of its drain before it is killed.
pub const DRAIN_GRACE: Duration = Duration::from_secs(2);
/// How long the end waits for killed processes.
pub const LAST: Duration = Duration::from_secs(2);
/// Between two pings.
pub const HEARTBEAT: Duration = Duration::from_secs(1);
/// The same for a new worker in the switch: if it hangs there, clients wait.
pub const SWITCH_HEARTBEAT: Duration = Duration::from_millis(500);
/// We come so late to what is due that others may not have run either.
pub const LATE: Duration = Duration::from_millis(200);
/// What they get then, at most.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// Pings without an answer after which a worker that serves is stuck.
pub const SERVING_MISSES: u32 = 3;
/// As many of them are excused, in a row, where a worker has not had a processor: a busy machine is no reason to
/// cut what it serves. As often a deadline that waits for it is put off.
pub const EXCUSES: u32 = 20;
/// The same for one that drains: it holds nobody up, and what it finishes is worth waiting for.
pub const DRAINER_MISSES: u32 = 10;
/// A worker that has been without descriptors to accept with for so long has failed its probe.
pub const CANNOT_ACCEPT: Duration = Duration::from_secs(3);
/// A saved file and a call to reload that come so close to each other mean the same.
pub const SAME_SAVE: Duration = Duration::from_secs(1);
/// A worker that served this long starts with a clean record.
pub const STEADY: Duration = Duration::from_secs(10);

/// Workers that drain at the same time; one more waits.
pub const DRAINERS_MAX: usize = 8;
/// Rolled-back contents that are remembered.
pub const ROLLED_BACK_MAX: usize = 4;

/// From the configuration to the plan, by the size of the configuration: a second per megabyte
/// on top, since large files are legal and slow machines exist.
#[must_use]
pub fn plan(config_bytes: u64) -> Duration {
    PLAN + Duration::from_micros(config_bytes.min(600_000_000))
}

/// How long to wait before a worker that died is started again, by the deaths in a row so far:
/// at once, then 50 ms, doubling up to 5 s.
#[must_use]
pub fn back_off(deaths: u32) -> Duration {
    match deaths {
        0 | 1 => Duration::ZERO,
        more => Duration::from_millis(50 << (more - 2).min(7)).min(Duration::from_secs(5)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_death_is_repaired_at_once_and_a_loop_is_slowed_down() {
        let waits: Vec<u128> = (0..12).map(|deaths| back_off(deaths).as_millis()).collect();
        assert_eq!(waits, [0, 0, 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        assert_eq!(back_off(u32::MAX), Duration::from_secs(5));
    }

    #[test]
    fn a_large_configuration_gets_more_time() {
        assert_eq!(plan(0), Duration::from_secs(10));
        assert_eq!(plan(2_000_000), Duration::from_secs(12));
        assert!(plan(u64::MAX) < Duration::from_secs(700));
    }
}
