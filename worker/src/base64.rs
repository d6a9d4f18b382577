//! base64, as Go's libraries read it: the bits that the last letter has too many do not matter.

use ::base64::alphabet::{STANDARD, URL_SAFE};
use ::base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, NO_PAD, PAD};
use ::base64::{DecodeError, Engine as _};

const LENIENT: GeneralPurposeConfig = NO_PAD.with_decode_allow_trailing_bits(true);
static PADDED: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, PAD.with_decode_allow_trailing_bits(true));
static URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, NO_PAD);
static LENIENT_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// What a text stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) bytes: Vec<u8>,
    /// Encoding the bytes again gives the same text.
    pub(crate) is_canonical: bool,
}

/// The text in the usual alphabet (RFC 4648 §4), padded.
pub(crate) fn encode(bytes: &[u8]) -> String {
    PADDED.encode(bytes)
}

/// The bytes of a padded text in the usual alphabet; `None`: it is none.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    PADDED.decode(text).ok()
}

/// The text in the alphabet of URLs (RFC 4648 §5), without padding, behind what `text` holds already.
pub(crate) fn encode_url(bytes: &[u8], text: &mut Vec<u8>) {
    text.extend_from_slice(URL.encode(bytes).as_bytes());
}

/// The bytes of a text in the alphabet of URLs, as go-jose reads it: padding at the end does not matter; `None`: it is none.
pub(crate) fn decode_url(text: &[u8]) -> Option<Decoded> {
    let letters = letters(text);
    match URL.decode(letters) {
        Ok(bytes) => Some(Decoded { bytes, is_canonical: letters.len() == text.len() }),
        Err(DecodeError::InvalidLastSymbol(..)) => {
            let bytes = LENIENT_URL.decode(letters).ok()?;
            Some(Decoded { bytes, is_canonical: false })
        },
        Err(_) => None,
    }
}

/// Where a text that [`decode_url`] refuses is wrong, as Go counts it.
pub(crate) fn url_fault(text: &[u8]) -> usize {
    let letters = letters(text);
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let wrong = letters.iter().position(|byte| !is_letter(byte));
    wrong.unwrap_or_else(|| letters.len().saturating_sub(1))
}

/// Without the padding.
fn letters(text: &[u8]) -> &[u8] {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    text.get(..text.len() - padding).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, bytes: &[u8], is_canonical: bool) {
        let decoded = decode_url(text.as_bytes()).unwrap_or_else(|| panic!("{text} is refused"));
        assert_eq!((&*decoded.bytes, decoded.is_canonical), (bytes, is_canonical), "{text}");
    }

    #[test]
    fn the_vectors_of_the_rfc_read_and_write() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
        ] {
            check(text, bytes.as_bytes(), true);
            let mut written = Vec::new();
            encode_url(bytes.as_bytes(), &mut written);
            assert_eq!(written, text.as_bytes());
            let padded = format!("{text:=<0$}", text.len().next_multiple_of(4));
            assert_eq!(encode(bytes.as_bytes()), padded);
        }
        let all: Vec<u8> = (0..=255).collect();
        let mut text = Vec::new();
        encode_url(&all, &mut text);
        assert_eq!(decode_url(&text).unwrap().bytes, all);
        assert!(!text.contains(&b'+') && !text.contains(&b'/'));
    }

    #[test]
    fn padding_and_surplus_bits_are_read_and_told() {
        check("Zg==", b"f", false);
        check("Zg=", b"f", false);
        check("Zh", b"f", false);
        check("Zm9=", b"fo", false);
        check("Zm9vYg====", b"foob", false);
    }

    #[test]
    fn the_usual_alphabet_is_read_where_it_is_padded() {
        assert_eq!(encode(&[0xFB, 0xFF]), "+/8=");
        assert_eq!(decode(b"+/8="), Some(vec![0xFB, 0xFF]));
        assert_eq!(decode(b"Zh=="), Some(b"f".to_vec()), "surplus bits");
        assert_eq!(decode(b""), Some(Vec::new()));
        for text in ["-_8=", "+/8", "Zg=", "Zg===", "Z===", "====", "Zm 9", "Zm9v\n"] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in ["Z", "Zm9vY", "Zm+v", "Zm/v", "Zm 9", "Z=g", "Zm9\u{e9}", "Zm9v\n"] {
            assert!(decode_url(text.as_bytes()).is_none(), "{text}");
        }
        for (text, at) in
            [("Z", 0), ("Zm9vY", 4), ("Zm9vY==", 4), ("e$J", 1), ("Zm9v+", 4), ("=Z", 0)]
        {
            assert_eq!(
                (decode_url(text.as_bytes()), url_fault(text.as_bytes())),
                (None, at),
                "{text}"
            );
        }
    }
}
