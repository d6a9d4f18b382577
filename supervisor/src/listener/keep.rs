//! The listeners that are held: by address, for as long as the configuration in force wants them.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use baton_shared::os::socket;
use baton_shared::words::{ListenerId, Monotonic};

use super::bind::Shards;
use super::plan::{self, Trial};
use crate::reload::event::TxnId;
use crate::reload::report::ListenerStatus;

/// One address and its sockets.
#[derive(Debug)]
pub struct Listener {
    /// Its number on the wire.
    pub id: ListenerId,
    /// As the configuration names it.
    pub wanted: SocketAddr,
    /// Where it really listens.
    pub address: SocketAddr,
    /// As many from its first day to its last.
    pub sockets: Vec<Arc<OwnedFd>>,
    /// It came from outside.
    pub inherited: bool,
    /// Added by a transaction that is not committed yet.
    pub added_by: Option<TxnId>,
    /// Nobody wants it any more: clients that wait in its queue are still served, until then.
    pub leaves_at: Option<Monotonic>,
}

/// All listeners of the supervisor.
#[derive(Debug, Default)]
pub struct Listeners {
    held: Vec<Listener>,
    /// Sockets from outside that no configuration has asked for yet.
    inherited: Vec<(SocketAddr, Vec<OwnedFd>)>,
    next: u32,
}

impl Listeners {
    /// Begins with what came from outside.
    #[must_use]
    pub const fn new(inherited: Vec<(SocketAddr, Vec<OwnedFd>)>) -> Self {
        Self { held: Vec::new(), inherited, next: 1 }
    }

    /// What must be bound for `wanted`; what came from outside is taken first.
    pub fn prepare(&mut self, txn: TxnId, wanted: &[SocketAddr]) -> Vec<(SocketAddr, Trial)> {
        for &address in wanted {
            let is_held = self.held.iter().any(|listener| listener.wanted == address);
            let from_outside = self.inherited.iter().position(|(theirs, _)| {
                *theirs == address || (is_both(address) && is_all_ipv4(*theirs, address.port()))
            });
            if let (false, Some(at)) = (is_held, from_outside) {
                let (theirs, sockets) = self.inherited.swap_remove(at);
                let sockets = sockets.into_iter().map(Arc::new).collect();
                self.hold(txn, address, Shards { address: theirs, sockets }, true);
            }
        }
        plan::to_bind(wanted, &self.wanted())
    }

    /// Holds a new address; the commit of `txn` makes that last.
    pub fn hold(&mut self, txn: TxnId, wanted: SocketAddr, shards: Shards, inherited: bool) {
        let Shards { address, sockets } = shards;
        let (id, added_by) = (ListenerId(self.next), Some(txn));
        self.next += 1;
        let leaves_at = None;
        self.held.push(Listener { id, wanted, address, sockets, inherited, added_by, leaves_at });
    }

    /// Closes what `txn` added. What came from outside goes back to wait for another.
    pub fn undo(&mut self, txn: TxnId) {
        let (added, held) =
            std::mem::take(&mut self.held).into_iter().partition(|one| one.added_by == Some(txn));
        self.held = held;
        let added: Vec<Listener> = added;
        for listener in added {
            if listener.inherited {
                let sockets = listener.sockets.into_iter().filter_map(Arc::into_inner).collect();
                self.inherited.push((listener.address, sockets));
            } else {
                refuse_from_now_on(&listener);
            }
        }
    }

    /// A configuration with these addresses is in force: gives what is new, and where nobody
    /// listens any more. An address that is not wanted any more is accepted on until `leaves_at`:
    /// who has connected there before may not be lost.
    pub fn commit(
        &mut self,
        wanted: &[SocketAddr],
        leaves_at: Monotonic,
    ) -> (Vec<&Listener>, Vec<SocketAddr>) {
        // Nobody will ever accept there: better refused than waiting.
        let closed = self.inherited.drain(..).map(|(address, _)| address).collect();
        let needless = plan::to_close(wanted, &self.wanted());
        let mut opened = Vec::new();
        for listener in &mut self.held {
            let is_needless = needless.contains(&listener.wanted);
            listener.leaves_at = is_needless.then(|| listener.leaves_at.unwrap_or(leaves_at));
            if listener.added_by.take().is_some() {
                opened.push(&*listener);
            }
        }
        (opened, closed)
    }

    /// Whether some are on their way out.
    #[must_use]
    pub fn is_any_leaving(&self) -> bool {
        self.held.iter().any(|listener| listener.leaves_at.is_some())
    }

    /// Closes those whose time has come: gives where nobody listens any more.
    pub fn close_leaving(&mut self, now: Monotonic) -> Vec<SocketAddr> {
        let is_due = |listener: &Listener| listener.leaves_at.is_some_and(|at| at <= now);
        let (due, held) = std::mem::take(&mut self.held).into_iter().partition(is_due);
        self.held = held;
        let due: Vec<Listener> = due;
        due.iter().for_each(refuse_from_now_on);
        due.iter().map(|listener| listener.address).collect()
    }

    /// Refuses new connections everywhere from now on.
    pub fn close(&mut self) -> Vec<SocketAddr> {
        let held = std::mem::take(&mut self.held);
        // Sockets from outside belong to who gave them: they are only let go.
        held.iter().filter(|listener| !listener.inherited).for_each(refuse_from_now_on);
        held.iter().map(|listener| listener.address).collect()
    }

