//! The policy of a reload: what happened goes in, what is to be done comes out. Pure: no clock,
//! no process, no socket in here. This page is the map; the rooms beside it hold the decisions:
//! `queue` (wishes and answers), `transaction` (up to the commit), `bake` (the generation in
//! force), `drain` (what leaves, and the end).

use std::time::Duration;

use baton_shared::control::ToWorker;
use baton_shared::words::Monotonic;

use super::event::{Action, Event, Said, WorkerId};
use super::notice::Notice;
use super::state::{Beat, Drainer, Life, Post, Reload, Role};
use super::{deadline, event::End};

/// One event, and everything that follows from it at the moment `now`.
pub fn step(state: Reload, now: Monotonic, event: Event) -> (Reload, Vec<Action>) {
    let mut turn = Turn { state, now, actions: Vec::new() };
    match event {
        Event::Begin => turn.begin(),
        Event::Wish(wish) => turn.wish(wish),
        Event::CallerGone(caller) => turn.caller_gone(caller),
        Event::Stop => turn.stop(),
        Event::StopNow => turn.stop_now(),
        Event::Snapshotted(txn, what) => turn.snapshotted(txn, what),
        Event::Bound(txn, outcome) => turn.bound(txn, outcome),
        Event::Said(worker, said) => turn.said(worker, said),
        Event::Lost(worker) => turn.lost(worker),
        Event::Exited(worker, end) => turn.exited(worker, &end),
        Event::Tick => turn.tick(),
    }
    turn.go_on();
    (turn.state, turn.actions)
}

/// The state while one event is worked off, and the orders so far.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) state: Reload,
    pub(super) now: Monotonic,
    pub(super) actions: Vec<Action>,
}

impl Turn {
    /// Whatever can go on now, does: called after every event, so nothing waits for a second one.
    fn go_on(&mut self) {
        self.enter_if_there_is_room();
        self.start_next();
        self.answer_who_waited_for_drains();
        self.end_when_nothing_is_left();
        let watches = self.state.transaction.is_some() || self.state.serving.is_some();
        if watches && self.state.beat_at.is_none() {
            self.state.beat_at = Some(self.now.after(deadline::HEARTBEAT));
        }
    }

    fn said(&mut self, worker: WorkerId, said: Said) {
        if let Said::Pong { cannot_accept } = said {
            return self.pong(worker, cannot_accept);
        }
        if matches!(said, Said::Waits) {
            return self.excuse(worker);
        }
        match self.state.role(worker) {
            Role::Candidate => self.candidate_said(said),
            Role::Revival => self.revival_said(worker, said),
            Role::Serving => self.serving_said(said),
            Role::Drainer(at) => self.drainer_said(at, &said),
            Role::Leaving(_) | Role::Unknown => {},
        }
    }

    /// The process may live on without us: not for long.
    fn lost(&mut self, worker: WorkerId) {
        let soon = self.now.after(deadline::QUIT);
        match self.state.role(worker) {
            Role::Candidate => {
                if let Some(txn) = &mut self.state.transaction {
                    txn.deadline = txn.deadline.min(soon);
                }
            },
            Role::Revival => {
                if let Some(Post::Reviving { deadline, .. }) =
                    self.state.serving.as_mut().map(|serving| &mut serving.post)
                {
                    *deadline = soon.min(*deadline);
                }
            },
            Role::Serving => self.kill_holder_at(soon),
            Role::Drainer(at) => self.kill_drainer_at(at, soon),
            Role::Leaving(_) | Role::Unknown => {},
        }
    }

    fn exited(&mut self, worker: WorkerId, end: &End) {
        match self.state.role(worker) {
            Role::Candidate => self.candidate_died(end),
            Role::Revival => self.revival_failed(end),
            Role::Serving => self.serving_died(end),
            Role::Drainer(at) => self.drainer_died(at, end),
            Role::Leaving(at) => drop(self.state.leaving.swap_remove(at)),
            Role::Unknown => {},
        }
    }

    fn tick(&mut self) {
        if self.is_late() {
            return;
        }
        self.transaction_deadline();
        self.beat_candidate();
        self.post_deadline();
        self.bake_deadline();
        self.drain_deadlines();
        self.life_deadline();
        if self.state.beat_at.is_some_and(|at| at <= self.now) {
            self.beat();
        }
    }

