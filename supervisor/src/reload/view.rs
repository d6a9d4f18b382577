//! Questions about the state, asked by the loop: when to wake, what to keep, what to show.

use baton_shared::words::{GenerationId, Monotonic};

use super::deadline;
use super::event::{TxnId, WorkerId};
use super::state::{Drainer, Life, Origin, Post, Reload, Role, Stage};
use crate::supervise::Ending;

/// What a worker is, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// It prepares.
    Starting,
    /// It accepts.
    Serving,
    /// It finishes what it has.
    Draining,
    /// It is told to end.
    Ending,
}

impl Duty {
    /// One word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::Draining => "draining",
            Self::Ending => "ending",
        }
    }
}

impl Reload {
    /// When [`super::event::Event::Tick`] is due.
    #[must_use]
    pub fn wake_at(&self) -> Option<Monotonic> {
        self.patient_until.or_else(|| self.due_at())
    }

    /// When something is due that a tick does.
    pub(super) fn due_at(&self) -> Option<Monotonic> {
        let life = match &self.life {
            Life::Closing { deadline, .. } => Some(*deadline),
            Life::Running | Life::Ended(_) => None,
        };
        let txn = self.transaction.as_ref();
        let txn = txn.map(|txn| txn.beat_at.map_or(txn.deadline, |at| at.min(txn.deadline)));
        let post = self.serving.as_ref().and_then(|serving| match &serving.post {
            Post::Held(holder) => holder.kill_at,
            Post::Vacant { revive_at, .. } => *revive_at,
            Post::Reviving { deadline, .. } => Some(*deadline),
        });
        let drainers = self.drainers.iter().filter_map(Drainer::ends_at);
        let leaving = self.leaving.iter().filter_map(|leaving| leaving.kill_at);
        // The end of a watch needs no wake-up of its own: a heartbeat follows within a second.
        let single = [life, txn, post, self.beat_at].into_iter().flatten();
        single.chain(drainers).chain(leaving).min()
    }

    /// Workers that a tick at `now` would judge by a ping that they have not answered.
    pub(crate) fn judged(&self, now: Monotonic) -> Vec<WorkerId> {
        let is_due = |at: Option<Monotonic>| at.is_some_and(|at| at <= now);
        let (txn, all) = (self.transaction.as_ref(), is_due(self.beat_at));
        let stage = is_due(txn.map(|txn| txn.deadline));
        let candidate = txn.filter(|txn| stage || is_due(txn.beat_at));
        let candidate = candidate.and_then(|txn| Some((txn.worker?, txn.beat)));
        let holder = match self.serving.as_ref().map(|serving| &serving.post) {
            Some(Post::Held(holder)) if all || stage => Some((holder.worker, holder.beat)),
            Some(Post::Held(_) | Post::Vacant { .. } | Post::Reviving { .. }) | None => None,
        };
        let drainers = self.drainers.iter().filter(|drainer| all || is_due(drainer.word_by));
        let drainers = drainers.map(|drainer| (drainer.worker, drainer.beat));
        let judged = candidate.into_iter().chain(holder).chain(drainers);
        judged.filter(|(_, beat)| beat.is_asked).map(|(worker, _)| worker).collect()
    }

    /// Whether the present stage waits for this worker.
    pub(super) fn waits_for(&self, role: Role) -> bool {
        let stage = self.transaction.as_ref().map(|txn| txn.stage);
        match role {
            Role::Candidate => matches!(stage, Some(Stage::SwitchOn | Stage::Handover)),
            Role::Serving => matches!(stage, Some(Stage::SwitchOff | Stage::Handover)),
            Role::Revival | Role::Drainer(_) | Role::Leaving(_) | Role::Unknown => false,
        }
    }

    /// How the supervisor ended, once it has.
    #[must_use]
    pub const fn ending(&self) -> Option<&Ending> {
        match &self.life {
            Life::Ended(ending) => Some(ending),
            Life::Running | Life::Closing { .. } => None,
        }
    }

    /// The generation in force.
    #[must_use]
    pub fn generation(&self) -> Option<GenerationId> {
        self.serving.as_ref().map(|serving| serving.generation)
    }

    /// The attempt that runs.
    #[must_use]
    pub fn txn(&self) -> Option<TxnId> {
        self.transaction.as_ref().map(|txn| txn.id)
    }

    /// May a worker of this content be started yet? Then it must be kept.
    #[must_use]
    pub fn needs(&self, generation: GenerationId) -> bool {
        let by_txn = self.transaction.as_ref().is_some_and(|txn| {
            txn.generation == generation
                || matches!(&txn.origin, Origin::Rollback { to, .. } if *to == generation)
        });
        by_txn || self.generation() == Some(generation) || self.good.contains(&generation)
    }

    /// Must this content be recognised when it comes again?
    #[must_use]
    pub fn remembers(&self, generation: GenerationId) -> bool {
        self.remembers_rollback(generation)
            || self.failed.is_some_and(|(failed, _)| failed == generation)
    }

    pub(super) fn remembers_rollback(&self, generation: GenerationId) -> bool {
        self.rolled_back.contains(&generation)
    }

    /// One save makes an event and, often, a person call: the event need not try again what the
    /// call has just tried.
    pub(super) fn has_just_failed(&self, generation: GenerationId, now: Monotonic) -> bool {
        self.failed
            .is_some_and(|(failed, at)| failed == generation && now.since(at) < deadline::SAME_SAVE)
    }

    /// What the supervisor is at, in a word.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        if !self.is_running() {
            return "stopping";
        }
        match (&self.transaction, &self.serving) {
            (Some(txn), _) => txn.stage.name(),
            (None, Some(serving)) if serving.bake_until.is_some() => "baking",
            (None, Some(_)) => "serving",
            (None, None) => "starting",
        }
    }

    /// It serves, and no reload is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_running() && self.transaction.is_none() && self.serving.is_some()
    }

    /// Why the last attempt came to nothing; none after a success.
    #[must_use]
    pub fn last_failure(&self) -> Option<&str> {
        self.last_failure.as_deref()
    }

    /// What a worker is at.
    #[must_use]
    pub fn duty(&self, worker: WorkerId) -> Duty {
        match self.role(worker) {
            Role::Candidate | Role::Revival => Duty::Starting,
            Role::Serving => Duty::Serving,
            Role::Drainer(_) => Duty::Draining,
            Role::Leaving(_) | Role::Unknown => Duty::Ending,
        }
    }
}
