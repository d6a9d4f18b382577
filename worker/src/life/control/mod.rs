//! The control loop: the supervisor's messages in, orders to the threads and answers out. Beside it: [`ping`] how the
//! threads are, [`drain`] the end.

mod drain;
mod ping;

use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use baton_shared::control::Reserve;
use baton_shared::control::channel::{Channel, ChannelError};
use baton_shared::control::message::{FromWorker, Start, ToWorker};
use baton_shared::control::tickets;
use baton_shared::log;
use baton_shared::os::{memfd, process};
use baton_shared::words::BATON_VERSION;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use self::drain::Drain;
use self::ping::{OWN_PING, Pings};
use super::caches;
use super::fault::{self, Phase};
use super::keep::Fetched;
use super::probe;
use super::start::{Sockets, deal, prepare, say};
use super::threads::{Order, Setup, Threads, Told};
use crate::connection::census::Census;
use crate::connection::thread::Moving;
use crate::handover::give::{self, Giver, Progress};
use crate::handover::take;
use crate::plan::Plan;

/// How long connections wait for a receiver that does not acknowledge, before others follow.
pub(crate) const HANDOVER_STALL: Duration = Duration::from_secs(2);
/// How often progress of a handover is looked at when nothing tells of it.
const HANDOVER_LOOK: Duration = Duration::from_millis(1);
/// How long the last lines of the log may take.
const LOG_FLUSH: Duration = Duration::from_millis(500);

/// Why a worker ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Drained, or told to quit.
    Asked,
    /// The configuration was refused; the exit code that says so.
    Refused(u8),
    /// Something broke.
    Failed,
}

/// Runs the worker until it is to end.
pub(crate) async fn run(channel: Channel) -> End {
    fault::strike(Phase::Hello);
    let channel = Rc::new(channel);
    let hello = FromWorker::Hello { pid: std::process::id(), build: BATON_VERSION.to_owned() };
    if channel.send(0, &hello, &[]).await.is_err() {
        return End::Failed;
    }
    match prepare(&channel).await {
        Ok((start, plan, sockets)) => match Worker::start(channel, start, plan, sockets).await {
            Ok(worker) => worker.obey().await,
            Err(end) => end,
        },
        Err(end) => end,
    }
}

/// Answers of the threads that are counted until all have come.
#[derive(Debug, Default)]
struct Round {
    txn: u64,
    left: usize,
}

impl Round {
    const fn begin(txn: u64, count: usize) -> Self {
        Self { txn, left: count }
    }

    /// One more answer: the transaction, if it was the last.
    fn count(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        (self.left == 0).then_some(self.txn)
    }
}

/// A worker that is ready to serve.
struct Worker {
    channel: Rc<Channel>,
    plan: Arc<Plan>,
    threads: Threads,
    told: UnboundedReceiver<Told>,
    /// What was fetched and is to be kept for later workers.
    fetched: UnboundedReceiver<Fetched>,
    giver: UnboundedSender<give::Order>,
    progress: Arc<Progress>,
    accepting: Round,
    stopping: Round,
    giving: Round,
    pings: Option<Pings>,
    /// What stays behind of a handover, until everything else has arrived.
    handed: Option<Handed>,
    gave: bool,
    busy_left: u64,
    drain: Option<Drain>,
    /// A thread said that it is empty; what is on its way may still be.
    may_be_empty: bool,
    ended: bool,
    /// What a test may have happen at a ping: the bake begins with the switch.
    at_ping: Option<Phase>,
}

/// A handover under way, and the counts at its beginning.
#[derive(Clone, Copy, Debug)]
struct Handed {
    txn: u64,
    moved: u64,
    kept: u64,
}

