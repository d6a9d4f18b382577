//! What a process says of itself to the kernel.

use std::ffi::CString;
use std::os::fd::{AsFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The name that `ps` and `top` show (15 bytes at most; more is cut).
///
/// # Errors
/// `EINVAL` for a name with a NUL byte.
pub fn set_name(name: &str) -> Result<(), Errno> {
    let name = CString::new(name).map_err(|_nul| Errno::EINVAL)?;
    prctl::set_name(&name)
}

/// From now on no `execve` of this process or its children gains a privilege.
///
/// # Errors
/// What `prctl(2)` says.
pub fn set_no_new_privileges() -> Result<(), Errno> {
    prctl::set_no_new_privs()
}

/// Raises the limit of open descriptors to what is allowed and gives it.
///
/// # Errors
/// What `getrlimit(2)` or `setrlimit(2)` say.
pub fn raise_descriptor_limit() -> Result<u64, Errno> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}

/// SIGTERM, SIGINT and SIGHUP no longer end this process.
#[expect(unsafe_code, reason = "signal dispositions")]
pub fn ignore_stop_signals() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    for number in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        // SAFETY: ignoring runs no code of ours in a signal context.
        let _before = unsafe { signal(number, SigHandler::SigIgn) };
    }
}

/// A copy of standard input, closed on exec: the control channel that the supervisor put there.
///
/// # Errors
/// When standard input is closed.
pub fn take_stdin() -> std::io::Result<OwnedFd> {
    std::io::stdin().as_fd().try_clone_to_owned()
}
