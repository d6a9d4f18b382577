//! How a transaction ends: in force, needless, or without any trace.

use std::time::Duration;

use baton_shared::control::ToWorker;
use baton_shared::control::message::Plan;
use baton_shared::words::{GenerationId, Monotonic};

use super::deadline;
use super::event::Action;
use super::notice::Notice;
use super::report::{Outcome, Report};
use super::state::{Holder, Last, Life, Origin, Post, Serving, Stage, Transaction, Wishes};
use super::step::Turn;
use crate::supervise::Ending;

impl Turn {
    /// The promise: every request whose first byte is sent from now on gets the new generation.
    pub(super) fn commit(&mut self, moved: u64, left: u64) {
        // Only a worker that accepts comes here, and it has planned before.
        let Some(mut txn) = self.state.transaction.take_if(Transaction::is_complete) else {
            return;
        };
        let (Some(worker), Some(plan)) = (txn.worker, txn.plan.take()) else { return };
        txn.measure(self.now);
        let old = self.state.serving.take();
        let is_first = old.is_none();
        let generation = txn.generation;
        let bake = Duration::from_millis(plan.policy.bake_ms);
        self.state.serving = Some(Serving {
            generation,
            hash: std::mem::take(&mut txn.hash),
            plan: plan.clone(),
            config_bytes: txn.config_bytes,
            post: Post::Held(Holder::new(worker, self.now, txn.beat)),
            bake_until: Some(self.now.after(bake)),
            bake_deaths: 0,
            deaths: 0,
            is_bad: false,
            forced_over: txn.forced_over,
        });
        self.state.rollback_due = None;
        self.state.failed = None;
        self.actions.push(Action::Commit { generation, wanted: plan.listeners.clone() });
        // Before the old one joins them: its handover is under way and must not begin anew.
        self.point_drainers_at(worker);
        if let Some(old) = old {
            self.retire(old, &plan);
        }
        let report = self.success(&txn, &plan, (moved, left));
        self.tell_commit(is_first, &txn.origin, &plan, &report);
        self.answer_success(txn.wishes, &report);
    }

    /// The generation before drains, and is what we would go back to.
    fn retire(&mut self, old: Serving, plan: &Plan) {
        match old.post {
            Post::Held(holder) => {
                let deadline = self.drain_deadline(plan);
                self.drain(holder.worker, old.generation, holder.beat, deadline);
            },
            Post::Reviving { worker, .. } => self.dismiss(worker, old.generation),
            Post::Vacant { .. } => {},
        }
        if old.is_bad {
            return;
        }
        if old.bake_until.is_none() {
            self.state.good.clear(); // proven: nothing older is better
        }
        self.state.good.truncate(1);
        self.state.good.push(old.generation);
    }

    fn success(&self, txn: &Transaction, plan: &Plan, (moved, left): (u64, u64)) -> Report {
        Report {
            moved,
            left,
            cut: txn.cut,
            phases: txn.phases.clone(),
            notices: plan.notices.clone(),
            ..self.state.report(Outcome::Committed)
        }
    }

    fn tell_commit(&mut self, is_first: bool, origin: &Origin, plan: &Plan, report: &Report) {
        let report = report.clone();
        let rollback = match origin {
            Origin::Rollback { reason, .. } => Some(reason.clone()),
            Origin::Sources => {
                self.state.last_failure = None;
                None
            },
            Origin::History => None,
        };
        if rollback.is_none() && !plan.notices.is_empty() {
            let (generation, notices) = (report.generation, plan.notices.clone());
            self.tell(Notice::ConfigNotices { generation, notices });
        }
        if is_first {
            let (endpoints, addresses) = (plan.endpoints, plan.listeners.clone());
            self.tell(Notice::Ready { report, endpoints, addresses });
        } else {
            self.tell(Notice::Committed { report, rollback });
        }
    }

    pub(super) fn finish_unchanged(&mut self) {
        let Some(mut txn) = self.state.transaction.take() else { return };
        txn.measure(self.now);
        self.state.last_failure = None;
        let report = Report { phases: txn.phases, ..self.state.report(Outcome::Unchanged) };
        self.tell(Notice::Unchanged { generation: report.generation });
        self.answer_success(txn.wishes, &report);
    }

    /// The file watch found what has just failed: said already, nothing to add.
    pub(super) fn finish_known_failure(&mut self) {
        let Some(txn) = self.state.transaction.take() else { return };
        let reason = self.state.last_failure.clone().unwrap_or_default();
        let phase = Stage::Snapshot.name().to_owned();
        let report = self.state.report(Outcome::Failed { phase, reason: reason.clone() });
        self.tell(Notice::Rejected { report: report.clone(), reason, quiet: true });
        self.answer_all(txn.wishes, &report);
    }

    /// The present stage came to nothing.
    pub(super) fn fail_here(&mut self, reason: String) {
        let Some(txn) = &self.state.transaction else { return };
        let phase = txn.stage.name().to_owned();
        self.abandon(Outcome::Failed { phase, reason });
    }

