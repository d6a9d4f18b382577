//! Far too many reloads at once: one runs, one waits, the last content wins.

use std::time::{Duration, Instant};

use baton_tests::backend::Backend;
use baton_tests::client::Client;
use baton_tests::{Baton, pause, until};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::fixture::{echo_target, generation, generation_of};

/// Ten thousand signals, one per millisecond, and five hundred contents.
#[test]
fn a_storm_of_signals_ends_with_the_last_configuration_in_few_processes() {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    let begun = Instant::now();
    let (mut number, mut most) = (1, 0);
    while begun.elapsed() < Duration::from_secs(10) {
        number += 1;
        baton.write_config(&generation(&backend.host(), number));
        for _ in 0..20 {
            baton.signal(Signal::SIGHUP);
            pause(Duration::from_millis(1));
        }
        most = most.max(baton.processes().len());
    }
    let last = Instant::now();
    let mut client = Client::connect(baton.address());
    until("the last configuration is in force", Duration::from_secs(5), || {
        generation_of(&client.get("/x").text()) == number
    });
    let took = last.elapsed();
    assert!(took < Duration::from_secs(1), "only after {took:?}");
    assert!(most <= 6, "{most} processes at once");
    until("only one worker is left", Duration::from_secs(5), || baton.workers().len() == 1);
}

#[test]
fn callers_at_once_all_get_the_configuration_that_they_asked_for() {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    for number in 2..6 {
        baton.write_config(&generation(&backend.host(), number));
        std::thread::scope(|scope| {
            let callers: Vec<_> = (0..6)
                .map(|_| {
                    scope.spawn(|| {
                        let report = baton.try_reload(&[]);
                        assert!(report.is_ok(), "{report:?}");
                        generation_of(&Client::connect(baton.address()).get("/x").text())
                    })
                })
                .collect();
            for caller in callers {
                assert_eq!(caller.join().unwrap(), number, "stale right after its reload");
            }
        });
    }
}

#[test]
fn a_ninth_drainer_ends_the_oldest_or_waits_but_the_newest_comes_into_force() {
    let backend = Backend::start(|_| vec![baton_tests::backend::Step::Stall]);
    let config = |number| {
        let mut config = generation(&backend.host(), number);
        crate::fixture::merge(&mut config, &json!({ "@baton": { "drain": "2s" } }));
        config
    };
    let baton = Baton::start(&config(1));
    let mut held = Vec::new();
    let mut most = 0;
    for number in 2..14 {
        let mut client = Client::connect(baton.address());
        client.send("GET /slow HTTP/1.1\r\nHost: gw.test\r\n\r\n");
        held.push(client);
        pause(Duration::from_millis(30));
        baton.reload_with(&config(number));
        most = most.max(baton.workers().len());
    }
    assert!(most <= 10, "{most} workers at once");
}
