//! Limits and breakers over reloads and deaths: neither filled nor emptied.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use baton_tests::backend::{Backend, answer, ok};
use baton_tests::client::Client;
use baton_tests::http::Message;
use baton_tests::{Baton, process, until, until_some};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const RELOADS: usize = 100;
/// Refilled within an hour: during a test nothing comes back.
const HOUR: &str = "1h";
const ALL: usize = 400;
const OF_A_CLIENT: usize = 5;
const CLIENTS: usize = 20;

fn endpoint(path: &str, router: &Value, backend: &Value) -> Value {
    let pattern = path.split('{').next();
    json!({
        "endpoint": path, "output_encoding": "no-op",
        "backend": [{ "url_pattern": pattern, "encoding": "no-op", "extra_config": backend }],
        "extra_config": { "qos/ratelimit/router": router }
    })
}

/// Every kind of limit and a breaker that opens at the first failure; `number` makes it another content.
fn limited(host: &str, number: usize) -> Value {
    let of_all = |capacity: usize| json!({ "max_rate": 1, "capacity": capacity, "every": HOUR });
    let of_client = json!({
        "client_max_rate": 1, "client_capacity": OF_A_CLIENT, "every": HOUR,
        "strategy": "param", "key": "who"
    });
    let of_backend = json!({ "qos/ratelimit/proxy": of_all(ALL) });
    let mut failing = endpoint(
        "/fail",
        &json!({}),
        &json!({
            "qos/circuit-breaker": { "max_errors": 0, "interval": 0, "timeout": 3600, "name": "b",
                                     "log_status_change": true }
        }),
    );
    failing["output_encoding"] = json!("json");
    failing["backend"][0]["encoding"] = json!("json");
    json!({
        "version": 3, "name": format!("number {number}"), "host": [host], "timeout": "10s",
        "extra_config": { "router": { "return_error_msg": true, "disable_access_log": true } },
        "endpoints": [
            endpoint("/all", &of_all(ALL), &json!({})),
            endpoint("/seldom", &of_all(RELOADS * 2), &json!({})),
            endpoint("/client/{who}", &of_client, &json!({})),
            endpoint("/backend", &json!({}), &of_backend),
            failing,
        ]
    })
}

fn backend() -> Backend {
    Backend::start(|request: &Message| match request.word(1) {
        "/fail" => answer("503 X", "", "no"),
        _ => ok("yes"),
    })
}

fn status(client: &mut Client, target: &str) -> u16 {
    client.get(target).status()
}

/// Asks until it is told to stop; how many requests passed.
fn hammer(address: SocketAddr, targets: &[String], stop: &AtomicBool) -> usize {
    let mut client = Client::connect(address);
    let mut passed = 0;
    while !stop.load(Ordering::Relaxed) {
        for target in targets {
            passed += usize::from(status(&mut client, target) == 200);
        }
    }
    passed
}