    /// Back to how it was before: what served serves, what was added is gone, who asked is told.
    pub(super) fn abandon(&mut self, outcome: Outcome) {
        let Some(mut txn) = self.state.transaction.take() else { return };
        txn.measure(self.now);
        self.take_back_switch(&txn);
        // Only a content that is known whole can be recognised.
        if txn.stage > Stage::Plan || matches!(outcome, Outcome::Refused(_)) {
            self.state.failed = Some((txn.generation, self.now));
            self.actions.push(Action::Remember { generation: txn.generation });
        }
        self.actions.push(Action::Unbind { txn: txn.id });
        let report = Report {
            cut: txn.cut,
            phases: std::mem::take(&mut txn.phases),
            ..self.state.report(outcome)
        };
        let reason = report.outcome.in_words();
        let falls_back = self.state.fallback && txn.origin == Origin::Sources;
        // What ends the very first start is told by the end itself.
        let is_told = self.state.serving.is_some() || falls_back;
        if is_told && report.outcome != Outcome::Stopping {
            let quiet = txn.wishes.only_files && report.outcome == Outcome::RolledBackBefore;
            self.tell(Notice::Rejected { report: report.clone(), reason: reason.clone(), quiet });
            self.state.last_failure = Some(reason);
        }
        self.answer_all(std::mem::take(&mut txn.wishes), &report);
        if let Origin::Rollback { to, .. } = txn.origin {
            self.state.good.insert(0, to);
        }
        match &self.state.serving {
            None => self.first_start_failed(&txn.origin, report.outcome),
            Some(serving) if serving.is_vacant() => self.revive_later(),
            Some(_) => {},
        }
    }

    fn drain_deadline(&self, plan: &Plan) -> Option<Monotonic> {
        plan.policy.drain_ms.map(|ms| self.now.after(Duration::from_millis(ms)))
    }

    /// A worker that was never told to accept can just end. One that was may hold connections: it
    /// gives them to the old one, which is told to go on, and finishes its requests as every drainer does.
    fn take_back_switch(&mut self, txn: &Transaction) {
        let old = self.state.holder().map(|holder| holder.worker);
        if let Some(old) = old.filter(|_| txn.stage >= Stage::SwitchOff) {
            self.send(old, ToWorker::Resume);
        }
        let Some(worker) = txn.worker else { return };
        let generation = txn.generation;
        if txn.stage < Stage::SwitchOn {
            return self.dismiss(worker, generation);
        }
        self.send(worker, ToWorker::StopAccept);
        if let Some(old) = old {
            self.actions.push(Action::HandOver { from: worker, to: old });
        }
        let serving = self.state.serving.as_ref();
        let deadline = serving.and_then(|serving| self.drain_deadline(&serving.plan));
        self.drain(worker, generation, txn.beat, deadline);
        self.expect_a_word();
    }

    /// Without anything in force the first failure is the end, unless the copy on disk may serve.
    fn first_start_failed(&mut self, origin: &Origin, outcome: Outcome) {
        let ending = match outcome {
            Outcome::Refused(invalid) => Ending::Refused(invalid),
            Outcome::Failed { phase, reason } => {
                Ending::Failed { reason: format!("{phase}: {reason}") }
            },
            Outcome::Stopping
            | Outcome::Committed
            | Outcome::Unchanged
            | Outcome::RolledBackBefore => return,
        };
        if self.state.fallback && *origin == Origin::Sources {
            self.state.start_failure = Some(ending);
            // Who waits goes on waiting: the copy does not contain what they want.
            return self.start(Origin::History, Wishes::default());
        }
        let ending = self.state.start_failure.take().unwrap_or(ending);
        self.close(ending, self.now.after(deadline::LAST), Last::Kill);
    }

    /// Everything that waits is told that nothing more will come.
    pub(super) fn close(&mut self, ending: Ending, deadline: Monotonic, last: Last) {
        self.state.life = Life::Closing { ending, deadline, last };
        self.state.rollback_due = None;
        if let Some(wishes) = self.state.pending.take() {
            let report = self.state.report(Outcome::Stopping);
            self.answer_all(wishes, &report);
        }
    }

    /// The generation whose content a roll-back takes.
    pub(super) fn start_rollback(&mut self, reason: String) {
        let Some(to) = self.state.good.pop() else { return self.revive_later() };
        let from = self.state.serving.as_ref().map_or(GenerationId(0), |old| old.generation);
        self.state.last_failure = Some(format!("generation {from} was rolled back: {reason}"));
        self.tell(Notice::Reloading { cause: None });
        self.tell(Notice::RollingBack { from, to, reason: reason.clone() });
        self.start(Origin::Rollback { to, reason }, Wishes::default());
    }
}

impl Outcome {
    /// One line for the log and for `last_failure`.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Committed => "committed".to_owned(),
            Self::Unchanged => "unchanged".to_owned(),
            Self::Refused(invalid) => invalid.text.clone(),
            Self::RolledBackBefore => {
                "this content was rolled back before; --force tries it again".to_owned()
            },
            Self::Failed { phase, reason } => format!("{phase}: {reason}"),
            Self::Stopping => "the gateway is stopping".to_owned(),
        }
    }
}
