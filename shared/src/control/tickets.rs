//! Keys of session tickets: made by the supervisor, the same for every worker, so that a client's session
//! goes on after a reload (RFC 8446 §2.2, RFC 5077).
//!
//! A set travels as sealed memory and replaces the one before. A key encrypts from its moment on until the
//! next one's, and decrypts as long as it is in the set.

use std::fmt;

use crate::words::Monotonic;

/// Keys in a set: the last one, the present one, the next one.
pub const KEYS_MAX: usize = 3;
/// The largest set in bytes.
pub const SET_BYTES_MAX: usize = KEYS_MAX * KEY_BYTES;
/// One key: its moment, its name, itself.
const KEY_BYTES: usize = 8 + NAME_BYTES + SECRET_BYTES;
/// How a ticket says which key it needs.
pub const NAME_BYTES: usize = 16;
/// AES-256.
pub const SECRET_BYTES: usize = 32;

/// One key.
#[derive(Clone, PartialEq, Eq)]
pub struct TicketKey {
    /// From when on it encrypts.
    pub from: Monotonic,
    /// Stands in each ticket.
    pub name: [u8; NAME_BYTES],
    /// The key itself.
    pub secret: [u8; SECRET_BYTES],
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketKey").field("from", &self.from).finish_non_exhaustive()
    }
}

/// A set as it travels; more than [`KEYS_MAX`] do not.
#[must_use]
pub fn encode(keys: &[TicketKey]) -> Vec<u8> {
    let mut out = Vec::with_capacity(SET_BYTES_MAX);
    for key in keys.iter().take(KEYS_MAX) {
        out.extend_from_slice(&key.from.as_nanos().to_le_bytes());
        out.extend_from_slice(&key.name);
        out.extend_from_slice(&key.secret);
    }
    out
}

/// Total: any bytes give a set or nothing.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Vec<TicketKey>> {
    let (keys, rest) = bytes.as_chunks::<KEY_BYTES>();
    if !rest.is_empty() || keys.len() > KEYS_MAX {
        return None;
    }
    keys.iter().map(|key| one(key)).collect()
}

fn one(bytes: &[u8]) -> Option<TicketKey> {
    let (from, rest) = bytes.split_first_chunk()?;
    let (name, rest) = rest.split_first_chunk()?;
    let from = Monotonic::from_nanos(u64::from_le_bytes(*from));
    Some(TicketKey { from, name: *name, secret: *rest.first_chunk()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> TicketKey {
        let from = Monotonic::from_nanos(u64::from(number) << 40);
        TicketKey { from, name: [number; NAME_BYTES], secret: [!number; SECRET_BYTES] }
    }

    #[test]
    fn a_set_comes_as_it_went_and_nothing_else_is_one() {
        let keys: Vec<TicketKey> = (1..=3).map(key).collect();
        let bytes = encode(&keys);
        assert_eq!(decode(&bytes), Some(keys));
        assert_eq!(decode(&[]), Some(Vec::new()));
        for end in 1..bytes.len() {
            let is_whole = end % KEY_BYTES == 0;
            assert_eq!(decode(&bytes[..end]).is_some(), is_whole, "{end}");
        }
        assert_eq!(decode(&[bytes, vec![0; KEY_BYTES]].concat()), None);
    }

    #[test]
    fn nobody_prints_a_secret() {
        let text = format!("{:?}", key(7));
        assert!(text.contains("from") && !text.contains("248"), "{text}");
    }
}
