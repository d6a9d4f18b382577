//! One attempt to put something in force, stage by stage up to the commit. Until then nothing that
//! serves is touched, and whatever fails leaves it as it was.

use baton_shared::control::ToWorker;
use baton_shared::control::message::Plan;
use baton_shared::words::GenerationId;

use super::deadline;
use super::event::{Action, Content, End, Said, Snapshotted, TxnId};
use super::notice::Notice;
use super::report::{Outcome, PhaseTime};
use super::state::{Origin, Stage, Transaction};
use super::step::Turn;

impl Turn {
    pub(super) fn snapshotted(&mut self, id: TxnId, what: Snapshotted) {
        let Some(txn) = self.state.transaction.as_mut() else { return };
        if txn.id != id || txn.stage != Stage::Snapshot {
            return; // of an attempt that was given up
        }
        let (same_as, config_bytes) = match what {
            Snapshotted::Failed(invalid) => return self.abandon(Outcome::Refused(invalid)),
            Snapshotted::Read { same_as, config_bytes } => (same_as, config_bytes),
        };
        txn.config_bytes = config_bytes;
        let (is_forced, is_watch) = (txn.wishes.force, txn.wishes.only_files);
        let Some(same) = same_as else { return self.spawn_candidate() };
        if self.state.generation() == same_as {
            return self.finish_unchanged();
        }
        if self.state.remembers_rollback(same) {
            if !is_forced {
                return self.abandon(Outcome::RolledBackBefore);
            }
            self.force_over(same);
        } else if is_watch && self.state.has_just_failed(same, self.now) {
            return self.finish_known_failure();
        }
        self.spawn_candidate();
    }

    fn force_over(&mut self, rolled_back: GenerationId) {
        if let Some(txn) = &mut self.state.transaction {
            txn.forced_over = Some(rolled_back);
        }
    }

    /// From here on the generation's number is used up, whatever becomes of it.
    pub(super) fn spawn_candidate(&mut self) {
        let worker = self.new_worker();
        self.enter(Stage::Spawn, deadline::HELLO);
        let Some(txn) = self.state.transaction.as_mut() else { return };
        txn.worker = Some(worker);
        let generation = txn.generation;
        let content = match txn.origin {
            Origin::Rollback { to, .. } => Content::Of(to),
            Origin::Sources | Origin::History => Content::Draft(txn.id),
        };
        self.state.next_generation = generation.next();
        self.actions.push(Action::Spawn { worker, generation, content });
    }

    pub(super) fn candidate_said(&mut self, said: Said) {
        let Some(txn) = self.state.transaction.as_mut() else { return };
        match (txn.stage, said) {
            (Stage::Spawn, Said::Hello) => {
                let longest = deadline::plan(txn.config_bytes);
                txn.deadline_max = self.now.after(longest);
                self.enter(Stage::Plan, longest);
            },
            (Stage::Plan, Said::Planned { plan, hash }) => {
                let (id, wanted) = (txn.id, plan.listeners.clone());
                (txn.plan, txn.hash) = (Some(plan), hash);
                self.actions.push(Action::Bind { txn: id, wanted });
                self.enter(Stage::Bind, deadline::BIND);
            },
            (Stage::Plan | Stage::Bind | Stage::Warm, Said::Invalid(invalid)) => {
                self.abandon(Outcome::Refused(*invalid));
            },
            (Stage::Plan | Stage::Warm, Said::Warming(what)) => self.warming(what),
            (Stage::Warm, Said::Ready) => {
                self.send_candidate(ToWorker::Probe);
                self.enter(Stage::Probe, deadline::PROBE);
            },
            (Stage::Probe, Said::Probed(None)) => self.wait_for_room(),
            (Stage::Probe, Said::Probed(Some(failure))) => self.fail_here(failure),
            (Stage::SwitchOn, Said::Accepting) => self.switch_off(),
            (_, Said::Fatal(reason)) => self.fail_here(reason),
            // Words out of their time change nothing: the deadline of the stage stands.
            (_, _) => {},
        }
    }

    fn warming(&mut self, what: String) {
        let Some(txn) = self.state.transaction.as_mut() else { return };
        let at_most = txn.deadline_max.max(txn.deadline);
        txn.deadline = self.now.after(deadline::WARM).max(txn.deadline).min(at_most);
        let (generation, longest) = (txn.generation, txn.deadline.since(self.now));
        self.tell(Notice::Warming { generation, what, longest });
    }

    pub(super) fn bound(&mut self, id: TxnId, outcome: Result<(), String>) {
        let Some(txn) = self.state.transaction.as_mut() else { return };
        if txn.id != id || txn.stage != Stage::Bind {
            return;
        }
        match outcome {
            Err(reason) => self.fail_here(reason),
            Ok(()) => {
                txn.deadline_max = self.now.after(deadline::WARM_IN_ALL);
                let wanted = listeners(txn.plan.as_deref());
                let worker = txn.worker;
                self.actions.extend(worker.map(|worker| Action::Listen { worker, wanted }));
                self.enter(Stage::Warm, deadline::WARM);
            },
        }
    }

    /// After the switch one more worker drains; if that is one too many, the switch waits.
    fn wait_for_room(&mut self) {
        self.enter(Stage::Room, deadline::DRAINERS);
        if self.state.drainers.len() >= deadline::DRAINERS_MAX {
            self.tell(Notice::WaitingForDrainers { longest: deadline::DRAINERS });
        }
    }

