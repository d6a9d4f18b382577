//! Passwords as files of Apache's `htpasswd` hold them: bcrypt (`-B`), MD5 of 1,000 rounds (`$apr1$`), SHA-1 (`{SHA}`).
//!
//! Not here: what it encrypts by `crypt` (DES) and what it leaves in clear text.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, digest};
use bcrypt::HashParts;
use md5::{Digest as _, Md5};

use crate::base64;

/// The highest cost that is taken; each step doubles the time, and this one takes seconds.
const COST_MAX: u32 = 15;
const COST_MIN: u32 = 4;
const APACHE: &str = "$apr1$";
const SHA: &str = "{SHA}";

/// What stands for a password; never shown.
pub(super) enum Hash {
    Bcrypt(Box<str>),
    Apache { salt: Box<str>, sum: Box<[u8]> },
    Sha1([u8; 20]),
}

/// Why a text stands for no password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HashError {
    #[error("a bcrypt hash that is cut or broken")]
    Bcrypt,
    #[error("a bcrypt hash of cost {0}: it takes too long; at most {COST_MAX}")]
    Cost(u32),
    #[error("a hash that is cut or broken")]
    Broken,
    #[error("no hash that is known: make it by `htpasswd -B` ($2y$…)")]
    Unknown,
}

impl Hash {
    pub(super) fn read(text: &str) -> Result<Self, HashError> {
        if ["$2a$", "$2b$", "$2y$", "$2x$"].iter().any(|kind| text.starts_with(kind)) {
            let parts: HashParts = text.parse().map_err(|_broken| HashError::Bcrypt)?;
            return match parts.get_cost() {
                COST_MIN..=COST_MAX => Ok(Self::Bcrypt(text.into())),
                cost => Err(HashError::Cost(cost)),
            };
        }
        if let Some(rest) = text.strip_prefix(APACHE) {
            let (salt, sum) = rest.split_once('$').ok_or(HashError::Broken)?;
            let is_whole = salt.len() <= 8 && sum.len() == 22;
            let hash = Self::Apache { salt: salt.into(), sum: sum.as_bytes().into() };
            return is_whole.then_some(hash).ok_or(HashError::Broken);
        }
        if let Some(sum) = text.strip_prefix(SHA) {
            let sum = base64::decode(sum.as_bytes()).ok_or(HashError::Broken)?;
            return sum.try_into().map(Self::Sha1).map_err(|_other| HashError::Broken);
        }
        Err(HashError::Unknown)
    }

    /// Whether guessing it is cheap.
    pub(super) const fn is_weak(&self) -> bool {
        !matches!(self, Self::Bcrypt(_))
    }

    /// Into a hash over all users: other passwords give another one.
    pub(super) fn feed(&self, sum: &mut Context) {
        let parts: [&[u8]; 2] = match self {
            Self::Bcrypt(hash) => [hash.as_bytes(), b""],
            Self::Apache { salt, sum } => [salt.as_bytes(), sum],
            Self::Sha1(sum) => [sum, b""],
        };
        parts.iter().for_each(|part| piece(sum, part));
    }

    /// Whether this is the password. Takes its time; of bcrypt 72 bytes count.
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        match self {
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Apache { salt, sum } => {
                verify_slices_are_equal(&apache(password, salt.as_bytes()), sum).is_ok()
            },
            Self::Sha1(sum) => {
                let own = digest(&SHA1_FOR_LEGACY_USE_ONLY, password);
                verify_slices_are_equal(own.as_ref(), sum).is_ok()
            },
        }
    }
}

/// Its length and itself, so that no two lists of pieces read the same.
pub(super) fn piece(sum: &mut Context, bytes: &[u8]) {
    sum.update(&bytes.len().to_le_bytes());
    sum.update(bytes);
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bcrypt(_) => "bcrypt",
            Self::Apache { .. } => "apr1",
            Self::Sha1(_) => "SHA",
        })
    }
}

/// Apache's MD5: what FreeBSD made of it for `crypt`, with a name of its own.
fn apache(password: &[u8], salt: &[u8]) -> Vec<u8> {
    const ROUNDS: usize = 1_000;
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password);
    let inner = inner.finalize();
    let mut sum = Md5::new().chain_update(password).chain_update(APACHE).chain_update(salt);
    for part in password.chunks(inner.len()) {
        sum.update(inner.get(..part.len()).unwrap_or_default());
    }
    let mut bits = password.len();
    while bits > 0 {
        let byte = if bits & 1 == 1 { 0 } else { password.first().copied().unwrap_or(0) };
        sum.update([byte]);
        bits >>= 1;
    }
    let mut sum = sum.finalize();
    for round in 0..ROUNDS {
        let mut next = Md5::new();
        let is_odd = round % 2 == 1;
        next.update(if is_odd { password } else { &sum });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if is_odd { &sum } else { password });
        sum = next.finalize();
    }
    written(&sum.into())
}

