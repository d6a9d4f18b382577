//! What a process says of itself to the kernel.

use std::ffi::CString;
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
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

/// What this process executes from now on starts without the capabilities that a service manager gave
/// it; it keeps its own. Call it before other threads start.
///
/// # Errors
/// What `prctl(2)` says.
#[expect(unsafe_code, reason = "prctl(2), PR_CAP_AMBIENT")]
pub fn keep_capabilities_to_itself() -> Result<(), Errno> {
    // SAFETY: plain numbers; no memory is passed.
    let done =
        unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) };
    Errno::result(done).map(drop)
}

/// Gives up every capability, for good: root without its powers. Call it before other threads start.
///
/// # Errors
/// What `capset(2)` says; a system call filter may forbid it.
#[expect(unsafe_code, reason = "capset(2)")]
pub fn drop_capabilities() -> Result<(), Errno> {
    // Version 3 of the interface, and 0 for this thread; the kernel may write the version it prefers.
    let mut header: [u32; 2] = [0x2008_0522, 0];
    // Two blocks of effective, permitted, inheritable.
    let none: [u32; 6] = [0; 6];
    // SAFETY: both point to live values of the sizes that version 3 reads and writes.
    let done = unsafe { libc::syscall(libc::SYS_capset, header.as_mut_ptr(), none.as_ptr()) };
    Errno::result(done).map(drop)
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

/// Makes room for descriptors up to `count`, or what is allowed, at once; call it before other threads start.
///
/// A table that grows while several threads use it waits for all processors each time (`expand_files`
/// in the kernel, about 15 ms): thousands of connections that arrive together would wait with it.
///
/// # Errors
/// What `getrlimit(2)` or `fcntl(2)` say.
#[expect(unsafe_code, reason = "the number of a new descriptor")]
#[expect(clippy::disallowed_methods, reason = "the edge itself")]
pub fn reserve_descriptors(count: u64) -> Result<(), Errno> {
    let limit = raise_descriptor_limit()?;
    let last = i32::try_from(count.min(limit)).unwrap_or(i32::MAX) - 1;
    let highest = fcntl(std::io::stdin(), FcntlArg::F_DUPFD_CLOEXEC(last))?;
    // SAFETY: the kernel has just made this number for us; nobody else knows it.
    drop(unsafe { OwnedFd::from_raw_fd(highest) });
    Ok(())
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
