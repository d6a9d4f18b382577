//! New workers that fail, in each phase and in each way: serving is untouched, the caller is told, the
//! next reload works.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use baton_tests::backend::Backend;
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use baton_tests::{Baton, pause, until, until_some};

use crate::fixture::{echo_target, generation, generation_of};

struct Faulty {
    baton: Baton,
    backend: Backend,
    fault: PathBuf,
}

impl Faulty {
    fn start() -> Self {
        let backend = Backend::start(echo_target);
        let starter = Starter::new(&generation(&backend.host(), 1));
        let fault = starter.folder().join("fault");
        fs::write(&fault, "").unwrap();
        let baton =
            starter.environment("BATON_TEST_FAULT_FILE", &fault.display().to_string()).start();
        Self { baton, backend, fault }
    }

    fn next_worker(&self, fault: &str) {
        fs::write(&self.fault, fault).unwrap();
    }

    fn serves(&self, number: u64, when: &str) {
        for _ in 0..5 {
            let answer = Client::connect(self.baton.address()).get("/x");
            assert_eq!(generation_of(&answer.text()), number, "{when}");
        }
    }
}

/// The fault strikes before the commit: the reload fails, nothing changes.
fn check(phase: &str) {
    // A reload that waits for a deadline must not be waited for by everything else.
    for kind in ["exit", "panic", "abort", "kill", "stop", "loop", "hang", "fds", "memory"] {
        let faulty = Faulty::start();
        let mut kept = Client::connect(faulty.baton.address());
        assert_eq!(generation_of(&kept.get("/x").text()), 1);
        let when = format!("{phase}:{kind}");
        faulty.next_worker(&when);
        faulty.baton.write_config(&generation(&faulty.backend.host(), 2));
        let begun = Instant::now();
        let outcome = faulty.baton.try_reload(&[]);
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(40), "{when}: {took:?}");
        match outcome {
            Err(said) => {
                assert!(said.contains("generation") || said.contains("worker"), "{when}: {said}");
                faulty.serves(1, &when);
                assert_eq!(generation_of(&kept.get("/x").text()), 1, "{when}");
            },
            // A worker without free descriptors may still serve what it is given.
            Ok(_) => assert_eq!(kind, "fds", "{when} was committed"),
        }
        faulty.next_worker("");
        faulty.baton.write_config(&generation(&faulty.backend.host(), 3));
        faulty.baton.try_reload(&["--force"]).unwrap_or_else(|said| panic!("{when}, then: {said}"));
        faulty.serves(3, &when);
        assert_eq!(generation_of(&kept.get("/x").text()), 3, "{when}: its connection was lost");
        until(&format!("{when}: the failed worker is gone"), Duration::from_secs(5), || {
            faulty.baton.workers().len() == 1 && faulty.baton.zombies() == 0
        });
    }
}

macro_rules! phases {
    ($($name:ident: $phase:literal,)*) => {
        $(#[test]
        fn $name() {
            check($phase);
        })*
    };
}

phases! {
    a_worker_that_fails_before_it_says_hello_changes_nothing: "hello",
    a_worker_that_fails_while_it_plans_changes_nothing: "plan",
    a_worker_that_fails_while_it_warms_up_changes_nothing: "warm",
    a_worker_that_fails_when_it_is_ready_changes_nothing: "ready",
    a_worker_that_fails_its_probe_changes_nothing: "probe",
    a_worker_that_fails_when_it_shall_accept_changes_nothing: "accept",
}

/// Commits generation 2's configuration with a worker that fails at the first heartbeat after its switch.
fn commit_with_a_fault_to_come(faulty: &Faulty, kind: &str) {
    faulty.next_worker(&format!("bake:{kind}"));
    faulty.baton.write_config(&generation(&faulty.backend.host(), 2));
    // A heartbeat that falls into the switch itself ends the reload instead; the next one is not so unlucky.
    until("a reload commits", Duration::from_secs(20), || faulty.baton.try_reload(&[]).is_ok());
    faulty.next_worker("");
}

/// After the switch connections may have moved to the worker that dies: those are lost with it, others
/// and new ones are not.
#[test]
fn a_worker_that_dies_while_it_takes_connections_is_replaced() {
    for kind in ["exit", "panic", "kill"] {
        let faulty = Faulty::start();
        faulty.next_worker(&format!("handover:{kind}"));
        faulty.baton.write_config(&generation(&faulty.backend.host(), 2));
        let outcome = faulty.baton.try_reload(&[]);
        faulty.next_worker("");
        // With nothing to move it may die right after the commit, and a first request with it.
        let serving = until_some("somebody serves", Duration::from_secs(5), || {
            ask_briefly(&faulty.baton).map(|text| generation_of(&text))
        });
        assert!(serving == 1 || outcome.is_ok(), "{kind}: {outcome:?} but {serving} serves");
        faulty.baton.write_config(&generation(&faulty.backend.host(), 3));
        faulty.baton.try_reload(&["--force"]).unwrap_or_else(|said| panic!("{kind}: {said}"));
        faulty.serves(3, kind);
    }
}

