//! Wishes to reload: one attempt runs, one waits; who asked is answered exactly once.

use baton_shared::words::GenerationId;

use super::deadline;
use super::event::{Action, CallerId, Wish};
use super::notice::Notice;
use super::report::{Outcome, Report};
use super::state::{
    Beat, Life, Origin, Post, Reload, Serving, Stage, Transaction, Waiting, Wishes,
};
use super::step::Turn;
use crate::trigger::{Cause, Wait};

impl Turn {
    /// The first start; its success is the first commit.
    pub(super) fn begin(&mut self) {
        if self.state.serving.is_none() && self.state.transaction.is_none() {
            self.start(Origin::Sources, Wishes::default());
        }
    }

    /// Later wishes join the one that waits: its snapshot, not yet taken, will contain them all.
    pub(super) fn wish(&mut self, wish: Wish) {
        if !self.state.is_running() {
            let report = self.state.report(Outcome::Stopping);
            return self.answer(wish.caller.map(|(caller, _)| caller), report);
        }
        let waiting = self.state.pending.get_or_insert_with(|| Wishes {
            only_callers: true,
            only_files: true,
            ..Wishes::default()
        });
        waiting.force |= wish.force;
        waiting.only_callers &= wish.cause == Cause::Caller;
        waiting.only_files &= matches!(wish.cause, Cause::File(_));
        waiting.callers.extend(wish.caller);
        waiting.cause.get_or_insert(wish.cause);
    }

    /// What nobody waits for any longer is not started, and not put in force either.
    pub(super) fn caller_gone(&mut self, gone: CallerId) {
        self.state.waiting.retain(|waiting| waiting.caller != gone);
        if let Some(pending) = &mut self.state.pending {
            pending.callers.retain(|(caller, _)| *caller != gone);
            if pending.is_unwanted() {
                self.state.pending = None;
            }
        }
        let Some(txn) = &mut self.state.transaction else { return };
        txn.wishes.callers.retain(|(caller, _)| *caller != gone);
        if txn.wishes.is_unwanted() && txn.stage < Stage::SwitchOn {
            self.fail_here("who asked for it has gone".to_owned());
        }
    }

    /// Begins what waits, if nothing runs: a roll-back first, it is what keeps the gateway alive.
    pub(super) fn start_next(&mut self) {
        if !self.state.is_running() || self.state.transaction.is_some() {
            return;
        }
        if let Some(reason) = self.state.rollback_due.take() {
            return self.start_rollback(reason);
        }
        if self.state.serving.is_none() {
            return; // the first start failed or has not begun
        }
        if let Some(wishes) = self.state.pending.take() {
            self.tell(Notice::Reloading { cause: wishes.cause.clone() });
            self.start(Origin::Sources, wishes);
        }
    }

    pub(super) fn start(&mut self, origin: Origin, wishes: Wishes) {
        let id = self.state.next_txn;
        self.state.next_txn.0 += 1;
        let first = match &origin {
            Origin::Sources => {
                let serving = self.state.serving.as_ref().map(|serving| serving.generation);
                let failed = self.state.failed.map(|(generation, _)| generation);
                let bad = self.state.rolled_back.iter().copied().chain(failed);
                let compare = serving.into_iter().chain(bad).collect();
                Some(Action::Snapshot { txn: id, compare })
            },
            Origin::History => Some(Action::LoadHistory { txn: id }),
            Origin::Rollback { .. } => None,
        };
        let is_read = first.is_none();
        self.actions.extend(first);
        self.state.transaction = Some(Transaction {
            id,
            generation: self.state.next_generation,
            origin,
            wishes,
            stage: Stage::Snapshot,
            stage_since: self.now,
            deadline: self.now.after(deadline::SNAPSHOT),
            deadline_max: self.now,
            worker: None,
            beat: Beat::default(),
            beat_at: None,
            hash: String::new(),
            plan: None,
            config_bytes: 0,
            forced_over: None,
            phases: Vec::new(),
            cut: 0,
        });
        if is_read {
            self.spawn_candidate();
        }
    }

    pub(super) fn answer(&mut self, caller: Option<CallerId>, report: Report) {
        let Some(caller) = caller else { return };
        self.actions.push(Action::Answer { caller, report: Box::new(report) });
    }

    /// Who waits for the commit hears of it; who waits for the drain too, later.
    pub(super) fn answer_success(&mut self, wishes: Wishes, report: &Report) {
        for (caller, wait) in wishes.callers {
            let report = report.clone();
            match wait {
                Wait::Committed => self.answer(Some(caller), report),
                Wait::Drained => {
                    let (generation, report) = (report.generation, Box::new(report));
                    self.state.waiting.push(Waiting { caller, generation, report });
                },
            }
        }
    }

    pub(super) fn answer_all(&mut self, wishes: Wishes, report: &Report) {
        for (caller, _) in wishes.callers {
            self.answer(Some(caller), report.clone());
        }
    }

    pub(super) fn answer_who_waited_for_drains(&mut self) {
        if self.state.waiting.is_empty() {
            return;
        }
        let ended = matches!(self.state.life, Life::Ended(_));
        for waiting in std::mem::take(&mut self.state.waiting) {
            if ended || !self.state.has_worker_before(waiting.generation) {
                let Waiting { caller, report, .. } = waiting;
                self.actions.push(Action::Answer { caller, report });
            } else {
                self.state.waiting.push(waiting);
            }
        }
    }
}

impl Wishes {
    /// Everybody who wanted it has gone.
    const fn is_unwanted(&self) -> bool {
        self.only_callers && self.callers.is_empty()
    }
}

impl Reload {
    /// What a caller is told about `outcome`, with nothing measured.
    pub(super) fn report(&self, outcome: Outcome) -> Report {
        let serving = self.serving.as_ref();
        Report {
            outcome,
            generation: serving.map_or(GenerationId(0), |serving| serving.generation),
            hash: serving.map_or_else(String::new, |serving| serving.hash.clone()),
            moved: 0,
            left: 0,
            cut: 0,
            phases: Vec::new(),
            notices: Vec::new(),
        }
    }

    fn has_worker_before(&self, generation: GenerationId) -> bool {
        self.drainers.iter().any(|drainer| drainer.generation < generation)
            || self.leaving.iter().any(|leaving| leaving.generation < generation)
    }
}

impl Serving {
    /// Nobody accepts and nothing will change that by itself.
    pub(super) const fn is_vacant(&self) -> bool {
        matches!(self.post, Post::Vacant { revive_at: None, .. })
    }
}
