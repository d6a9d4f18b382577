//! What a worker fetched from others, or took its time to find out, and its successor would have to do again: the supervisor
//! keeps it, in sealed memory, and hands it on.

use std::sync::OnceLock;

use baton_shared::words::Monotonic;
use bytes::Bytes;
use tokio::sync::mpsc::UnboundedSender;

/// Something to be kept.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// Whose, and how it was asked for.
    pub(crate) name: String,
    pub(crate) at: Monotonic,
    pub(crate) content: Bytes,
}

/// Who is told of it; nobody, until there is a supervisor.
#[derive(Debug, Default)]
pub(crate) struct Keeper(OnceLock<UnboundedSender<Fetched>>);

impl Keeper {
    /// Whom to tell from now on; the first one counts.
    pub(crate) fn set(&self, keeper: UnboundedSender<Fetched>) {
        let _first = self.0.set(keeper);
    }

    pub(crate) fn keep(&self, name: impl FnOnce() -> String, at: Monotonic, content: Bytes) {
        if let Some(keeper) = self.0.get() {
            let _gone = keeper.send(Fetched { name: name(), at, content });
        }
    }
}
