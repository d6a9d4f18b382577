//! What this process has mapped, as `/proc/self/maps` tells.

use std::io;
use std::ops::Range;

/// The text that [`mappings`] reads.
///
/// # Errors
/// It cannot be read.
pub(super) fn own() -> io::Result<String> {
    std::fs::read_to_string("/proc/self/maps")
}

/// One mapping.
#[derive(Debug)]
pub(super) struct Mapping<'a> {
    pub(super) range: Range<usize>,
    /// As `r-xp`.
    pub(super) rights: &'a str,
    /// Of a file, or what the kernel calls it: `[heap]`.
    pub(super) name: Option<&'a str>,
}

/// All of them, in the order of their addresses.
pub(super) fn mappings(maps: &str) -> impl Iterator<Item = Mapping<'_>> {
    maps.lines().filter_map(mapping)
}

/// `start-end rights offset device inode name`.
fn mapping(line: &str) -> Option<Mapping<'_>> {
    let mut words = line.split_ascii_whitespace();
    let (range, rights) = (words.next()?, words.next()?);
    let name = words.nth(3);
    let (start, end) = range.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some(Mapping { range: address(start)?..address(end)?, rights, name })
}
