//! `auth/basic` (Enterprise): who has no name and password that are listed is refused.
//!
//! On the way: after API keys, before tokens. A pair that was found good a moment ago is known by a keyed hash: plain
//! computation. Others wait for a thread beside the serving ones ([`checks`]), since such hashes are slow on purpose. A name
//! that nobody has costs what one costs that somebody has.
//! KrakenD: 401; users stand in a file of Apache's `htpasswd` and in `users`, which win; an endpoint with an empty block takes
//! those of the root, one with another block only its own.

mod checks;
mod compile;
mod htpasswd;
mod known;
mod password;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hmac;
use baton_shared::words::{Monotonic, hex};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, timeout_at};

use super::Refusal;
use crate::base64;
use crate::life::keep::{Fetched, Keeper};
use crate::message::Head;
use crate::plan::ThreadState;

pub(crate) use checks::Checks;
pub(crate) use compile::{compile, compile_service, files};
use known::Turns;
pub(crate) use known::{Known, Name};
use password::{Hash, piece};

/// The longest field that is read.
const FIELD_BYTES_MAX: usize = 4_096;

/// What an endpoint asks for.
#[derive(Debug)]
pub(crate) enum Basic {
    /// There are no users: nobody passes.
    Dead,
    Live(Arc<Users>),
}

/// Who may pass.
#[derive(Debug)]
pub(crate) struct Users {
    by_name: HashMap<Box<[u8]>, usize>,
    hashes: Box<[Hash]>,
    /// Of these users alone: of their names and hashes.
    key: hmac::Key,
    /// Who was found good a moment ago; they are told to later workers.
    good: Mutex<Turns>,
    keeper: Keeper,
}

/// What a client says of itself.
#[derive(PartialEq, Eq)]
struct Credentials {
    pair: Vec<u8>,
    /// Where in the pair the colon stands.
    colon: usize,
}

impl Basic {
    /// Lets a request pass, or not; waits at most until `deadline`.
    pub(crate) async fn check(
        &self,
        thread: &ThreadState,
        head: &Head,
        deadline: Instant,
    ) -> Result<(), Refusal> {
        let Self::Live(users) = self else { return Err(Refusal::NoCredentials) };
        let credentials = Credentials::of(head).ok_or(Refusal::NoCredentials)?;
        let name = users.name(&credentials.pair);
        if thread.credentials.has(&name, Monotonic::now()) {
            return Ok(());
        }
        let answer = thread.plan.checks.ask(users, credentials, name).ok_or(Refusal::Limited)?;
        match timeout_at(deadline, answer).await {
            Ok(Ok(true)) => {
                thread.credentials.keep(name, Monotonic::now());
                Ok(())
            },
            Ok(Ok(false)) => Err(Refusal::NoCredentials),
            Ok(Err(_)) | Err(_) => Err(Refusal::Limited),
        }
    }
}

impl Users {
    fn new(users: HashMap<Box<[u8]>, Hash>) -> Self {
        let mut users: Vec<_> = users.into_iter().collect();
        users.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let mut sum = Context::new(&SHA256);
        for (name, hash) in &users {
            piece(&mut sum, name);
            hash.feed(&mut sum);
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, sum.finish().as_ref());
        let (by_name, hashes): (HashMap<_, _>, Vec<_>) =
            users.into_iter().enumerate().map(|(nth, (name, hash))| ((name, nth), hash)).unzip();
        let (good, keeper) = (Mutex::new(Turns::new()), Keeper::default());
        Self { by_name, hashes: hashes.into(), key, good, keeper }
    }

    /// What later workers with the same users ask for; tells nothing of them.
    pub(crate) fn record(&self) -> String {
        format!("basic {}", hex(&self.name(b"known")))
    }

    /// Whom to tell of those that are found good from now on.
    pub(crate) fn tell_of(&self, keeper: UnboundedSender<Fetched>) {
        self.keeper.set(keeper);
    }

    /// An earlier worker found them good; what cannot be read is checked anew.
    pub(crate) fn remember(&self, content: &[u8], begun: Monotonic) {
        if let Some(earlier) = Turns::read(begun, content) {
            *self.good() = earlier;
        }
    }

    fn good(&self) -> MutexGuard<'_, Turns> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Slow, if nobody asked it a moment ago. The lock is not held while a hash is computed.
    fn check(&self, credentials: &Credentials, name: Name) -> bool {
        if self.good().has(&name, Monotonic::now()) {
            return true;
        }
        if !self.verify(credentials) {
            return false;
        }
        let mut good = self.good();
        good.keep(name, Monotonic::now());
        let (begun, content) = good.written_down();
        self.keeper.keep(|| self.record(), begun, content);
        true
    }

    fn name(&self, pair: &[u8]) -> Name {
        let mut name = Name::default();
        for (to, from) in name.iter_mut().zip(hmac::sign(&self.key, pair).as_ref()) {
            *to = *from;
        }
        name
    }

    /// Slow, on purpose. For a name that nobody has, the password is compared with that of somebody else, always the
    /// same, so that it takes the time of a name that somebody has.
    fn verify(&self, credentials: &Credentials) -> bool {
        let (user, password) = credentials.parts();
        let found = self.by_name.get(user).and_then(|nth| self.hashes.get(*nth));
        let [a, b, c, d, ..] = self.name(user);
        let stranger = u32::from_le_bytes([a, b, c, d]) as usize % self.hashes.len().max(1);
        let Some(hash) = found.or_else(|| self.hashes.get(stranger)) else { return false };
        let is_right = hash.is_of(password);
        found.is_some() && is_right
    }
}

impl Credentials {
    /// RFC 7617; `None`: there are none. A NUL ends a password for some of those who hash them.
    fn of(head: &Head) -> Option<Self> {
        const SCHEME: &[u8] = b"basic ";
        let value = head.field("authorization").filter(|value| value.len() <= FIELD_BYTES_MAX)?;
        let (scheme, encoded) = value.split_at_checked(SCHEME.len())?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return None;
        }
        let pair = base64::decode(encoded.trim_ascii())?;
        let colon = memchr::memchr(b':', &pair)?;
        (!pair.contains(&0)).then_some(Self { pair, colon })
    }

    fn parts(&self) -> (&[u8], &[u8]) {
        let (user, rest) = self.pair.split_at(self.colon.min(self.pair.len()));
        (user, rest.get(1..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
