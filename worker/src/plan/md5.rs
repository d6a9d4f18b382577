//! `md5` of a file's content, as configurations have it.

use std::fmt::Write as _;

use md5::{Digest as _, Md5};

/// In small hexadecimal digits.
pub(super) fn hex(content: &[u8]) -> String {
    Md5::digest(content).iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_rfc_1321() {
        assert_eq!(hex(b""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(hex(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
    }
}
