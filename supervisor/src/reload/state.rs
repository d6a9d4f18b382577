//! What the policy knows: plain data, no handle, no clock.

use std::collections::VecDeque;

use baton_shared::control::message::Plan;
use baton_shared::words::{GenerationId, Monotonic};

use super::event::{CallerId, TxnId, WorkerId};
use super::report::{PhaseTime, Report};
use crate::supervise::Ending;
use crate::trigger::{Cause, Wait};

/// The whole state of a supervisor's policy.
#[derive(Debug)]
pub struct Reload {
    pub(super) life: Life,
    /// What is in force; none before the first commit.
    pub(super) serving: Option<Serving>,
    /// The one attempt that runs.
    pub(super) transaction: Option<Transaction>,
    /// The one that waits for it: every wish since then, in one.
    pub(super) pending: Option<Wishes>,
    /// Workers that finish what they have, the oldest first.
    pub(super) drainers: VecDeque<Drainer>,
    /// Processes that are told to end and have not yet.
    pub(super) leaving: Vec<Leaving>,
    /// Generations to go back to, the best last.
    pub(super) good: Vec<GenerationId>,
    /// Generations that were rolled back: their content is not tried again unasked.
    pub(super) rolled_back: VecDeque<GenerationId>,
    /// The last attempt that came to nothing, and when.
    pub(super) failed: Option<(GenerationId, Monotonic)>,
    /// The serving generation failed its watch, and why; a roll-back begins as soon as it can.
    pub(super) rollback_due: Option<String>,
    /// Callers who wait for the drain of what was before.
    pub(super) waiting: Vec<Waiting>,
    pub(super) last_failure: Option<String>,
    /// May the first start fall back to the last-known-good copy?
    pub(super) fallback: bool,
    /// Why the first start without the copy failed.
    pub(super) start_failure: Option<Ending>,
    pub(super) beat_at: Option<Monotonic>,
    pub(super) beats: u64,
    /// We came late ourselves: nobody is judged before.
    pub(super) patient_until: Option<Monotonic>,
    pub(super) next_worker: WorkerId,
    pub(super) next_txn: TxnId,
    pub(super) next_generation: GenerationId,
}

/// From the start to the end of the supervisor.
#[derive(Debug)]
pub(super) enum Life {
    Running,
    /// Everything is told to end.
    Closing {
        ending: Ending,
        deadline: Monotonic,
        last: Last,
    },
    Ended(Ending),
}

/// What the deadline of an end means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// Who is left then is killed.
    Drain,
    /// Nobody is waited for any longer.
    Kill,
}

/// The generation in force.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) generation: GenerationId,
    pub(super) hash: String,
    pub(super) plan: Box<Plan>,
    pub(super) config_bytes: u64,
    pub(super) post: Post,
    /// The end of its watch; none: proven.
    pub(super) bake_until: Option<Monotonic>,
    /// Deaths during the watch.
    pub(super) bake_deaths: u32,
    /// Deaths in a row.
    pub(super) deaths: u32,
    /// It failed its watch: nothing to go back to.
    pub(super) is_bad: bool,
    /// It was rolled back earlier and somebody insisted.
    pub(super) forced_over: Option<GenerationId>,
}

/// Who accepts for the generation in force.
#[derive(Debug)]
pub(super) enum Post {
    Held(Holder),
    /// Nobody; connections queue in the sockets that the supervisor holds.
    Vacant {
        /// When the next is started; none: a transaction will fill the post, or decide.
        revive_at: Option<Monotonic>,
        died: Monotonic,
    },
    /// A worker is being made ready from the snapshot.
    Reviving {
        worker: WorkerId,
        stage: Revival,
        deadline: Monotonic,
        /// The deadline is not extended beyond this.
        last: Monotonic,
        died: Monotonic,
    },
}

/// The worker that accepts.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) worker: WorkerId,
    pub(super) since: Monotonic,
    pub(super) beat: Beat,
    /// It has no descriptors left to accept with: its watch is not over before that is.
    pub(super) is_starved: bool,
    /// What we hold against it: it is being killed for that.
    pub(super) fault: Option<String>,
    pub(super) kill_at: Option<Monotonic>,
}

impl Holder {
    pub(super) const fn new(worker: WorkerId, since: Monotonic, beat: Beat) -> Self {
        Self { worker, since, beat, is_starved: false, fault: None, kill_at: None }
    }
}

/// How far a replacement is. When it is ready it has the post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Revival {
    Spawn,
    Plan,
    Warm,
}

/// Pings and their answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Beat {
    /// Pings in a row that were not answered.
    pub(super) missed: u32,
    /// Those that were not, for want of a processor, since the last answer.
    pub(super) excused: u32,
    /// The one under way is such.
    pub(super) is_excused: bool,
    /// One is under way.
    pub(super) is_asked: bool,
}

/// Wishes that become one transaction.
#[derive(Clone, Debug, Default)]
pub(super) struct Wishes {
    pub(super) callers: Vec<(CallerId, Wait)>,
    pub(super) force: bool,
    /// The first that was heard.
    pub(super) cause: Option<Cause>,
    /// Only callers want it: when all have gone, nobody does.
    pub(super) only_callers: bool,
    /// Only the file watch wants it.
    pub(super) only_files: bool,
}

