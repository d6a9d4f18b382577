//! `md5` of a file's content, as configurations have it.

use baton_shared::words::hex;
use md5::{Digest as _, Md5};

/// In small hexadecimal digits.
pub(super) fn sum(content: &[u8]) -> String {
    hex(&Md5::digest(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_rfc_1321() {
        assert_eq!(sum(b""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(sum(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
    }
}
