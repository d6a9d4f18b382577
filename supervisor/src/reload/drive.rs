//! The hands of the policy: carries its orders out and turns what comes back into events. Never
//! waits: what takes time runs beside the loop and comes back as [`Heard`].

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use baton_shared::control::ToWorker;
use baton_shared::control::message::{FromWorker, Start};
use baton_shared::os::scm;
use baton_shared::words::{GenerationId, Monotonic};
use tokio::sync::mpsc;

use super::answers::Answers;
use super::callers::Callers;
use super::event::{Action, Content, End, Event, Said, Snapshotted, TxnId, WorkerId};
use super::keeper::Keeper;
use super::notice::Notice;
use super::revocations::Revocations;
use super::soft::SoftState;
use super::state::Reload;
use super::tickets::TicketKeys;
use crate::generation::worker::{Order, Worker};
use crate::listener::bind::Shards;
use crate::listener::keep::Listeners;
use crate::snapshot::set::{Fingerprint, SourceSet};
use crate::snapshot::source::Source;
use crate::supervise::Settings;

/// Something that came back from beside the loop.
#[derive(Debug)]
pub enum Heard {
    /// A worker said something, as part of that transaction.
    Message(WorkerId, u64, Box<FromWorker>),
    /// A worker rendered its configuration: the text, sealed.
    Rendered(WorkerId, OwnedFd),
    /// A worker fetched something that later ones will want, too.
    Answer(WorkerId, String, Monotonic, OwnedFd),
    /// A worker's channel is broken.
    Lost(WorkerId),
    /// A worker's process has ended.
    Exited(WorkerId, End),
    /// The sources were read.
    Snapshot(TxnId, Option<Box<SourceSet>>, Snapshotted),
    /// A file that a worker asked for was read.
    Read(WorkerId, String, Box<Source>),
    /// Addresses were bound.
    Bound(TxnId, Result<Vec<(std::net::SocketAddr, Shards)>, String>),
    /// An address that nobody wants any more may be closed.
    LeaveTime,
    /// The rendered configuration was written to `FC_OUT`, or why not.
    Kept(Result<(), String>),
    /// The last-known-good copy was written, or not.
    Saved(Result<(), String>),
}

/// Everything that the supervisor holds: processes, sockets, contents, callers.
pub(crate) struct Drive<T> {
    pub(super) config: String,
    pub(super) folder: PathBuf,
    pub(super) settings: Settings,
    pub(super) tell: T,
    pub(super) heard: mpsc::Sender<Heard>,
    pub(super) workers: BTreeMap<WorkerId, Worker>,
    /// What workers that are gone have answered: the sum over all generations never falls.
    pub(super) requests_of_gone: u64,
    pub(super) drafts: BTreeMap<TxnId, SourceSet>,
    pub(super) sets: BTreeMap<GenerationId, SourceSet>,
    pub(super) prints: BTreeMap<GenerationId, Fingerprint>,
    /// What the transaction that runs, or ran last, tries.
    pub(super) candidate: Option<GenerationId>,
    pub(super) listeners: Listeners,
    pub(super) binding: Option<TxnId>,
    pub(crate) callers: Callers,
    pub(super) keeper: Keeper,
    pub(super) soft: SoftState,
    pub(super) tickets: TicketKeys,
    pub(super) answers: Answers,
    pub(super) revocations: Revocations,
    pub(super) started: Monotonic,
}

impl<T: FnMut(Notice)> Drive<T> {
    pub(crate) fn new(mut settings: Settings, heard: mpsc::Sender<Heard>, tell: T) -> Self {
        let inherited = std::mem::take(&mut settings.inherited);
        Self {
            config: settings.config.to_string_lossy().into_owned(),
            folder: std::env::current_dir().unwrap_or_default(),
            keeper: Keeper::new(settings.history.as_ref()),
            soft: SoftState::default(),
            tickets: TicketKeys::default(),
            answers: Answers::default(),
            revocations: Revocations::default(),
            settings,
            tell,
            heard,
            workers: BTreeMap::new(),
            requests_of_gone: 0,
            drafts: BTreeMap::new(),
            sets: BTreeMap::new(),
            prints: BTreeMap::new(),
            candidate: None,
            listeners: Listeners::new(inherited),
            binding: None,
            callers: Callers::default(),
            started: Monotonic::now(),
        }
    }

