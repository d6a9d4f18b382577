//! The policy under random orders of events: workers that hang, crash, refuse, answer late or
//! never; people who reload, stop, kill. A seed gives the same run every time.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use baton_shared::control::ToWorker;
use baton_shared::control::message::{Invalid, Plan, Policy};
use baton_shared::words::{GenerationId, Monotonic};

use super::deadline::DRAINERS_MAX;
use super::event::{
    Action, CallerId, Content, End, Event, Said, Snapshotted, TxnId, Wish, WorkerId,
};
use super::notice::Notice;
use super::state::{Life, Post, Reload, Stage};
use super::step;
use crate::trigger::{Cause, Wait};

/// Small, fast, good enough: `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

/// A worker process as its supervisor cannot see it.
#[derive(Default)]
struct Process {
    is_alive: bool,
    is_stuck: bool,
    /// What it was told last about accepting.
    may_accept: bool,
}

struct World {
    seed: u64,
    dice: Dice,
    now: Monotonic,
    state: Option<Reload>,
    queue: BinaryHeap<std::cmp::Reverse<(Monotonic, u64)>>,
    events: BTreeMap<u64, Event>,
    order: u64,
    processes: BTreeMap<WorkerId, Process>,
    drafts: BTreeSet<TxnId>,
    sets: BTreeSet<GenerationId>,
    fingerprints: BTreeSet<GenerationId>,
    bound: BTreeSet<TxnId>,
    asked: BTreeMap<CallerId, u32>,
    gone: BTreeSet<CallerId>,
    next_caller: u64,
    /// Faults happen; off at the end of a run.
    is_wild: bool,
    /// No faults, only endless streams and many reloads: the way to a ninth drainer.
    is_crowded: bool,
    /// How often what was reached: a storm that never rolls back proves nothing about it.
    reached: BTreeMap<&'static str, u64>,
    /// None: not kept, for speed.
    trace: Option<Vec<String>>,
}

const MS: u64 = 1_000_000;

impl World {
    fn new(seed: u64, is_traced: bool) -> Self {
        let mut dice = Dice(seed);
        let fallback = dice.one_in(2);
        Self {
            seed,
            dice,
            now: Monotonic::from_nanos(MS),
            state: Some(Reload::new(fallback)),
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            order: 0,
            processes: BTreeMap::new(),
            drafts: BTreeSet::new(),
            sets: BTreeSet::new(),
            fingerprints: BTreeSet::new(),
            bound: BTreeSet::new(),
            asked: BTreeMap::new(),
            gone: BTreeSet::new(),
            next_caller: 0,
            is_wild: false,
            is_crowded: seed % 8 == 3,
            reached: BTreeMap::new(),
            trace: is_traced.then(Vec::new),
        }
    }

    fn later(&mut self, ms: u64, event: Event) {
        self.order += 1;
        let due = self.now.after(Duration::from_nanos(ms * MS));
        self.events.insert(self.order, event);
        self.queue.push(std::cmp::Reverse((due, self.order)));
    }

    fn soon(&mut self, event: Event) {
        let ms = self.dice.roll(30);
        self.later(ms, event);
    }

    fn state(&self) -> &Reload {
        self.state.as_ref().expect("taken only while stepping")
    }

    fn fault(&mut self, sides: u64) -> bool {
        self.is_wild && !self.is_crowded && self.dice.one_in(sides)
    }

    /// What a worker says in answer, unless something happens to it.
    fn says(&mut self, worker: WorkerId, said: Said) {
        let Some(process) = self.processes.get(&worker) else { return };
        if !process.is_alive || process.is_stuck {
            return;
        }
        let is_wild = self.is_wild && !self.is_crowded;
        match self.dice.roll(if is_wild { 60 } else { u64::MAX }) {
            0 => self.processes.entry(worker).or_default().is_stuck = true,
            1 => self.dies(worker, End::Code(101)),
            2 => self.dies(worker, End::Signal(11)),
            3 => self.dies(worker, End::Killed),
            4 => self.soon(Event::Said(worker, Said::Fatal("out of luck".to_owned()))),
            5 => self.later(3_000, Event::Said(worker, said)),
            6 => self.soon(Event::Lost(worker)),
            _ => self.soon(Event::Said(worker, said)),
        }
    }

