//! The giving end: batches, a window, acknowledgements.
//!
//! Runs beside the control loop, not on a serving thread. Whoever cannot be given away stays here,
//! unread, until there is another target, or goes back to the threads when the reload is undone.

#[cfg(test)]
mod tests;

use std::collections::{HashSet, VecDeque};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use baton_shared::control::channel::{Channel, ChannelError};
use baton_shared::control::frame::{self, Frame, HEAD_BYTES, Kind};
use baton_shared::control::record::{BATCH_MAX, Handover, TAKES_MAX};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use super::batch::{Queue, describe};
use crate::connection::thread::Moving;

/// Batches under way: so many that the receiver never waits, so few that a client who asks for
/// something meanwhile does not wait behind thousands of silent ones.
const WINDOW_BATCHES: usize = 2;
/// How long the giver rests when it or the receiver is short of descriptors.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// Serving threads release no further piece while more connections than this are on their way.
pub(crate) const OUTSTANDING_MAX: usize = 2 * BATCH_MAX;

/// What the control loop tells the giver.
#[derive(Debug)]
pub(crate) enum Order {
    /// From now on give to the worker at the other end.
    Target(Channel),
    /// Give this too: cached answers, as [`snapshot`](crate::backend::cache::snapshot) writes them, in sealed memory.
    Cached(OwnedFd, Errand),
    /// The reload was undone: give back what has not been acknowledged.
    Return,
}

/// What is on its way; shared with the serving threads, which pace themselves by it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    outstanding: AtomicUsize,
    moved: AtomicU64,
    kept: AtomicU64,
    errands: AtomicUsize,
    /// Told whenever something was acknowledged or came back.
    pub(crate) changed: Notify,
}

/// Something on its way besides connections: this process does not end before it is there, or given up.
#[derive(Debug)]
pub(crate) struct Errand(Arc<Progress>);

impl Errand {
    pub(crate) fn begin(progress: &Arc<Progress>) -> Self {
        progress.errands.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(progress))
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.0.errands.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }
}

impl Progress {
    /// A serving thread is about to release a connection.
    pub(crate) fn released(&self) {
        self.outstanding.fetch_add(1, Ordering::Relaxed);
    }

    fn settled(&self, count: usize, moved: bool) {
        self.outstanding.fetch_sub(count, Ordering::Relaxed);
        if moved {
            self.moved.fetch_add(count as u64, Ordering::Relaxed);
        }
        self.changed.notify_waiters();
    }

    /// Connections that have left a thread and are not yet acknowledged.
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding.load(Ordering::Relaxed)
    }

    /// Whether nothing is on its way.
    pub(crate) fn is_over(&self) -> bool {
        self.outstanding() == 0 && self.errands.load(Ordering::Relaxed) == 0
    }

    /// Tunnels that went back to this worker's threads for good.
    pub(crate) fn kept(&self) -> u64 {
        self.kept.load(Ordering::Relaxed)
    }

    /// Connections that other workers have taken.
    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }
}

/// What happens once everything under way is acknowledged, or its receiver is gone.
enum Then {
    Target(Channel),
    Return,
}

struct Batch {
    number: u64,
    connections: Vec<Moving>,
    /// Of cached answers, which go alone.
    _errand: Option<Errand>,
}

/// The giver's state.
pub(crate) struct Giver {
    target: Option<Channel>,
    /// A change of target waits until nobody else can own what is under way.
    then: Option<Then>,
    waiting: Queue,
    cached: Option<(OwnedFd, Errand)>,
    /// Whose tunnels the target goes on with, once it has said so.
    takes: Option<HashSet<u64>>,
    /// Tunnels that wait for that word.
    tunnels: VecDeque<Moving>,
    under_way: VecDeque<Batch>,
    next_number: u64,
    /// Nothing is sent before: somebody is short of descriptors.
    rests_until: Option<Instant>,
    /// The reload was undone: a thread that has not heard of it yet may still send some.
    is_undone: bool,
    progress: Arc<Progress>,
    /// Where connections go that come back.
    back: Box<dyn FnMut(Moving)>,
}