/// One attempt to put something in force.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) id: TxnId,
    /// What it will be if it succeeds; burnt when a worker is started for it.
    pub(super) generation: GenerationId,
    pub(super) origin: Origin,
    pub(super) wishes: Wishes,
    pub(super) stage: Stage,
    pub(super) stage_since: Monotonic,
    pub(super) deadline: Monotonic,
    /// Warming cannot be extended beyond this.
    pub(super) deadline_max: Monotonic,
    pub(super) worker: Option<WorkerId>,
    pub(super) beat: Beat,
    /// When the new worker is asked next; from the switch on.
    pub(super) beat_at: Option<Monotonic>,
    pub(super) hash: String,
    pub(super) plan: Option<Box<Plan>>,
    /// The size of the configuration itself: how long planning may take.
    pub(super) config_bytes: u64,
    pub(super) forced_over: Option<GenerationId>,
    pub(super) phases: Vec<PhaseTime>,
    pub(super) cut: u64,
}

/// Where a transaction's content comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The sources as they are now.
    Sources,
    /// The copy on disk, since the sources were refused at the start.
    History,
    /// A generation that was good, because the one in force failed.
    Rollback { to: GenerationId, reason: String },
}

/// The phases before the commit, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Snapshot,
    Spawn,
    Plan,
    Bind,
    Warm,
    Probe,
    /// As many drain as may: waiting for one to end.
    Room,
    /// `Accept` is sent to the new worker.
    SwitchOn,
    /// `StopAccept` is sent to the old one.
    SwitchOff,
    Handover,
}

impl Stage {
    /// The phase's name in reports.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Spawn => "spawn",
            Self::Plan => "plan",
            Self::Bind => "bind",
            Self::Warm => "warm",
            Self::Probe => "probe",
            Self::Room => "drainers",
            Self::SwitchOn | Self::SwitchOff => "switch",
            Self::Handover => "handover",
        }
    }
}

/// A worker that finishes what it has.
#[derive(Debug)]
pub(super) struct Drainer {
    pub(super) worker: WorkerId,
    pub(super) generation: GenerationId,
    pub(super) beat: Beat,
    pub(super) kill_at: Option<Monotonic>,
    /// It must have shown by then that it lives.
    pub(super) word_by: Option<Monotonic>,
    /// Its end makes room for the transaction that runs.
    pub(super) is_forced: bool,
}

impl Drainer {
    /// When its patience, or ours, has an end.
    pub(super) fn ends_at(&self) -> Option<Monotonic> {
        self.kill_at.into_iter().chain(self.word_by).min()
    }
}

/// A process that should be gone soon.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) worker: WorkerId,
    pub(super) generation: GenerationId,
    /// When it is killed; none: it has been.
    pub(super) kill_at: Option<Monotonic>,
}

/// A caller who waits until nothing is left of what was before `generation`.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) caller: CallerId,
    pub(super) generation: GenerationId,
    pub(super) report: Box<Report>,
}

/// What a worker is to the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Candidate,
    Revival,
    Serving,
    Drainer(usize),
    Leaving(usize),
    Unknown,
}

impl Reload {
    /// Nothing runs yet. `fallback`: the first start may use the last-known-good copy.
    #[must_use]
    pub const fn new(fallback: bool) -> Self {
        Self {
            life: Life::Running,
            serving: None,
            transaction: None,
            pending: None,
            drainers: VecDeque::new(),
            leaving: Vec::new(),
            good: Vec::new(),
            rolled_back: VecDeque::new(),
            failed: None,
            rollback_due: None,
            waiting: Vec::new(),
            last_failure: None,
            fallback,
            start_failure: None,
            beat_at: None,
            beats: 0,
            patient_until: None,
            next_worker: WorkerId(1),
            next_txn: TxnId(1),
            next_generation: GenerationId(1),
        }
    }

    pub(super) fn role(&self, worker: WorkerId) -> Role {
        if self.transaction.as_ref().is_some_and(|txn| txn.worker == Some(worker)) {
            return Role::Candidate;
        }
        match self.serving.as_ref().map(|serving| &serving.post) {
            Some(Post::Held(holder)) if holder.worker == worker => return Role::Serving,
            Some(Post::Reviving { worker: reviving, .. }) if *reviving == worker => {
                return Role::Revival;
            },
            _ => {},
        }
        if let Some(at) = self.drainers.iter().position(|drainer| drainer.worker == worker) {
            return Role::Drainer(at);
        }
        let leaving = self.leaving.iter().position(|leaving| leaving.worker == worker);
        leaving.map_or(Role::Unknown, Role::Leaving)
    }

    pub(super) fn holder(&mut self) -> Option<&mut Holder> {
        match self.serving.as_mut().map(|serving| &mut serving.post) {
            Some(Post::Held(holder)) => Some(holder),
            Some(Post::Vacant { .. } | Post::Reviving { .. }) | None => None,
        }
    }

    pub(super) const fn is_running(&self) -> bool {
        matches!(self.life, Life::Running)
    }
}
