//! The policy by example: what is ordered, and in which order. The simulation shows that it holds
//! whatever happens; this shows what it is.

mod starved;

use std::time::Duration;

use baton_shared::control::ToWorker;
use baton_shared::control::message::{Plan, Policy};
use baton_shared::words::Monotonic;

use super::deadline::DRAINERS_MAX;
use super::event::{Action, CallerId, End, Event, Said, Snapshotted, TxnId, Wish, WorkerId};
use super::notice::Notice;
use super::report::{Outcome, Report};
use super::state::{Reload, Stage};
use super::step;
use crate::trigger::{Cause, Wait};

const WELL: Said = Said::Pong { cannot_accept: Duration::ZERO };

struct Story {
    state: Option<Reload>,
    now: Monotonic,
    orders: Vec<String>,
    answers: Vec<Report>,
    callers: u64,
    txn: TxnId,
    worker: WorkerId,
}

impl Story {
    /// Generation 1 serves.
    fn begin() -> Self {
        let (state, now) = (Some(Reload::new(false)), Monotonic::from_nanos(1));
        let (orders, answers) = (Vec::new(), Vec::new());
        let (txn, worker) = (TxnId(0), WorkerId(0));
        let mut story = Self { state, now, orders, answers, callers: 0, txn, worker };
        story.feed(Event::Begin);
        story.prepare();
        story.say(Said::Accepting);
        story.orders.clear();
        story
    }

    /// A while in which a worker has no processor and the others are well.
    fn starve(&mut self, starved: WorkerId, wait: Duration) {
        let end = self.now.after(wait);
        while self.now < end {
            let wake = self.state.as_ref().unwrap().wake_at().unwrap();
            self.now = wake.min(end);
            for judged in self.state.as_ref().unwrap().judged(self.now) {
                let said = if judged == starved { Said::Waits } else { WELL };
                self.feed(Event::Said(judged, said));
            }
            self.feed(Event::Tick);
        }
    }

    fn feed(&mut self, event: Event) {
        let (state, actions) = step(self.state.take().unwrap(), self.now, event);
        self.state = Some(state);
        for action in actions {
            self.hear(action);
        }
    }

    fn hear(&mut self, action: Action) {
        let order = match action {
            Action::Snapshot { txn, .. } => {
                self.txn = txn;
                "snapshot".to_owned()
            },
            Action::Bind { txn, .. } => {
                self.txn = txn;
                return;
            },
            Action::Spawn { worker, generation, .. } => {
                self.worker = worker;
                format!("spawn {} of generation {generation}", worker.0)
            },
            Action::Send { worker, message: ToWorker::Drain { .. } } => {
                format!("drain {}", worker.0)
            },
            Action::Send { worker, message } if !matches!(message, ToWorker::Ping { .. }) => {
                format!("{message:?} {}", worker.0)
            },
            Action::HandOver { from, to } => format!("hand over {} to {}", from.0, to.0),
            Action::Kill { worker } => format!("kill {}", worker.0),
            Action::Commit { generation, .. } => format!("commit {generation}"),
            Action::Unbind { .. } => "unbind".to_owned(),
            Action::Answer { report, .. } => {
                self.answers.push(*report);
                "answer".to_owned()
            },
            Action::Tell(notice) => match *notice {
                Notice::RollingBack { .. } => "rolling back".to_owned(),
                Notice::WaitingForDrainers { .. } => "wait for drainers".to_owned(),
                _ => return,
            },
            Action::Send { .. }
            | Action::Listen { .. }
            | Action::LoadHistory { .. }
            | Action::Remember { .. }
            | Action::TellDeath { .. }
            | Action::CloseListeners => return,
        };
        self.orders.push(order);
    }

    fn say(&mut self, said: Said) {
        self.feed(Event::Said(self.worker, said));
    }

    fn wait(&mut self, wait: Duration) {
        let end = self.now.after(wait);
        while let Some(wake) = self.state.as_ref().unwrap().wake_at().filter(|wake| *wake <= end) {
            self.now = wake;
            self.feed(Event::Tick);
        }
        self.now = end;
    }

    /// The supervisor itself is not let run for so long.
    fn oversleep(&mut self, wait: Duration) {
        self.now = self.now.after(wait);
        self.feed(Event::Tick);
    }

    fn wish(&mut self) {
        self.callers += 1;
        let caller = Some((CallerId(self.callers), Wait::Committed));
        self.feed(Event::Wish(Wish { cause: Cause::Caller, force: false, caller }));
    }

