//! What leaves: workers that finish what they have, processes that must be gone, and the end of
//! the supervisor itself.

use std::time::Duration;

use baton_shared::control::ToWorker;
use baton_shared::words::{GenerationId, Monotonic};

use super::deadline;
use super::event::{Action, End, Said, WorkerId};
use super::notice::Notice;
use super::report::Outcome;
use super::state::{Beat, Drainer, Last, Leaving, Life, Post};
use super::step::Turn;
use crate::supervise::Ending;

const STUCK: &str = "the draining worker does not answer";

impl Turn {
    /// Lets a worker finish what it has until `deadline`; a little later it is killed.
    pub(super) fn drain(
        &mut self,
        worker: WorkerId,
        generation: GenerationId,
        beat: Beat,
        deadline: Option<Monotonic>,
    ) {
        let kill_at = deadline.map(|deadline| deadline.after(deadline::DRAIN_GRACE));
        self.send(worker, ToWorker::Drain { deadline });
        let drainer =
            Drainer { worker, generation, beat, kill_at, word_by: None, is_forced: false };
        self.state.drainers.push_back(drainer);
    }

    /// What a worker holds that failed in the switch waits for it, unserved: the drainer that was
    /// added last has a moment to show that it lives.
    pub(super) fn expect_a_word(&mut self) {
        if let Some(drainer) = self.state.drainers.back_mut() {
            drainer.word_by = Some(self.now.after(deadline::QUIT));
        }
    }

    /// It said something.
    pub(super) fn drainer_lives(&mut self, at: usize) {
        if let Some(drainer) = self.state.drainers.get_mut(at) {
            drainer.word_by = None;
        }
    }

    /// Whatever still drains gives its connections to `to` from now on: relays never chain.
    pub(super) fn point_drainers_at(&mut self, to: WorkerId) {
        let drainers = self.state.drainers.iter().map(|drainer| drainer.worker);
        let pairs = drainers.map(|from| Action::HandOver { from, to });
        self.actions.extend(pairs);
    }

    pub(super) fn drainer_said(&mut self, at: usize, said: &Said) {
        self.drainer_lives(at);
        match said {
            Said::Drained { cut } => self.drained(at, *cut),
            Said::Fatal(_) => self.kill_drainer_at(at, self.now.after(deadline::QUIT)),
            Said::Stopped if !self.state.is_running() => {
                self.actions.push(Action::CloseListeners);
            },
            Said::Hello
            | Said::Planned { .. }
            | Said::Invalid(_)
            | Said::Warming(_)
            | Said::Ready
            | Said::Probed(_)
            | Said::Accepting
            | Said::Stopped
            | Said::HandedOver { .. }
            | Said::Pong { .. }
            | Said::Waits => {},
        }
    }

    fn drained(&mut self, at: usize, cut: u64) {
        let Some(drainer) = self.state.drainers.remove(at) else { return };
        let (worker, generation) = (drainer.worker, drainer.generation);
        let kill_at = Some(self.now.after(deadline::QUIT));
        self.state.leaving.push(Leaving { worker, generation, kill_at });
        if let Some(txn) = self.state.transaction.as_mut().filter(|_| drainer.is_forced) {
            txn.cut += cut;
        }
        for waiting in &mut self.state.waiting {
            waiting.report.cut += cut;
        }
        self.tell(Notice::Drained { generation, cut });
    }

    pub(super) fn drainer_died(&mut self, at: usize, end: &End) {
        let Some(drainer) = self.state.drainers.remove(at) else { return };
        let (worker, generation) = (drainer.worker, drainer.generation);
        let reason = format!("the draining worker {end}");
        self.actions.push(Action::TellDeath { worker, generation, reason });
    }

    pub(super) fn kill_drainer_at(&mut self, at: usize, moment: Monotonic) {
        if let Some(drainer) = self.state.drainers.get_mut(at) {
            let kill_at = drainer.kill_at.map_or(moment, |known| known.min(moment));
            drainer.kill_at = Some(kill_at);
        }
    }

    pub(super) fn beat_drainers(&mut self) {
        for at in (0..self.state.drainers.len()).rev() {
            let Some(drainer) = self.state.drainers.get_mut(at) else { continue };
            let worker = drainer.worker;
            if drainer.beat.ask(deadline::DRAINER_MISSES) {
                self.end_drainer(at, STUCK);
            } else {
                self.ping(worker);
            }
        }
    }

