//! What a client with a kept connection notices of a reload.

use std::time::{Duration, Instant};

use baton_tests::backend::{Backend, Step, ok};
use baton_tests::client::Client;
use baton_tests::http::State;
use baton_tests::{Baton, pause};
use serde_json::json;

use crate::fixture::{echo_target, generation, generation_of, merge};

const GET: &str = "GET /x HTTP/1.1\r\nHost: gw.test\r\n\r\n";

struct Pair {
    baton: Baton,
    backend: Backend,
}

fn pair() -> Pair {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    Pair { baton, backend }
}

impl Pair {
    fn reload(&self, number: u64) {
        self.baton.reload_with(&generation(&self.backend.host(), number));
    }

    fn client(&self) -> Client {
        Client::connect(self.baton.address())
    }
}

fn answered_by(client: &mut Client) -> u64 {
    generation_of(&client.answer().text())
}

#[test]
fn a_kept_connection_lives_through_reloads_and_sees_each_new_configuration_at_once() {
    let pair = pair();
    let mut client = pair.client();
    assert_eq!(answered_by(client.send(GET)), 1);
    for number in 2..12 {
        pair.reload(number);
        assert_eq!(answered_by(client.send(GET)), number);
    }
    client.expect_open();
}

#[test]
fn a_new_connection_sees_the_new_configuration() {
    let pair = pair();
    for number in 2..6 {
        pair.reload(number);
        assert_eq!(answered_by(pair.client().send(GET)), number);
    }
}

#[test]
fn a_connection_that_never_asked_is_kept_too() {
    let pair = pair();
    let mut client = pair.client();
    pair.reload(2);
    pair.reload(3);
    assert_eq!(answered_by(client.send(GET)), 3);
}

#[test]
fn half_a_head_cut_at_every_byte_is_completed_after_a_reload() {
    let pair = pair();
    let mut clients: Vec<(usize, Client)> = (1..GET.len()).map(|at| (at, pair.client())).collect();
    for (at, client) in &mut clients {
        client.send(GET.get(..*at).unwrap_or_default());
    }
    pair.reload(2);
    for (at, client) in &mut clients {
        client.send(GET.get(*at..).unwrap_or_default());
        assert_eq!(answered_by(client), 2, "cut at {at}");
        client.expect_open();
    }
}

#[test]
fn half_a_head_lives_through_many_reloads() {
    let pair = pair();
    let mut client = pair.client();
    let mut number = 1;
    for piece in GET.as_bytes().chunks(4) {
        client.send(piece);
        number += 1;
        pair.reload(number);
    }
    let answered = answered_by(&mut client);
    assert!(answered >= number - 1, "{answered} answered, {number} serves");
}

#[test]
fn a_pipeline_cut_at_every_byte_is_answered_in_order() {
    let pair = pair();
    let requests: Vec<String> =
        (0..3).map(|i| format!("GET /x HTTP/1.1\r\nHost: gw.test\r\nX-I: {i}\r\n\r\n")).collect();
    let stream = requests.concat();
    let mut clients: Vec<(usize, Client)> =
        (1..stream.len()).map(|at| (at, pair.client())).collect();
    for (at, client) in &mut clients {
        client.send(stream.get(..*at).unwrap_or_default());
    }
    pair.reload(2);
    for (at, client) in &mut clients {
        client.send(stream.get(*at..).unwrap_or_default());
        let answered: Vec<u64> = (0..3).map(|_| answered_by(client)).collect();
        assert!(answered.is_sorted(), "cut at {at}: {answered:?}");
        // A request that was not begun before the commit belongs to the new configuration.
        let begun_before = requests.iter().scan(0, |start, request| {
            let begun = *start < *at;
            *start += request.len();
            Some(begun)
        });
        for (begun, generation) in begun_before.zip(&answered) {
            assert!(begun || *generation == 2, "cut at {at}: {answered:?}");
        }
    }
    let seen = pair.backend.count();
    assert_eq!(seen, 3 * (stream.len() - 1), "each request exactly once");
}

#[test]
fn followers_of_a_slow_request_in_a_pipeline_are_answered_by_the_new_configuration() {
    let backend = Backend::start(|request| {
        let mut steps = echo_target(request);
        if request.word(1).ends_with("slow") {
            steps.insert(0, Step::Wait(Duration::from_millis(700)));
        }
        steps
    });
    let baton = Baton::start(&generation(&backend.host(), 1));
    let mut client = Client::connect(baton.address());
    client.send("GET /slow HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    baton_tests::until("the slow one is asked", Duration::from_secs(5), || backend.count() == 1);
    client.send(GET);
    baton.reload_with(&generation(&backend.host(), 2));
    client.send(GET);
    assert_eq!(answered_by(&mut client), 1, "begun before");
    assert_eq!(answered_by(&mut client), 2);
    assert_eq!(answered_by(&mut client), 2);
    client.expect_open();
}

#[test]
fn a_head_that_is_never_completed_meets_its_first_deadline_however_often_it_moves() {
    let backend = Backend::start(echo_target);
    let configuration = |number| {
        let mut config = generation(&backend.host(), number);
        merge(&mut config, &json!({ "@baton": { "limits": { "head_timeout": "2s" } } }));
        config
    };
    let baton = Baton::start(&configuration(1));
    let mut client = Client::connect(baton.address());
    let begun = Instant::now();
    client.send("GET /x HTTP/1.1\r\nHost: ");
    for number in 2.. {
        baton.reload_with(&configuration(number));
        if client.state_within(Duration::from_millis(300)) != State::Open {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(6), "each move begins its time anew");
    }
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(1_500), "closed after {took:?}");
}

