//! `jwk_url`: no provider holds anybody up, and none is asked more than it must be.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use baton_tests::backend::{Backend, Step, answer, ok, raw};
use baton_tests::until::PATIENCE;
use baton_tests::{Baton, process, until};
use nix::sys::signal::Signal;
use serde_json::json;

use super::{OF_K, OF_K1, OF_NOBODY, Provider, SET_K, SET_K1, bearer, config, key_set, open};

/// No wait of a request is longer, with room for a busy machine.
const PROMPT: Duration = Duration::from_secs(4);

/// Levels of a document that no reader may follow.
const DEEP: usize = 100_000;

fn backend() -> Backend {
    Backend::start(|_| ok("{}"))
}

#[test]
fn keys_are_there_before_the_first_request_and_no_request_asks_for_them() {
    let (backend, provider) = (backend(), Provider::start(vec![key_set(SET_K1)]));
    let baton =
        Baton::start(&config(&backend, &provider.backend.host(), &json!({ "cache": true })));
    assert_eq!(provider.asked(), 1);
    for _ in 0..20 {
        assert_eq!(bearer(&baton, OF_K1), 200);
    }
    assert_eq!(provider.asked(), 1);
}

#[test]
fn a_provider_that_is_down_or_hangs_harms_nobody_whose_key_is_known_not_even_over_a_reload() {
    let modes = vec![key_set(SET_K1), vec![Step::Close], vec![Step::Stall]];
    let (backend, provider) = (backend(), Provider::start(modes));
    let mut config = config(&backend, &provider.backend.host(), &json!({ "cache": true }));
    let baton = Baton::start(&config);
    assert_eq!(bearer(&baton, OF_K1), 200);
    for mode in [1, 2] {
        provider.behave(mode);
        let begun = Instant::now();
        config["name"] = json!(format!("in mode {mode}"));
        assert_eq!(baton.reload_with(&config)["outcome"]["result"], "committed");
        assert_eq!(bearer(&baton, OF_K1), 200);
        // A worker that dies takes no key along either.
        let generation = baton.generation();
        process::signal(baton.serving_worker(), Signal::SIGKILL);
        until("another worker serves", PATIENCE, || open_now(&baton));
        assert_eq!((bearer(&baton, OF_K1), baton.generation()), (200, generation));
        assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    }
}

fn open_now(baton: &Baton) -> bool {
    baton_tests::client::Client::try_connect(baton.address()).is_ok()
}

#[test]
fn a_rotated_key_is_seen_and_the_old_one_goes() {
    let (backend, provider) = (backend(), Provider::start(vec![key_set(SET_K1), key_set(SET_K)]));
    let baton =
        Baton::start(&config(&backend, &provider.backend.host(), &json!({ "cache": true })));
    assert_eq!((bearer(&baton, OF_K1), bearer(&baton, OF_K)), (200, 401));
    provider.behave(1);
    until("the new key counts", PATIENCE, || bearer(&baton, OF_K) == 200);
    assert_eq!(bearer(&baton, OF_K1), 401);
}

#[test]
fn unknown_keys_are_asked_for_once_a_second_at_most_and_never_again_within_the_cooldown() {
    let (backend, provider) = (backend(), Provider::start(vec![key_set(SET_K1)]));
    let url = provider.backend.host();
    let baton = Baton::start(&config(&backend, &url, &json!({ "cache": true })));
    let begun = Instant::now();
    for _ in 0..200 {
        assert_eq!(bearer(&baton, OF_NOBODY), 401);
    }
    let most = 2 + usize::try_from(begun.elapsed().as_secs()).unwrap();
    assert!(provider.asked() <= most, "{} in {:?}", provider.asked(), begun.elapsed());
    drop(baton);
    let settings = json!({ "cache": true, "failed_jwk_key_cooldown": "1h" });
    let baton = Baton::start(&config(&backend, &url, &settings));
    let before = provider.asked();
    until("it was asked for once", PATIENCE, || {
        bearer(&baton, OF_NOBODY) == 401 && provider.asked() > before
    });
    let asked = provider.asked();
    let second = Instant::now();
    until("a second passes", PATIENCE, || second.elapsed() > Duration::from_millis(1_200));
    assert_eq!((bearer(&baton, OF_NOBODY), provider.asked()), (401, asked));
}

