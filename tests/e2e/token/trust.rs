//! Whom a validator believes when it asks for keys: certificates, pinned keys, suites, redirects, codings.

use baton_tests::Baton;
use baton_tests::backend::{Backend, Step, answer, ok, raw};
use baton_tests::tls::{Authority, Veil};
use serde_json::{Value, json};

use super::{OF_K1, Provider, SET_K1, bearer, config, key_set};

/// A key that nobody has.
const WRONG: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// By IANA's numbers: ECDHE with ECDSA or RSA, AES-128 in GCM; one of TLS 1.3; one without forward secrecy.
const OF_ECDSA: u16 = 0xC02B;
const OF_RSA: u16 = 0xC02F;
const OF_TLS13: u16 = 0x1301;
const UNSAFE: u16 = 0x002F;

/// A provider behind TLS.
struct Secure {
    authority: Authority,
    provider: Provider,
    backend: Backend,
}

impl Secure {
    fn start() -> Self {
        Self {
            authority: Authority::new(),
            provider: Provider::start(vec![key_set(SET_K1)]),
            backend: Backend::start(|_| ok("{}")),
        }
    }

    #[track_caller]
    fn check(&self, front: &Veil, settings: &Value, status: u16) {
        let mut all = json!({ "disable_jwk_security": false });
        all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let baton = Baton::start(&config(&self.backend, &front.host(), &all));
        assert_eq!(bearer(&baton, OF_K1), status, "{settings}");
    }
}

#[test]
fn a_provider_is_believed_by_its_certificate_and_where_keys_are_pinned_by_them_too() {
    let secure = Secure::start();
    let authority = &secure.authority;
    let front = Veil::before(
        secure.provider.backend.address(),
        &authority.server(&authority.issue("provider"), false),
    );
    let known = json!(authority.certificate());
    let pinned = json!([WRONG, authority.fingerprint("provider")]);
    for (settings, status) in [
        (json!({ "jwk_local_ca": known }), 200),
        (json!({}), 401),
        (json!({ "jwk_local_ca": known, "jwk_fingerprints": pinned }), 200),
        (json!({ "jwk_local_ca": known, "jwk_fingerprints": [WRONG] }), 401),
        (json!({ "jwk_fingerprints": pinned }), 401),
        (json!({ "disable_jwk_security": true }), 200),
        (json!({ "disable_jwk_security": true, "jwk_fingerprints": pinned }), 200),
        (json!({ "disable_jwk_security": true, "jwk_fingerprints": [WRONG] }), 401),
    ] {
        secure.check(&front, &settings, status);
    }
    let url = secure.provider.backend.host();
    let baton =
        Baton::start(&config(&secure.backend, &url, &json!({ "jwk_fingerprints": [WRONG] })));
    assert_eq!(bearer(&baton, OF_K1), 200, "in clear text there is no key to pin");
}

#[test]
fn suites_that_are_named_are_those_of_tls_1_2_and_1_3_keeps_its_own() {
    let secure = Secure::start();
    let (authority, provider) = (&secure.authority, &secure.provider);
    let pair = authority.issue("provider");
    let old = Veil::before(provider.backend.address(), &authority.old_server(&pair));
    let new = Veil::before(provider.backend.address(), &authority.server(&pair, false));
    let known = json!(authority.certificate());
    for (suites, by_old, by_new) in [
        (json!([]), 200, 200),
        (json!([OF_ECDSA]), 200, 200),
        (json!([UNSAFE, OF_RSA, OF_ECDSA]), 200, 200),
        (json!([OF_RSA]), 401, 200),
        (json!([OF_RSA, OF_TLS13]), 401, 200),
        (json!([OF_TLS13]), 401, 200),
    ] {
        let settings = json!({ "jwk_local_ca": known, "cipher_suites": suites });
        secure.check(&old, &settings, by_old);
        secure.check(&new, &settings, by_new);
    }
}