    /// What a worker with these addresses accepts on: also on others that are in force or leave,
    /// so that nobody waits there in vain; but not on what only another has asked for.
    pub fn of<'a>(&'a self, wanted: &'a [SocketAddr]) -> impl Iterator<Item = &'a Listener> {
        let is_for_it =
            |listener: &&Listener| listener.added_by.is_none() || wanted.contains(&listener.wanted);
        self.held.iter().filter(is_for_it)
    }

    /// For people.
    #[must_use]
    pub fn status(&self) -> Vec<ListenerStatus> {
        let status = |listener: &Listener| ListenerStatus {
            address: listener.address.to_string(),
            shards: listener.sockets.len(),
        };
        let stays = |listener: &&Listener| listener.leaves_at.is_none();
        self.held.iter().filter(stays).map(status).collect()
    }

    fn wanted(&self) -> Vec<SocketAddr> {
        self.held.iter().map(|listener| listener.wanted).collect()
    }
}

fn is_both(address: SocketAddr) -> bool {
    address.is_ipv6() && address.ip().is_unspecified()
}

fn is_all_ipv4(address: SocketAddr, port: u16) -> bool {
    address.is_ipv4() && address.ip().is_unspecified() && address.port() == port
}

/// A draining worker may hold copies of the sockets for long. Closing ours would leave the port
/// open with nobody behind it, so the sockets themselves are told to stop.
fn refuse_from_now_on(listener: &Listener) {
    for shard in &listener.sockets {
        // Fails only for a socket that does not listen any more.
        socket::stop_listening(shard.as_ref()).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::super::bind;
    use super::*;

    const TXN: TxnId = TxnId(1);

    fn bound(wanted: &str) -> Shards {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime
            .block_on(bind::bind(
                wanted.parse().unwrap(),
                Trial::Alone,
                2,
                std::time::Duration::ZERO,
            ))
            .unwrap()
    }

    const NOW: Monotonic = Monotonic::from_nanos(1);
    const LATER: Monotonic = Monotonic::from_nanos(9);

    #[test]
    fn a_removed_address_leaves_and_refuses_then_though_a_worker_still_holds_its_sockets() {
        let mut listeners = Listeners::new(Vec::new());
        let shards = bound("127.0.0.1:0");
        let address = shards.address;
        let worker: Vec<OwnedFd> =
            shards.sockets.iter().map(|shard| shard.try_clone().unwrap()).collect();
        listeners.hold(TXN, address, shards, false);
        assert_eq!(listeners.commit(&[address], LATER).0.len(), 1);
        drop(TcpStream::connect(address).unwrap());
        assert_eq!(listeners.commit(&[], LATER).1, []);
        assert!(listeners.close_leaving(NOW).is_empty() && listeners.is_any_leaving());
        drop(TcpStream::connect(address).unwrap());
        assert_eq!(listeners.of(&[]).count(), 1, "the next worker accepts there too");
        assert_eq!(listeners.close_leaving(LATER), [address]);
        assert!(TcpStream::connect(address).is_err());
        drop(worker);
    }

    #[test]
    fn an_address_that_is_wanted_again_before_it_has_left_stays() {
        let mut listeners = Listeners::new(Vec::new());
        let shards = bound("127.0.0.1:0");
        let address = shards.address;
        listeners.hold(TXN, address, shards, false);
        drop(listeners.commit(&[address], LATER));
        drop(listeners.commit(&[], LATER));
        assert!(listeners.prepare(TxnId(2), &[address]).is_empty());
        assert!(listeners.commit(&[address], LATER).0.is_empty(), "it is not new");
        assert!(listeners.close_leaving(LATER).is_empty());
        drop(TcpStream::connect(address).unwrap());
    }

    #[test]
    fn what_a_failed_reload_added_is_gone_and_what_was_held_is_not() {
        let mut listeners = Listeners::new(Vec::new());
        let (old, new) = (bound("127.0.0.1:0"), bound("127.0.0.1:0"));
        let (kept, added) = (old.address, new.address);
        listeners.hold(TXN, kept, old, false);
        drop(listeners.commit(&[kept], LATER));
        listeners.hold(TxnId(2), added, new, false);
        assert_eq!(listeners.of(&[kept]).count(), 1, "who does not want it does not get it");
        listeners.undo(TxnId(2));
        assert!(TcpStream::connect(added).is_err());
        drop(TcpStream::connect(kept).unwrap());
    }

    #[test]
    fn sockets_from_outside_are_used_as_they_are_and_survive_a_failed_start() {
        let shards = bound("127.0.0.1:0");
        let address = shards.address;
        let sockets = shards.sockets.into_iter().filter_map(Arc::into_inner).collect();
        let mut listeners = Listeners::new(vec![(address, sockets)]);
        for txn in [TxnId(1), TxnId(2)] {
            assert!(listeners.prepare(txn, &[address]).is_empty());
            assert_eq!(listeners.of(&[address]).next().unwrap().sockets.len(), 2);
            if txn == TxnId(1) {
                listeners.undo(txn);
            }
        }
        let (opened, closed) = listeners.commit(&[address], LATER);
        assert!(opened[0].inherited && closed.is_empty());
    }
}
