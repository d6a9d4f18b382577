//! A provider that is slow, drips or says nothing for seconds: whoever needs a key that is not known waits for it, as in
//! KrakenD, and nobody else does.

use std::time::{Duration, Instant};

use baton_tests::backend::{Backend, Step, answer, ok};
use baton_tests::until::PATIENCE;
use baton_tests::{Baton, until};
use serde_json::json;

use super::{OF_K, OF_K1, OF_NOBODY, Provider, SET_K1, bearer, config, key_set};

/// How long the provider takes.
const SLOW: Duration = Duration::from_secs(3);
/// What nobody exceeds who does not wait for it.
const PROMPT: Duration = Duration::from_secs(2);
/// The keys k1 and k.
const SET_BOTH: &str = r#"{"keys":[
    {"kty":"oct","kid":"k1","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"},
    {"kty":"oct","kid":"k","k":"QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI"}]}"#;

/// Says nothing for long, then all.
fn late(set: &str) -> Vec<Step> {
    [vec![Step::Wait(SLOW)], key_set(set)].concat()
}

/// Begins at once, and takes long to end.
pub(super) fn dripping(set: &str) -> Vec<Step> {
    let whole = answer("200 OK", "Content-Type: application/json\r\n", set);
    let Some(Step::Send(bytes)) = whole.first() else { panic!("{whole:?}") };
    let pieces: Vec<&[u8]> = bytes.chunks(bytes.len().div_ceil(30)).collect();
    let pause = SLOW / u32::try_from(pieces.len()).unwrap();
    pieces.into_iter().flat_map(|piece| [Step::Wait(pause), Step::Send(piece.to_vec())]).collect()
}

/// The status, and that it came without a wait for the provider.
#[track_caller]
pub(super) fn promptly(baton: &Baton, token: &str) -> u16 {
    let begun = Instant::now();
    let status = bearer(baton, token);
    assert!(begun.elapsed() < PROMPT, "{status} after {:?}", begun.elapsed());
    status
}

fn backend() -> Backend {
    Backend::start(|_| ok("{}"))
}

#[test]
fn the_first_request_gets_its_key_however_slowly_it_comes_and_the_next_do_not_wait() {
    for (how, steps) in [("late", late(SET_K1)), ("dripping", dripping(SET_K1))] {
        for caches in [true, false] {
            let (backend, provider) = (backend(), Provider::start(vec![steps.clone()]));
            let settings = json!({ "cache": caches });
            let baton = Baton::start(&config(&backend, &provider.backend.host(), &settings));
            assert_eq!(bearer(&baton, OF_K1), 200, "{how}, cache {caches}");
            for _ in 0..10 {
                assert_eq!(promptly(&baton, OF_K1), 200, "{how}, cache {caches}");
            }
            assert_eq!(provider.asked(), 1, "{how}, cache {caches}");
        }
    }
}

#[test]
fn a_first_request_waits_no_longer_than_its_timeout_and_a_later_one_has_the_key() {
    let (backend, provider) = (backend(), Provider::start(vec![vec![Step::Stall], late(SET_K1)]));
    let mut config = config(&backend, &provider.backend.host(), &json!({ "cache": true }));
    config["timeout"] = json!("1s");
    let baton = Baton::start(&config);
    provider.behave(1);
    assert_eq!(promptly(&baton, OF_K1), 401);
    // The hanging fetch ends by itself, and the next one is slow.
    until("the key is known", 2 * PATIENCE, || promptly(&baton, OF_K1) == 200);
}

#[test]
fn keys_that_are_renewed_slowly_keep_nobody_waiting() {
    for slowly in [late(SET_BOTH), dripping(SET_BOTH)] {
        let (backend, provider) = (backend(), Provider::start(vec![key_set(SET_K1), slowly]));
        let settings = json!({ "cache": true, "cache_duration": 5 });
        let baton = Baton::start(&config(&backend, &provider.backend.host(), &settings));
        assert_eq!((promptly(&baton, OF_K1), provider.asked()), (200, 1));
        provider.behave(1);
        let mut meanwhile = 0;
        until("they are renewed twice", 2 * PATIENCE, || {
            assert_eq!(promptly(&baton, OF_K1), 200);
            meanwhile += usize::from(provider.asked() == 2);
            provider.asked() == 3
        });
        assert!(meanwhile > 10, "{meanwhile} requests while the provider was busy");
        assert_eq!(promptly(&baton, OF_K), 200, "the new key counts");
    }
}

#[test]
fn a_key_that_is_rotated_in_slowly_is_waited_for_by_its_own_token_only() {
    let (backend, provider) =
        (backend(), Provider::start(vec![key_set(SET_K1), dripping(SET_BOTH)]));
    let baton =
        Baton::start(&config(&backend, &provider.backend.host(), &json!({ "cache": true })));
    assert_eq!(promptly(&baton, OF_K1), 200);
    provider.behave(1);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            // Keys that came less than a second ago are believed to be all.
            until("the new key counts", PATIENCE, || bearer(&baton, OF_K) == 200);
            bearer(&baton, OF_NOBODY)
        });
        let mut meanwhile = 0;
        while !waits.is_finished() {
            assert_eq!(promptly(&baton, OF_K1), 200);
            meanwhile += 1;
        }
        assert!(meanwhile > 10, "{meanwhile} requests while the provider was busy");
        assert_eq!(waits.join().unwrap(), 401);
    });
}

#[test]
fn a_slow_provider_holds_up_no_reload_and_no_request_during_one() {
    let modes = vec![key_set(SET_K1), dripping(SET_BOTH), late(SET_BOTH)];
    let (backend, provider) = (backend(), Provider::start(modes));
    let url = provider.backend.host();
    let mut config = config(&backend, &url, &json!({ "cache": true }));
    let baton = Baton::start(&config);
    assert_eq!(promptly(&baton, OF_K1), 200);
    for mode in [1, 2] {
        provider.behave(mode);
        config["name"] = json!(format!("in mode {mode}"));
        std::thread::scope(|scope| {
            let reload = scope.spawn(|| baton.reload_with(&config));
            while !reload.is_finished() {
                assert_eq!(promptly(&baton, OF_K1), 200);
            }
            assert_eq!(reload.join().unwrap()["outcome"]["result"], "committed");
        });
        assert_eq!(promptly(&baton, OF_K1), 200);
    }
    // Another address is another provider: only who needs its keys waits for them.
    let validator = &mut config["endpoints"][0]["extra_config"]["auth/validator"];
    validator["jwk_url"] = json!(format!("{url}/other"));
    assert_eq!(baton.reload_with(&config)["outcome"]["result"], "committed");
    assert_eq!(super::open(&baton), 200);
    assert_eq!((bearer(&baton, OF_K1), promptly(&baton, OF_K)), (200, 200));
}