impl Worker {
    async fn start(
        channel: Rc<Channel>,
        start: Start,
        plan: Arc<Plan>,
        sockets: Sockets,
    ) -> Result<Self, End> {
        fault::strike(Phase::Warm);
        let (leaving, departures) = unbounded_channel::<Moving>();
        let progress = Arc::new(Progress::default());
        // A kernel that does not tell allows at least the usual soft limit.
        let descriptors_max = process::raise_descriptor_limit().unwrap_or(1024);
        let census = Arc::new(Census::new(descriptors_max));
        let shared = Arc::clone(&progress);
        let arrivals = Arc::default();
        let setup = Setup { plan: Arc::clone(&plan), leaving, progress: shared, census, arrivals };
        let (mut threads, mut told) =
            Threads::start(plan.threads, &setup).map_err(|_error| End::Failed)?;
        deal(&mut threads, sockets).map_err(|_error| End::Failed)?;
        for _ in 0..threads.count() {
            match told.recv().await {
                Some(Told::Ready) => {},
                Some(Told::Failed(error)) => {
                    let reason = format!("a serving thread could not start: {error}");
                    say(&channel, 0, &FromWorker::Fatal { reason }).await?;
                    return Err(End::Failed);
                },
                _ => return Err(End::Failed),
            }
        }
        let (giver, orders) = unbounded_channel();
        let back = Box::new(threads.dealer());
        let task = Giver::new(Arc::clone(&progress), back).run(orders, departures);
        drop(tokio::task::spawn_local(task));
        let (keep, fetched) = unbounded_channel();
        plan.tell_of_fetched(&keep);
        if let Some(revoker) = &plan.revoker {
            revoker.start();
        }
        plan.warm().await;
        fault::strike(Phase::Ready);
        if plan.tls.is_some() {
            // Answered before the order to accept: nobody has to wait for it.
            say(&channel, 0, &FromWorker::NeedTickets).await?;
        }
        say(&channel, start.generation.0, &FromWorker::Ready).await?;
        Ok(Self {
            channel,
            plan,
            threads,
            told,
            fetched,
            giver,
            progress,
            accepting: Round::default(),
            stopping: Round::default(),
            giving: Round::default(),
            pings: None,
            handed: None,
            gave: false,
            busy_left: 0,
            drain: None,
            may_be_empty: false,
            ended: false,
            at_ping: None,
        })
    }

    async fn obey(mut self) -> End {
        let mut reserve = Reserve::of(&*self.channel);
        let end = loop {
            if let Some(end) = self.look().await {
                break end;
            }
            let deadline = self.drain.and_then(|drain| drain.until);
            let channel = Rc::clone(&self.channel);
            tokio::select! {
                message = channel.receive_with::<ToWorker>(&mut reserve), if !self.ended => match message {
                    Ok((txn, message, fds)) => {
                        if let Some(end) = self.hear(txn, message, fds).await {
                            break end;
                        }
                    },
                    Err(ChannelError::Closed) => self.orphaned().await,
                    Err(_broken) => break End::Failed,
                },
                Some(told) = self.told.recv() => {
                    if let Some(end) = self.note(told).await {
                        break end;
                    }
                },
                Some(fetched) = self.fetched.recv() => self.keep(fetched).await,
                () = self.progress.changed.notified() => {},
                () = tokio::time::sleep(HANDOVER_LOOK), if self.must_look() => {},
                () = until(deadline), if deadline.is_some() => break self.cut_the_rest().await,
            }
        };
        log::flush(LOG_FLUSH);
        end
    }

    /// What may have become true meanwhile.
    async fn look(&mut self) -> Option<End> {
        if let Some(Handed { txn, moved, kept }) = self.handed
            && self.giving.left == 0
            && self.progress.outstanding() == 0
        {
            self.handed = None;
            let moved = self.progress.moved() - moved;
            let left = self.busy_left + self.progress.kept() - kept;
            let told = FromWorker::HandedOver { moved, left };
            return say(&self.channel, txn, &told).await.err();
        }
        if self.may_be_empty && self.pings.is_none() && self.progress.is_over() {
            self.may_be_empty = false;
            self.ping(0, OWN_PING);
        }
        None
    }

    /// Whether something may become true of which nobody tells.
    const fn must_look(&self) -> bool {
        self.handed.is_some() || self.may_be_empty
    }