    /// Carries one order out. `state` is as it will be after all orders of this event.
    pub(crate) fn act(&mut self, state: &Reload, action: Action) {
        let txn = state.txn().map_or(0, |txn| txn.0);
        match action {
            Action::Snapshot { txn, compare } => self.read_sources(txn, &compare),
            Action::LoadHistory { txn } => self.load_history(txn),
            Action::Spawn { worker, generation, content } => {
                self.spawn(worker, generation, content);
            },
            Action::Bind { txn, wanted } => self.bind(txn, &wanted),
            Action::Unbind { txn } => self.undo(state, txn),
            Action::Listen { worker, wanted } => self.listen(txn, worker, &wanted),
            Action::Send { worker, message } => {
                self.order(worker, txn, message, Vec::new());
            },
            Action::HandOver { from, to } => self.hand_over(txn, from, to),
            Action::Kill { worker } => {
                if let Some(worker) = self.workers.get(&worker) {
                    worker.kill();
                }
            },
            Action::Commit { generation, wanted } => self.commit(state, generation, &wanted),
            Action::Remember { generation } => {
                let set = self.sets.get(&generation);
                self.prints.extend(set.map(|set| (generation, set.fingerprint())));
            },
            Action::Answer { caller, report } => self.callers.answer(caller, *report),
            Action::CloseListeners => self.close_listeners(),
            Action::TellDeath { worker, generation, reason } => {
                let pid = self.workers.get(&worker).map_or(0, |worker| worker.pid);
                (self.tell)(Notice::WorkerDied { generation, pid, reason });
            },
            Action::Tell(notice) => (self.tell)(*notice),
        }
    }

    /// Drops what no worker can be started from any more.
    pub(crate) fn prune(&mut self, state: &Reload) {
        self.sets.retain(|generation, _| state.needs(*generation));
        self.prints.retain(|generation, _| state.remembers(*generation));
        self.drafts.retain(|txn, _| state.txn() == Some(*txn));
    }