#[test]
fn an_idle_connection_meets_its_deadline_however_often_it_moves() {
    let backend = Backend::start(echo_target);
    let configuration = |number| {
        let mut config = generation(&backend.host(), number);
        merge(&mut config, &json!({ "idle_timeout": "2s" }));
        config
    };
    let baton = Baton::start(&configuration(1));
    let mut client = Client::connect(baton.address());
    assert_eq!(client.get("/x").status(), 200);
    let begun = Instant::now();
    for number in 2.. {
        baton.reload_with(&configuration(number));
        if client.state_within(Duration::from_millis(300)) != State::Open {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(6), "each move begins its time anew");
    }
    assert!(begun.elapsed() > Duration::from_millis(1_500), "{:?}", begun.elapsed());
}

#[test]
fn a_close_after_a_move_shows_at_once() {
    let pair = pair();
    let mut client = pair.client();
    assert_eq!(answered_by(client.send(GET)), 1);
    for number in 2..6 {
        pair.reload(number);
        let mut client = pair.client();
        assert_eq!(answered_by(client.send(GET)), number);
        pair.reload(number + 100);
        pair.reload(number);
        client.send("GET /x HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n");
        client.answer();
        let begun = Instant::now();
        client.expect_closed(Duration::from_secs(2));
        // A copy of the socket that another process still held would delay the end.
        assert!(begun.elapsed() < Duration::from_millis(150), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_client_that_left_before_the_reload_is_not_missed() {
    let pair = pair();
    for number in 2..8 {
        let clients: Vec<Client> = (0..20).map(|_| pair.client()).collect();
        drop(clients);
        pair.reload(number);
        assert_eq!(answered_by(pair.client().send(GET)), number);
    }
}

#[test]
fn a_client_that_sends_no_more_still_gets_its_answer_over_a_reload() {
    let backend = Backend::start(|request| {
        let mut steps = ok(request.word(1));
        steps.insert(0, Step::Wait(Duration::from_millis(500)));
        steps
    });
    let baton = Baton::start(&generation(&backend.host(), 1));
    let mut client = Client::connect(baton.address());
    client.send(GET).finish_sending();
    baton_tests::until("the request is asked", Duration::from_secs(5), || backend.count() == 1);
    baton.reload_with(&generation(&backend.host(), 2));
    assert_eq!(answered_by(&mut client), 1);
}

#[test]
fn unread_bytes_beyond_64_kib_move_too() {
    let pair = pair();
    let mut client = pair.client();
    let long = "x".repeat(200_000);
    let request = format!("GET /x HTTP/1.1\r\nHost: gw.test\r\nX-A: {long}\r\n\r\n");
    let (first, second) = request.split_at(180_000);
    client.send(first);
    pause(Duration::from_millis(50));
    pair.reload(2);
    client.send(second);
    assert_eq!(answered_by(&mut client), 2);
    let seen = pair.backend.last();
    assert_eq!(seen.fields.first("x-a").map(str::len), Some(200_000));
}

#[test]
fn a_reload_of_the_same_content_is_a_success_and_changes_nothing() {
    let pair = pair();
    let worker = pair.baton.serving_worker();
    let report = pair.baton.reload();
    assert_eq!(report.pointer("/outcome/result"), Some(&json!("unchanged")), "{report}");
    assert_eq!(pair.baton.serving_worker(), worker);
}

#[test]
fn the_report_of_a_reload_says_what_happened() {
    let pair = pair();
    let mut clients: Vec<Client> = (0..30).map(|_| pair.client()).collect();
    for client in &mut clients {
        client.send(GET).answer();
    }
    let report = pair.baton.reload_with(&generation(&pair.backend.host(), 2));
    assert_eq!(report.pointer("/outcome/result"), Some(&json!("committed")), "{report}");
    assert_eq!(report.get("generation"), Some(&json!(2)), "{report}");
    assert!(report.get("moved").and_then(serde_json::Value::as_u64) >= Some(30), "{report}");
    let phases = report.get("phases").and_then(serde_json::Value::as_array);
    assert!(phases.is_some_and(|phases| phases.len() >= 4), "{report}");
}