    async fn hear(&mut self, txn: u64, message: ToWorker, fds: Vec<OwnedFd>) -> Option<End> {
        let count = self.threads.count();
        match message {
            ToWorker::Probe => {
                fault::strike(Phase::Probe);
                let failure = probe::run(&mut self.threads).await;
                return say(&self.channel, txn, &FromWorker::Probed { failure }).await.err();
            },
            ToWorker::Accept => {
                fault::strike(Phase::Accept);
                self.accepting = Round::begin(txn, count);
                self.threads.tell_all(|| Order::Accept);
            },
            ToWorker::StopAccept => {
                self.stopping = Round::begin(txn, count);
                self.threads.tell_all(|| Order::StopAccept);
            },
            ToWorker::Resume => {
                self.accepting = Round::begin(txn, count);
                self.handed = None;
                self.gave = false;
                drop(self.giver.send(give::Order::Return));
                self.threads.tell_all(|| Order::Resume);
            },
            ToWorker::HandOverTo => self.hand_over(txn, fds),
            ToWorker::HandOverFrom => {
                fault::strike(Phase::Handover);
                if let Some(Ok(channel)) = fds.into_iter().next().map(Channel::new) {
                    let (dealer, arrivals) = (self.threads.dealer(), self.threads.arrivals());
                    let keep = caches::keeper(&self.plan);
                    let taking = take::run(channel, self.plan.tunnels(), dealer, keep, arrivals);
                    drop(tokio::task::spawn_local(taking));
                }
            },
            ToWorker::Tickets => self.take_tickets(&fds),
            ToWorker::Drain { deadline } => self.begin_drain(txn, deadline),
            ToWorker::Revocations { id, entries, wanted } => {
                let revoker = self.plan.revoker.as_ref();
                let revoked = revoker.and_then(|revoker| revoker.asked(&entries, wanted));
                let told = FromWorker::Revocations { id, revoked };
                return say(&self.channel, txn, &told).await.err();
            },
            ToWorker::Ping { nonce } => {
                if let Some(phase) = self.at_ping {
                    fault::strike(phase);
                }
                self.ping(txn, nonce);
            },
            ToWorker::Quit => return Some(End::Asked),
            ToWorker::Start(_)
            | ToWorker::File { .. }
            | ToWorker::Soft { .. }
            | ToWorker::Answer { .. }
            | ToWorker::Listen { .. } => {},
        }
        None
    }

    fn hand_over(&mut self, txn: u64, fds: Vec<OwnedFd>) {
        let Some(Ok(channel)) = fds.into_iter().next().map(Channel::new) else { return };
        drop(self.giver.send(give::Order::Target(channel)));
        let (moved, kept) = (self.progress.moved(), self.progress.kept());
        self.handed = Some(Handed { txn, moved, kept });
        self.giving = Round::begin(txn, self.threads.count());
        self.busy_left = 0;
        if !std::mem::replace(&mut self.gave, true) {
            caches::give(&self.plan, &self.progress, &self.giver);
        }
        self.threads.tell_all(|| Order::Give);
    }

    fn take_tickets(&self, fds: &[OwnedFd]) {
        let Some(tls) = &self.plan.tls else { return };
        let bytes = fds.first().and_then(|fd| memfd::read(fd, tickets::SET_BYTES_MAX).ok());
        if let Some(keys) = bytes.and_then(|bytes| tickets::decode(&bytes)) {
            tls.tickets.replace(&keys);
        }
    }

    /// Later workers shall not have to fetch it; without a supervisor there is none.
    async fn keep(&self, fetched: Fetched) {
        let Fetched { name, at, content } = fetched;
        let Ok(sealed) = memfd::sealed("baton-answer", &content) else { return };
        let message = FromWorker::Answer { name, at };
        let _gone = self.channel.send(0, &message, &[sealed.as_fd()]).await;
    }

    async fn note(&mut self, told: Told) -> Option<End> {
        match told {
            Told::Accepting => {
                let txn = self.accepting.count()?;
                self.at_ping = Some(Phase::Bake);
                say(&self.channel, txn, &FromWorker::Accepting).await.err()
            },
            Told::Stopped => {
                let txn = self.stopping.count()?;
                say(&self.channel, txn, &FromWorker::Stopped).await.err()
            },
            Told::Gave { busy } => {
                self.busy_left += busy as u64;
                self.giving.count().and(None)
            },
            Told::Pong { nonce, figures } => self.count_pong(nonce, figures).await,
            Told::Empty => {
                self.may_be_empty = self.drain.is_some();
                None
            },
            Told::Ready => None,
            Told::Failed(error) => {
                let reason = format!("a serving thread failed: {error}");
                let _gone = say(&self.channel, 0, &FromWorker::Fatal { reason }).await;
                Some(End::Failed)
            },
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