#[test]
fn no_token_chooses_who_is_asked() {
    let (backend, provider) = (backend(), Provider::start(vec![key_set(SET_K1)]));
    let evil = Backend::start(|_| key_set(SET_K1));
    let baton =
        Baton::start(&config(&backend, &provider.backend.host(), &json!({ "cache": true })));
    for name in ["jku", "x5u", "kid", "iss"] {
        let header = format!(r#"{{"alg":"HS256","{name}":"{}/keys"}}"#, evil.host());
        let token = format!("{}.e30.AAAA", BASE64_URL_SAFE_NO_PAD.encode(header.as_bytes()));
        assert_eq!(bearer(&baton, &token), 401, "{name}");
    }
    assert_eq!(evil.connections(), 0);
}

#[test]
fn whatever_a_token_is_it_is_a_401_and_nobody_is_asked_for_its_sake() {
    let (backend, provider) = (backend(), Provider::start(vec![key_set(SET_K1)]));
    let baton =
        Baton::start(&config(&backend, &provider.backend.host(), &json!({ "cache": true })));
    let [_, claims, signature] = *OF_K1.split('.').collect::<Vec<_>>() else { panic!() };
    let deep = "[".repeat(DEEP);
    let headers = [
        r#"{"alg":"none","kid":"k1"}"#,
        r#"{"alg":"RS256","kid":"k1"}"#,
        r#"{"alg":"HS256","alg":"HS256","kid":"k1"}"#,
        r#"{"alg":"HS256","kid":"k1","crit":[]}"#,
        r#"{"alg":"HS256","kid":"k1","jwk":{"kty":"oct","k":"AAAA"}}"#,
        r#"{"alg":"HS256","kid":null}"#,
        r#"{"alg":"HS256","kid":1}"#,
        r#"{"alg":"HS256","kid":["k1"]}"#,
        r#"{"alg":"HS256","kid":{"$gt":""}}"#,
        "null",
        "[]",
        "",
        &deep,
        &format!(r#"{{"alg":"HS256","kid":"k1","a":{}"#, "[".repeat(10_000)),
    ];
    for header in headers {
        let header = BASE64_URL_SAFE_NO_PAD.encode(header.as_bytes());
        for rest in ["", &format!("{claims}."), &format!("{claims}.{signature}")] {
            assert_eq!(bearer(&baton, &format!("{header}.{rest}")), 401, "{header:.90}");
        }
    }
    for deep in [10_000, 80_000, DEEP]
        .map(|levels| BASE64_URL_SAFE_NO_PAD.encode("[".repeat(levels).as_bytes()))
    {
        assert_eq!(bearer(&baton, &format!("{deep}.{deep}.{deep}")), 401);
    }
    assert_eq!(bearer(&baton, &"a".repeat(1_000_000)), 401);
    assert_eq!((bearer(&baton, OF_K1), backend.count(), provider.asked()), (200, 1, 1));
}

/// What a provider may do instead of its work.
fn lies() -> Vec<(&'static str, Vec<Step>)> {
    let redirect = answer("302 Found", "Location: /again\r\n", "");
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    let huge = [
        raw(format!("{head}Content-Length: 104857600\r\n\r\n{{\"keys\":[")),
        std::iter::repeat_n(Step::Send(vec![b' '; 1 << 20]), 100).collect(),
    ];
    let drip =
        std::iter::repeat_n([Step::Send(b" ".to_vec()), Step::Wait(Duration::from_secs(1))], 60);
    let endless =
        [raw(format!("{head}Transfer-Encoding: chunked\r\n\r\n")), drip.flatten().collect()];
    let deep = "[".repeat(DEEP);
    vec![
        ("hangs", vec![Step::Stall]),
        ("resets", vec![Step::Reset]),
        ("redirects in circles", redirect),
        ("sends 100 MB", huge.concat()),
        ("never ends", endless.concat()),
        ("sends no JSON", key_set("nope")),
        ("sends the wrong type", answer("200 OK", "Content-Type: text/plain\r\n", SET_K1)),
        ("sends a list", key_set("[]")),
        ("sends a list of great depth", key_set(&deep)),
        ("hides one in a key", key_set(&SET_K1.replace("}]", &format!(r#","a":{deep}}}]"#)))),
        ("names its key by a list", key_set(&SET_K1.replace(r#""k1""#, r#"["k1"]"#))),
        ("names its key by nothing", key_set(&SET_K1.replace(r#""k1""#, "null"))),
    ]
}

#[test]
fn a_provider_that_lies_or_never_ends_is_a_401_in_good_time_and_no_concern_of_others() {
    for (name, steps) in lies() {
        let (backend, provider) = (backend(), Provider::start(vec![steps]));
        let mut config = config(&backend, &provider.backend.host(), &json!({}));
        config["timeout"] = json!("2s");
        let baton = Baton::start(&config);
        let begun = Instant::now();
        assert_eq!(bearer(&baton, OF_K1), 401, "{name}");
        assert!(begun.elapsed() < PROMPT, "{name}: {:?}", begun.elapsed());
        assert_eq!(open(&baton), 200, "{name}");
        let most = if name.starts_with("redirects") { 40 } else { 4 };
        assert!(provider.asked() <= most, "{name}: asked {} times", provider.asked());
        let worker = baton.serving_worker();
        assert!(process::rss_kib(worker) < 150 << 10, "{name}: {} KiB", process::rss_kib(worker));
    }
}

#[test]
fn a_provider_that_begins_to_lie_takes_no_good_key_away_and_lets_nobody_in() {
    // A set of no key, or of one without a name, is a set: the others are gone.
    let lies = lies().into_iter().filter(|(name, _)| !name.starts_with("names"));
    std::thread::scope(|scope| {
        for (name, steps) in lies {
            scope.spawn(move || {
                let (backend, provider) =
                    (backend(), Provider::start(vec![key_set(SET_K1), steps]));
                let settings = json!({ "cache": true });
                let mut config = config(&backend, &provider.backend.host(), &settings);
                config["timeout"] = json!("2s");
                let baton = Baton::start(&config);
                assert_eq!(bearer(&baton, OF_K1), 200, "{name}");
                provider.behave(1);
                until("it is asked again", PATIENCE, || {
                    assert_eq!(bearer(&baton, OF_K), 401, "{name}");
                    provider.asked() > 1
                });
                let begun = Instant::now();
                assert_eq!((bearer(&baton, OF_K1), bearer(&baton, OF_K)), (200, 401), "{name}");
                assert!(begun.elapsed() < PROMPT, "{name}: {:?}", begun.elapsed());
            });
        }
    });
}
