//! The hands at the listening sockets: bound beside the loop, given to workers, closed at the
//! commit.

use std::net::SocketAddr;
use std::sync::Arc;

use baton_shared::control::ToWorker;
use baton_shared::control::message::Shard;
use baton_shared::os::scm::FDS_MAX;
use baton_shared::words::{GenerationId, Monotonic};
use tokio::time::Instant;

use super::deadline::{BIND_RETRY, LEAVE};
use super::drive::{Drive, Heard};
use super::event::{Event, TxnId, WorkerId};
use super::notice::Notice;
use super::state::Reload;
use crate::listener::bind::{self, Shards};
use crate::listener::plan::Trial;

impl<T: FnMut(Notice)> Drive<T> {
    pub(super) fn bind(&mut self, txn: TxnId, wanted: &[SocketAddr]) {
        let missing = self.listeners.prepare(txn, wanted);
        self.binding = Some(txn);
        let (count, heard) = (self.settings.threads.max(1), self.heard.clone());
        drop(tokio::spawn(async move {
            let outcome = bind_all(missing, count).await;
            drop(heard.send(Heard::Bound(txn, outcome)).await);
        }));
    }

    pub(super) fn was_bound(
        &mut self,
        txn: TxnId,
        outcome: Result<Vec<(SocketAddr, Shards)>, String>,
    ) -> Option<Event> {
        if self.binding != Some(txn) {
            return None; // given up meanwhile: the sockets close here
        }
        let outcome = outcome.map(|bound| {
            for (wanted, shards) in bound {
                self.listeners.hold(txn, wanted, shards, false);
            }
        });
        Some(Event::Bound(txn, outcome))
    }

    /// The transaction came to nothing: what it added goes.
    pub(super) fn undo(&mut self, state: &Reload, txn: TxnId) {
        self.binding = None;
        self.listeners.undo(txn);
        self.tell_sources(state);
    }

    /// This generation is in force.
    pub(super) fn commit(
        &mut self,
        state: &Reload,
        generation: GenerationId,
        wanted: &[SocketAddr],
    ) {
        self.binding = None;
        let (opened, closed) = self.listeners.commit(wanted, Monotonic::now().after(LEAVE));
        for listener in opened {
            (self.tell)(Notice::ListenerOpened {
                address: listener.address,
                sockets: listener.sockets.clone(),
                inherited: listener.inherited,
            });
        }
        for address in closed {
            (self.tell)(Notice::ListenerClosed { address });
        }
        if self.listeners.is_any_leaving() {
            self.close_later();
        }
        if let Some(set) = self.sets.get(&generation) {
            self.keeper.save(&self.config, set, &self.heard);
        }
        self.keep_rendered(generation);
        self.candidate = Some(generation);
        self.tell_sources(state);
    }

    fn close_later(&self) {
        let heard = self.heard.clone();
        drop(tokio::spawn(async move {
            tokio::time::sleep(LEAVE).await;
            drop(heard.send(Heard::LeaveTime).await);
        }));
    }

    /// Addresses that nobody wants any more; not while a transaction that is under way may.
    pub(super) fn close_leaving(&mut self) {
        if self.binding.is_some() {
            return self.close_later();
        }
        for address in self.listeners.close_leaving(Monotonic::now()) {
            (self.tell)(Notice::ListenerClosed { address });
        }
    }

    pub(super) fn listen(&self, txn: u64, worker: WorkerId, wanted: &[SocketAddr]) {
        let mut all = Vec::new();
        for listener in self.listeners.of(wanted) {
            let shard = Shard { listener: listener.id, address: listener.address };
            all.extend(listener.sockets.iter().map(|fd| (shard.clone(), Arc::clone(fd))));
        }
        let mut left = all.len();
        for chunk in all.chunks(FDS_MAX) {
            left -= chunk.len();
            let (sockets, fds) = chunk.iter().cloned().unzip();
            self.order(worker, txn, ToWorker::Listen { sockets, last: left == 0 }, fds);
        }
        if all.is_empty() {
            let nothing = ToWorker::Listen { sockets: Vec::new(), last: true };
            self.order(worker, txn, nothing, Vec::new());
        }
    }

    /// The gateway stops: new connections are refused, unless somebody outside keeps the sockets
    /// for a successor.
    pub(super) fn close_listeners(&mut self) {
        if self.settings.listeners_outlive {
            return;
        }
        for address in self.listeners.close() {
            (self.tell)(Notice::ListenerClosed { address });
        }
    }
}

/// All or nothing; together they take no longer than one may.
async fn bind_all(
    missing: Vec<(SocketAddr, Trial)>,
    count: usize,
) -> Result<Vec<(SocketAddr, Shards)>, String> {
    let until = Instant::now() + BIND_RETRY;
    let mut bound = Vec::with_capacity(missing.len());
    for (wanted, trial) in missing {
        let patience = until.saturating_duration_since(Instant::now());
        bound.push((wanted, bind::bind(wanted, trial, count, patience).await?));
    }
    Ok(bound)
}
