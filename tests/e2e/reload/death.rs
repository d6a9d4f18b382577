//! Workers and supervisors that are killed.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use baton_tests::backend::Backend;
use baton_tests::client::Client;
use baton_tests::torture::systems::{BatonSystem, Sides};
use baton_tests::torture::tally::Fault;
use baton_tests::torture::{Load, Plan, Shape, System, Upstream, run};
use baton_tests::{Baton, process, until};
use nix::sys::signal::Signal;

use crate::fixture::{echo_target, generation, generation_of};

const GET: &str = "GET /x HTTP/1.1\r\nHost: gw.test\r\n\r\n";

#[test]
fn a_killed_worker_is_replaced_at_once_and_no_connection_is_refused() {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    for round in 0..5 {
        // Past the bake of the one before, a death from outside is never a reason to roll back.
        let worker = baton.serving_worker();
        process::signal(worker, Signal::SIGKILL);
        let begun = Instant::now();
        let mut client = Client::try_connect(baton.address())
            .unwrap_or_else(|error| panic!("round {round}: refused: {error}"));
        let answer = client.send(GET).try_answer().unwrap_or_else(|_| {
            // It may have been accepted by the worker that dies.
            Client::connect(baton.address()).send(GET).answer()
        });
        let took = begun.elapsed();
        assert_eq!(generation_of(&answer.text()), 1);
        assert!(took < Duration::from_millis(600), "round {round}: {took:?} without service");
        until("the dead one is waited for", Duration::from_secs(2), || baton.zombies() == 0);
    }
}

#[test]
fn requests_are_counted_over_generations_and_the_count_never_falls() {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    let counted = || baton.status().and_then(|status| status.get("requests")?.as_u64()).unwrap();
    let mut client = Client::connect(baton.address());
    let mut seen = 0;
    for current in 2..8 {
        assert_eq!(client.get("/x").status(), 200);
        baton.reload_with(&generation(&backend.host(), current));
        // The connection has moved; the worker that answered is gone, or about to go.
        let now = counted();
        assert!(now >= seen, "{seen} fell to {now} in generation {current}");
        seen = now;
    }
    until("all requests are counted", Duration::from_secs(10), || counted() == 6);
    process::signal(baton.serving_worker(), Signal::SIGKILL);
    until("a worker serves again", Duration::from_secs(10), || {
        Client::try_connect(baton.address())
            .is_ok_and(|mut client| client.send(GET).try_answer().is_ok())
    });
    assert!(counted() >= 6);
}

#[test]
fn a_killed_worker_is_replaced_without_reading_the_file_again() {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    baton.write_text("this is no configuration");
    process::signal(baton.serving_worker(), Signal::SIGKILL);
    let answer = Client::connect(baton.address())
        .send(GET)
        .try_answer()
        .or_else(|_| Client::connect(baton.address()).send(GET).try_answer());
    assert_eq!(answer.map(|answer| generation_of(&answer.text())), Ok(1));
    assert!(baton.try_reload(&[]).is_err());
}

#[test]
fn without_its_supervisor_a_worker_serves_on_for_a_while_drains_and_ends() {
    let backend = Backend::start(echo_target);
    let mut baton = Baton::start(&generation(&backend.host(), 1));
    let mut kept = Client::connect(baton.address());
    assert_eq!(kept.get("/x").status(), 200);
    let worker = baton.serving_worker();
    process::signal(baton.pid(), Signal::SIGKILL);
    baton.wait_end(Duration::from_secs(5));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1_000) {
        assert_eq!(kept.get("/x").status(), 200, "after {:?}", begun.elapsed());
        assert_eq!(Client::connect(baton.address()).get("/x").status(), 200);
    }
    until("the worker ends", Duration::from_secs(10), || !process::lives(worker));
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(1_200), "it ended after {took:?}");
    assert!(baton.processes().is_empty());
    assert!(Client::try_connect(baton.address()).is_err(), "its listeners are gone");
}

#[test]
fn after_the_death_of_a_supervisor_the_next_one_starts_on_the_same_port() {
    let backend = Backend::start(echo_target);
    let config = generation(&backend.host(), 1);
    let mut first = Baton::start(&config);
    let port = first.address().port();
    process::signal(first.pid(), Signal::SIGKILL);
    first.wait_end(Duration::from_secs(5));
    let mut second = generation(&backend.host(), 2);
    crate::fixture::merge(&mut second, &serde_json::json!({ "port": port }));
    let next = baton_tests::baton::Starter::new(&second).spawn();
    until("the next one serves", Duration::from_secs(15), || {
        Client::try_connect(first.address()).is_ok_and(|mut client| {
            client.send(GET).try_answer().is_ok_and(|answer| answer.text().starts_with("/g/2/"))
        })
    });
    drop(next);
}

/// Where others reload, the worker is killed.
struct Killed(BatonSystem);

impl System for Killed {
    fn name(&self) -> String {
        "Baton, its worker killed".to_owned()
    }

    fn address(&self) -> SocketAddr {
        self.0.address()
    }

    fn prepare(&mut self, _generation: u64) {}

    fn reload(&mut self, _generation: u64) -> Result<(), String> {
        process::signal(self.0.baton().serving_worker(), Signal::SIGKILL);
        Err("killed".to_owned())
    }

    fn main_pid(&self) -> u32 {
        self.0.main_pid()
    }
}

#[test]
fn under_load_a_killed_worker_costs_its_own_connections_and_refuses_none() {
    let upstream = Upstream::start();
    let mut system =
        Killed(BatonSystem::start(upstream.address(), Shape::Stream(0), Sides::default()));
    let plan = Plan {
        load: Load { keep_alive: 40, steady: Duration::from_millis(300), ..Load::default() },
        reloads: 8,
        every: Duration::from_millis(500),
        delay: Duration::ZERO,
        live: false,
    };
    let report = run(&mut system, &upstream, &plan);
    let deaths = report.counts.of(Fault::Reload);
    assert_eq!(deaths, plan.reloads, "{report}");
    for fault in [Fault::Refused, Fault::Wrong, Fault::Twice, Fault::Unseen, Fault::Stale] {
        assert_eq!(report.counts.of(fault), 0, "{report}");
    }
    // Each death may cost what was in flight, and the connections that the dead process had.
    let (lasting, all) = (plan.load.lasting() as u64, plan.load.all() as u64);
    assert!(report.counts.of(Fault::Closed) <= deaths * lasting, "{report}");
    assert!(
        report.counts.of(Fault::Lost) <= deaths * (all + 4 * plan.load.pipelined as u64),
        "{report}"
    );
}
