//! Session tickets under keys that every generation has, so that sessions go on after a reload.
//!
//! A ticket is a key's name, a nonce, and the session under AES-256-GCM. It is bound to whom the
//! configuration believes: a client that came in by certificate is checked anew when that changes.

use std::sync::{PoisonError, RwLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use baton_shared::control::tickets::{NAME_BYTES, SECRET_BYTES, TicketKey};
use baton_shared::words::Monotonic;
use rustls::server::ProducesTickets;

/// For how long a client may come back with a ticket: less than the shortest time that a key is kept.
const LIFETIME_S: u32 = 6 * 60 * 60;
/// The largest session: one with the certificates of a client.
const SESSION_BYTES_MAX: usize = 48 * 1024;

/// Makes tickets and reads them.
#[derive(Debug)]
pub(crate) struct Tickets {
    keys: RwLock<Vec<Key>>,
    /// What they are bound to.
    context: Box<[u8]>,
}

struct Key {
    from: Monotonic,
    name: [u8; NAME_BYTES],
    secret: LessSafeKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Tickets {
    /// With a key of its own, until others come.
    pub(crate) fn new(context: &[u8]) -> Self {
        let mut own = [0; NAME_BYTES + SECRET_BYTES];
        let mut keys = Vec::new();
        if SystemRandom::new().fill(&mut own).is_ok()
            && let Some((name, secret)) = own.split_first_chunk()
        {
            keys.extend(Key::new(Monotonic::from_nanos(0), *name, secret));
        }
        Self { keys: RwLock::new(keys), context: context.into() }
    }

    /// From now on these.
    pub(crate) fn replace(&self, keys: &[TicketKey]) {
        let keys: Vec<Key> =
            keys.iter().filter_map(|key| Key::new(key.from, key.name, &key.secret)).collect();
        if !keys.is_empty() {
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        }
    }

    fn with_keys<T>(&self, look: impl FnOnce(&[Key]) -> Option<T>) -> Option<T> {
        look(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn bound(&self, name: &[u8; NAME_BYTES]) -> Aad<Vec<u8>> {
        Aad::from([&name[..], &self.context].concat())
    }

    fn encrypt_at(&self, now: Monotonic, session: &[u8]) -> Option<Vec<u8>> {
        if session.len() > SESSION_BYTES_MAX {
            return None;
        }
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        self.with_keys(|keys| {
            let key = keys.iter().filter(|key| key.from <= now).max_by_key(|key| key.from)?;
            let mut sealed = session.to_vec();
            let (aad, once) = (self.bound(&key.name), Nonce::assume_unique_for_key(nonce));
            key.secret.seal_in_place_append_tag(once, aad, &mut sealed).ok()?;
            Some([&key.name[..], &nonce, &sealed].concat())
        })
    }
}

impl Key {
    fn new(from: Monotonic, name: [u8; NAME_BYTES], secret: &[u8]) -> Option<Self> {
        let secret = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, secret).ok()?);
        Some(Self { from, name, secret })
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME_S
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.encrypt_at(Monotonic::now(), plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = cipher.split_first_chunk::<NAME_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        self.with_keys(|keys| {
            let key = keys.iter().find(|key| key.name == *name)?;
            let mut session = sealed.to_vec();
            let once = Nonce::assume_unique_for_key(*nonce);
            let opened = key.secret.open_in_place(once, self.bound(name), &mut session).ok()?;
            Some(opened.to_vec())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8, from: u64) -> TicketKey {
        let from = Monotonic::from_nanos(from);
        TicketKey { from, name: [number; NAME_BYTES], secret: [number; SECRET_BYTES] }
    }

    fn tickets(keys: &[TicketKey]) -> Tickets {
        let tickets = Tickets::new(b"whom");
        tickets.replace(keys);
        tickets
    }

    #[test]
    fn another_generation_reads_a_ticket_as_long_as_its_key_is_kept() {
        let (one, other) = (tickets(&[key(1, 0), key(2, 9)]), tickets(&[key(1, 0), key(2, 9)]));
        let ticket = one.encrypt_at(Monotonic::from_nanos(5), b"session").unwrap();
        assert_eq!(ticket[0], 1, "the next key's moment has not come");
        assert_eq!(other.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        other.replace(&[key(2, 9), key(3, 20)]);
        assert_eq!(other.decrypt(&ticket), None);
        let ticket = one.encrypt_at(Monotonic::from_nanos(9), b"session").unwrap();
        assert_eq!(other.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
    }

    #[test]
    fn no_ticket_is_read_that_was_made_for_others_or_changed() {
        let one = tickets(&[key(1, 0)]);
        let ticket = one.encrypt(b"session").unwrap();
        let other = Tickets::new(b"others");
        other.replace(&[key(1, 0)]);
        assert_eq!(other.decrypt(&ticket), None);
        for bit in 0..ticket.len() * 8 {
            let mut flipped = ticket.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(one.decrypt(&flipped), None, "bit {bit}");
        }
        for end in 0..ticket.len() {
            assert_eq!(one.decrypt(&ticket[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn without_keys_from_elsewhere_it_has_its_own() {
        let own = Tickets::new(b"");
        let ticket = own.encrypt(b"session").unwrap();
        assert_eq!(own.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(Tickets::new(b"").decrypt(&ticket), None);
        assert_eq!(own.encrypt(&vec![0; SESSION_BYTES_MAX + 1]), None);
    }
}
