//! `auth/revoker`: tokens that were good and are not any more.
//!
//! On the way: behind a good signature, whether it was just checked or is remembered. KrakenD: a Bloom filter of the process,
//! filled by Go's RPC on a port that is open to all. Here it is memory that outlives workers and reloads, filled by
//! `baton revoke`, and by HTTP on the loopback.

mod api;
mod filter;

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use baton_shared::config::model::Namespace;
use baton_shared::config::node::{Node, Value};
use baton_shared::control::message::Revoking;
use baton_shared::log;
use baton_shared::os::map::SharedWords;
use baton_shared::os::memfd;

use super::json::{Json, Members, member};
use crate::plan::Compiler;
use crate::plan::block::Block;
pub(crate) use filter::fnv128;
use filter::{BITS_MAX, Filter, Sizes};

/// What stands in the brackets of log lines.
const TAG: &str = "SERVICE: Bloomfilter";

/// What is revoked, and what of a token is looked for.
#[derive(Debug)]
pub(crate) struct Revoker {
    /// `token_keys`
    keys: Box<[Box<str>]>,
    sizes: Sizes,
    /// `TTL`
    period: Duration,
    /// `port`
    port: u16,
    filter: OnceLock<Filter>,
}

impl Revoker {
    /// Whether one of its claims is revoked: `jti-abc`.
    pub(crate) fn revokes(&self, claims: &Members) -> bool {
        let Some(filter) = self.filter() else { return false };
        self.keys.iter().any(|name| match member(claims, name).and_then(Json::text) {
            Some(value) => filter.has(format!("{name}-{value}").as_bytes()),
            None => false,
        })
    }

    /// What the supervisor asks for: which of these are revoked, perhaps after they were. What no token is looked at
    /// for is not.
    pub(crate) fn asked(&self, entries: &[String], wanted: Revoking) -> Option<Vec<bool>> {
        let filter = self.filter()?;
        let is_revoked = |entry: &String| {
            let is_of =
                |key: &str| entry.strip_prefix(key).is_some_and(|rest| rest.starts_with('-'));
            if wanted == Revoking::Revoke && self.keys.iter().any(|key| is_of(key)) {
                filter.add(entry.as_bytes());
            }
            filter.has(entry.as_bytes())
        };
        Some(entries.iter().map(is_revoked).collect())
    }

    /// What the memory is kept by: other sizes begin anew.
    pub(crate) fn name(&self) -> String {
        let Self { sizes, period, .. } = self;
        format!("revoked {} {} {}", sizes.bits, sizes.hashes, period.as_secs())
    }

    /// New memory for it.
    pub(crate) fn memory(&self) -> std::io::Result<OwnedFd> {
        Ok(memfd::fixed("baton-revoked", self.sizes.bytes())?)
    }

    /// From now on it is in there, if it fits.
    pub(crate) fn keep_in(&self, memory: impl AsFd) -> bool {
        let words = SharedWords::map(memory).ok();
        let filter = words.and_then(|words| Filter::new(self.sizes, self.period, words));
        filter.is_some_and(|filter| self.filter.set(filter).is_ok())
    }

    /// A worker has its memory before it serves; a plan in a test gets it now.
    fn filter(&self) -> Option<&Filter> {
        if self.filter.get().is_none() {
            let _then_nothing_is_revoked = self.memory().map(|memory| self.keep_in(&memory));
        }
        self.filter.get()
    }

    /// Listens for what is to be revoked, and begins new periods, on a thread of its own.
    pub(crate) fn start(self: &Arc<Self>) {
        let revoker = Arc::clone(self);
        let thread = std::thread::Builder::new().name("revoker".to_owned());
        if let Err(error) = thread.spawn(move || api::run(&revoker)) {
            log::error(TAG, format!("nothing can be revoked: {error}"));
        }
    }
}

/// The block at the root. KrakenD: a value of another type is told, and nothing is revoked; an unknown hash or a period of
/// nothing ends the start.
pub(crate) fn compile(compiler: &mut Compiler<'_>, namespace: &Namespace) -> Option<Arc<Revoker>> {
    let read = Block::of(&namespace.settings).and_then(|block| {
        let keys = block.texts("token_keys").ok()?;
        Some((
            block.number::<u64>("n").ok()?,
            float(&namespace.settings, "p")?,
            block.number::<u64>("ttl").ok()?,
            block.number::<u16>("port").ok()?,
            block.text("hash_name").ok()?,
            keys.into_iter().map(Into::into).collect::<Box<[Box<str>]>>(),
        ))
    });
    let Some((entries, share, seconds, port, hash, keys)) = read else {
        let text = "Unable to parse the bloomfilter configuration: NOTHING IS REVOKED";
        compiler.tell(&namespace.at, text);
        return None;
    };
    if !matches!(hash, "optimal" | "default") {
        compiler.refuse(&namespace.at.key("hash_name"), "write `optimal` or `default`");
    }
    if seconds == 0 {
        compiler.refuse(&namespace.at.key("TTL"), "revocations must last a second at least");
    }
    let Some(sizes) = Sizes::new(entries, share) else {
        let text = format!(
            "no filter is made for {entries} entries and a share of {share}: N is 1 at least, P lies between 0 and 1, \
             and both together make no more than {BITS_MAX} bits"
        );
        compiler.refuse(&namespace.at, text);
        return None;
    };
    if port == 0 {
        compiler.tell(&namespace.at, "without a `port` only `baton revoke` revokes");
    }
    let period = Duration::from_secs(seconds);
    Some(Arc::new(Revoker { keys, sizes, period, port, filter: OnceLock::new() }))
}

/// A number, 0 without one; `None`: it is something else.
fn float(settings: &Node, key: &str) -> Option<f64> {
    let Value::Object(members) = &settings.value else { return None };
    let found = members.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(key));
    match found.map(|(_, node)| &node.value) {
        None | Some(Value::Null) => Some(0.0),
        Some(Value::Number(text)) => text.parse().ok(),
        Some(_) => None,
    }
}
