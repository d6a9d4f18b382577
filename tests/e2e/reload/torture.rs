//! Everything at once, in the size of a test: `baton-torture` does the same for as long as one likes.

use std::time::Duration;

use baton_tests::process;
use baton_tests::torture::systems::{BatonSystem, Peer, PeerKind, Sides};
use baton_tests::torture::tally::Fault;
use baton_tests::torture::{Load, Plan, Protocol, Report, Shape, Upstream, run};

fn plan(reloads: u64, delay_ms: u64) -> Plan {
    Plan {
        load: Load { keep_alive: 100, steady: Duration::from_millis(500), ..Load::default() },
        reloads,
        every: Duration::from_millis(50),
        delay: Duration::from_millis(delay_ms),
        live: false,
    }
}

fn check(plan: &Plan, shape: Shape) {
    check_with(&Upstream::start(), plan, shape, Sides::default());
}

fn check_with(upstream: &Upstream, plan: &Plan, shape: Shape, sides: Sides) -> Report {
    let mut system = BatonSystem::start(upstream.address(), shape, sides);
    let full_queues = process::full_queues();
    let report = run(&mut system, upstream, plan);
    assert!(report.is_clean(), "{report}");
    if process::full_queues() != full_queues {
        let dropped = process::dropped_by_listeners(system.baton().address().port());
        assert_eq!(dropped.unwrap_or(0), 0, "the queue of a listening socket was full: {report}");
    }
    assert_eq!(report.counts.commits, plan.reloads, "{report}");
    // A generation that bakes keeps what a rollback to the one before it would need: a template has more sources.
    let kept = if shape == Shape::Features { 10 } else { 4 };
    assert!(report.after.descriptors <= report.before.descriptors + kept, "{report}");
    assert_eq!(report.after.zombies, 0, "{report}");
    assert!(report.after.workers <= 2, "{report}");
    report
}

#[test]
fn a_hundred_reloads_under_every_kind_of_client_lose_nothing() {
    check(&plan(100, 0), Shape::Stream(0));
}

#[test]
fn with_five_milliseconds_of_delay_each_way_nothing_is_lost_either() {
    check(&plan(50, 5), Shape::Stream(0));
}

#[test]
fn over_http2_no_stream_is_lost_and_none_is_answered_by_what_was_before() {
    let mut plan = plan(60, 0);
    plan.load = Load { keep_alive: 30, ..plan.load }.over_http2();
    check(&plan, Shape::Stream(0));
    plan.reloads = 20;
    plan.delay = Duration::from_millis(5);
    check(&plan, Shape::Stream(0));
}

#[test]
fn backends_that_are_asked_in_http2_see_each_request_once_though_they_end_connections() {
    let sides = Sides { tls: false, backends: Protocol::Http2 };
    let mut plan = plan(40, 0);
    check_with(&Upstream::start(), &plan, Shape::Stream(0), sides);
    plan.reloads = 20;
    plan.load.keep_alive = 50;
    check_with(&Upstream::start(), &plan, Shape::Combine, sides);
}

#[test]
fn merged_chained_and_shadowed_calls_survive_reloads_and_each_shadow_comes_once() {
    let mut plan = plan(30, 0);
    plan.load.keep_alive = 50;
    check(&plan, Shape::Combine);
}

#[test]
fn saved_templates_lose_nothing_behind_caches_limits_breakers_scripts_and_cors() {
    let upstream = Upstream::start();
    let mut plan = plan(30, 0);
    plan.load.keep_alive = 50;
    let report = check_with(&upstream, &plan, Shape::Features, Sides::default());
    let fixed = upstream.fixed();
    assert!(fixed >= plan.reloads, "caches kept answers of another configuration: {fixed}");
    assert!(fixed < report.counts.requests / 2, "nothing was cached: {fixed} of {report}");
}

#[test]
fn the_torture_notices_what_a_gateway_does_wrong() {
    let upstream = Upstream::start();
    let found = ["/usr/sbin/nginx", "/usr/bin/nginx"];
    if !found.iter().any(|path| std::path::Path::new(path).exists()) {
        return; // the detector is tested wherever a gateway that loses is installed
    }
    let mut system = Peer::start(PeerKind::Nginx, upstream.address());
    let mut plan = plan(5, 5);
    plan.every = Duration::from_millis(200);
    let report = run(&mut system, &upstream, &plan);
    for fault in [Fault::Lost, Fault::Closed, Fault::Stale] {
        assert!(report.counts.of(fault) > 0, "no {fault:?} was noticed: {report}");
    }
    for fault in [Fault::Wrong, Fault::Twice, Fault::Unseen, Fault::Refused] {
        assert_eq!(report.counts.of(fault), 0, "{report}");
    }
}
