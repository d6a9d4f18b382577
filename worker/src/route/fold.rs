//! Letters in any case, as gin compares them when it looks for another spelling of a path.
//!
//! On the way: only after a miss. KrakenD (gin, Go's `EqualFold`): bytes that are no UTF-8 equal each other, and text
//! that is cut within a letter is no UTF-8 there.

use smallvec::SmallVec;

/// Bytes of a letter that nodes of the tree share among them; those that are left, then zeros.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Letter([u8; 4]);

impl Letter {
    fn of(letter: char) -> Self {
        let mut bytes = [0; 4];
        letter.encode_utf8(&mut bytes);
        Self(bytes)
    }

    fn skip(self, count: usize) -> Self {
        let mut left = [0; 4];
        for (slot, byte) in left.iter_mut().zip(self.0.iter().skip(count)) {
            *slot = *byte;
        }
        Self(left)
    }

    /// By what the next node is chosen.
    pub(super) const fn first(self) -> u8 {
        self.0[0]
    }

    /// What may stand behind the first `passed` bytes of a path: the rest of this letter, else the next one, small and
    /// large.
    pub(super) fn behind(self, path: &[u8], passed: usize) -> SmallVec<[Self; 2]> {
        let left = self.skip(passed);
        if left.first() != 0 {
            return SmallVec::from_slice(&[left]);
        }
        let (letter, begun) = letter_around(path, passed);
        let (small, large) = (lower(letter), upper(letter));
        let mut cases = SmallVec::from_slice(&[Self::of(small).skip(begun)]);
        if large != small {
            cases.push(Self::of(large).skip(begun));
        }
        cases
    }
}

/// The letter at `passed`, and how many of its bytes stand before.
fn letter_around(path: &[u8], passed: usize) -> (char, usize) {
    const BACK_MAX: usize = 3;
    for begun in 0..passed.min(BACK_MAX) {
        let from = path.get(passed - begun..).unwrap_or_default();
        if from.first().is_some_and(|byte| !is_continuation(*byte)) {
            return (letters(from).next().unwrap_or_default(), begun);
        }
    }
    (char::default(), passed.min(BACK_MAX))
}

const fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// Whether two texts differ in the case of letters alone.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    one.eq_ignore_ascii_case(other)
        || !(one.is_ascii() && other.is_ascii())
            && letters(one).map(folded).eq(letters(other).map(folded))
}

/// As Go reads them: U+FFFD for each byte that is none.
fn letters(text: &[u8]) -> impl Iterator<Item = char> {
    text.utf8_chunks().flat_map(|chunk| {
        let none = chunk.invalid().iter().map(|_byte| char::REPLACEMENT_CHARACTER);
        chunk.valid().chars().chain(none)
    })
}

/// One for all that are equal in any case.
fn folded(letter: char) -> char {
    match letter {
        // Dotless or dotted: large and small are no pair.
        '\u{130}' | '\u{131}' => letter,
        letter => lower(upper(letter)),
    }
}

fn lower(letter: char) -> char {
    match letter {
        '\u{130}' => 'i',
        letter => only(letter, letter.to_lowercase()),
    }
}

fn upper(letter: char) -> char {
    only(letter, letter.to_uppercase())
}

/// Go knows no letter that becomes several.
fn only(letter: char, mut becomes: impl ExactSizeIterator<Item = char>) -> char {
    match becomes.len() {
        1 => becomes.next().unwrap_or(letter),
        _ => letter,
    }
}
