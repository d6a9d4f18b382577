//! The memory that the allocator holds, after something large was built in it.

use std::ffi::c_void;
use std::io;
use std::ops::Range;
use std::ptr::{NonNull, with_exposed_provenance_mut};

use nix::errno::Errno;
use nix::libc;

use super::maps::{self, Mapping, mappings};

/// What the processor can map by one entry, on x86-64 and, with pages of 4 KiB, on ARM.
const HUGE_BYTES: usize = 2 << 20;
const PAGE_BYTES: usize = 4 << 10;
const PAGES: usize = HUGE_BYTES / PAGE_BYTES;
/// So many pages of a huge one must be in use: what a plan keeps lies scattered over where it was made.
const PAGES_USED_MIN: usize = PAGES / 4;
/// Below that much the processor finds its way by small pages as well, and a small gateway stays small.
const GATHERED_MIN: usize = 4;
/// `MADV_COLLAPSE` of `linux/mman.h`, since Linux 6.1.
const COLLAPSE: libc::c_int = 25;

/// Gives back what was freed, and has the kernel put what is left into huge pages where at least a quarter of one is used.
/// To be called by the thread that built it, once: it takes about half a millisecond for each huge page.
///
/// Where ten thousand endpoints lie in small pages, each request waits for the processor to find a dozen of them.
///
/// # Errors
/// What the kernel says; it has its reasons to refuse huge pages, and nothing but speed depends on them.
pub fn settle() -> io::Result<()> {
    give_back_freed();
    let mut worth = Vec::new();
    for range in anonymous(&maps::own()?) {
        for huge in huge_pages_in(&range) {
            if pages_used(huge)? >= PAGES_USED_MIN {
                worth.push(huge);
            }
        }
    }
    if worth.len() < GATHERED_MIN {
        return Ok(());
    }
    worth.into_iter().try_for_each(collapse)
}

#[expect(unsafe_code, reason = "a call of the allocator")]
fn give_back_freed() {
    // SAFETY: it touches nothing but blocks that were freed.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

#[expect(unsafe_code, reason = "mincore(2)")]
fn pages_used(huge: NonNull<c_void>) -> io::Result<usize> {
    let mut used = [0_u8; PAGES];
    // SAFETY: it reads no memory, and writes one byte for each page into a buffer of as many.
    let answer = unsafe { libc::mincore(huge.as_ptr(), HUGE_BYTES, used.as_mut_ptr()) };
    match Errno::result(answer) {
        Ok(_) => Ok(used.iter().filter(|page| *page & 1 == 1).count()),
        Err(Errno::ENOMEM) => Ok(0), // unmapped since
        Err(errno) => Err(errno.into()),
    }
}

#[expect(unsafe_code, reason = "madvise(2)")]
fn collapse(huge: NonNull<c_void>) -> io::Result<()> {
    // SAFETY: the bytes stay what they are, at the same addresses.
    let answer = unsafe { libc::madvise(huge.as_ptr(), HUGE_BYTES, COLLAPSE) };
    Ok(Errno::result(answer).map(drop)?)
}

/// The writable, private mappings of no file.
fn anonymous(maps: &str) -> impl Iterator<Item = Range<usize>> {
    let is_anonymous = |mapping: &Mapping<'_>| mapping.rights == "rw-p" && mapping.name.is_none();
    mappings(maps).filter(is_anonymous).map(|mapping| mapping.range)
}

fn huge_pages_in(range: &Range<usize>) -> impl Iterator<Item = NonNull<c_void>> + use<> {
    let first = range.start.next_multiple_of(HUGE_BYTES);
    let last = range.end.saturating_sub(HUGE_BYTES);
    (first..=last)
        .step_by(HUGE_BYTES)
        .filter_map(|at| NonNull::new(with_exposed_provenance_mut(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_heap_is_meant() {
        let maps = "\
            1000-2000 rw-p 00000000 fd:00 123   /usr/bin/baton\n\
            2000-3000 rw-p 00000000 00:00 0     [heap]\n\
            3000-4000 rw-p 00000000 00:00 0\n\
            4000-5000 ---p 00000000 00:00 0\n\
            5000-6000 rw-s 00000000 00:01 77    /memfd:soft (deleted)\n\
            6000-7000 rw-p 00000000 00:00 0 \n";
        assert_eq!(anonymous(maps).collect::<Vec<_>>(), [0x3000..0x4000, 0x6000..0x7000]);
    }

    #[test]
    fn a_mapping_is_cut_at_borders_of_huge_pages() {
        let huge = |range| huge_pages_in(&range).map(|at| at.addr().get()).collect::<Vec<_>>();
        assert_eq!(huge(0x1ff000..0x600000), [0x200000, 0x400000]);
        assert_eq!(huge(0x201000..0x5ff000), [] as [usize; 0]);
        assert_eq!(huge(0x1000..0x2000), [] as [usize; 0]);
    }

    #[test]
    fn what_is_used_stays_as_it_is_in_fewer_pages() {
        const THP: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
        let huge_kib = || {
            let said = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
            let line = said.lines().find_map(|line| line.strip_prefix("AnonHugePages:")).unwrap();
            line.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
        };
        let block = vec![7_u8; (GATHERED_MIN + 2) * HUGE_BYTES];
        let settled = settle();
        assert!(block.iter().all(|byte| *byte == 7));
        if std::fs::read_to_string(THP).is_ok_and(|said| !said.contains("[never]")) {
            settled.unwrap();
            assert!(huge_kib() >= GATHERED_MIN * HUGE_BYTES / 1024, "{} KiB", huge_kib());
        }
    }
}
