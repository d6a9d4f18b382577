//! The hand at session tickets: their keys, the same for every worker that speaks TLS.
//!
//! A key is made one period before it encrypts, so that every worker knows it when the first ticket under it
//! comes back, and kept one period after. They are looked at whenever a worker tells that it is well.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use baton_shared::control::ToWorker;
use baton_shared::control::tickets::{self, KEYS_MAX, NAME_BYTES, SECRET_BYTES, TicketKey};
use baton_shared::os::memfd;
use baton_shared::words::Monotonic;

use super::drive::Drive;
use super::event::WorkerId;
use super::notice::Notice;

/// How long a key encrypts; it decrypts as long again.
const EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// The keys, once somebody has asked for them.
#[derive(Debug, Default)]
pub(super) struct TicketKeys {
    /// The last one, the present one, the next one.
    keys: Vec<TicketKey>,
    /// The same, sealed.
    sealed: Option<Arc<OwnedFd>>,
}

impl TicketKeys {
    /// The keys of now; made anew when the next one's moment has come.
    fn at(&mut self, now: Monotonic) -> io::Result<Arc<OwnedFd>> {
        if let Some(sealed) = self.sealed.as_ref().filter(|_| !self.is_due(now)) {
            return Ok(Arc::clone(sealed));
        }
        let mut keys = self.keys.clone();
        if keys.is_empty() {
            keys.push(key(now)?);
        }
        keys.push(key(now.after(EVERY))?);
        keys.drain(..keys.len().saturating_sub(KEYS_MAX));
        let sealed = Arc::new(memfd::sealed("baton-tickets", &tickets::encode(&keys))?);
        (self.keys, self.sealed) = (keys, Some(Arc::clone(&sealed)));
        Ok(sealed)
    }

    fn is_due(&self, now: Monotonic) -> bool {
        self.keys.last().is_some_and(|next| next.from <= now)
    }
}

/// A key that nobody can foresee.
fn key(from: Monotonic) -> io::Result<TicketKey> {
    let mut random = File::open("/dev/urandom")?;
    let (mut name, mut secret) = ([0; NAME_BYTES], [0; SECRET_BYTES]);
    random.read_exact(&mut name)?;
    random.read_exact(&mut secret)?;
    Ok(TicketKey { from, name, secret })
}

impl<T: FnMut(Notice)> Drive<T> {
    /// A worker speaks TLS.
    pub(super) fn need_tickets(&mut self, id: WorkerId) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.wants_tickets = true;
        }
        match self.tickets.at(Monotonic::now()) {
            Ok(keys) => self.order(id, 0, ToWorker::Tickets, vec![keys]),
            Err(error) => {
                let text = format!("TLS sessions do not go on after a reload: {error}");
                (self.tell)(Notice::Warning(text));
            },
        }
    }

    /// Hands new keys out when it is time.
    pub(super) fn renew_tickets(&mut self) {
        let now = Monotonic::now();
        if !self.tickets.is_due(now) {
            return;
        }
        // Without new ones those that are there go on: the next look tries again.
        let Ok(keys) = self.tickets.at(now) else { return };
        for worker in self.workers.iter().filter(|(_, worker)| worker.wants_tickets) {
            self.order(*worker.0, 0, ToWorker::Tickets, vec![Arc::clone(&keys)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(keys: &mut TicketKeys, now: Monotonic) -> Vec<TicketKey> {
        let sealed = keys.at(now).unwrap();
        tickets::decode(&memfd::read(&*sealed, tickets::SET_BYTES_MAX).unwrap()).unwrap()
    }

    #[test]
    fn a_key_is_known_before_it_encrypts_and_kept_after() {
        let mut keys = TicketKeys::default();
        let begin = Monotonic::from_nanos(1);
        let first = held(&mut keys, begin);
        assert_eq!(first.len(), 2);
        assert_eq!(held(&mut keys, begin.after(EVERY / 2)), first);
        let second = held(&mut keys, begin.after(EVERY));
        assert_eq!(second[..2], first[..]);
        assert_eq!(second[2].from, begin.after(EVERY * 2));
        let third = held(&mut keys, begin.after(EVERY * 2));
        assert_eq!((third.len(), &third[..2]), (3, &second[1..]));
        assert!(third.iter().all(|key| key.name != first[0].name));
    }
}
