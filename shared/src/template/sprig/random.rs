//! What comes out differently every time.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::net::ToSocketAddrs as _;

use super::{Outcome, lossy};
use crate::template::function::Context;
use crate::template::value::Value;

pub(super) const ALPHA: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
pub(super) const ALPHANUM: &[u8] =
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
pub(super) const DIGITS: &[u8] = b"0123456789";

fn random(count: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; count];
    let source = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    source.map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// A number below `bound`, each as likely as the others to one part in 2^32.
fn below(bound: u64) -> Result<u64, String> {
    let bytes = random(16)?;
    let wide = bytes.iter().fold(0_u128, |so_far, byte| so_far << 8 | u128::from(*byte));
    Ok(u64::try_from(wide % u128::from(bound.max(1))).unwrap_or(0))
}

fn pick(from: &[u8]) -> Result<u8, String> {
    let at = below(from.len() as u64)?;
    Ok(usize::try_from(at).ok().and_then(|at| from.get(at)).copied().unwrap_or(b'0'))
}

pub(super) fn bytes_of(context: &mut Context<'_>, count: i64) -> Result<Vec<u8>, String> {
    let count = usize::try_from(count)
        .map_err(|_negative| "runtime error: makeslice: len out of range".to_owned())?;
    context.make(count)?;
    random(count)
}

pub(super) fn letters(context: &mut Context<'_>, count: i64, from: &[u8]) -> Outcome {
    let count = usize::try_from(count).unwrap_or(0);
    context.make(count)?;
    let letters: Result<Vec<u8>, String> = (0..count)
        .map(|_| {
            context.step()?;
            pick(from)
        })
        .collect();
    Ok(Value::text(letters?))
}

/// Printable letters, the blank too.
pub(super) fn ascii(context: &mut Context<'_>, count: i64) -> Outcome {
    let printable: Vec<u8> = (b' '..=b'~').collect();
    letters(context, count, &printable)
}

pub(super) fn int(from: i64, to: i64) -> Outcome {
    let span = to.checked_sub(from).and_then(|span| u64::try_from(span).ok());
    let Some(span) = span.filter(|span| *span > 0) else {
        return Err("invalid argument to Intn".to_owned());
    };
    Ok(Value::int(from.saturating_add(i64::try_from(below(span)?).unwrap_or(0))))
}

pub(super) fn shuffle(text: &[u8]) -> Outcome {
    let mut letters: Vec<char> = lossy(text).chars().collect();
    for at in (1..letters.len()).rev() {
        let other = usize::try_from(below(at as u64 + 1)?).unwrap_or(at);
        letters.swap(at, other);
    }
    Ok(Value::text(letters.into_iter().collect::<String>()))
}

pub(super) fn uuid() -> Outcome {
    let mut bytes = random(16)?;
    if let [_, _, _, _, _, _, version, _, variant, ..] = bytes.as_mut_slice() {
        *version = *version & 0x0f | 0x40;
        *variant = *variant & 0x3f | 0x80;
    }
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _infallible = write!(text, "{byte:02x}");
    }
    Ok(Value::text(text))
}

/// One of the addresses of a name.
pub(super) fn host(name: &[u8]) -> Outcome {
    let name = lossy(name);
    let found = (name.as_str(), 0).to_socket_addrs();
    let addresses: Vec<String> =
        found.map(|all| all.map(|one| one.ip().to_string()).collect()).unwrap_or_default();
    if addresses.is_empty() {
        return Err("invalid argument to Intn".to_owned());
    }
    let at = usize::try_from(below(addresses.len() as u64)?).unwrap_or(0);
    Ok(Value::text(addresses.get(at).map_or("", String::as_str)))
}
