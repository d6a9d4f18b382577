//! What must be known of a connection beside its bytes, wherever it is served.

use std::rc::Rc;
use std::time::Duration;

use baton_shared::control::record::{Prefix, Record};
use baton_shared::control::relay::{Protocol, RelayRecord, TlsFacts};
use baton_shared::words::{ListenerId, Monotonic};
use tokio::time::Instant;

use crate::message::Peer;

/// How long a silent client that cannot move may keep its old worker, at least and at most: they shall
/// not all come back at once.
const RELAYED_IDLE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(60));

/// What a connection was and is, beside its wire.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) listener: ListenerId,
    pub(crate) accepted: Monotonic,
    pub(crate) peer: Peer,
    pub(crate) requests: u64,
    /// When the wait for the next head ends.
    pub(crate) deadline: Instant,
    /// What is known of the client when its transport stays in an older worker.
    pub(crate) relay: Option<Rc<RelayRecord>>,
    /// What its handshake gave; none: it came in clear text.
    pub(crate) tls: Option<Rc<TlsFacts>>,
}

impl Facts {
    /// Whether requests of an HTTP/2 client in an older worker come here, one after the other.
    pub(crate) fn is_link_of_http2(&self) -> bool {
        self.relay.as_ref().is_some_and(|relay| relay.protocol == Protocol::Http2)
    }

    /// Whether this is an HTTP/1.1 client of an older worker: it leaves after its next answer.
    pub(crate) fn is_relayed_http1(&self) -> bool {
        self.relay.as_ref().is_some_and(|relay| relay.protocol == Protocol::Http1)
    }

    /// A silent client whose transport stays behind keeps a whole worker: with every further reload it may
    /// do so for half as long, so that old workers end before they are too many.
    pub(super) fn shorten_silence(&mut self) {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        let left = if self.relay.is_some() {
            left / 2
        } else {
            let (least, most) = RELAYED_IDLE;
            let spread = (most - least) * u32::from(self.peer.socket.port()) / u32::from(u16::MAX);
            left.min(least + spread)
        };
        self.deadline = now + left;
    }

    /// What the client's handshake gave, wherever it was.
    pub(crate) fn tls_facts(&self) -> Option<&TlsFacts> {
        self.tls.as_deref()
    }

    /// What the next owner must know of the connection, `unread` bytes included.
    pub(super) fn record(&self, unread: &[u8]) -> Record {
        let left: Duration = self.deadline.saturating_duration_since(Instant::now());
        Record {
            listener: self.listener,
            accepted: self.accepted,
            socket_peer: self.peer.socket,
            asserted_peer: self.peer.asserted,
            local: self.peer.local,
            requests: self.requests,
            deadline: Some(Monotonic::now().after(left)).filter(|_| !self.is_link_of_http2()),
            prefix: Prefix::Inline(unread.to_vec()),
            tunnel: None,
            relay: self.relay.as_deref().map(|relay| Box::new(relay.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_clients_keep_an_old_worker_for_a_minute_at_most_and_ever_shorter() {
        for port in [1, 30_000, 65_535] {
            let socket = ([127, 0, 0, 1], port).into();
            let mut facts = Facts {
                listener: ListenerId(1),
                accepted: Monotonic::now(),
                peer: Peer { socket, asserted: socket.ip(), local: socket },
                requests: 1,
                deadline: Instant::now() + Duration::from_secs(600),
                relay: None,
                tls: None,
            };
            let left = |facts: &Facts| facts.deadline - Instant::now();
            facts.shorten_silence();
            let (least, most) = RELAYED_IDLE;
            let first = left(&facts);
            assert!(first + Duration::from_secs(1) > least && first <= most, "{first:?}");
            let relay = RelayRecord { protocol: Protocol::Http1, tls: None };
            facts.relay = Some(Rc::new(relay));
            for _ in 0..8 {
                facts.shorten_silence();
            }
            assert!(left(&facts) <= first / 256, "each reload halves it");
        }
    }
}