    pub(super) fn enter_if_there_is_room(&mut self) {
        let waits = self.state.transaction.as_ref().is_some_and(|txn| txn.stage == Stage::Room);
        if waits && self.state.drainers.len() < deadline::DRAINERS_MAX {
            self.send_candidate(ToWorker::Accept);
            self.enter(Stage::SwitchOn, deadline::SWITCH);
            let beat_at = self.now.after(deadline::SWITCH_HEARTBEAT);
            if let Some(txn) = &mut self.state.transaction {
                txn.beat_at = Some(beat_at);
            }
        }
    }

    /// The new worker accepts: now, and not before, the old one may stop.
    fn switch_off(&mut self) {
        let Some(old) = self.state.holder().map(|holder| holder.worker) else {
            return self.commit(0, 0);
        };
        self.send(old, ToWorker::StopAccept);
        self.enter(Stage::SwitchOff, deadline::SWITCH);
    }

    /// What the worker in force says matters only while it is being relieved.
    pub(super) fn serving_said(&mut self, said: Said) {
        let stage = self.state.transaction.as_ref().map(|txn| txn.stage);
        match (stage, said) {
            (Some(Stage::SwitchOff), Said::Stopped) => self.hand_over(),
            (Some(Stage::Handover), Said::HandedOver { moved, left }) => self.commit(moved, left),
            (_, Said::Fatal(reason)) => self.holder_is_at_fault(reason),
            (_, _) => {},
        }
    }

    fn hand_over(&mut self) {
        let to = self.state.transaction.as_ref().and_then(|txn| txn.worker);
        let from = self.state.holder().map(|holder| holder.worker);
        if let (Some(from), Some(to)) = (from, to) {
            self.actions.push(Action::HandOver { from, to });
        }
        self.enter(Stage::Handover, deadline::HANDOVER);
    }

    pub(super) fn transaction_deadline(&mut self) {
        let Some(txn) = self.state.transaction.as_ref() else { return };
        if txn.deadline > self.now {
            return;
        }
        match txn.stage {
            Stage::Room => self.end_oldest_drainer(),
            // The old worker's gates are closed, so the promise of the commit holds; what has not
            // moved yet moves later. Only a new worker that is stuck would make that a lie.
            Stage::Handover if txn.beat.missed == 0 => self.commit(0, 0),
            Stage::Snapshot
            | Stage::Spawn
            | Stage::Plan
            | Stage::Bind
            | Stage::Warm
            | Stage::Probe
            | Stage::SwitchOn
            | Stage::SwitchOff
            | Stage::Handover => {
                let ms = txn.deadline.since(txn.stage_since).as_millis();
                self.fail_here(format!("took longer than {ms} ms"));
            },
        }
    }

    /// A new worker is asked from the switch on: before, its own phases watch it. More often than
    /// others, since from here on clients wait for it.
    pub(super) fn beat_candidate(&mut self) {
        let Some(txn) = self.state.transaction.as_mut() else { return };
        let (Some(worker), Some(at)) = (txn.worker, txn.beat_at) else { return };
        if at > self.now {
            return;
        }
        txn.beat_at = Some(self.now.after(deadline::SWITCH_HEARTBEAT));
        self.state.beats += 1;
        if txn.beat.ask(deadline::SERVING_MISSES) {
            return self.fail_here("the new worker does not answer".to_owned());
        }
        self.ping(worker);
    }

    pub(super) fn candidate_died(&mut self, end: &End) {
        if let Some(txn) = &mut self.state.transaction {
            txn.worker = None;
        }
        self.fail_here(format!("the new worker {end}"));
    }

    /// Next stage; the one before is measured.
    pub(super) fn enter(&mut self, stage: Stage, longest: std::time::Duration) {
        let Some(txn) = self.state.transaction.as_mut() else { return };
        txn.measure(self.now);
        txn.stage = stage;
        txn.stage_since = self.now;
        txn.deadline = self.now.after(longest);
    }

    fn send_candidate(&mut self, message: ToWorker) {
        let worker = self.state.transaction.as_ref().and_then(|txn| txn.worker);
        if let Some(worker) = worker {
            self.send(worker, message);
        }
    }
}

impl Transaction {
    /// It goes back to what was good.
    pub(super) const fn is_rollback(&self) -> bool {
        matches!(self.origin, Origin::Rollback { .. })
    }

    /// It has what a generation in force consists of.
    pub(super) const fn is_complete(&mut self) -> bool {
        self.worker.is_some() && self.plan.is_some()
    }

    /// Adds what the present stage has taken so far; both halves of the switch are one phase.
    pub(super) fn measure(&mut self, now: baton_shared::words::Monotonic) {
        let ms = now.since(self.stage_since).as_secs_f64() * 1e3;
        let phase = self.stage.name();
        match self.phases.last_mut() {
            Some(last) if last.phase == phase => last.ms += ms,
            Some(_) | None => self.phases.push(PhaseTime { phase: phase.to_owned(), ms }),
        }
    }
}

/// The addresses of a plan.
pub(super) fn listeners(plan: Option<&Plan>) -> Vec<std::net::SocketAddr> {
    plan.map(|plan| plan.listeners.clone()).unwrap_or_default()
}