    /// Reads the sources and makes the new worker ready, up to the switch.
    fn prepare(&mut self) {
        let what = Snapshotted::Read { same_as: None, config_bytes: 1 };
        self.feed(Event::Snapshotted(self.txn, what));
        self.make_ready();
    }

    fn make_ready(&mut self) {
        self.say(Said::Hello);
        let policy = Policy { bake_ms: 60_000, ..Policy::default() };
        let plan = Plan { listeners: Vec::new(), policy, endpoints: 1, notices: Vec::new() };
        self.say(Said::Planned { plan: Box::new(plan), hash: String::new() });
        self.feed(Event::Bound(self.txn, Ok(())));
        self.say(Said::Ready);
        self.say(Said::Probed(None));
    }

    /// In the midst of a reload from worker 1 to 2, its orders forgotten.
    fn switching(stage: Stage) -> Self {
        let mut story = Self::begin();
        story.wish();
        story.prepare();
        if stage >= Stage::SwitchOff {
            story.say(Said::Accepting);
        }
        if stage >= Stage::Handover {
            story.feed(Event::Said(WorkerId(1), Said::Stopped));
        }
        story.orders.clear();
        story
    }

    /// A whole reload, from generation to generation.
    fn reload(&mut self) {
        let old = self.worker;
        self.wish();
        self.prepare();
        self.say(Said::Accepting);
        self.feed(Event::Said(old, Said::Stopped));
        self.feed(Event::Said(old, Said::HandedOver { moved: 1, left: 0 }));
    }
}

#[test]
fn the_old_worker_stops_only_when_the_new_one_accepts_and_drains_only_after_the_commit() {
    let mut story = Story::begin();
    story.reload();
    let wanted = "snapshot; spawn 2 of generation 2; Probe 2; Accept 2; StopAccept 1; \
                  hand over 1 to 2; commit 2; drain 1; answer";
    assert_eq!(story.orders.join("; "), wanted);
    assert_eq!(story.answers[0].moved, 1);
}

#[test]
fn a_failure_in_the_middle_of_the_switch_lets_the_old_worker_go_on() {
    let mut story = Story::begin();
    story.wish();
    story.prepare();
    story.say(Said::Accepting);
    story.orders.clear();
    story.feed(Event::Exited(WorkerId(2), End::Code(101)));
    assert_eq!(story.orders.join("; "), "Resume 1; unbind; answer");
    assert!(matches!(story.answers[0].outcome, Outcome::Failed { .. }));
}

#[test]
fn a_switch_that_takes_too_long_gives_back_the_connections_that_the_new_one_took() {
    let mut story = Story::begin();
    story.wish();
    story.prepare();
    story.say(Said::Accepting);
    story.orders.clear();
    for _ in 0..10 {
        story.wait(Duration::from_millis(500));
        (1..=2).for_each(|worker| story.feed(Event::Said(WorkerId(worker), WELL)));
    }
    let wanted = "Resume 1; StopAccept 2; hand over 2 to 1; drain 2; unbind; answer";
    assert_eq!(story.orders.join("; "), wanted);
    story.orders.clear();
    for _ in 0..60 {
        story.wait(Duration::from_secs(1));
        (1..=2).for_each(|worker| story.feed(Event::Said(WorkerId(worker), WELL)));
    }
    assert_eq!(story.orders.join("; "), "", "its requests may take their time");
}

#[test]
fn a_new_worker_that_hangs_in_the_switch_holds_clients_up_for_three_seconds_at_most() {
    let mut story = Story::begin();
    story.wish();
    story.prepare();
    story.orders.clear();
    for _ in 0..6 {
        story.wait(Duration::from_millis(500));
        story.feed(Event::Said(WorkerId(1), WELL));
    }
    let wanted = "StopAccept 2; hand over 2 to 1; drain 2; unbind; answer; kill 2";
    assert_eq!(story.orders.join("; "), wanted);
}

#[test]
fn a_new_worker_that_hangs_while_it_takes_connections_gives_way_after_two_seconds() {
    let mut story = Story::switching(Stage::Handover);
    for _ in 0..4 {
        story.wait(Duration::from_millis(500));
        story.feed(Event::Said(WorkerId(1), WELL));
    }
    let wanted = "Resume 1; StopAccept 2; hand over 2 to 1; drain 2; unbind; answer";
    assert_eq!(story.orders.join("; "), wanted);
    story.orders.clear();
    for _ in 0..2 {
        story.wait(Duration::from_millis(500));
        story.feed(Event::Said(WorkerId(1), WELL));
    }
    assert_eq!(story.orders.join("; "), "kill 2");
}