impl Giver {
    pub(crate) fn new(progress: Arc<Progress>, back: Box<dyn FnMut(Moving)>) -> Self {
        Self {
            target: None,
            then: None,
            waiting: Queue::default(),
            cached: None,
            takes: None,
            tunnels: VecDeque::new(),
            under_way: VecDeque::new(),
            next_number: 1,
            rests_until: None,
            is_undone: false,
            progress,
            back,
        }
    }

    /// Gives until both queues are closed.
    pub(crate) async fn run(
        mut self,
        mut orders: mpsc::UnboundedReceiver<Order>,
        mut leaving: mpsc::UnboundedReceiver<Moving>,
    ) {
        let mut buffer = vec![0; HEAD_BYTES + 64 + TAKES_MAX * size_of::<u64>()];
        loop {
            while self.can_send() {
                if self.send_next().await.is_err() {
                    self.lose_target();
                }
            }
            let reply = async {
                match &self.target {
                    Some(target) => target.receive_raw(&mut buffer).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Orders first: whoever leaves has been told of the target.
                biased;
                order = orders.recv() => match order {
                    Some(Order::Target(channel)) => self.change(Then::Target(channel)),
                    Some(Order::Cached(memory, errand)) => {
                        let is_wanted = self.target.is_some() || self.then.is_some();
                        self.cached = is_wanted.then_some((memory, errand));
                    },
                    Some(Order::Return) => self.change(Then::Return),
                    None => return,
                },
                Some(moving) = leaving.recv() => {
                    self.queue(moving);
                    // Take all that is there: a full batch costs as much as a lone connection.
                    while self.waiting.len() < BATCH_MAX && let Ok(more) = leaving.try_recv() {
                        self.queue(more);
                    }
                },
                received = reply => match received {
                    Ok((length, _fds)) => {
                        let datagram = buffer.get(..length).unwrap_or_default().to_vec();
                        self.hear(&datagram);
                    },
                    Err(_gone) => self.lose_target(),
                },
                () = until(self.rests_until) => self.rests_until = None,
            }
        }
    }

    /// A tunnel goes only where its endpoint still is; elsewhere it stays and drains here.
    fn queue(&mut self, moving: Moving) {
        if self.is_undone {
            (self.back)(moving);
            return self.progress.settled(1, false);
        }
        let tunnel = moving.record.tunnel.as_ref();
        let taken = tunnel.map(|tunnel| Some(self.takes.as_ref()?.contains(&tunnel.endpoint)));
        match taken {
            None | Some(Some(true)) => self.waiting.push(moving),
            Some(None) if self.target.is_some() || self.then.is_some() => {
                self.tunnels.push_back(moving);
            },
            Some(None | Some(false)) => self.keep(moving),
        }
    }

    /// Back to a serving thread of this worker, for good.
    fn keep(&mut self, moving: Moving) {
        (self.back)(Moving { stays: true, ..moving });
        self.progress.kept.fetch_add(1, Ordering::Relaxed);
        self.progress.settled(1, false);
    }

    fn keep_tunnels(&mut self) {
        let tunnels = self.waiting.take_tunnels();
        for moving in std::mem::take(&mut self.tunnels).into_iter().chain(tunnels) {
            self.keep(moving);
        }
    }

    fn can_send(&self) -> bool {
        self.target.is_some()
            && self.then.is_none()
            && self.rests_until.is_none()
            && !(self.waiting.is_empty() && self.cached.is_none())
            && self.under_way.len() < WINDOW_BATCHES
    }

    async fn send_next(&mut self) -> Result<(), ChannelError> {
        match self.cached.take() {
            Some((memory, errand)) => self.send_cached(&memory, errand).await,
            None => self.send_batch().await,
        }
    }

    /// What fails is given up: the next worker asks the backends.
    async fn send_cached(&mut self, memory: &OwnedFd, errand: Errand) -> Result<(), ChannelError> {
        let Some(target) = &self.target else { return Ok(()) };
        let number = self.next_number;
        let frame = Frame { kind: Kind::Handover, txn: 0 };
        let datagram = frame::encode(frame, &Handover::Cached { number }.encode())?;
        target.send_raw(&datagram, &[memory.as_fd()]).await?;
        self.next_number += 1;
        let batch = Batch { number, connections: Vec::new(), _errand: Some(errand) };
        self.under_way.push_back(batch);
        Ok(())
    }

    async fn send_batch(&mut self) -> Result<(), ChannelError> {
        let Some(target) = &self.target else { return Ok(()) };
        let connections = self.waiting.next_batch();
        let Ok((records, memfds)) = describe(&connections) else {
            self.waiting.put_back(connections);
            self.rest();
            return Ok(());
        };
        let number = self.next_number;
        let body = Handover::Batch { number, records }.encode();
        let sent = match frame::encode(Frame { kind: Kind::Handover, txn: 0 }, &body) {
            Ok(datagram) => {
                let sockets = connections.iter().flat_map(Moving::sockets);
                let fds: Vec<BorrowedFd<'_>> =
                    sockets.chain(memfds.iter().map(OwnedFd::as_fd)).collect();
                target.send_raw(&datagram, &fds).await
            },
            Err(error) => Err(error.into()),
        };
        match sent {
            Ok(()) => {
                self.next_number += 1;
                self.under_way.push_back(Batch { number, connections, _errand: None });
                Ok(())
            },
            Err(error) => {
                self.waiting.put_back(connections);
                Err(error)
            },
        }
    }

    /// An acknowledgement, or a receiver that has no room. Each batch is answered once, in order.
    fn hear(&mut self, datagram: &[u8]) {
        let message = frame::decode(datagram)
            .ok()
            .filter(|(frame, _)| frame.kind == Kind::Handover)
            .and_then(|(_, body)| Handover::decode(body).ok());
        match message {
            Some(Handover::Ack { number }) => {
                while self.under_way.front().is_some_and(|batch| batch.number <= number) {
                    if let Some(batch) = self.under_way.pop_front() {
                        self.progress.settled(batch.connections.len(), true);
                    }
                }
                self.settle();
            },
            Some(Handover::Refused) => {
                // Nothing of the oldest was taken. Those behind it may fit, and be taken yet: to send
                // them again now would give a connection two readers.
                if let Some(batch) = self.under_way.pop_front() {
                    self.waiting.put_back(batch.connections);
                }
                self.rest();
                self.settle();
            },
            Some(Handover::Takes { tunnels }) => {
                self.takes = Some(tunnels.into_iter().collect());
                for moving in std::mem::take(&mut self.tunnels) {
                    self.queue(moving);
                }
            },
            Some(Handover::Batch { .. } | Handover::Cached { .. }) | None => self.lose_target(),
        }
    }

    fn rest(&mut self) {
        self.rests_until = Some(Instant::now() + RETRY_AFTER);
    }

    fn change(&mut self, then: Then) {
        self.then = Some(then);
        self.settle();
    }

    /// Carries a waiting change out as soon as nothing is under way: until then the receiver may
    /// own what it has not acknowledged, and a connection has one reader.
    fn settle(&mut self) {
        if self.target.is_some() && !self.under_way.is_empty() {
            return;
        }
        match self.then.take() {
            Some(Then::Target(channel)) => {
                (self.target, self.takes, self.is_undone) = (Some(channel), None, false);
            },
            Some(Then::Return) => {
                self.is_undone = true;
                self.give_back();
            },
            None => {},
        }
    }

    /// The receiver has ended, or speaks nonsense: what it did not acknowledge is ours.
    fn lose_target(&mut self) {
        self.target = None;
        self.takes = None;
        self.cached = None;
        self.requeue_all();
        // Somebody may be speaking on a tunnel: it does not wait for the next target.
        self.keep_tunnels();
        self.settle();
    }

    fn requeue_all(&mut self) {
        while let Some(batch) = self.under_way.pop_back() {
            self.waiting.put_back(batch.connections);
        }
    }

    fn give_back(&mut self) {
        self.target = None;
        self.cached = None;
        let count = self.waiting.len() + self.tunnels.len();
        while let Some(moving) = self.waiting.pop().or_else(|| self.tunnels.pop_front()) {
            (self.back)(moving);
        }
        self.progress.settled(count, false);
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