#[test]
fn a_worker_that_dies_of_itself_after_the_commit_is_rolled_back() {
    for kind in ["exit", "panic", "abort"] {
        let faulty = Faulty::start();
        commit_with_a_fault_to_come(&faulty, kind);
        until("generation 1's configuration serves again", Duration::from_secs(5), || {
            Client::try_connect(faulty.baton.address()).is_ok_and(|mut client| {
                client
                    .send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
                    .try_answer()
                    .is_ok_and(|answer| answer.text().starts_with("/g/1/"))
            })
        });
        let said = faulty.baton.status().map(|status| status["last_failure"].to_string());
        assert!(
            said.as_deref().is_some_and(|said| said.len() > 4),
            "{kind}: it is not told: {said:?}"
        );
        let again = faulty.baton.try_reload(&[]);
        assert!(again.is_err(), "{kind}: what was rolled back is refused: {again:?}");
        faulty.baton.try_reload(&["--force"]).unwrap_or_else(|said| panic!("{kind}: {said}"));
        faulty.serves(2, kind);
    }
}

#[test]
fn a_worker_that_hangs_after_the_commit_is_rolled_back() {
    for kind in ["stop", "loop"] {
        let faulty = Faulty::start();
        commit_with_a_fault_to_come(&faulty, kind);
        until("generation 1's configuration serves again", Duration::from_secs(20), || {
            pause(Duration::from_millis(50));
            let worker = faulty.baton.status().map(|status| status["phase"].to_string());
            worker.is_some()
                && ask_briefly(&faulty.baton).is_some_and(|text| text.starts_with("/g/1/"))
        });
    }
}

/// A worker without descriptors answers every heartbeat; that it cannot accept is a failed probe.
#[test]
fn a_worker_that_runs_out_of_descriptors_after_the_commit_is_rolled_back_with_its_connections() {
    let faulty = Faulty::start();
    let mut kept = Client::connect(faulty.baton.address());
    assert_eq!(generation_of(&kept.get("/x").text()), 1);
    commit_with_a_fault_to_come(&faulty, "fds");
    let starved = faulty.baton.serving_worker();
    until("generation 1's configuration serves again", Duration::from_secs(20), || {
        ask_briefly(&faulty.baton).is_some_and(|text| text.starts_with("/g/1/"))
            && faulty.baton.serving_worker() != starved
    });
    assert_eq!(generation_of(&kept.get("/x").text()), 1, "its connection was closed");
    let status = faulty.baton.status().unwrap();
    let said = status["last_failure"].as_str().unwrap_or_default();
    assert!(said.contains("no descriptors to accept with"), "{said}");
    assert!(faulty.baton.try_reload(&[]).is_err(), "what was rolled back is refused");
}

/// A hung worker holds connections, so the answer is not waited for long.
fn ask_briefly(baton: &Baton) -> Option<String> {
    let mut client = Client::try_connect(baton.address()).ok()?;
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    let state = client.state_within(Duration::from_millis(500));
    (state == baton_tests::http::State::More).then(|| client.try_answer().ok())?.map(|a| a.text())
}

#[test]
fn an_invalid_configuration_is_refused_with_file_line_and_pointer() {
    let faulty = Faulty::start();
    let text = fs::read_to_string(faulty.baton.config_path()).unwrap();
    let path = faulty.baton.config_path().display().to_string();
    for (broken, place) in [
        (text.replace("\"60s\"", "\"60 s\""), "timeout"),
        (
            text.replacen("\"no-op\"", "[]", 1).replacen("\"backend\"", "\"no_backend\"", 1),
            "/endpoints/0",
        ),
        (text.replace("\"version\": 3", "\"version\": 2"), "version"),
        (text.replacen('[', "", 1), "krakend.json"),
    ] {
        faulty.baton.write_text(&broken);
        let output = faulty.baton.command("reload", &[]);
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(output.status.code(), Some(255), "{said}");
        assert!(said.contains("krakend.json") || said.contains(&path), "{said}");
        assert!(said.contains(place), "{place} is not named: {said}");
        faulty.serves(1, place);
    }
    assert_eq!(faulty.baton.workers().len(), 1);
}