    fn dies(&mut self, worker: WorkerId, end: End) {
        let process = self.processes.entry(worker).or_default();
        if process.is_alive {
            process.is_alive = false;
            self.soon(Event::Exited(worker, end));
        }
    }

    fn feed(&mut self, event: Event) {
        let is_tick = event == Event::Tick;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>8} ms {event:?}", self.now.as_nanos() / MS));
        }
        let state = self.state.take().expect("there is always one");
        let (state, actions) = step(state, self.now, event);
        if is_tick {
            let busy = state.wake_at().is_some_and(|at| at <= self.now);
            assert!(
                !busy || state.ending().is_some(),
                "{}",
                self.tale("a tick that changes nothing")
            );
        }
        self.state = Some(state);
        for action in actions {
            if let Some(trace) = &mut self.trace {
                trace.push(format!("             {action:?}"));
            }
            self.act(action);
        }
        let state = self.state.as_ref().expect("just put");
        self.sets.retain(|generation| state.needs(*generation));
        self.fingerprints.retain(|generation| state.remembers(*generation));
        self.check();
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Snapshot { txn, compare } => {
                let same = compare.first().copied().filter(|_| self.dice.one_in(8));
                let bad = compare.last().copied().filter(|_| self.dice.one_in(4));
                let what = match (same, bad) {
                    (Some(same), _) => Snapshotted::SameAs(same),
                    (None, Some(bad)) if self.fingerprints.contains(&bad) => {
                        Snapshotted::SameAs(bad)
                    },
                    (None, _) if self.fault(15) => Snapshotted::Failed(refusal()),
                    (None, _) => Snapshotted::Fresh { config_bytes: 100 },
                };
                self.drafts.insert(txn);
                if !self.fault(40) {
                    self.soon(Event::Snapshotted(txn, what));
                }
            },
            Action::LoadHistory { txn } => {
                self.drafts.insert(txn);
                let what = Snapshotted::Fresh { config_bytes: 100 };
                self.soon(Event::Snapshotted(txn, what));
            },
            Action::Spawn { worker, generation, content } => {
                self.spawn(worker, generation, content);
            },
            Action::Bind { txn, .. } => {
                self.bound.insert(txn);
                let taken = self.fault(20);
                let outcome = if taken { Err("address taken".to_owned()) } else { Ok(()) };
                if !self.fault(40) {
                    self.soon(Event::Bound(txn, outcome));
                }
            },
            Action::Unbind { txn } => drop(self.bound.remove(&txn)),
            Action::Listen { worker, .. } => {
                if self.fault(5) {
                    self.soon(Event::Said(worker, Said::Warming("keys".to_owned())));
                }
                self.says(worker, Said::Ready);
            },
            Action::Send { worker, message } => self.told(worker, &message),
            Action::HandOver { from, to } => {
                let taker = self.processes.get(&to).expect("a process");
                assert!(taker.may_accept, "{}", self.tale("handed to one that does not accept"));
                let (moved, left) = (self.dice.roll(100), 0);
                self.says(from, Said::HandedOver { moved, left });
            },
            Action::Kill { worker } => {
                assert!(self.processes.contains_key(&worker), "{}", self.tale("killed nobody"));
                self.dies(worker, End::Killed);
            },
            Action::Commit { generation, .. } => {
                assert!(self.sets.contains(&generation), "{}", self.tale("in force, not kept"));
                self.bound.clear();
            },
            Action::Remember { generation } => drop(self.fingerprints.insert(generation)),
            Action::Answer { caller, .. } => *self.asked.entry(caller).or_default() += 1,
            Action::CloseListeners | Action::TellDeath { .. } => {},
            Action::Tell(notice) => *self.reached.entry(name(&notice)).or_default() += 1,
        }
    }

    fn spawn(&mut self, worker: WorkerId, generation: GenerationId, content: Content) {
        let is_there = match content {
            Content::Draft(txn) => self.drafts.contains(&txn),
            Content::Of(earlier) => self.sets.contains(&earlier),
        };
        assert!(is_there, "{}", self.tale("a worker without content"));
        self.sets.insert(generation);
        let process = Process { is_alive: true, ..Process::default() };
        self.processes.insert(worker, process);
        if self.fault(30) {
            return self.dies(worker, End::NotStarted("no memory".to_owned()));
        }
        self.says(worker, Said::Hello);
    }

    fn told(&mut self, worker: WorkerId, message: &ToWorker) {
        let process = self.processes.get_mut(&worker).expect("a process");
        match message {
            ToWorker::Accept | ToWorker::Resume => process.may_accept = true,
            ToWorker::StopAccept => process.may_accept = false,
            _ => {},
        }
        match message {
            ToWorker::Probe => {
                let failure = self.fault(15).then(|| "503".to_owned());
                self.says(worker, Said::Probed(failure));
            },
            ToWorker::Accept => self.says(worker, Said::Accepting),
            ToWorker::StopAccept => self.says(worker, Said::Stopped),
            ToWorker::Ping { .. } => self.says(worker, Said::Pong),
            ToWorker::Drain { .. } => {
                let ms = match (self.is_wild, self.is_crowded) {
                    (true, false) => self.dice.roll(40_000),
                    (true, true) => 120_000,
                    (false, _) => 500,
                };
                self.later(ms, Event::Said(worker, Said::Drained { cut: 0 }));
            },
            ToWorker::Quit if !process.is_stuck => self.dies(worker, End::Code(0)),
            _ => {},
        }
    }

    /// Delivers one event, unless its sender is no more; what a worker says has consequences.
    fn deliver(&mut self, event: Event) {
        if let Event::Said(worker, said) = &event {
            let (worker, said) = (*worker, said.clone());
            let process = self.processes.get(&worker).expect("a process");
            if !process.is_alive || process.is_stuck {
                return;
            }
            self.feed(event);
            match said {
                Said::Hello if self.fault(12) => {
                    self.says(worker, Said::Invalid(Box::new(refusal())));
                },
                Said::Hello => {
                    let plan = Box::new(plan(&mut self.dice));
                    self.says(worker, Said::Planned { plan, hash: "h".to_owned() });
                },
                Said::Drained { .. } => self.dies(worker, End::Code(0)),
                _ => {},
            }
            return;
        }
        if let Event::Exited(worker, _) = &event {
            self.processes.entry(*worker).or_default().may_accept = false;
        }
        self.feed(event);
    }

    fn somebody_does_something(&mut self) {
        match self.dice.roll(20) {
            0..=9 => {
                let caller = CallerId(self.next_caller);
                self.next_caller += 1;
                self.asked.insert(caller, 0);
                let wait = if self.dice.one_in(3) { Wait::Drained } else { Wait::Committed };
                let (cause, force) = (Cause::Caller, self.dice.one_in(3));
                self.feed(Event::Wish(Wish { cause, force, caller: Some((caller, wait)) }));
            },
            10..=12 => {
                let wish = Wish { cause: Cause::Signal, force: false, caller: None };
                self.feed(Event::Wish(wish));
            },
            13..=14 => {
                let wish = Wish { cause: Cause::File("f".into()), force: false, caller: None };
                self.feed(Event::Wish(wish));
            },
            15 => {
                let caller = CallerId(self.dice.roll(self.next_caller + 1));
                if self.asked.get(&caller) == Some(&0) {
                    self.gone.insert(caller);
                    self.feed(Event::CallerGone(caller));
                }
            },
            16 if self.dice.one_in(8) => self.feed(Event::Stop),
            16 if self.dice.one_in(8) => self.feed(Event::StopNow),
            _ if self.is_crowded => {},
            _ => {
                let alive = self.processes.iter().filter(|(_, process)| process.is_alive);
                let alive: Vec<WorkerId> = alive.map(|(worker, _)| *worker).collect();
                let at = usize::try_from(self.dice.roll(1 << 30)).unwrap();
                if let Some(&victim) = alive.get(at % alive.len().max(1)) {
                    match self.dice.roll(3) {
                        0 => self.dies(victim, End::Killed),
                        1 => self.dies(victim, End::Signal(11)),
                        _ => self.processes.entry(victim).or_default().is_stuck = true,
                    }
                }
            },
        }
    }

    /// Goes to the next thing that happens; false: nothing ever will.
    fn go_on(&mut self) -> bool {
        let next = self.queue.peek().map(|std::cmp::Reverse((due, order))| (*due, *order));
        let wake = self.state().wake_at();
        match (next, wake) {
            (Some((due, order)), wake) if wake.is_none_or(|wake| due <= wake) => {
                self.queue.pop();
                self.now = self.now.max(due);
                let event = self.events.remove(&order).expect("queued once");
                self.deliver(event);
            },
            (_, Some(wake)) => {
                self.now = self.now.max(wake);
                self.feed(Event::Tick);
            },
            (_, None) => return false,
        }
        true
    }

    fn check(&self) {
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
            },
            Post::Vacant { revive_at: None, .. } => {
                let is_cared_for = state.transaction.is_some() || state.rollback_due.is_some();
                assert!(is_cared_for, "{}", self.tale("an empty post that nobody fills"));
            },
            Post::Vacant { .. } | Post::Reviving { .. } => {},
        }
    }

    /// After the storm everything comes to rest: nothing under way, everybody answered.
    fn check_rest(&self) {
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

    fn is_at_rest(&self) -> bool {
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

    fn check_answers(&self) {
        for (caller, answers) in &self.asked {
            let is_right = *answers == 1 || self.gone.contains(caller);
            let told = format!("{caller:?} was answered {answers} times");
            assert!(is_right, "{}", self.tale(&told));
        }
    }

    fn tale(&self, what: &str) -> String {
        let trace = self.trace.as_deref().unwrap_or_default();
        let trace = trace[trace.len().saturating_sub(60)..].join("\n");
        format!("seed {}: {what}\n{trace}\n{:#?}", self.seed, self.state)
    }
}

fn refusal() -> Invalid {
    Invalid { text: "no".to_owned(), findings: Vec::new(), exit_code: 255 }
}

fn plan(dice: &mut Dice) -> Plan {
    let drain_ms = dice.one_in(20).then(|| dice.roll(5_000));
    let policy = Policy { drain_ms, ..Policy::default() };
    Plan {
        listeners: vec!["127.0.0.1:8080".parse().unwrap()],
        policy,
        endpoints: 1,
        notices: Vec::new(),
    }
}

/// What a storm must have reached.
fn name(notice: &Notice) -> &'static str {
    match notice {
        Notice::Ready { .. } => "ready",
        Notice::Committed { rollback: None, .. } => "committed",
        Notice::Committed { rollback: Some(_), .. } => "rolled back",
        Notice::Unchanged { .. } => "unchanged",
        Notice::Rejected { .. } => "rejected",
        Notice::WaitingForDrainers { .. } => "a ninth drainer",
        Notice::WorkerReplaced { .. } => "replaced",
        Notice::Proven { .. } => "proven",
        Notice::Stopping { .. } => "stopping",
        _ => "other",
    }
}

