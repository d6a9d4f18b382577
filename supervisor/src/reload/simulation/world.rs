//! The world around the policy: a clock, a queue of what will happen, processes with a fate.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use baton_shared::words::{GenerationId, Monotonic};

use super::super::event::{CallerId, End, Event, Said, TxnId, Wish, WorkerId};
use super::super::state::Reload;
use super::super::step;
use super::act::{plan, refusal};
use crate::trigger::{Cause, Wait};

/// Small, fast, good enough: `SplitMix64`.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    pub(super) fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

/// A worker process as its supervisor cannot see it.
#[derive(Default)]
pub(super) struct Process {
    pub(super) is_alive: bool,
    pub(super) is_stuck: bool,
    /// It has no processor until then.
    pub(super) waits_until: Option<Monotonic>,
    /// What it was told last about accepting.
    pub(super) may_accept: bool,
    /// Whom it gives its connections to, and opens links to for those that it keeps.
    pub(super) gives_to: Option<WorkerId>,
}

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) dice: Dice,
    pub(super) now: Monotonic,
    pub(super) state: Option<Reload>,
    pub(super) queue: BinaryHeap<Reverse<(Monotonic, u64)>>,
    pub(super) events: BTreeMap<u64, Event>,
    pub(super) order: u64,
    pub(super) processes: BTreeMap<WorkerId, Process>,
    /// They have no descriptors left to accept with.
    pub(super) starved: BTreeSet<WorkerId>,
    pub(super) drafts: BTreeSet<TxnId>,
    pub(super) sets: BTreeSet<GenerationId>,
    pub(super) fingerprints: BTreeSet<GenerationId>,
    pub(super) bound: BTreeSet<TxnId>,
    pub(super) asked: BTreeMap<CallerId, u32>,
    pub(super) gone: BTreeSet<CallerId>,
    pub(super) next_caller: u64,
    /// Faults happen; off at the end of a run.
    pub(super) is_wild: bool,
    /// No faults, only endless streams and many reloads: the way to a ninth drainer.
    pub(super) is_crowded: bool,
    /// How often what was reached: a storm that never rolls back proves nothing about it.
    pub(super) reached: BTreeMap<&'static str, u64>,
    /// None: not kept, for speed.
    pub(super) trace: Option<Vec<String>>,
}

const MS: u64 = 1_000_000;

impl World {
    pub(super) fn new(seed: u64, is_traced: bool) -> Self {
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
            starved: BTreeSet::new(),
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

    pub(super) fn later(&mut self, ms: u64, event: Event) {
        self.order += 1;
        let due = self.now.after(Duration::from_nanos(ms * MS));
        self.events.insert(self.order, event);
        self.queue.push(Reverse((due, self.order)));
    }

    pub(super) fn soon(&mut self, event: Event) {
        let ms = self.dice.roll(30);
        self.later(ms, event);
    }

    pub(super) fn state(&self) -> &Reload {
        self.state.as_ref().expect("taken only while stepping")
    }

    pub(super) fn fault(&mut self, sides: u64) -> bool {
        self.is_wild && !self.is_crowded && self.dice.one_in(sides)
    }

    /// What a worker says in answer, unless something happens to it.
    pub(super) fn says(&mut self, worker: WorkerId, said: Said) {
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
            _ => {
                let ms = self.wait_ms(worker) + self.dice.roll(30);
                self.later(ms, Event::Said(worker, said));
            },
        }
    }

    /// Whether it has no processor now, as the kernel would tell.
    pub(super) fn waits(&self, worker: WorkerId) -> bool {
        self.wait_ms(worker) > 0
    }

    fn wait_ms(&self, worker: WorkerId) -> u64 {
        let process = self.processes.get(&worker);
        let process = process.filter(|process| process.is_alive && !process.is_stuck);
        let until = process.and_then(|process| process.waits_until);
        until.map_or(0, |until| u64::try_from(until.since(self.now).as_millis()).unwrap())
    }

    /// What the supervisor does before it judges.
    fn excuse(&mut self) {
        for worker in self.state().judged(self.now) {
            if self.waits(worker) {
                self.feed(Event::Said(worker, Said::Waits));
            }
        }
    }

    /// For a while; then it has one for long enough to show that it lives.
    fn takes_the_processor(&mut self, worker: WorkerId) {
        let until = self.now.after(Duration::from_millis(self.dice.roll(6_000)));
        let process = self.processes.entry(worker).or_default();
        let has_recovered = |last: Monotonic| self.now.since(last) > Duration::from_secs(3);
        if process.waits_until.is_none_or(has_recovered) {
            process.waits_until = Some(until);
        }
    }

    pub(super) fn dies(&mut self, worker: WorkerId, end: End) {
        let process = self.processes.entry(worker).or_default();
        if process.is_alive {
            process.is_alive = false;
            self.soon(Event::Exited(worker, end));
        }
    }

    pub(super) fn feed(&mut self, event: Event) {
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

    /// Delivers one event, unless its sender is no more; what a worker says has consequences.
    pub(super) fn deliver(&mut self, event: Event) {
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

    pub(super) fn somebody_does_something(&mut self) {
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
                    match self.dice.roll(5) {
                        0 => self.dies(victim, End::Killed),
                        1 => self.dies(victim, End::Signal(11)),
                        2 => drop(self.starved.insert(victim)),
                        3 => self.takes_the_processor(victim),
                        _ => self.processes.entry(victim).or_default().is_stuck = true,
                    }
                }
            },
        }
    }

    /// Goes to the next thing that happens; false: nothing ever will.
    pub(super) fn go_on(&mut self) -> bool {
        let next = self.queue.peek().map(|Reverse((due, order))| (*due, *order));
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
                if self.fault(40) {
                    // Nor are we let run always.
                    let ms = self.dice.roll(3_000);
                    self.now = self.now.after(Duration::from_millis(ms));
                }
                self.excuse();
                self.feed(Event::Tick);
            },
            (_, None) => return false,
        }
        true
    }
}
