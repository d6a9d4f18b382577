//! The generation in force: its watch, its deaths, its replacements, and when to go back.

use std::time::Duration;

use baton_shared::control::ToWorker;

use super::deadline;
use super::event::{Action, Content, End, Said, WorkerId};
use super::notice::Notice;
use super::report::Outcome;
use super::state::{Beat, Holder, Post, Revival, Stage, Transaction};
use super::step::Turn;

/// Whose doing the death of a worker was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guilt {
    /// A panic, a fatal signal, an exit, no answer: the generation's own.
    Own,
    /// SIGKILL from outside says nothing about the generation.
    Outside,
}

impl Turn {
    pub(super) fn serving_died(&mut self, end: &End) {
        let Some(holder) = self.state.holder() else { return };
        let fault = holder.fault.take();
        let guilt = match (end, &fault) {
            (End::Killed, None) => Guilt::Outside,
            (End::Killed | End::Signal(_) | End::Code(_) | End::NotStarted(_), _) => Guilt::Own,
        };
        self.post_lost(fault.unwrap_or_else(|| format!("the worker {end}")), guilt);
    }

    /// It says itself that it cannot go on: it gets a moment to end by itself.
    pub(super) fn holder_is_at_fault(&mut self, reason: String) {
        if let Some(holder) = self.state.holder() {
            holder.fault.get_or_insert(reason);
        }
        self.kill_holder_at(self.now.after(deadline::QUIT));
    }

    pub(super) fn kill_holder_at(&mut self, at: baton_shared::words::Monotonic) {
        if let Some(holder) = self.state.holder() {
            holder.kill_at.get_or_insert(at);
        }
    }

    pub(super) fn beat_holder(&mut self) {
        let Some(holder) = self.state.holder() else { return };
        let worker = holder.worker;
        if holder.beat.ask(deadline::SERVING_MISSES) {
            return self.kill_holder("the worker does not answer".to_owned());
        }
        self.ping(worker);
    }

    /// Its end is not waited for: the post is free at once.
    fn kill_holder(&mut self, reason: String) {
        let Some(serving) = &self.state.serving else { return };
        let Post::Held(holder) = &serving.post else { return };
        let (worker, generation) = (holder.worker, serving.generation);
        let reason = holder.fault.clone().unwrap_or(reason);
        self.kill(worker, generation);
        self.post_lost(reason, Guilt::Own);
    }

    /// A worker that lives and cannot accept has failed its probe. In its watch, what was good comes
    /// back and takes its connections over. Later, or with nothing to go back to, it sheds: a new
    /// worker would cost the connections that this one has.
    pub(super) fn judge_accepting(&mut self, failed_for: Duration) {
        let rolls_back = self.state.rollback_due.is_some()
            || self.state.transaction.as_ref().is_some_and(Transaction::is_rollback);
        let can_go_back = self.state.is_running() && !self.state.good.is_empty();
        if failed_for < deadline::CANNOT_ACCEPT || rolls_back || !can_go_back {
            return;
        }
        let Some(serving) = &mut self.state.serving else { return };
        if serving.bake_until.is_some() {
            serving.is_bad = true;
            let ms = failed_for.as_millis();
            self.condemn(format!("the worker has had no descriptors to accept with for {ms} ms"));
        }
    }

    /// Nobody accepts any more. Connections wait in the sockets that we hold.
    fn post_lost(&mut self, reason: String, guilt: Guilt) {
        let now = self.now;
        let Some(serving) = &mut self.state.serving else { return };
        let is_steady = match &serving.post {
            Post::Held(holder) => now.since(holder.since) >= deadline::STEADY,
            Post::Vacant { .. } | Post::Reviving { .. } => false,
        };
        let (worker, died) = match &serving.post {
            Post::Held(holder) => (holder.worker, now),
            Post::Reviving { worker, died, .. } => (*worker, *died),
            Post::Vacant { .. } => return,
        };
        serving.deaths = if is_steady { 1 } else { serving.deaths.saturating_add(1) };
        serving.post = Post::Vacant { revive_at: None, died };
        let is_watched = serving.bake_until.is_some();
        serving.bake_deaths += u32::from(is_watched);
        let has_failed = is_watched && (guilt == Guilt::Own || serving.bake_deaths > 1);
        serving.is_bad |= has_failed;
        let generation = serving.generation;
        let told = reason.clone();
        self.actions.push(Action::TellDeath { worker, generation, reason: told });
        if has_failed && !self.state.good.is_empty() {
            self.condemn(reason);
        }
        self.fill_the_post();
    }

    /// The generation failed its watch: it will be replaced by what was good.
    fn condemn(&mut self, reason: String) {
        let Some(serving) = &self.state.serving else { return };
        let generation = serving.generation;
        if !self.state.rolled_back.contains(&generation) {
            self.state.rolled_back.push_back(generation);
            self.actions.push(Action::Remember { generation });
        }
        if self.state.rolled_back.len() > deadline::ROLLED_BACK_MAX {
            self.state.rolled_back.pop_front();
        }
        for mut waiting in std::mem::take(&mut self.state.waiting) {
            let (phase, reason) = ("bake".to_owned(), reason.clone());
            waiting.report.outcome = Outcome::Failed { phase, reason };
            self.answer(Some(waiting.caller), *waiting.report);
        }
        self.state.rollback_due = Some(reason);
    }