/// A storm of `events` things, then quiet until everything must have come to rest.
fn run(seed: u64, is_traced: bool) -> BTreeMap<&'static str, u64> {
    let mut world = World::new(seed, is_traced);
    world.is_wild = world.dice.one_in(4); // most first starts go well
    let events = 20 + world.dice.roll(if seed.is_multiple_of(16) { 1_200 } else { 100 });
    world.feed(Event::Begin);
    for at in 0..events {
        world.is_wild |= at == 12;
        if world.dice.one_in(5) {
            world.somebody_does_something();
        }
        if !world.go_on() || world.state().ending().is_some() {
            break;
        }
    }
    world.is_wild = false;
    let quiet_until = world.now.after(Duration::from_secs(1_000));
    while !world.is_at_rest() && world.state().ending().is_none() {
        assert!(world.now < quiet_until && world.go_on(), "{}", world.tale("no rest"));
    }
    world.check_rest();
    world.reached
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn whatever_happens_somebody_accepts_everybody_is_answered_and_it_comes_to_rest() {
    let first = number("BATON_SIMULATION_SEED", 1);
    let runs = number("BATON_SIMULATION_RUNS", 20_000);
    let mut reached: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in first..first + runs {
        match std::panic::catch_unwind(|| run(seed, false)) {
            Ok(counts) => {
                counts.iter().for_each(|(what, n)| *reached.entry(what).or_default() += n);
            },
            Err(_told_without_a_trace) => drop(run(seed, true)),
        }
    }
    let everything = ["ready", "committed", "rolled back", "unchanged", "rejected"];
    let rare = ["a ninth drainer", "replaced", "proven", "stopping"];
    for what in everything.into_iter().chain(rare) {
        assert!(runs < 10_000 || reached.contains_key(what), "never reached: {what}; {reached:?}");
    }
    println!("{reached:?}");
}
