//! What the world does with an order: usually what was wanted, some time later.

use std::time::Duration;

use baton_shared::control::ToWorker;
use baton_shared::control::message::{Invalid, Plan, Policy};
use baton_shared::words::GenerationId;

use super::super::event::{Action, Content, End, Event, Said, Snapshotted, WorkerId};
use super::super::notice::Notice;
use super::world::{Dice, Process, World};

impl World {
    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Snapshot { txn, compare } => {
                let same = compare.first().copied().filter(|_| self.dice.one_in(8));
                let bad = compare.last().copied().filter(|_| self.dice.one_in(4));
                let bad = bad.filter(|bad| self.fingerprints.contains(bad));
                let what = match same.or(bad) {
                    None if self.fault(15) => Snapshotted::Failed(refusal()),
                    same_as => Snapshotted::Read { same_as, config_bytes: 100 },
                };
                self.drafts.insert(txn);
                if !self.fault(40) {
                    self.soon(Event::Snapshotted(txn, what));
                }
            },
            Action::LoadHistory { txn } => {
                self.drafts.insert(txn);
                let what = Snapshotted::Read { same_as: None, config_bytes: 100 };
                self.soon(Event::Snapshotted(txn, what));
            },
            Action::Spawn { worker, generation, content } => {
                self.spawn(worker, generation, content);
            },
            Action::Bind { txn, .. } => {
                self.bound.insert(txn);
                let taken = self.fault(20);
                let outcome = if taken { Err("address taken".to_owned()) } else { Ok(()) };
                if !self.fault(40) {
                    self.soon(Event::Bound(txn, outcome));
                }
            },
            Action::Unbind { txn } => drop(self.bound.remove(&txn)),
            Action::Listen { worker, .. } => {
                if self.fault(5) {
                    self.soon(Event::Said(worker, Said::Warming("keys".to_owned())));
                }
                self.says(worker, Said::Ready);
            },
            Action::Send { worker, message } => self.told(worker, &message),
            Action::HandOver { from, to } => {
                let taker = self.processes.get(&to).expect("a process");
                assert!(taker.may_accept, "{}", self.tale("handed to one that does not accept"));
                self.processes.entry(from).or_default().gives_to = Some(to);
                let (moved, left) = (self.dice.roll(100), 0);
                self.says(from, Said::HandedOver { moved, left });
            },
            Action::Kill { worker } => {
                assert!(self.processes.contains_key(&worker), "{}", self.tale("killed nobody"));
                self.dies(worker, End::Killed);
            },
            Action::Commit { generation, .. } => {
                assert!(self.sets.contains(&generation), "{}", self.tale("in force, not kept"));
                self.bound.clear();
            },
            Action::Remember { generation } => drop(self.fingerprints.insert(generation)),
            Action::Answer { caller, .. } => *self.asked.entry(caller).or_default() += 1,
            Action::TellDeath { worker, reason, .. } => {
                let is_wrong = reason.ends_with("does not answer") && self.waits(worker);
                assert!(!is_wrong, "{}", self.tale("killed for want of a processor"));
            },
            Action::CloseListeners => {},
            Action::Tell(notice) => *self.reached.entry(name(&notice)).or_default() += 1,
        }
    }

    pub(super) fn spawn(&mut self, worker: WorkerId, generation: GenerationId, content: Content) {
        let is_there = match content {
            Content::Draft(txn) => self.drafts.contains(&txn),
            Content::Of(earlier) => self.sets.contains(&earlier),
        };
        assert!(is_there, "{}", self.tale("a worker without content"));
        self.sets.insert(generation);
        let process = Process { is_alive: true, ..Process::default() };
        self.processes.insert(worker, process);
        if self.fault(30) {
            return self.dies(worker, End::NotStarted("no memory".to_owned()));
        }
        self.says(worker, Said::Hello);
    }

    pub(super) fn told(&mut self, worker: WorkerId, message: &ToWorker) {
        let process = self.processes.get_mut(&worker).expect("a process");
        let is_stuck = process.is_stuck;
        match message {
            ToWorker::Accept | ToWorker::Resume => process.may_accept = true,
            ToWorker::StopAccept => process.may_accept = false,
            _ => {},
        }
        match message {
            ToWorker::Probe => {
                let failure = self.fault(15).then(|| "503".to_owned());
                self.says(worker, Said::Probed(failure));
            },
            ToWorker::Accept => self.says(worker, Said::Accepting),
            ToWorker::StopAccept => self.says(worker, Said::Stopped),
            ToWorker::Ping { .. } => {
                let seconds = if self.is_wild && self.starved.contains(&worker) { 3 } else { 0 };
                let cannot_accept = Duration::from_secs(seconds);
                self.says(worker, Said::Pong { cannot_accept });
            },
            ToWorker::Drain { .. } => {
                let ms = match (self.is_wild, self.is_crowded) {
                    (true, false) => self.dice.roll(40_000),
                    (true, true) => 120_000,
                    (false, _) => 500,
                };
                self.later(ms, Event::Said(worker, Said::Drained { cut: 0 }));
            },
            ToWorker::Quit if !is_stuck => self.dies(worker, End::Code(0)),
            _ => {},
        }
    }
}

pub(super) fn refusal() -> Invalid {
    Invalid { text: "no".to_owned(), findings: Vec::new(), exit_code: 255 }
}

pub(super) fn plan(dice: &mut Dice) -> Plan {
    let drain_ms = dice.one_in(20).then(|| dice.roll(5_000));
    let policy = Policy { drain_ms, ..Policy::default() };
    Plan {
        listeners: vec!["127.0.0.1:8080".parse().unwrap()],
        policy,
        endpoints: 1,
        notices: Vec::new(),
    }
}

/// What a storm must have reached.
pub(super) fn name(notice: &Notice) -> &'static str {
    match notice {
        Notice::Ready { .. } => "ready",
        Notice::Committed { rollback: None, .. } => "committed",
        Notice::Committed { rollback: Some(_), .. } => "rolled back",
        Notice::Unchanged { .. } => "unchanged",
        Notice::Rejected { .. } => "rejected",
        Notice::WaitingForDrainers { .. } => "a ninth drainer",
        Notice::WorkerReplaced { .. } => "replaced",
        Notice::Proven { .. } => "proven",
        Notice::Stopping { .. } => "stopping",
        _ => "other",
    }
}