    /// The ninth has waited long enough: the newest configuration beats an endless stream.
    pub(super) fn end_oldest_drainer(&mut self) {
        let deadline = self.now.after(deadline::DRAIN_GRACE);
        if let Some(txn) = &mut self.state.transaction {
            txn.deadline = deadline.after(deadline::QUIT);
        }
        let oldest = self.state.drainers.iter_mut().find(|drainer| !drainer.is_forced);
        let Some(oldest) = oldest else { return };
        oldest.is_forced = true;
        (oldest.kill_at, oldest.word_by) = (Some(deadline), None);
        let worker = oldest.worker;
        self.send(worker, ToWorker::Drain { deadline: Some(self.now) });
    }

    pub(super) fn drain_deadlines(&mut self) {
        for at in (0..self.state.drainers.len()).rev() {
            let Some(drainer) = self.state.drainers.get(at) else { continue };
            let is_past = |moment: Option<Monotonic>| moment.is_some_and(|at| at <= self.now);
            if is_past(drainer.word_by) {
                self.end_drainer(at, STUCK);
            } else if is_past(drainer.kill_at) {
                self.end_drainer(at, "the draining worker did not end in time");
            }
        }
        for leaving in &mut self.state.leaving {
            if leaving.kill_at.is_some_and(|moment| moment <= self.now) {
                leaving.kill_at = None;
                self.actions.push(Action::Kill { worker: leaving.worker });
            }
        }
    }

    fn end_drainer(&mut self, at: usize, reason: &str) {
        let Some(drainer) = self.state.drainers.remove(at) else { return };
        self.kill(drainer.worker, drainer.generation);
        let (worker, generation) = (drainer.worker, drainer.generation);
        let reason = reason.to_owned();
        self.actions.push(Action::TellDeath { worker, generation, reason });
    }

    /// A worker that serves nobody just ends; if it does not, it is killed.
    pub(super) fn dismiss(&mut self, worker: WorkerId, generation: GenerationId) {
        self.send(worker, ToWorker::Quit);
        let kill_at = Some(self.now.after(deadline::QUIT));
        self.state.leaving.push(Leaving { worker, generation, kill_at });
    }

    pub(super) fn kill(&mut self, worker: WorkerId, generation: GenerationId) {
        self.actions.push(Action::Kill { worker });
        self.state.leaving.push(Leaving { worker, generation, kill_at: None });
    }

    /// Nothing new begins; what is in flight may finish.
    pub(super) fn stop(&mut self) {
        if !self.state.is_running() {
            return;
        }
        let policy = self.state.serving.as_ref().map(|serving| serving.plan.policy.clone());
        let longest = Duration::from_millis(policy.unwrap_or_default().stop_ms);
        let deadline = self.now.after(longest);
        self.tell(Notice::Stopping { longest });
        self.close(Ending::Stopped, deadline.after(deadline::DRAIN_GRACE), Last::Drain);
        self.abandon(Outcome::Stopping);
        for drainer in &mut self.state.drainers {
            let sooner = drainer.kill_at.map_or(deadline, |known| known.min(deadline));
            drainer.kill_at = Some(sooner.after(deadline::DRAIN_GRACE));
            let (worker, deadline) = (drainer.worker, Some(sooner));
            self.actions.push(Action::Send { worker, message: ToWorker::Drain { deadline } });
        }
        self.leave_post(deadline);
    }

    fn leave_post(&mut self, deadline: Monotonic) {
        let died = self.now;
        let Some(serving) = &mut self.state.serving else { return };
        let vacant = Post::Vacant { revive_at: None, died };
        let generation = serving.generation;
        match std::mem::replace(&mut serving.post, vacant) {
            Post::Held(holder) => {
                self.send(holder.worker, ToWorker::StopAccept);
                self.drain(holder.worker, generation, holder.beat, Some(deadline));
            },
            Post::Reviving { worker, .. } => {
                self.dismiss(worker, generation);
                self.actions.push(Action::CloseListeners);
            },
            Post::Vacant { .. } => self.actions.push(Action::CloseListeners),
        }
    }

    /// Somebody insists: nothing is waited for.
    pub(super) fn stop_now(&mut self) {
        self.stop();
        self.kill_everybody();
    }

    pub(super) fn life_deadline(&mut self) {
        let Life::Closing { ending, deadline, last } = &self.state.life else { return };
        if *deadline > self.now {
            return;
        }
        match last {
            Last::Drain => self.kill_everybody(),
            Last::Kill => self.state.life = Life::Ended(ending.clone()),
        }
    }

    fn kill_everybody(&mut self) {
        while let Some(drainer) = self.state.drainers.pop_front() {
            self.kill(drainer.worker, drainer.generation);
        }
        for leaving in &mut self.state.leaving {
            if leaving.kill_at.take().is_some() {
                self.actions.push(Action::Kill { worker: leaving.worker });
            }
        }
        if let Life::Closing { deadline, last, .. } = &mut self.state.life {
            (*deadline, *last) = (self.now.after(deadline::LAST), Last::Kill);
        }
    }
}
