//! What a process says of itself to the kernel.

use std::ffi::CString;

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