    fn fill_the_post(&mut self) {
        match self.state.transaction.as_ref().map(|txn| txn.stage) {
            // The new worker accepts already: it is in force.
            Some(Stage::SwitchOff | Stage::Handover) => self.commit(0, 0),
            // It is about to; if it fails, `abandon` comes back here.
            Some(Stage::SwitchOn) => {},
            None if self.state.rollback_due.is_some() => {}, // begins at once
            Some(_) | None => self.revive_later(),
        }
    }

    /// Starts the same generation again, now or when its record of deaths allows.
    pub(super) fn revive_later(&mut self) {
        if !self.state.is_running() {
            return;
        }
        let now = self.now;
        let Some(serving) = &mut self.state.serving else { return };
        let Post::Vacant { revive_at, .. } = &mut serving.post else { return };
        *revive_at = Some(now.after(deadline::back_off(serving.deaths)));
        self.post_deadline();
    }

    /// A post that is due is filled; a replacement that takes too long is given up.
    pub(super) fn post_deadline(&mut self) {
        match self.state.serving.as_ref().map(|serving| &serving.post) {
            Some(Post::Held(holder)) if holder.kill_at.is_some_and(|at| at <= self.now) => {
                self.kill_holder("the worker closed its control channel".to_owned());
            },
            Some(Post::Vacant { revive_at: Some(at), .. }) if *at <= self.now => self.revive(),
            Some(&Post::Reviving { worker, deadline, .. }) if deadline <= self.now => {
                self.give_revival_up(worker, "the replacement took too long".to_owned());
            },
            Some(Post::Held(_) | Post::Vacant { .. } | Post::Reviving { .. }) | None => {},
        }
    }

    fn revive(&mut self) {
        if !self.state.is_running() {
            return;
        }
        let worker = self.new_worker();
        let (deadline, last) =
            (self.now.after(deadline::HELLO), self.now.after(deadline::WARM_IN_ALL));
        let Some(serving) = &mut self.state.serving else { return };
        let Post::Vacant { died, .. } = serving.post else { return };
        serving.post = Post::Reviving { worker, stage: Revival::Spawn, deadline, last, died };
        let generation = serving.generation;
        let content = Content::Of(generation);
        self.actions.push(Action::Spawn { worker, generation, content });
    }

    /// No probe on this way: the generation has proven that it can serve, and clients wait.
    pub(super) fn revival_said(&mut self, worker: WorkerId, said: Said) {
        let now = self.now;
        let Some(serving) = &mut self.state.serving else { return };
        let Post::Reviving { stage, deadline, last, died, .. } = &mut serving.post else { return };
        match (*stage, said) {
            (Revival::Spawn, Said::Hello) => {
                *stage = Revival::Plan;
                *deadline = now.after(deadline::plan(serving.config_bytes));
            },
            (Revival::Plan, Said::Planned { .. }) => {
                *stage = Revival::Warm;
                *deadline = now.after(deadline::WARM);
                let wanted = serving.plan.listeners.clone();
                self.actions.push(Action::Listen { worker, wanted });
            },
            (Revival::Plan | Revival::Warm, Said::Warming(_)) => {
                *deadline = (*deadline).max(now.after(deadline::WARM).min(*last));
            },
            // From here on its pings are asked: if it does not come to accept, they tell.
            (Revival::Warm, Said::Ready) => {
                let (generation, after) = (serving.generation, now.since(*died));
                serving.post = Post::Held(Holder::new(worker, now, Beat::default()));
                self.send(worker, ToWorker::Accept);
                self.tell(Notice::WorkerReplaced { generation, after });
                self.point_drainers_at(worker);
            },
            (_, Said::Invalid(invalid)) => self.give_revival_up(worker, invalid.text),
            (_, Said::Fatal(reason)) => self.give_revival_up(worker, reason),
            (_, _) => {},
        }
    }

    pub(super) fn revival_failed(&mut self, end: &End) {
        self.post_lost(format!("the replacement {end}"), Guilt::Own);
    }

    fn give_revival_up(&mut self, worker: WorkerId, reason: String) {
        let Some(serving) = &self.state.serving else { return };
        self.kill(worker, serving.generation);
        self.post_lost(reason, Guilt::Own);
    }

    /// Through the watch alive: this generation is good.
    pub(super) fn bake_deadline(&mut self) {
        if self.state.rollback_due.is_some() {
            return;
        }
        let now = self.now;
        let Some(serving) = &mut self.state.serving else { return };
        let is_over = serving.bake_until.is_some_and(|until| until <= now);
        let Post::Held(Holder { fault: None, kill_at: None, beat, is_starved, .. }) = &serving.post
        else {
            return;
        };
        if !is_over || beat.missed > 0 || *is_starved {
            return;
        }
        serving.bake_until = None;
        serving.is_bad = false;
        let (generation, forced_over) = (serving.generation, serving.forced_over.take());
        self.state.rolled_back.retain(|bad| *bad != generation && Some(*bad) != forced_over);
        self.state.good.clear();
        self.tell(Notice::Proven { generation });
    }
}
