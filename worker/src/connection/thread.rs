//! What the connections of one serving thread share. Nothing here is `Send`; nothing is locked.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use baton_shared::control::record::{Prefix, Record};
use baton_shared::control::relay::{Protocol, RelayRecord};
use baton_shared::os::scm;
use baton_shared::words::{ListenerId, Monotonic};
use bytes::BytesMut;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::census::Census;
use super::facts::Facts;
use super::gate::{Gate, Mode, Ticket};
use super::http1::date::DateClock;
use super::http1::wire::{Spare, Wire};
use super::http1::{Connection, Leave};
use super::http2;
use super::limits::EdgeLimits;
use super::tls;
use super::transport::Transport;
use super::tunnel::{self, Shim, Tunnel};
use crate::handover::give::Progress;
use crate::message::Peer;
use crate::observe::access_log::AccessLog;
use crate::plan::ThreadState;
use crate::tls::HTTP2;

/// A connection between two owners.
#[derive(Debug)]
pub(crate) struct Moving {
    /// What must be known of it; the prefix is always inline here.
    pub(crate) record: Record,
    pub(crate) socket: OwnedFd,
    /// The other end of a tunnel.
    pub(crate) backend: Option<OwnedFd>,
    /// A tunnel that no newer worker goes on with.
    pub(crate) stays: bool,
    /// Somebody waits for an answer, or may be speaking: it goes before the silent ones.
    pub(crate) hurries: bool,
}

impl Moving {
    /// Its sockets, in the order in which they travel.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::once(self.socket.as_fd()).chain(self.backend.as_ref().map(OwnedFd::as_fd))
    }
}

/// How long a link of an HTTP/2 client may rest here: its other end, a process of ours, closes it
/// much earlier.
pub(crate) const LINK_IDLE: Duration = Duration::from_secs(3600);
/// What a connection gets at least that arrives: what its client sent while it travelled is read before it is late.
const ARRIVAL: Duration = Duration::from_millis(20);
/// The listener of connections that the worker makes to itself: they leave no trace in logs and counts.
pub(crate) const OWN_PROBE: ListenerId = ListenerId(u32::MAX);

/// One serving thread.
#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) state: Rc<ThreadState>,
    pub(crate) gate: Gate,
    pub(crate) limits: Rc<EdgeLimits>,
    pub(crate) date: DateClock,
    pub(crate) access: Option<AccessLog>,
    /// A buffer for the next answer's head.
    pub(crate) scratch: RefCell<BytesMut>,
    /// Where connections go that leave for the newer worker.
    pub(crate) leaving: mpsc::UnboundedSender<Moving>,
    pub(crate) requests: Cell<u64>,
    pub(crate) cut: Cell<u64>,
    /// Told when the last connection has left while the gate is not open.
    pub(crate) emptied: Notify,
    progress: Arc<Progress>,
    pub(crate) census: Arc<Census>,
    pub(crate) spare: Rc<Spare>,
}

/// The place at the gate is given back even if the connection's task panics.
struct Guest<'a> {
    gate: &'a Gate,
    census: &'a Census,
    ticket: Ticket,
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.gate.leave(&self.ticket);
        self.census.leave();
    }
}

impl Thread {
    pub(crate) fn new(
        state: Rc<ThreadState>,
        limits: EdgeLimits,
        access: Option<AccessLog>,
        leaving: mpsc::UnboundedSender<Moving>,
        progress: Arc<Progress>,
        census: Arc<Census>,
    ) -> Rc<Self> {
        Rc::new(Self {
            state,
            gate: Gate::new(Mode::Open),
            limits: Rc::new(limits),
            date: DateClock::default(),
            access,
            scratch: RefCell::new(BytesMut::new()),
            leaving,
            requests: Cell::new(0),
            cut: Cell::new(0),
            emptied: Notify::new(),
            progress,
            census,
            spare: Rc::default(),
        })
    }

    /// The `Date` line of now.
    pub(crate) fn put_date(&self, out: &mut BytesMut) {
        self.date.with(|date| {
            out.extend_from_slice(b"Date: ");
            out.extend_from_slice(date.as_bytes());
            out.extend_from_slice(b"\r\n");
        });
    }

    /// A connection that was just accepted.
    pub(crate) fn welcome(self: &Rc<Self>, stream: TcpStream, peer: Peer, listener: ListenerId) {
        let facts = Facts {
            listener,
            accepted: Monotonic::now(),
            peer,
            requests: 0,
            deadline: Instant::now() + self.limits.head_timeout,
            relay: None,
            tls: None,
        };
        if self.state.plan.tls.is_some() && listener != OWN_PROBE {
            self.census.enter();
            let ticket = self.gate.enter();
            drop(tokio::task::spawn_local(Rc::clone(self).meet(stream, facts, ticket)));
        } else {
            self.spawn(Transport::plain(stream), facts, BytesMut::new());
        }
    }

