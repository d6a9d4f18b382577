//! What is left over after many reloads: nothing.

use std::time::Duration;

use baton_tests::backend::Backend;
use baton_tests::client::Client;
use baton_tests::{Baton, pause, process, until};

use crate::fixture::{echo_target, generation, generation_of};

/// The descriptors of a process that is at rest: the fewest within a while, since a copy of the
/// configuration may just be written, a dead worker just be waited for.
fn settled(pid: u32) -> Vec<String> {
    let samples = (0..40).map(|_| {
        pause(Duration::from_millis(20));
        process::descriptor_targets(pid)
    });
    samples.min_by_key(Vec::len).unwrap_or_default()
}

#[test]
fn descriptors_memory_and_processes_stay_level_over_many_reloads() {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    let mut clients: Vec<Client> = (0..50).map(|_| Client::connect(baton.address())).collect();
    let mut reload = |number: u64| {
        baton.reload_with(&generation(&backend.host(), number));
        for client in clients.iter_mut().step_by(10) {
            assert_eq!(generation_of(&client.get("/x").text()), number);
        }
    };
    for number in 2..20 {
        reload(number);
    }
    until("one worker is left", Duration::from_secs(5), || baton.workers().len() == 1);
    let supervisor = baton.pid();
    let before = (settled(supervisor), process::rss_kib(supervisor));
    for number in 20..170 {
        reload(number);
    }
    until("one worker is left", Duration::from_secs(5), || baton.workers().len() == 1);
    let after = (settled(supervisor), process::rss_kib(supervisor));
    assert_eq!(before.0.len(), after.0.len(), "{:?}\n{:?}", before.0, after.0);
    let grown = after.1.saturating_sub(before.1);
    assert!(grown < 1_024, "the supervisor grew by {grown} KiB");
    let whole = process::rss_all_kib(supervisor);
    assert!(whole < 40 * 1_024, "{whole} KiB in a debug build");
    assert_eq!(baton.zombies(), 0);
    let status = baton.status().unwrap();
    assert_eq!(status["pid"], supervisor, "the supervisor is the same process for ever");
}

#[test]
fn a_worker_has_only_descriptors_that_it_was_given() {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    let first = process::descriptors(baton.serving_worker());
    for number in 2..12 {
        baton.reload_with(&generation(&backend.host(), number));
    }
    until("one worker is left", Duration::from_secs(5), || baton.workers().len() == 1);
    let worker = baton.serving_worker();
    let last = process::descriptors(worker);
    assert!(last <= first + 2, "{first}, then {last}: {:?}", process::descriptor_targets(worker));
}

#[test]
fn a_worker_has_no_powers_and_can_write_nowhere() {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    let worker = baton.serving_worker();
    let status = std::fs::read_to_string(format!("/proc/{worker}/status")).unwrap();
    let value = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit('\t').next().unwrap().trim().to_owned()
    };
    assert_eq!(value("NoNewPrivs:"), "1");
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(value(set).trim_start_matches('0'), "", "{set}");
    }
    // Sockets, pipes, memory and what the kernel makes; no file but where its words go.
    let words = baton.folder().join("log").display().to_string();
    let files = process::descriptor_targets(worker).into_iter();
    let files: Vec<_> = files.filter(|target| target.starts_with('/')).collect();
    let is_memory = |target: &String| {
        target.starts_with("/memfd:") || target == "/dev/null" || *target == words
    };
    assert!(files.iter().all(is_memory), "{files:?}");
}

#[test]
fn refused_reloads_leave_nothing_behind() {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    let supervisor = baton.pid();
    baton.write_text("{");
    assert!(baton.try_reload(&[]).is_err());
    until("one worker is left", Duration::from_secs(5), || baton.workers().len() == 1);
    let before = settled(supervisor);
    for _ in 0..30 {
        assert!(baton.try_reload(&[]).is_err());
    }
    until("one worker is left", Duration::from_secs(5), || baton.workers().len() == 1);
    let after = settled(supervisor);
    assert_eq!(before.len(), after.len(), "{before:?}\n{after:?}");
    assert_eq!(baton.zombies(), 0);
}