    /// Somebody did not let us run, and perhaps nobody else: who has not answered gets as long again. Not twice
    /// in a row, or on a machine that is always late no hang would ever be found.
    fn is_late(&mut self) -> bool {
        let is_next = self.state.patient_until.take().is_some();
        let late = self.state.due_at().map_or(Duration::ZERO, |due| self.now.since(due));
        let is_late = !is_next && late >= deadline::LATE;
        if is_late {
            self.state.patient_until = Some(self.now.after(late.min(deadline::PATIENCE)));
        }
        is_late
    }

    /// Every worker that serves or drains is asked, each second, whether it is well.
    fn beat(&mut self) {
        self.state.beat_at = Some(self.now.after(deadline::HEARTBEAT));
        self.state.beats += 1;
        self.beat_holder();
        self.beat_drainers();
    }

    pub(super) fn ping(&mut self, worker: WorkerId) {
        let nonce = self.state.beats;
        self.send(worker, ToWorker::Ping { nonce });
    }

    fn pong(&mut self, worker: WorkerId, cannot_accept: Duration) {
        match self.state.role(worker) {
            Role::Candidate => {
                if let Some(txn) = &mut self.state.transaction {
                    txn.beat = Beat::default();
                }
            },
            Role::Serving => {
                if let Some(holder) = self.state.holder() {
                    holder.beat = Beat::default();
                    holder.is_starved = !cannot_accept.is_zero();
                    self.tell(Notice::WorkerHealthy);
                    self.judge_accepting(cannot_accept);
                }
            },
            Role::Drainer(at) => {
                self.drainer_lives(at);
                if let Some(drainer) = self.state.drainers.get_mut(at) {
                    drainer.beat = Beat::default();
                }
            },
            Role::Revival | Role::Leaving(_) | Role::Unknown => {},
        }
    }

    /// It has not answered for want of a processor: what waits for it waits a little longer.
    fn excuse(&mut self, worker: WorkerId) {
        let later = self.now.after(deadline::HEARTBEAT);
        let role = self.state.role(worker);
        let is_excused = match role {
            Role::Candidate => self.state.transaction.as_mut().map(|txn| txn.beat.excuse()),
            Role::Serving => self.state.holder().map(|holder| holder.beat.excuse()),
            Role::Drainer(at) => {
                self.state.drainers.get_mut(at).map(|drainer| drainer.excuse(later))
            },
            Role::Revival | Role::Leaving(_) | Role::Unknown => None,
        };
        if is_excused == Some(true)
            && self.state.waits_for(role)
            && let Some(txn) = &mut self.state.transaction
        {
            txn.deadline = txn.deadline.max(later);
        }
    }

    pub(super) fn send(&mut self, worker: WorkerId, message: ToWorker) {
        self.actions.push(Action::Send { worker, message });
    }

    pub(super) fn tell(&mut self, notice: Notice) {
        self.actions.push(Action::Tell(Box::new(notice)));
    }

    pub(super) fn new_worker(&mut self) -> WorkerId {
        let worker = self.state.next_worker;
        self.state.next_worker = WorkerId(worker.0 + 1);
        worker
    }

    fn end_when_nothing_is_left(&mut self) {
        let Life::Closing { ending, .. } = &self.state.life else { return };
        let post_is_empty = self
            .state
            .serving
            .as_ref()
            .is_none_or(|serving| matches!(serving.post, Post::Vacant { .. }));
        if post_is_empty && self.state.drainers.is_empty() && self.state.leaving.is_empty() {
            self.state.life = Life::Ended(ending.clone());
        }
    }
}

impl Drainer {
    fn excuse(&mut self, later: Monotonic) -> bool {
        let is_excused = self.beat.excuse();
        if is_excused {
            self.word_by = self.word_by.map(|at| at.max(later));
        }
        is_excused
    }
}

impl Beat {
    /// A ping goes out now; gives whether with the one before the worker has missed `allowed` of them.
    pub(super) fn ask(&mut self, allowed: u32) -> bool {
        let is_missed = self.is_asked && !self.is_excused;
        self.missed += u32::from(is_missed);
        (self.is_asked, self.is_excused) = (true, false);
        is_missed && self.missed >= allowed
    }

    /// The one under way is not answered for want of a processor. Whether that is believed.
    fn excuse(&mut self) -> bool {
        self.is_excused = self.excused < deadline::EXCUSES;
        self.excused += u32::from(self.is_excused);
        self.is_excused
    }
}
