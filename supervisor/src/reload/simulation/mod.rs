//! The policy under random orders of events: workers that hang, crash, refuse, answer late or
//! never; people who reload, stop, kill. A seed gives the same run every time.
//!
//! `BATON_SIMULATION_RUNS` and `BATON_SIMULATION_SEED` set how many storms, and which is the first.

mod world;
mod act;
mod check;

use std::collections::BTreeMap;
use std::time::Duration;

use self::world::World;
use super::event::Event;

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