    /// A connection that comes from an older worker, or back from one that could not take it.
    pub(crate) fn adopt(self: &Rc<Self>, moving: Moving) -> std::io::Result<()> {
        let Moving { record, socket, backend, stays, hurries: _ } = moving;
        let transport = match &record.relay {
            None => Transport::adopt(socket)?,
            Some(_) => Transport::adopt_link(socket)?,
        };
        let peer = Peer {
            socket: record.socket_peer,
            asserted: record.asserted_peer,
            local: record.local,
        };
        let (clock, now) = (Monotonic::now(), Instant::now());
        let left = time_left(record.deadline, clock);
        let facts = Facts {
            listener: record.listener,
            accepted: record.accepted,
            peer,
            requests: record.requests,
            deadline: now + left,
            tls: record.relay.as_ref().and_then(|relay| relay.tls.clone()).map(Rc::new),
            relay: record.relay.map(|relay| Rc::new(*relay)),
        };
        let unread = inline(record.prefix);
        if let (Some(tunnel), Some(backend)) = (record.tunnel, backend) {
            let ends = (transport, Transport::adopt(backend)?);
            let settings = self.state.plan.tunnel(tunnel.endpoint);
            let tunnel = Tunnel::adopt(ends, unread, *tunnel, settings, stays);
            self.census.enter();
            let ticket = self.gate.enter();
            drop(tokio::task::spawn_local(Rc::clone(self).run_tunnel(facts, tunnel, ticket)));
            return Ok(());
        }
        self.spawn(transport, facts, unread);
        Ok(())
    }

    fn spawn(self: &Rc<Self>, transport: Transport, facts: Facts, unread: BytesMut) {
        let connection = self.connection(transport, facts, unread);
        // Counted at once, not when its task first runs: a worker that drains ends when it has none, and an
        // older one may still send it some.
        self.census.enter();
        let ticket = self.gate.enter();
        drop(tokio::task::spawn_local(Rc::clone(self).run(connection, ticket)));
    }

    fn connection(&self, transport: Transport, facts: Facts, unread: BytesMut) -> Connection {
        let wire = Wire::new(transport, Rc::clone(&self.limits), Rc::clone(&self.spare), unread);
        Connection::new(Rc::new(wire), facts)
    }

    async fn run(self: Rc<Self>, connection: Connection, ticket: Ticket) {
        let (gate, census) = (&self.gate, &*self.census);
        let guest = Guest { gate, census, ticket };
        self.serve(connection, &guest).await;
        drop(guest);
        self.tell_if_empty();
    }

    /// A client that speaks TLS: what it speaks inside is known after the handshake.
    async fn meet(self: Rc<Self>, stream: TcpStream, mut facts: Facts, ticket: Ticket) {
        let (gate, census) = (&self.gate, &*self.census);
        let guest = Guest { gate, census, ticket };
        if let Some(tls) = &self.state.plan.tls
            && let Some(met) = tls::meet(&self, tls, stream, &facts.peer).await
        {
            facts.tls = Some(Rc::new(met.facts));
            facts.deadline = Instant::now() + self.limits.head_timeout;
            let speaks_http2 = met.session.tls().alpn_protocol() == Some(HTTP2);
            let transport = Transport::tls(met.session);
            // In boxes: a handshake needs no room for what follows.
            if speaks_http2 {
                let ticket = &guest.ticket;
                Box::pin(http2::live(&self, ticket, transport, BytesMut::new(), facts)).await;
            } else {
                let connection = self.connection(transport, facts, BytesMut::new());
                Box::pin(self.serve(connection, &guest)).await;
            }
        }
        drop(guest);
        self.tell_if_empty();
    }

    async fn serve(self: &Rc<Self>, mut connection: Connection, guest: &Guest<'_>) {
        let leave = connection.live(self, &guest.ticket).await;
        connection.release(self);
        match leave {
            Leave::Closed => {},
            Leave::Given => {
                if let Some(mut shim) = self.give(connection) {
                    // In a box: connections that move need no room for it.
                    Box::pin(async move { shim.run(&self.spare).await }).await;
                }
            },
            Leave::Http2 => {
                if let Some((transport, unread, facts)) = connection.into_http2() {
                    let ticket = &guest.ticket;
                    // In a box: it is large, and connections of HTTP/1.1 have no room for it.
                    Box::pin(http2::live(self, ticket, transport, unread, facts)).await;
                }
            },
            Leave::Tunnel => {
                if let Some((facts, tunnel)) = connection.into_tunnel() {
                    self.keep_tunnel(guest, facts, tunnel).await;
                }
            },
        }
    }