#[test]
fn a_dead_worker_is_replaced_before_anything_else_and_drainers_give_to_the_new_one() {
    let mut story = Story::begin();
    story.reload();
    story.orders.clear();
    story.feed(Event::Exited(WorkerId(2), End::Killed));
    assert_eq!(story.orders.join("; "), "spawn 3 of generation 2");
    story.make_ready();
    story.say(Said::Accepting);
    let wanted = "spawn 3 of generation 2; Accept 3; hand over 1 to 3";
    assert_eq!(story.orders.join("; "), wanted);
}

#[test]
fn a_panic_in_the_watch_goes_back_and_a_kill_from_outside_does_not() {
    let mut story = Story::begin();
    story.reload();
    story.orders.clear();
    story.feed(Event::Exited(WorkerId(2), End::Code(101)));
    assert_eq!(story.orders.join("; "), "rolling back; spawn 3 of generation 3");
}

#[test]
fn a_worker_that_cannot_accept_is_relieved_in_its_watch_without_being_killed_and_left_alone_later()
{
    let starved = Said::Pong { cannot_accept: Duration::from_secs(3) };
    let mut story = Story::begin();
    story.say(starved.clone()); // nothing to go back to
    story.reload();
    story.orders.clear();
    story.say(Said::Pong { cannot_accept: Duration::from_millis(2_900) });
    story.say(starved.clone());
    story.say(starved.clone());
    assert_eq!(story.orders.join("; "), "rolling back; spawn 3 of generation 3");
    story.make_ready();
    story.say(Said::Accepting);
    story.feed(Event::Said(WorkerId(2), Said::Stopped));
    story.feed(Event::Said(WorkerId(2), Said::HandedOver { moved: 7, left: 0 }));
    let end = "commit 3; hand over 1 to 3; drain 2";
    assert!(story.orders.join("; ").ends_with(end), "{:?}", story.orders);
    for _ in 0..61 {
        story.wait(Duration::from_secs(1));
        story.say(WELL);
        story.feed(Event::Said(WorkerId(2), WELL));
    }
    story.orders.clear();
    story.say(starved);
    assert_eq!(story.orders.join("; "), "", "after its watch it sheds");
}

#[test]
fn three_unanswered_pings_are_a_death() {
    let mut story = Story::begin();
    for _ in 0..4 {
        story.wait(Duration::from_secs(1));
    }
    assert_eq!(story.orders.join("; "), "kill 1; spawn 2 of generation 1");
}

#[test]
fn the_ninth_drainer_waits_a_minute_and_then_the_oldest_is_ended() {
    let mut story = Story::begin();
    for _ in 0..DRAINERS_MAX {
        story.reload();
    }
    story.wish();
    story.prepare();
    story.orders.clear();
    for _ in 0..60 {
        story.wait(Duration::from_secs(1));
        (1..=9).for_each(|worker| story.feed(Event::Said(WorkerId(worker), WELL)));
    }
    assert_eq!(story.orders.join("; "), "drain 1");
    story.feed(Event::Said(WorkerId(1), Said::Drained { cut: 3 }));
    assert_eq!(story.orders.join("; "), "drain 1; Accept 10");
    story.say(Said::Accepting);
    story.feed(Event::Said(WorkerId(9), Said::Stopped));
    story.feed(Event::Said(WorkerId(9), Said::HandedOver { moved: 0, left: 0 }));
    assert_eq!(story.answers.last().unwrap().cut, 3);
}

#[test]
fn wishes_during_a_reload_become_one_more_and_each_is_answered() {
    let mut story = Story::begin();
    story.wish();
    story.prepare();
    story.wish();
    story.wish();
    story.say(Said::Accepting);
    story.feed(Event::Said(WorkerId(1), Said::Stopped));
    story.feed(Event::Said(WorkerId(1), Said::HandedOver { moved: 0, left: 0 }));
    assert_eq!(story.answers.len(), 1);
    let serving = story.state.as_ref().unwrap().generation();
    let what = Snapshotted::Read { same_as: serving, config_bytes: 1 };
    story.feed(Event::Snapshotted(story.txn, what));
    let outcomes: Vec<&Outcome> = story.answers.iter().map(|report| &report.outcome).collect();
    assert_eq!(outcomes, [&Outcome::Committed, &Outcome::Unchanged, &Outcome::Unchanged]);
}

#[test]
fn what_nobody_waits_for_any_longer_is_not_put_in_force() {
    let mut story = Story::begin();
    story.wish();
    story.orders.clear();
    story.feed(Event::CallerGone(CallerId(1)));
    assert_eq!(story.orders.join("; "), "unbind");
    assert!(story.answers.is_empty());
}
