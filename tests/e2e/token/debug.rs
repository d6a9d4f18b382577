//! `operation_debug`: why a token is refused stands in the log, in KrakenD's words; the token does not.

use baton_tests::Baton;
use baton_tests::backend::{Backend, Step, answer, ok};
use baton_tests::until;
use baton_tests::until::PATIENCE;
use serde_json::json;

use super::{OF_K, OF_K1, OF_NOBODY, Provider, SET_K1, bearer, config, key_set};

const TAG: &str = "ERROR: [ENDPOINT: /a][JWTValidator] Unable to validate the token: ";

#[track_caller]
fn tells(baton: &Baton, token: &str, text: &str) {
    assert_eq!(bearer(baton, token), 401, "{token}");
    let line = format!("{TAG}{text}\n");
    until(&format!("the log says {line:?}"), PATIENCE, || baton.log().contains(&line));
    assert!(!baton.log().contains(token), "{}", baton.log());
}

#[test]
fn a_refused_token_is_told_in_krakends_words_and_not_shown() {
    let (backend, provider) =
        (Backend::start(|_| ok("{}")), Provider::start(vec![key_set(SET_K1)]));
    let mut config = config(
        &backend,
        &provider.backend.host(),
        &json!({ "cache": true, "operation_debug": true }),
    );
    let baton = Baton::start(&config);
    for (token, text) in [
        ("one.two", "go-jose/go-jose: compact JWS format must have three parts"),
        ("on$.two.three", "illegal base64 data at input byte 2"),
        ("bm9wZQ.e30.AAAA", "invalid character 'o' in literal null (expecting 'u')"),
        (&format!("{OF_K1}xx"), "illegal base64 data at input byte 44"),
        (&OF_K1.replacen(".mzy", ".nzy", 1), "go-jose/go-jose: error in cryptographic primitive"),
        (OF_NOBODY, "no Keys have been found"),
    ] {
        tells(&baton, token, text);
    }
    let validator = &mut config["endpoints"][0]["extra_config"]["auth/validator"];
    validator["operation_debug"] = json!(false);
    assert_eq!(baton.reload_with(&config)["outcome"]["result"], "committed");
    let before = baton.log().matches(TAG).count();
    assert_eq!((bearer(&baton, "quiet"), bearer(&baton, OF_K1)), (401, 200));
    assert_eq!(baton.log().matches(TAG).count(), before);
}

#[test]
fn why_a_provider_gives_no_key_is_told() {
    let modes = vec![
        vec![Step::Close],
        answer("200 OK", "Content-Type: text/html\r\n", SET_K1),
        key_set(r#"{"keys":[]}"#),
        key_set(r#"{"keys":null}"#),
    ];
    let (backend, provider) = (Backend::start(|_| ok("{}")), Provider::start(modes));
    let settings = json!({ "operation_debug": true });
    let url = provider.backend.host();
    for (mode, text) in [
        (0, format!("Get \"{url}\": EOF")),
        (1, "should have a JSON content type for JWKS endpoint".to_owned()),
        (2, "no Keys has been found".to_owned()),
        (3, "no Keys has been found".to_owned()),
    ] {
        provider.behave(mode);
        tells(&Baton::start(&config(&backend, &url, &settings)), OF_K, &text);
    }
    drop(provider);
    let address = url.trim_start_matches("http://");
    let text = format!("Get \"{url}\": dial tcp {address}: connect: connection refused");
    tells(&Baton::start(&config(&backend, &url, &settings)), OF_K, &text);
}