#[test]
fn over_a_hundred_reloads_limits_are_neither_filled_nor_emptied_and_a_breaker_stays_open() {
    let backend = backend();
    let baton = Baton::start(&limited(&backend.host(), 0));
    let mut client = Client::connect(baton.address());
    assert_eq!(status(&mut client, "/fail"), 500);
    let stop = AtomicBool::new(false);
    let clients: Vec<String> = (0..CLIENTS).map(|client| format!("/client/{client}")).collect();
    let targets = [&["/all".to_owned()][..], &["/backend".to_owned()], &clients];
    let passed: Vec<usize> = std::thread::scope(|scope| {
        // Two of each: together they are what may be in flight.
        let threads: Vec<_> = targets
            .iter()
            .flat_map(|targets| [targets, targets])
            .map(|targets| scope.spawn(|| hammer(baton.address(), targets, &stop)))
            .collect();
        for number in 1..=RELOADS {
            baton.reload_with(&limited(&backend.host(), number));
            assert_eq!(status(&mut client, "/seldom"), 200, "reload {number}");
            let failed = client.get("/fail");
            assert_eq!((failed.status(), &*failed.text()), (500, "circuit breaker is open"));
        }
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let passed: Vec<usize> = passed.chunks(2).map(|pair| pair.iter().sum()).collect();
    assert_eq!(passed, [ALL, ALL, CLIENTS * OF_A_CLIENT]);
    let left = (0..RELOADS * 3).filter(|_| status(&mut client, "/seldom") == 200).count();
    assert_eq!(left, RELOADS, "one was taken per reload");
    let asked = backend.seen().iter().filter(|request| request.word(1) == "/fail").count();
    assert_eq!(asked, 1);
}

#[test]
fn a_killed_worker_takes_no_state_with_it() {
    let backend = backend();
    let baton = Baton::start(&limited(&backend.host(), 0));
    let ask = |target: &str| {
        until_some("an answer", Duration::from_secs(10), || {
            let mut client = Client::try_connect(baton.address()).ok()?;
            client.send(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")).try_answer().ok()
        })
    };
    for _ in 0..OF_A_CLIENT {
        assert_eq!(ask("/client/1").status(), 200);
    }
    (0..ALL).for_each(|_| assert_eq!(ask("/all").status(), 200));
    assert_eq!(ask("/fail").status(), 500);
    for _ in 0..3 {
        let worker = baton.serving_worker();
        process::signal(worker, Signal::SIGKILL);
        until("it is gone", Duration::from_secs(10), || !process::lives(worker));
        assert_eq!(ask("/client/1").status(), 429);
        assert_eq!(ask("/all").status(), 503);
        assert_eq!(ask("/fail").text(), "circuit breaker is open");
    }
    assert_eq!(ask("/client/2").status(), 200);
}

#[test]
fn what_has_other_parameters_begins_anew_and_the_rest_goes_on() {
    let backend = backend();
    let mut config = limited(&backend.host(), 0);
    let baton = Baton::start(&config);
    let mut client = Client::connect(baton.address());
    let mut passes =
        |target: &str| (0..2 * ALL).take_while(|_| status(&mut client, target) == 200).count();
    assert_eq!([passes("/all"), passes("/client/1"), passes("/backend")], [ALL, OF_A_CLIENT, ALL]);
    assert_eq!(passes("/fail"), 0);
    config["endpoints"][0]["extra_config"]["qos/ratelimit/router"]["capacity"] = json!(7);
    config["endpoints"][2]["extra_config"]["qos/ratelimit/router"]["client_capacity"] = json!(2);
    config["endpoints"][4]["backend"][0]["extra_config"]["qos/circuit-breaker"]["timeout"] =
        json!(3601);
    baton.reload_with(&config);
    assert_eq!([passes("/all"), passes("/client/1"), passes("/backend")], [7, 2, 0]);
    let asked =
        |backend: &Backend| backend.seen().iter().filter(|seen| seen.word(1) == "/fail").count();
    assert_eq!(asked(&backend), 1);
    assert_eq!(passes("/fail"), 0);
    assert_eq!(asked(&backend), 2, "the breaker was closed again");
}

#[test]
fn changes_of_a_breaker_are_told_in_krakends_words() {
    let backend = backend();
    let baton = Baton::start(&limited(&backend.host(), 0));
    assert_eq!(Client::connect(baton.address()).get("/fail").status(), 500);
    let line = "WARNING: [CB] Circuit breaker named 'b' went from 'closed' to 'open'";
    until("the line is written", Duration::from_secs(10), || baton.log().contains(line));
}

#[test]
fn the_limit_of_the_service_is_one_for_all_endpoints_and_not_for_health() {
    let backend = backend();
    let mut config = limited(&backend.host(), 0);
    config["extra_config"]["qos/ratelimit/service"] =
        json!({ "max_rate": 1, "capacity": 4, "every": HOUR });
    let baton = Baton::start(&config);
    let mut client = Client::connect(baton.address());
    let targets = ["/all", "/seldom", "/__health", "/client/1", "/backend", "/all", "/__health"];
    let answered = targets.map(|target| status(&mut client, target));
    assert_eq!(answered, [200, 200, 200, 200, 200, 503, 200]);
}

/// Requests of as many clients as there are; each is counted for itself and refused for all, so no backend
/// is asked.
#[test]
fn a_million_clients_cost_less_than_a_hundred_megabytes() {
    const COUNT: usize = 1_000_000;
    const AT_ONCE: usize = 500;
    let backend = backend();
    let mut config = limited(&backend.host(), 0);
    config["endpoints"][0]["extra_config"]["qos/ratelimit/router"] = json!({
        "max_rate": 1, "capacity": 1, "every": HOUR,
        "client_max_rate": 1, "client_capacity": 2, "strategy": "param", "key": "who"
    });
    config["endpoints"][0]["endpoint"] = json!("/all/{who}");
    let baton = Baton::start(&config);
    let idle = memory_kib(&baton);
    let begun = Instant::now();
    let send = |part: usize| {
        let mut client = Client::connect(baton.address());
        for first in (part..COUNT).step_by(2 * AT_ONCE) {
            let numbers = (first..COUNT).step_by(2).take(AT_ONCE);
            let requests = numbers
                .clone()
                .map(|client| format!("GET /all/{client} HTTP/1.1\r\nHost: h\r\n\r\n"));
            client.send(requests.collect::<String>());
            numbers.for_each(|_| assert!(matches!(client.answer().status(), 200 | 503)));
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| send(1));
        send(0);
        other.join().unwrap();
    });
    let full = memory_kib(&baton);
    let took = begun.elapsed();
    assert!(full < 100_000, "{idle} KiB idle, {full} KiB with {COUNT} clients, after {took:?}");
    assert!(full - idle > 20_000, "the clients are not counted: {idle} KiB, {full} KiB");
    let mut client = Client::connect(baton.address());
    let seen_before: Vec<u16> = (0..COUNT)
        .step_by(COUNT / 100)
        .map(|who| {
            assert_eq!(status(&mut client, &format!("/all/{who}")), 503);
            status(&mut client, &format!("/all/{who}"))
        })
        .collect();
    assert!(seen_before.iter().all(|status| *status == 429), "{seen_before:?}");
}

/// What all processes take together, shared pages once.
fn memory_kib(baton: &Baton) -> u64 {
    baton.processes().iter().map(|process| process::pss_kib(process.pid)).sum()
}
