#![expect(unsafe_code, reason = "mmap(2)")]
//! Memory that several processes share: a memory file seen as a row of atomic words.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::stat::fstat;

/// A memory file, mapped to be read and written. Others may write at any moment, so there is nothing
/// in here but atomics.
#[derive(Debug)]
pub struct SharedWords {
    at: NonNull<AtomicU64>,
    words: usize,
}

// SAFETY: it owns its mapping, which does not depend on the thread that made it.
unsafe impl Send for SharedWords {}
// SAFETY: all that it gives out is `&AtomicU64`.
unsafe impl Sync for SharedWords {}

impl SharedWords {
    /// Maps everything that is there. Pages that nobody has touched take no memory.
    ///
    /// # Errors
    /// `InvalidData` for a file that is empty or could be shrunk (access behind its end would be fatal);
    /// else what the kernel says.
    pub fn map(fd: impl AsFd) -> io::Result<Self> {
        let seals = SealFlag::from_bits_truncate(fcntl(&fd, FcntlArg::F_GET_SEALS)?);
        let bytes = usize::try_from(fstat(&fd)?.st_size).unwrap_or(0);
        let length = NonZeroUsize::new(bytes).filter(|_| seals.contains(SealFlag::F_SEAL_SHRINK));
        let Some(length) = length else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "not a memory file of fixed size",
            ));
        };
        let rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address that the kernel chooses; nothing of ours lies there.
        let at = unsafe { mmap(None, length, rights, MapFlags::MAP_SHARED, fd, 0) }?;
        Ok(Self { at: at.cast(), words: bytes / size_of::<AtomicU64>() })
    }

    /// All words.
    #[must_use]
    pub const fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping begins on a page, is `words` words long, lives as long as `self`, cannot
        // shrink (sealed), and any bits are a valid `AtomicU64`.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.words) }
    }
}

impl Drop for SharedWords {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no reference into it outlives `self`.
        let _unmapped = unsafe { munmap(self.at.cast(), self.words * size_of::<AtomicU64>()) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::os::memfd;

    #[test]
    fn what_one_mapping_writes_the_other_reads() {
        let fd = memfd::fixed("words", 4096).unwrap();
        let (one, other) = (SharedWords::map(&fd).unwrap(), SharedWords::map(&fd).unwrap());
        assert_eq!(one.words().len(), 512);
        one.words()[511].store(7, Ordering::Relaxed);
        assert_eq!(other.words()[511].load(Ordering::Relaxed), 7);
    }

    #[test]
    fn memory_that_could_shrink_is_refused() {
        let fd = memfd::open("words").unwrap();
        nix::unistd::ftruncate(&fd, 4096).unwrap();
        assert_eq!(SharedWords::map(&fd).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let empty = memfd::fixed("words", 0).unwrap();
        assert_eq!(SharedWords::map(&empty).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
