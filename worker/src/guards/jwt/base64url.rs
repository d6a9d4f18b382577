//! base64 with the alphabet of URLs (RFC 4648 §5), as go-jose reads it: padding at the end does not matter, nor do the
//! bits that the last letter has too many.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Not a letter of the alphabet.
const NONE: u8 = 0xFF;
const VALUES: [u8; 256] = values();

/// What a text stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) bytes: Vec<u8>,
    /// Encoding the bytes again gives the same text.
    pub(crate) is_canonical: bool,
}

/// The bytes; `None`: it is no base64 of this kind.
pub(crate) fn decode(text: &[u8]) -> Option<Decoded> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let letters = text.get(..text.len() - padding)?;
    let mut bytes = Vec::with_capacity(letters.len() * 3 / 4 + 2);
    let (groups, rest) = letters.as_chunks::<4>();
    for [a, b, c, d] in groups {
        let [a, b, c, d] = [value(*a), value(*b), value(*c), value(*d)];
        if (a | b | c | d) == NONE {
            return None;
        }
        bytes.extend_from_slice(&[(a << 2) | (b >> 4), (b << 4) | (c >> 2), (c << 6) | d]);
    }
    let left_over = match *rest {
        [] => 0,
        [a, b] => {
            let [a, b] = [value(a), value(b)];
            if (a | b) == NONE {
                return None;
            }
            bytes.push((a << 2) | (b >> 4));
            b << 4
        },
        [a, b, c] => {
            let [a, b, c] = [value(a), value(b), value(c)];
            if (a | b | c) == NONE {
                return None;
            }
            bytes.extend_from_slice(&[(a << 2) | (b >> 4), (b << 4) | (c >> 2)]);
            c << 6
        },
        _ => return None,
    };
    Some(Decoded { bytes, is_canonical: padding == 0 && left_over == 0 })
}

/// Where a text that cannot be decoded is wrong, as Go counts it.
pub(crate) fn fault(text: &[u8]) -> usize {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let letters = text.len() - padding;
    let wrong = text.iter().take(letters).position(|letter| value(*letter) == NONE);
    wrong.unwrap_or_else(|| letters.saturating_sub(1))
}

/// The bytes of base64 with its usual alphabet (RFC 4648 §4), padded; `None`: it is none.
pub(crate) fn decode_standard(text: &[u8]) -> Option<Vec<u8>> {
    let url_letter = |byte: &u8| match byte {
        b'+' => Some(b'-'),
        b'/' => Some(b'_'),
        b'-' | b'_' => None,
        other => Some(*other),
    };
    let letters: Vec<u8> = text.iter().map(url_letter).collect::<Option<_>>()?;
    let is_padded = text.len().is_multiple_of(4) && !text.ends_with(b"===");
    decode(&letters).filter(|_| is_padded).map(|decoded| decoded.bytes)
}

/// The text, without padding, behind what `text` holds already.
pub(crate) fn encode(bytes: &[u8], text: &mut Vec<u8>) {
    let letter = |six: u8| ALPHABET.get(usize::from(six & 63)).copied().unwrap_or(b'A');
    let (groups, rest) = bytes.as_chunks::<3>();
    text.reserve(bytes.len() * 4 / 3 + 3);
    for [a, b, c] in groups {
        let [a, b, c] = [*a, *b, *c];
        text.extend_from_slice(&[
            letter(a >> 2),
            letter((a << 4) | (b >> 4)),
            letter((b << 2) | (c >> 6)),
            letter(c),
        ]);
    }
    match *rest {
        [a] => text.extend_from_slice(&[letter(a >> 2), letter(a << 4)]),
        [a, b] => {
            text.extend_from_slice(&[letter(a >> 2), letter((a << 4) | (b >> 4)), letter(b << 2)]);
        },
        _ => {},
    }
}

fn value(letter: u8) -> u8 {
    VALUES.get(usize::from(letter)).copied().unwrap_or(NONE)
}

#[expect(clippy::cast_possible_truncation, reason = "below 64")]
const fn values() -> [u8; 256] {
    let mut values = [NONE; 256];
    let mut at = 0;
    while at < ALPHABET.len() {
        values[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, bytes: &[u8], is_canonical: bool) {
        let decoded = decode(text.as_bytes()).unwrap_or_else(|| panic!("{text} is refused"));
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
            encode(bytes.as_bytes(), &mut written);
            assert_eq!(written, text.as_bytes());
        }
        let all: Vec<u8> = (0..=255).collect();
        let mut text = Vec::new();
        encode(&all, &mut text);
        assert_eq!(decode(&text).unwrap().bytes, all);
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
        assert_eq!(decode_standard(b"+/8="), Some(vec![0xFB, 0xFF]));
        assert_eq!(decode_standard(b""), Some(Vec::new()));
        for text in ["-_8=", "+/8", "Zg=", "Zg===", "Z===", "====", "Zm 9", "Zm9v\n"] {
            assert_eq!(decode_standard(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in ["Z", "Zm9vY", "Zm+v", "Zm/v", "Zm 9", "Z=g", "Zm9\u{e9}", "Zm9v\n"] {
            assert!(decode(text.as_bytes()).is_none(), "{text}");
        }
        for (text, at) in
            [("Z", 0), ("Zm9vY", 4), ("Zm9vY==", 4), ("e$J", 1), ("Zm9v+", 4), ("=Z", 0)]
        {
            assert_eq!((decode(text.as_bytes()), fault(text.as_bytes())), (None, at), "{text}");
        }
    }
}