    /// A tunnel that was opened elsewhere.
    async fn run_tunnel(self: Rc<Self>, facts: Facts, tunnel: Tunnel, ticket: Ticket) {
        let (gate, census) = (&self.gate, &*self.census);
        let guest = Guest { gate, census, ticket };
        self.keep_tunnel(&guest, facts, tunnel).await;
        drop(guest);
        self.tell_if_empty();
    }

    /// Passes bytes until the tunnel has ended or leaves. It is a request in flight all the while.
    async fn keep_tunnel(&self, guest: &Guest<'_>, facts: Facts, mut tunnel: Tunnel) {
        self.gate.set_busy(&guest.ticket, true);
        match tunnel.run(self, &guest.ticket).await {
            tunnel::End::Closed => {},
            tunnel::End::Refused => tunnel.linger().await,
            tunnel::End::Cut => self.cut.set(self.cut.get() + 1),
            tunnel::End::Given => {
                if let Ok(moving) = tunnel.pack(&facts) {
                    self.send_off(moving);
                }
            },
        }
    }

    /// Says so when nothing is left of a thread that takes no more: no connection, nothing in the background.
    pub(crate) fn tell_if_empty(&self) {
        let is_left = self.gate.connections() > 0 || self.state.background.running() > 0;
        if self.gate.mode() != Mode::Open && !is_left {
            self.emptied.notify_one();
        }
    }

    /// Takes an idle connection apart for its journey. What is left of one that cannot move passes bytes.
    fn give(&self, connection: Connection) -> Option<Shim> {
        let Connection { wire, mut facts, .. } = connection;
        let Ok(wire) = Rc::try_unwrap(wire) else {
            // An idle connection has no other reader: this would be a broken invariant.
            debug_assert!(false, "an idle connection is still being read");
            return None;
        };
        let (transport, unread) = wire.dismantle();
        if unread.is_empty() && (!transport.moves() || facts.is_relayed_http1()) {
            facts.shorten_silence();
        }
        if !transport.moves() {
            let relay = RelayRecord { protocol: Protocol::Http1, tls: facts.tls_facts().cloned() };
            let link = self.open_link(&facts, relay, &unread).ok()?;
            return Some(Shim::new(transport, Transport::link(link)));
        }
        let hurries = !unread.is_empty() || transport.has_news();
        let socket = transport.release().ok()?;
        let record = facts.record(&unread);
        self.send_off(Moving { record, socket, backend: None, stays: false, hurries });
        None
    }

    /// Opens a link to the worker that serves now, for a client whose transport stays here: what is
    /// written on it is answered there. The other end travels like a connection; what is written before
    /// it arrives waits in the link.
    pub(crate) fn open_link(
        &self,
        facts: &Facts,
        relay: RelayRecord,
        unread: &[u8],
    ) -> std::io::Result<UnixStream> {
        let (ours, theirs) = scm::stream_pair()?;
        let link = UnixStream::from_std(std::os::unix::net::UnixStream::from(ours))?;
        let mut record = facts.record(unread);
        if relay.protocol == Protocol::Http2 {
            record.deadline = None;
        }
        record.relay = Some(Box::new(relay));
        let moving = Moving { record, socket: theirs, backend: None, stays: false, hurries: true };
        self.send_off(moving);
        Ok(link)
    }

    fn send_off(&self, moving: Moving) {
        self.progress.released();
        // The receiver lives as long as the worker does.
        drop(self.leaving.send(moving));
    }
}

/// The bytes of a prefix; a memfd's were read when it came.
pub(super) fn inline(prefix: Prefix) -> BytesMut {
    match prefix {
        Prefix::Inline(bytes) => BytesMut::from(&bytes[..]),
        Prefix::Memfd(_) => BytesMut::new(),
    }
}

/// Until a connection that arrives now is late; a link has no deadline of its own.
fn time_left(deadline: Option<Monotonic>, now: Monotonic) -> Duration {
    deadline.map_or(LINK_IDLE, |at| at.since(now).max(ARRIVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_was_late_on_its_way_is_read_before_it_ends() {
        let sent = Monotonic::now();
        let arrived = sent.after(Duration::from_secs(2));
        let deadline = |secs| Some(sent.after(Duration::from_secs(secs)));
        assert_eq!(time_left(deadline(1), arrived), ARRIVAL);
        assert_eq!(time_left(deadline(5), arrived), Duration::from_secs(3));
        assert_eq!(time_left(None, arrived), LINK_IDLE);
    }
}