    /// What the policy should know of what was heard.
    pub(crate) fn translate(&mut self, state: &Reload, heard: Heard) -> Option<Event> {
        match heard {
            Heard::Message(worker, txn, message) => self.hear(state, worker, txn, *message),
            Heard::Rendered(worker, text) => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.rendered = Some(text);
                }
                None
            },
            Heard::Answer(_, name, at, content) => {
                self.answers.keep(name, at, content);
                None
            },
            Heard::Lost(worker) => Some(Event::Lost(worker)),
            Heard::Exited(worker, end) => Some(Event::Exited(worker, end)),
            Heard::Snapshot(txn, set, what) => {
                self.drafts.extend(set.map(|set| (txn, *set)));
                Some(Event::Snapshotted(txn, what))
            },
            Heard::Read(worker, path, source) => {
                self.was_read(worker, &path, *source);
                None
            },
            Heard::Bound(txn, outcome) => self.was_bound(txn, outcome),
            Heard::LeaveTime => {
                self.close_leaving();
                None
            },
            Heard::Kept(outcome) => {
                let warning = outcome.err();
                warning.into_iter().for_each(|text| (self.tell)(Notice::Warning(text)));
                None
            },
            Heard::Saved(outcome) => {
                let warning = self.keeper.saved(outcome, &self.heard);
                warning.into_iter().for_each(|text| (self.tell)(Notice::Warning(text)));
                None
            },
        }
    }

    /// After [`Event::Exited`] was worked off: the handle goes with the process.
    pub(crate) fn forget(&mut self, worker: WorkerId) {
        let gone = self.workers.remove(&worker);
        self.requests_of_gone += gone.map_or(0, |gone| gone.health.requests);
        self.revocations.forget(worker);
    }

    fn hear(
        &mut self,
        state: &Reload,
        worker: WorkerId,
        txn: u64,
        message: FromWorker,
    ) -> Option<Event> {
        // An answer to what an attempt wanted that was given up since.
        let is_stale = txn != 0 && state.txn().is_some_and(|current| current.0 != txn);
        let said = match message {
            FromWorker::Hello { .. } => Said::Hello,
            FromWorker::Need { path } => {
                self.need(worker, &path);
                return None;
            },
            FromWorker::NeedSoft(sizes) => {
                self.need_soft(worker, sizes);
                return None;
            },
            FromWorker::NeedTickets => {
                self.need_tickets(worker);
                return None;
            },
            FromWorker::NeedAnswer { name } => {
                self.need_answer(worker, name);
                return None;
            },
            // Came with their descriptors: `Heard`.
            FromWorker::Answer { .. } | FromWorker::Rendered => return None,
            FromWorker::Plan(plan) => {
                let hash = self.close_set(worker);
                Said::Planned { plan: Box::new(plan), hash }
            },
            FromWorker::Invalid(invalid) => Said::Invalid(Box::new(invalid)),
            FromWorker::Warming { what } => Said::Warming(what),
            FromWorker::Ready => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.is_ready = true;
                }
                Said::Ready
            },
            FromWorker::Revocations { id, revoked } => {
                self.revocations.heard(id, worker, revoked);
                return None;
            },
            FromWorker::Probed { failure } => Said::Probed(failure),
            FromWorker::Accepting => Said::Accepting,
            FromWorker::Stopped | FromWorker::HandedOver { .. } if is_stale => return None,
            FromWorker::Stopped => Said::Stopped,
            FromWorker::HandedOver { moved, left } => Said::HandedOver { moved, left },
            FromWorker::Pong { health, .. } => {
                let cannot_accept = Duration::from_millis(health.cannot_accept_ms);
                self.renew_tickets();
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.health = health;
                    worker.seen = None;
                }
                Said::Pong { cannot_accept }
            },
            FromWorker::Drained { cut, requests } => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.health.requests = worker.health.requests.max(requests);
                }
                Said::Drained { cut }
            },
            FromWorker::Fatal { reason } => Said::Fatal(reason),
        };
        Some(Event::Said(worker, said))
    }

    /// A process, and its first message right behind it: nobody waits for a greeting.
    fn spawn(&mut self, id: WorkerId, generation: GenerationId, content: Content) {
        let set = match content {
            Content::Draft(txn) => self.drafts.remove(&txn),
            Content::Of(earlier) => self.sets.get(&earlier).cloned(),
        };
        if !matches!(content, Content::Of(same) if same == generation) {
            self.candidate = Some(generation);
        }
        let config = set.as_ref().and_then(SourceSet::config);
        let config = config.and_then(|source| source.content.clone());
        self.sets.extend(set.map(|set| (generation, set)));
        let Some(config) = config else {
            return self.later(Heard::Exited(id, End::NotStarted("no content".to_owned())));
        };
        match Worker::start(id, generation, &self.settings.worker, &self.heard) {
            Ok(worker) => {
                let start = ToWorker::Start(Start {
                    generation,
                    config_path: self.config.clone(),
                    threads: self.settings.threads.max(1),
                    options: self.settings.options.clone(),
                });
                worker.order(Order { txn: generation.0, message: start, fds: vec![config] });
                self.workers.insert(id, worker);
            },
            Err(error) => {
                self.later(Heard::Exited(id, End::NotStarted(error.to_string())));
            },
        }
    }

    /// Something to hear that did not come from outside.
    pub(super) fn later(&self, what: Heard) {
        let heard = self.heard.clone();
        drop(tokio::spawn(async move { drop(heard.send(what).await) }));
    }

    /// Whether a worker that has not answered waits for a processor.
    pub(crate) fn waits_for_a_processor(&mut self, id: WorkerId) -> bool {
        self.workers.get_mut(&id).is_some_and(Worker::waits_for_a_processor)
    }

    pub(super) fn order(
        &self,
        worker: WorkerId,
        txn: u64,
        message: ToWorker,
        fds: Vec<Arc<OwnedFd>>,
    ) {
        if let Some(worker) = self.workers.get(&worker) {
            worker.order(Order { txn, message, fds });
        }
    }

    /// The taker first: what is sent must find somebody.
    fn hand_over(&mut self, txn: u64, from: WorkerId, to: WorkerId) {
        match scm::pair() {
            Ok((give, take)) => {
                self.order(to, txn, ToWorker::HandOverFrom, vec![Arc::new(take)]);
                self.order(from, txn, ToWorker::HandOverTo, vec![Arc::new(give)]);
            },
            Err(errno) => {
                let text = format!("connections stay where they are: {errno}");
                (self.tell)(Notice::Warning(text));
            },
        }
    }
}