#[test]
fn a_redirect_is_followed_but_not_out_of_tls() {
    let secure = Secure::start();
    let location = format!("Location: {}/keys\r\n", secure.provider.backend.host());
    let elsewhere = Backend::start(move |request| match request.word(1) {
        "/within" => answer("302 Found", "Location: /keys\r\n", ""),
        "/keys" => key_set(SET_K1),
        _ => answer("302 Found", &location, ""),
    });
    let authority = &secure.authority;
    let front =
        Veil::before(elsewhere.address(), &authority.server(&authority.issue("provider"), false));
    let ask = |url: String, insecure: bool| {
        let settings =
            json!({ "jwk_local_ca": authority.certificate(), "disable_jwk_security": insecure });
        bearer(&Baton::start(&config(&secure.backend, &url, &settings)), OF_K1)
    };
    assert_eq!(ask(format!("{}/within", front.host()), false), 200);
    assert_eq!(
        elsewhere.last().fields.first("referer"),
        Some(&*format!("{}/within", front.host()))
    );
    assert_eq!(ask(format!("{}/out", front.host()), false), 401);
    assert_eq!(secure.provider.asked(), 0);
    assert_eq!(ask(format!("{}/out", front.host()), true), 200);
    assert_eq!(ask(format!("{}/out", elsewhere.host()), true), 200);
    assert_eq!(secure.provider.backend.last().fields.first("authorization"), None);
}

#[test]
fn keys_may_come_packed_and_with_any_status() {
    let packed = |bytes: &[u8]| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/jwk-set+json\r\n\
             Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        );
        raw([head.as_bytes(), bytes].concat())
    };
    let json = "Content-Type: application/json\r\n";
    for (steps, status) in [
        (packed(PACKED), 200),
        (packed(&PACKED[..PACKED.len() - 9]), 401),
        (packed(SET_K1.as_bytes()), 401),
        (answer("500 Internal Server Error", json, SET_K1), 200),
        (answer("200 OK", json, &format!("{SET_K1} and more")), 200),
        (answer("200 OK", json, SET_K1.trim_end_matches('}')), 401),
        (answer("200 OK", "", SET_K1), 401),
        (vec![Step::Close], 401),
    ] {
        let backend = Backend::start(|_| ok("{}"));
        let provider = Provider::start(vec![steps]);
        let baton = Baton::start(&config(&backend, &provider.backend.host(), &json!({})));
        assert_eq!(bearer(&baton, OF_K1), status);
        let asked = provider.backend.last();
        assert_eq!(asked.fields.first("accept-encoding"), Some("gzip"));
        assert!(
            asked.fields.first("user-agent").is_some_and(|agent| agent.starts_with("KrakenD "))
        );
    }
}

/// The set of k1.
const PACKED: &[u8] = &[
    0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xAB, 0x56, 0xCA, 0x4E, 0xAD, 0x2C,
    0x56, 0xB2, 0x8A, 0xAE, 0x56, 0xCA, 0x2E, 0xA9, 0x54, 0xB2, 0x52, 0xCA, 0x4F, 0x2E, 0x51, 0xD2,
    0x51, 0xCA, 0xCE, 0x4C, 0x01, 0xB2, 0xB3, 0x0D, 0x41, 0x4C, 0x20, 0xC3, 0xD7, 0xC5, 0xB5, 0xD2,
    0xB7, 0x2A, 0xD0, 0xD0, 0x2F, 0x2B, 0xD9, 0xC4, 0x3F, 0xDC, 0x2D, 0x33, 0xD2, 0x28, 0x28, 0x27,
    0x2A, 0xCB, 0xB1, 0xC2, 0x37, 0xCB, 0xD7, 0xC0, 0x2F, 0x24, 0xD2, 0xD8, 0xDF, 0x25, 0x27, 0x23,
    0x32, 0xD7, 0x2F, 0x3B, 0x2A, 0x3C, 0x52, 0xA9, 0x36, 0xB6, 0x16, 0x00, 0x44, 0xAA, 0xA4, 0xCC,
    0x55, 0x00, 0x00, 0x00,
];
