//! The program's own code in memory.

use std::ffi::c_void;
use std::io;
use std::ops::Range;
use std::ptr::{NonNull, with_exposed_provenance_mut};

use nix::sys::mman::{MmapAdvise, madvise};

use super::maps::{self, Mapping, mappings};

/// Unmaps the pages of code and constants that this process has used so far. What is used again is mapped again from
/// the page cache.
///
/// The kernel maps sixteen pages for each that is needed, so a process that has started and now waits looks several
/// times as large as what it uses. A debugger's breakpoints go, too.
///
/// # Errors
/// What the kernel says of `/proc/self/maps` or `madvise(2)`.
#[expect(unsafe_code, reason = "madvise(2)")]
pub fn give_back_code() -> io::Result<()> {
    for range in code(&maps::own()?) {
        let Some(at) = NonNull::new(with_exposed_provenance_mut::<c_void>(range.start)) else {
            continue;
        };
        // SAFETY: the pages are of a file and nobody has written to them: the same bytes come back.
        unsafe { madvise(at, range.len(), MmapAdvise::MADV_DONTNEED) }?;
    }
    Ok(())
}

/// The addresses of each file's code, and of the constants in front of it. What stands behind the code may have been
/// written to by the loader before it was closed.
fn code(maps: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut constants: Option<(&str, Range<usize>)> = None;
    for Mapping { range, rights, name } in mappings(maps) {
        let Some(path) = name.filter(|name| name.starts_with('/')) else { continue };
        match (rights, constants.take()) {
            ("r--p", _) => constants = Some((path, range)),
            ("r-xp", Some((same, before))) if same == path => found.extend([before, range]),
            ("r-xp", _) => found.push(range),
            _ => {},
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_files_and_the_constants_in_front_of_it_are_meant() {
        let maps = "\
            1000-2000 r--p 00000000 fd:00 123   /usr/bin/baton\n\
            2000-3000 r-xp 00001000 fd:00 123   /usr/bin/baton\n\
            3000-4000 r--p 00002000 fd:00 123   /usr/bin/baton\n\
            4000-5000 rw-p 00003000 fd:00 123   /usr/bin/baton\n\
            6000-7000 r--p 00000000 fd:00 124   /usr/lib/other.so\n\
            7000-8000 r-xp 00000000 fd:00 125   /usr/lib/libc.so.6\n\
            8000-9000 rwxp 00000000 fd:00 126   /tmp/made\n\
            9000-a000 r-xp 00000000 00:00 0     [vdso]\n\
            a000-b000 r-xp 00000000 00:00 0\n";
        assert_eq!(code(maps), [0x1000..0x2000, 0x2000..0x3000, 0x7000..0x8000]);
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
