//! `validation/cel`: what is evaluated, when, and what is told of it.

use baton_tests::Baton;
use baton_tests::backend::{Backend, ok};
use baton_tests::client::Client;
use baton_tests::until;
use baton_tests::until::PATIENCE;
use serde_json::{Value, json};

use super::{OF_K1, Provider, SET_K1, bearer, config, key_set};

fn guarded(backend: &Backend, expressions: &[&str]) -> Value {
    let checks: Vec<Value> = expressions.iter().map(|text| json!({ "check_expr": text })).collect();
    json!({
        "endpoints": [{
            "endpoint": "/a",
            "backend": [{ "url_pattern": "/b", "host": [backend.host()] }],
            "extra_config": { "validation/cel": checks }
        }]
    })
}

fn status(baton: &Baton) -> u16 {
    Client::connect(baton.address()).get("/a").status()
}

#[test]
fn a_remembered_token_is_held_against_the_clock_each_time() {
    let (backend, provider) =
        (Backend::start(|_| ok("{}")), Provider::start(vec![key_set(SET_K1)]));
    let mut config = config(&backend, &provider.backend.host(), &json!({ "cache": true }));
    let check = "JWT.sub == 'u1' && timestamp(now).getSeconds() % 2 == 0";
    config["endpoints"][0]["extra_config"]["validation/cel"] = json!([{ "check_expr": check }]);
    let baton = Baton::start(&config);
    for (status, what) in [(200, "it holds"), (401, "it does not"), (200, "it holds again")] {
        until(what, PATIENCE, || bearer(&baton, OF_K1) == status);
    }
    let line = "[ENDPOINT: /a][CEL] Rejecter #0 result: false";
    until("it is told", PATIENCE, || baton.log().contains(line));
}

#[test]
fn what_is_not_evaluated_is_told_with_its_place_and_what_is_in_krakends_words() {
    let backend = Backend::start(|_| ok(r#"{"id":1}"#));
    let baton =
        Baton::start(&guarded(&backend, &["req_params.Id == 1", "1 < 2", "req_method == 'PUT'"]));
    let log = baton.log();
    for told in [
        "/endpoints/0/extra_config/validation~1cel/0/check_expr",
        "found no matching overload for '_==_' applied to '(string, int)'",
        "/endpoints/0/extra_config/validation~1cel/1",
        "it names no variable but `now`",
    ] {
        assert!(log.contains(told), "{told}\n{log}");
    }
    assert_eq!((status(&baton), backend.count()), (500, 0));
    // Those that are dropped have no number.
    let line = "[ENDPOINT: /a][CEL][pre] Evaluator #0 result: false";
    until("it is told", PATIENCE, || baton.log().contains(line));
}

#[test]
fn a_reload_brings_other_expressions() {
    let backend = Backend::start(|_| ok(r#"{"id":1}"#));
    let baton = Baton::start(&guarded(&backend, &["resp_data.id == '1'"]));
    assert_eq!(status(&baton), 200);
    let other = guarded(&backend, &["resp_data.id == '1'", "resp_data.id == '2'"]);
    assert_eq!(baton.reload_with(&other)["outcome"]["result"], "committed");
    assert_eq!(status(&baton), 500);
}
