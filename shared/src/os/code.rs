//! The program's own code in memory.

use std::ffi::c_void;
use std::io;
use std::ops::Range;
use std::ptr::{NonNull, with_exposed_provenance_mut};

use nix::sys::mman::{MmapAdvise, madvise};

/// Unmaps the pages of code that this process has run so far. What runs again is mapped again from the page cache.
///
/// The kernel maps sixteen pages for each that is needed, so a process that has started and now waits looks several
/// times as large as what it uses. A debugger's breakpoints go, too.
///
/// # Errors
/// What the kernel says of `/proc/self/maps` or `madvise(2)`.
#[expect(unsafe_code, reason = "madvise(2)")]
pub fn give_back_code() -> io::Result<()> {
    for range in std::fs::read_to_string("/proc/self/maps")?.lines().filter_map(code) {
        let Some(at) = NonNull::new(with_exposed_provenance_mut::<c_void>(range.start)) else {
            continue;
        };
        // SAFETY: the pages are code of a file, which nobody can write to: the same bytes come back.
        unsafe { madvise(at, range.len(), MmapAdvise::MADV_DONTNEED) }?;
    }
    Ok(())
}

/// The addresses of a mapping of code from a file: `start-end r-xp offset device inode /path`.
fn code(line: &str) -> Option<Range<usize>> {
    let mut words = line.split_ascii_whitespace();
    let (range, rights) = (words.next()?, words.next()?);
    let path = words.nth(3)?;
    if rights != "r-xp" || !path.starts_with('/') {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some(address(start)?..address(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_files_is_meant() {
        let line = "7f00-8f00 r-xp 00002000 fd:00 123   /usr/bin/baton";
        assert_eq!(code(line), Some(0x7f00..0x8f00));
        assert_eq!(code(&line.replace("r-xp", "r--p")), None);
        assert_eq!(code(&line.replace("r-xp", "rwxp")), None);
        assert_eq!(code("7ffe-7fff r-xp 00000000 00:00 0    [vdso]"), None);
        assert_eq!(code("7ffe-7fff r-xp 00000000 00:00 0"), None);
    }

    #[test]
    fn what_runs_goes_on_running_and_takes_less() {
        let resident = || {
            let said = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = said.lines().find_map(|line| line.strip_prefix("RssFile:")).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
        };
        let before = resident();
        give_back_code().unwrap();
        let after = resident();
        assert!(after < before, "{before} KiB, then {after} KiB");
    }
}
