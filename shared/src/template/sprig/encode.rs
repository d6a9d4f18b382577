//! Encodings, digests and identifiers.

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::convert::not_supported;
use super::{ANY, functions, int, random, text, unsupported};
use crate::template::function::{Function, Type};
use crate::template::value::Value;
use crate::words::hex;

pub(super) const FUNCTIONS: &[Function] = {
    use Type::{Int, Text};
    functions! {
        "adler32sum" [Text] None => |_, args| Ok(Value::text(adler32(text(args, 0)).to_string()));
        "b32dec" [Text] None => |_, args| Ok(Value::text(decode(text(args, 0), &BASE32)));
        "b32enc" [Text] None => |_, args| Ok(Value::text(encode(text(args, 0), &BASE32)));
        "b64dec" [Text] None => |_, args| Ok(Value::text(decode(text(args, 0), &BASE64)));
        "b64enc" [Text] None => |_, args| Ok(Value::text(encode(text(args, 0), &BASE64)));
        "getHostByName" [Text] None => |_, args| random::host(text(args, 0));
        "randAlpha" [Int] None => |context, args| random::letters(context, int(args, 0), random::ALPHA);
        "randAlphaNum" [Int] None => |context, args| random::letters(context, int(args, 0), random::ALPHANUM);
        "randAscii" [Int] None => |context, args| random::ascii(context, int(args, 0));
        "randBytes" [Int] None => |context, args| {
            random::bytes_of(context, int(args, 0)).map(|bytes| Value::text(encode(&bytes, &BASE64)))
        };
        "randInt" [Int, Int] None => |_, args| random::int(int(args, 0), int(args, 1));
        "randNumeric" [Int] None => |context, args| random::letters(context, int(args, 0), random::DIGITS);
        "sha1sum" [Text] None => |_, args| Ok(Value::text(hex(&Sha1::digest(text(args, 0)))));
        "sha256sum" [Text] None => |_, args| Ok(Value::text(hex(&Sha256::digest(text(args, 0)))));
        "shuffle" [Text] None => |_, args| random::shuffle(text(args, 0));
        "uuidv4" [] None => |_, _| random::uuid();
        "bcrypt" [Text] None => |_, _| not_supported("bcrypt", unsupported::WHY);
        "buildCustomCert" [Text, Text] None => |_, _| not_supported("buildCustomCert", unsupported::WHY);
        "decryptAES" [Text, Text] None => |_, _| not_supported("decryptAES", unsupported::WHY);
        "derivePassword" [Type::Any, Text, Text, Text, Text] None => |_, _| not_supported("derivePassword", unsupported::WHY);
        "encryptAES" [Text, Text] None => |_, _| not_supported("encryptAES", unsupported::WHY);
        "genCA" [Text, Int] None => |_, _| not_supported("genCA", unsupported::WHY);
        "genCAWithKey" [Text, Int, Text] None => |_, _| not_supported("genCAWithKey", unsupported::WHY);
        "genPrivateKey" [Text] None => |_, _| not_supported("genPrivateKey", unsupported::WHY);
        "genSelfSignedCert" [Text] ANY => |_, _| not_supported("genSelfSignedCert", unsupported::WHY);
        "genSelfSignedCertWithKey" [Text] ANY => |_, _| not_supported("genSelfSignedCertWithKey", unsupported::WHY);
        "genSignedCert" [Text] ANY => |_, _| not_supported("genSignedCert", unsupported::WHY);
        "genSignedCertWithKey" [Text] ANY => |_, _| not_supported("genSignedCertWithKey", unsupported::WHY);
        "htpasswd" [Text, Text] None => |_, _| not_supported("htpasswd", unsupported::WHY);
    }
};

fn adler32(bytes: &[u8]) -> u32 {
    const PRIME: u32 = 65_521;
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % PRIME;
        b = (b + a) % PRIME;
    }
    b << 16 | a
}

/// An alphabet of `2^bits` letters, in blocks of whole bytes, with padding (RFC 4648).
struct Alphabet {
    name: &'static str,
    letters: &'static [u8],
    bits: u32,
    letters_per_block: usize,
}

const BASE64: Alphabet = Alphabet {
    name: "base64",
    letters: b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    bits: 6,
    letters_per_block: 4,
};

const BASE32: Alphabet = Alphabet {
    name: "base32",
    letters: b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    bits: 5,
    letters_per_block: 8,
};

fn encode(bytes: &[u8], of: &Alphabet) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    let (mut held, mut bits) = (0_u32, 0_u32);
    let letter = |value: u32| {
        let place = usize::try_from(value).unwrap_or(0) & (of.letters.len() - 1);
        of.letters.get(place).copied().unwrap_or(b'A')
    };
    for byte in bytes {
        held = (held << 8 | u32::from(*byte)) & 0xffff;
        bits += 8;
        while bits >= of.bits {
            bits -= of.bits;
            out.push(letter(held >> bits));
        }
    }
    if bits > 0 {
        out.push(letter(held << (of.bits - bits)));
    }
    while !out.len().is_multiple_of(of.letters_per_block) {
        out.push(b'=');
    }
    out
}

/// The bytes; when the text is none of the alphabet's, Go's complaint about it.
fn decode(text: &[u8], of: &Alphabet) -> Vec<u8> {
    match decode_blocks(text, of) {
        Ok(bytes) => bytes,
        Err(at) => format!("illegal {} data at input byte {at}", of.name).into_bytes(),
    }
}

/// Line ends are passed over. The error is the place of what is wrong.
fn decode_blocks(text: &[u8], of: &Alphabet) -> Result<Vec<u8>, usize> {
    let mut letters = text.iter().enumerate().filter(|(_, byte)| !matches!(byte, b'\r' | b'\n'));
    let mut out = Vec::with_capacity(text.len());
    loop {
        let (mut held, mut count) = (0_u64, 0);
        while count < of.letters_per_block {
            let Some((at, byte)) = letters.next() else {
                return if count == 0 { Ok(out) } else { Err(short_at(text, count)) };
            };
            if *byte == b'=' {
                pad(&mut letters, text, at, count, of)?;
                push(&mut out, held, count, of);
                return Ok(out);
            }
            let value = of.letters.iter().position(|letter| letter == byte).ok_or(at)?;
            held = held << of.bits | value as u64;
            count += 1;
        }
        push(&mut out, held, count, of);
    }
}

/// Go points at the start of the block that is cut off.
const fn short_at(text: &[u8], count: usize) -> usize {
    text.len().saturating_sub(count)
}

/// Padding: as much as the block lacks, and nothing behind it.
fn pad(
    letters: &mut dyn Iterator<Item = (usize, &u8)>,
    text: &[u8],
    at: usize,
    count: usize,
    of: &Alphabet,
) -> Result<(), usize> {
    let is_whole = match of.letters_per_block {
        4 => count >= 2,
        _ => matches!(count, 2 | 4 | 5 | 7),
    };
    if !is_whole {
        return Err(at);
    }
    for _ in count + 1..of.letters_per_block {
        match letters.next() {
            Some((_, b'=')) => {},
            Some((at, _)) => return Err(at - 1),
            None => return Err(text.len()),
        }
    }
    letters.next().map_or(Ok(()), |(at, _)| Err(at))
}

/// The whole bytes of a block.
fn push(out: &mut Vec<u8>, held: u64, letters: usize, of: &Alphabet) {
    let bits = u32::try_from(letters).unwrap_or(0) * of.bits;
    let bytes = bits / 8;
    let held = held >> (bits % 8);
    out.extend((0..bytes).rev().map(|at| (held >> (at * 8)).to_le_bytes()[0]));
}
