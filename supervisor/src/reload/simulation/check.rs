//! What must hold after every event, and when all is quiet.

use super::super::deadline::DRAINERS_MAX;
use super::super::event::WorkerId;
use super::super::state::{Life, Post, Stage};
use super::world::World;

impl World {
    pub(super) fn check(&self) {
        let state = self.state();
        let is_running = matches!(state.life, Life::Running);
        let drainers = state.drainers.len();
        assert!(drainers <= DRAINERS_MAX || !is_running, "{}", self.tale("too many drain"));
        for (caller, answers) in &self.asked {
            let told = format!("{caller:?} was answered {answers} times");
            assert!(*answers <= 1, "{}", self.tale(&told));
        }
        let Some(serving) = &state.serving else { return };
        if !is_running {
            return;
        }
        let accepts = |worker: &WorkerId| {
            self.processes.get(worker).is_some_and(|process| process.may_accept)
        };
        match &serving.post {
            Post::Held(holder) => {
                let txn = state.transaction.as_ref().filter(|txn| txn.stage >= Stage::SwitchOff);
                let candidate = txn.and_then(|txn| txn.worker);
                // A death that we have not heard of yet is nobody's fault.
                let heard = self.processes.get(&holder.worker).is_some_and(|old| old.is_alive);
                let somebody = accepts(&holder.worker) || candidate.iter().any(accepts);
                assert!(somebody || !heard, "{}", self.tale("nobody accepts"));
                self.check_links(holder.worker);
            },
            Post::Vacant { revive_at: None, .. } => {
                let is_cared_for = state.transaction.is_some() || state.rollback_due.is_some();
                assert!(is_cared_for, "{}", self.tale("an empty post that nobody fills"));
            },
            Post::Vacant { .. } | Post::Reviving { .. } => {},
        }
    }

    /// Whoever drains keeps the transports of some clients, and opens links for their next requests: to
    /// the worker that serves now, never to one that was relieved.
    fn check_links(&self, serving: WorkerId) {
        for drainer in &self.state().drainers {
            let gives_to = self.processes.get(&drainer.worker).and_then(|it| it.gives_to);
            // One that never had anybody to give to was never asked to.
            let is_current = gives_to.is_none_or(|to| to == serving);
            assert!(is_current, "{}", self.tale("a drainer gives to a worker that was relieved"));
        }
    }

    /// After the storm everything comes to rest: nothing under way, everybody answered.
    pub(super) fn check_rest(&self) {
        let state = self.state();
        let Life::Running = state.life else {
            assert!(state.ending().is_some(), "{}", self.tale("an end without an end"));
            return self.check_answers();
        };
        let at_rest = self.is_at_rest();
        assert!(at_rest, "{}", self.tale("it does not come to rest"));
        let post = state.serving.as_ref().map(|serving| &serving.post);
        assert!(matches!(post, Some(Post::Held(_))), "{}", self.tale("nobody serves at rest"));
        self.check_answers();
    }

    pub(super) fn is_at_rest(&self) -> bool {
        let state = self.state();
        state.transaction.is_none()
            && state.pending.is_none()
            && state.leaving.is_empty()
            && state.drainers.is_empty()
            && state.waiting.is_empty()
            && state.rollback_due.is_none()
            && self.bound.is_empty()
            && state.serving.as_ref().is_some_and(|serving| {
                serving.bake_until.is_none() && matches!(serving.post, Post::Held(_))
            })
    }

    pub(super) fn check_answers(&self) {
        for (caller, answers) in &self.asked {
            let is_right = *answers == 1 || self.gone.contains(caller);
            let told = format!("{caller:?} was answered {answers} times");
            assert!(is_right, "{}", self.tale(&told));
        }
    }

    pub(super) fn tale(&self, what: &str) -> String {
        let trace = self.trace.as_deref().unwrap_or_default();
        let trace = trace[trace.len().saturating_sub(60)..].join("\n");
        format!("seed {}: {what}\n{trace}\n{:#?}", self.seed, self.state)
    }
}
