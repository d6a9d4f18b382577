//! `SipHash`: keyed, so that who does not know the key cannot make two names meet.
//!
//! 64 bits. Among a million names the chance that any two meet is 3 in 100 million.

/// Of names that clients choose: the key is a secret of the instance. One round per word and three at
/// the end, as in the tables of Rust's own library.
#[must_use]
pub(super) fn keyed(key: [u64; 2], of: u64, name: &[u8]) -> u64 {
    Sip::<1, 3>::new(key).word(of).bytes(name)
}

/// Of what a configuration says: the same in every process and every run.
#[must_use]
pub fn plain(name: &[u8]) -> u64 {
    Sip::<2, 4>::new([0, 0]).bytes(name)
}

/// `C` rounds per word, `D` at the end.
#[derive(Clone, Copy, Debug)]
struct Sip<const C: usize, const D: usize> {
    v: [u64; 4],
    words: u8,
}

impl<const C: usize, const D: usize> Sip<C, D> {
    const fn new([k0, k1]: [u64; 2]) -> Self {
        let v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        Self { v, words: 0 }
    }

    fn word(mut self, word: u64) -> Self {
        self.words = self.words.wrapping_add(8);
        self.mix(word)
    }

    fn mix(mut self, word: u64) -> Self {
        self.v[3] ^= word;
        (0..C).for_each(|_| self.round());
        self.v[0] ^= word;
        self
    }

    fn bytes(self, bytes: &[u8]) -> u64 {
        let (whole, rest) = bytes.as_chunks::<8>();
        let mut state =
            whole.iter().fold(self, |state, chunk| state.mix(u64::from_le_bytes(*chunk)));
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        let [length, ..] = bytes.len().to_le_bytes();
        last[7] = length.wrapping_add(self.words);
        state = state.mix(u64::from_le_bytes(last));
        state.v[2] ^= 0xff;
        (0..D).for_each(|_| state.round());
        let [a, b, c, d] = state.v;
        a ^ b ^ c ^ d
    }

    const fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.v;
        a = a.wrapping_add(b);
        b = b.rotate_left(13) ^ a;
        a = a.rotate_left(32);
        c = c.wrapping_add(d);
        d = d.rotate_left(16) ^ c;
        a = a.wrapping_add(d);
        d = d.rotate_left(21) ^ a;
        c = c.wrapping_add(b);
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        self.v = [a, b, c, d];
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher as _;

    use super::*;

    #[test]
    #[expect(
        deprecated,
        reason = "the only SipHash of the standard library whose key can be chosen"
    )]
    fn it_is_the_siphash_of_the_standard_library() {
        let bytes: Vec<u8> = (0..64).collect();
        for length in 0..bytes.len() {
            let mut other = std::hash::SipHasher::new_with_keys(7, 9);
            other.write(&bytes[..length]);
            assert_eq!(
                Sip::<2, 4>::new([7, 9]).bytes(&bytes[..length]),
                other.finish(),
                "{length}"
            );
        }
    }

    #[test]
    fn a_word_before_the_name_is_part_of_it() {
        let with = keyed([1, 2], u64::from_le_bytes(*b"12345678"), b"9");
        assert_eq!(with, Sip::<1, 3>::new([1, 2]).bytes(b"123456789"));
        assert_ne!(with, keyed([1, 3], u64::from_le_bytes(*b"12345678"), b"9"));
    }
}
