//! Memory files: bytes that can travel between processes and that nobody can change any more, and memory
//! of a fixed size that many change.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt as _;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::ftruncate;

/// An empty memory file that can still be written and sealed.
///
/// # Errors
/// What `memfd_create(2)` says.
pub fn open(name: &str) -> Result<OwnedFd, Errno> {
    memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)
}

/// `bytes` in memory that can neither be written, grown nor shrunk from now on.
///
/// # Errors
/// What the kernel says: out of descriptors or memory.
pub fn sealed(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(open(name)?);
    file.write_all(bytes)?;
    seal(&file)?;
    Ok(file.into())
}

/// From now on nobody can write, grow or shrink the memory file, through whatever descriptor.
///
/// # Errors
/// `EBUSY` while a writable mapping of it exists; `EPERM` when it is sealed already.
pub fn seal(fd: impl AsFd) -> Result<(), Errno> {
    let seals = SealFlag::F_SEAL_WRITE
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_SEAL;
    fcntl(fd, FcntlArg::F_ADD_SEALS(seals)).map(drop)
}

/// Zeroes that can be written by everybody who holds it, and neither grown nor shrunk. Takes memory only
/// where it is touched.
///
/// # Errors
/// What the kernel says: out of descriptors.
pub fn fixed(name: &str, bytes: u64) -> Result<OwnedFd, Errno> {
    let fd = open(name)?;
    ftruncate(&fd, i64::try_from(bytes).map_err(|_too_large| Errno::EFBIG)?)?;
    let seals = SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&fd, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(fd)
}

/// Everything in the memory file, wherever its cursor stands.
///
/// # Errors
/// `InvalidData` when it holds more than `bytes_max`; else what the kernel says.
pub fn read(fd: impl AsFd, bytes_max: usize) -> io::Result<Vec<u8>> {
    let file = File::from(fd.as_fd().try_clone_to_owned()?);
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    if length > bytes_max {
        let text = format!("{length} bytes, allowed are {bytes_max}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_can_be_read_twice_and_never_written() {
        let fd = sealed("config", b"{}").unwrap();
        assert_eq!(read(&fd, 10).unwrap(), b"{}");
        assert_eq!(read(&fd, 10).unwrap(), b"{}");
        let error = File::from(fd).write_all(b"x").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::EPERM as i32));
    }

    #[test]
    fn what_is_fixed_can_be_written_but_keeps_its_size() {
        let file = File::from(fixed("soft", 4096).unwrap());
        file.write_all_at(b"x", 4095).unwrap();
        let beyond = file.write_all_at(b"x", 4096).unwrap_err();
        assert_eq!(beyond.raw_os_error(), Some(Errno::EPERM as i32));
        assert_eq!(file.set_len(1).unwrap_err().raw_os_error(), Some(Errno::EPERM as i32));
    }

    #[test]
    fn more_than_the_bound_is_refused() {
        let fd = sealed("config", &[b' '; 11]).unwrap();
        assert_eq!(read(&fd, 10).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