/// In `crypt`'s order and alphabet.
fn written(sum: &[u8; 16]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const GROUPS: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
    let mut text = Vec::with_capacity(22);
    let mut write = |mut bits: usize, letters: usize| {
        for _ in 0..letters {
            text.extend(LETTERS.get(bits & 63));
            bits >>= 6;
        }
    };
    let byte = |at: usize| usize::from(sum.get(at).copied().unwrap_or(0));
    for [high, middle, low] in GROUPS {
        write(byte(high) << 16 | byte(middle) << 8 | byte(low), 4);
    }
    write(byte(11), 2);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `htpasswd -nbB -C 5`, `-nbm` and `-nbs` of Apache 2.4.
    #[test]
    fn what_apache_writes_is_read() {
        for (text, password) in VECTORS {
            let hash = Hash::read(text).unwrap();
            assert!(hash.is_of(password.as_bytes()), "{text}");
            for wrong in ["", "x", &password.to_uppercase(), &format!("{password}x")] {
                assert!(wrong == *password || !hash.is_of(wrong.as_bytes()), "{text} {wrong}");
            }
            assert!(!format!("{hash:?}").contains("$"));
        }
    }

    const VECTORS: &[(&str, &str)] = &[
        ("$2y$05$XCwwJ47LOYQcPq1MLVRx.edd19/ElE/w7/tonJOvLFspH7pxrVX1e", "secret"),
        ("$apr1$xfOwwHtP$1xEs4iTpgk5S3Sc3cioM/.", "secret"),
        ("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "secret"),
        ("$2y$05$qy2mDKNl5HKTheCb9cI2KO9r2zhBRDHC9IjTu02FclEgyUAwI7OXy", ""),
        ("$apr1$h5t1PSf5$VRTtz7Crla9weWTXldesK/", ""),
        ("{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=", ""),
        ("$2y$05$pcrd.KN79x2nAfi2hg4mJuqkTLuWR7xxdTNpU6OQGJxHJfq3j6I/i", "p\u{e4}ssw\u{f6}rd"),
        ("$apr1$0tRYgtYj$XwhYAyZE.GIaOL0tQqX9M0", "p\u{e4}ssw\u{f6}rd"),
        ("{SHA}9Rfd8dMqES/xrVXGbRsSyzjn6Pc=", "p\u{e4}ssw\u{f6}rd"),
        (
            "$2y$05$ggfU4XaKphVPcCHYXK/EBu4ookBtruXD7Rnoqcy0NJNBB5jM7DPZ6",
            "0123456789abcdefghijklmnopqrstuvwxyz-long-enough",
        ),
        (
            "$apr1$yEYtWU2f$8WdkAyKJDfviUwNVsmzPl1",
            "0123456789abcdefghijklmnopqrstuvwxyz-long-enough",
        ),
    ];

    #[test]
    fn bcrypt_counts_72_bytes_as_everywhere() {
        let long = "p".repeat(80);
        let hash = bcrypt::hash(&long, 4).unwrap();
        let hash = Hash::read(&hash).unwrap();
        assert!(hash.is_of(long.as_bytes()));
        assert!(!hash.is_of("p".repeat(71).as_bytes()));
    }

    #[test]
    fn what_stands_for_no_password_is_told_and_why() {
        let good = bcrypt::hash("x", 4).unwrap();
        let slow = good.replacen("$04$", "$16$", 1);
        for (text, error) in [
            (format!("{good}x").as_str(), HashError::Bcrypt),
            ("$2y$04$", HashError::Bcrypt),
            (&slow, HashError::Cost(16)),
            ("$apr1$saltsalt", HashError::Broken),
            ("$apr1$saltsalts$aaaaaaaaaaaaaaaaaaaaaa", HashError::Broken),
            ("{SHA}AAAA", HashError::Broken),
            ("{SHA}", HashError::Broken),
            ("rqXexS6ZhobKA", HashError::Unknown),
            ("secret", HashError::Unknown),
            ("$6$salt$x", HashError::Unknown),
            ("", HashError::Unknown),
        ] {
            assert_eq!(Hash::read(text).map(drop), Err(error), "{text}");
        }
    }
}
