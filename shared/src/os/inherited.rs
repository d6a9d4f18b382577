#![expect(unsafe_code, reason = "inherited descriptors are numbers until they are wrapped")]
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "the edge itself")]
//! Descriptors that a service manager left open for this process (`sd_listen_fds(3)`).

use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;

/// The first one, by convention.
const FIRST: RawFd = 3;
/// More than any manager passes.
const COUNT_MAX: usize = 4096;

/// The next `count` descriptors from 3 on, owned and close-on-exec; a number that is not open is
/// left out (`None`). Gives them once per process: later calls give nothing.
///
/// Call it first in `main`: before that, 3 and up are what the parent left, or not open.
#[must_use]
pub fn take(count: usize) -> Vec<Option<OwnedFd>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    (FIRST..).take(count.min(COUNT_MAX)).map(own).collect()
}

fn own(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: `F_GETFD` only asks the kernel whether the number is open.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return None;
    }
    // SAFETY: it is open, was left by the parent for us, and `take` gives it to one owner only.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    Some(fd)
}
