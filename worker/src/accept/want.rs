//! A listener's want of descriptors: since when, told once, over when it accepts or has nobody to
//! accept.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use baton_shared::log;
use nix::errno::Errno;
use tokio::time::Instant;

const TAG: &str = "SERVICE: Accept";
/// A want that is shorter is nobody's concern.
const TOLD_AFTER: Duration = Duration::from_secs(1);

/// What a listening socket lacks.
#[derive(Debug, Default)]
pub(super) struct Want {
    since: Cell<Option<Instant>>,
    /// The limit is this process's own: the machine has more.
    is_own: Cell<bool>,
    is_told: Cell<bool>,
}

impl Want {
    /// Accepting failed for want of something.
    pub(super) fn goes_on(&self, errno: Errno, address: SocketAddr, now: Instant) {
        let since = self.since.get().unwrap_or(now);
        self.since.set(Some(since));
        self.is_own.set(errno == Errno::EMFILE);
        if now - since >= TOLD_AFTER && !self.is_told.replace(true) {
            let why = errno.desc().to_lowercase();
            log::error(
                TAG,
                format!("no connection can be accepted on {address}: {why}; clients wait"),
            );
        }
    }

    /// One was accepted, or none waits.
    pub(super) fn is_over(&self, address: SocketAddr) {
        if self.since.take().is_some() && self.is_told.take() {
            log::warning(TAG, format!("connections on {address} are accepted again"));
        }
    }

    /// How long the process has been at a limit of its own.
    pub(super) fn of_own(&self, now: Instant) -> Duration {
        let since = self.since.get().filter(|_| self.is_own.get());
        since.map_or(Duration::ZERO, |since| now - since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_from_the_first_failure_to_the_first_success() {
        let (want, begin) = (Want::default(), Instant::now());
        let address = "127.0.0.1:80".parse().unwrap();
        let at = |seconds| begin + Duration::from_secs(seconds);
        want.goes_on(Errno::EMFILE, address, at(0));
        want.goes_on(Errno::EMFILE, address, at(2));
        assert_eq!(want.of_own(at(3)), Duration::from_secs(3));
        assert!(want.is_told.get());
        want.goes_on(Errno::ENFILE, address, at(4));
        assert_eq!(want.of_own(at(4)), Duration::ZERO, "the whole machine is out of descriptors");
        want.is_over(address);
        want.goes_on(Errno::EMFILE, address, at(9));
        assert_eq!(want.of_own(at(9)), Duration::ZERO);
        assert!(!want.is_told.get());
    }
}
