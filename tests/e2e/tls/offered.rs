//! What is offered, as `openssl s_client` and curl see it: KrakenD's defaults, and what a file asks for.

use std::process::{Command, Stdio};

use baton_tests::backend::ok;
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use baton_tests::tls::{Authority, NAME};
use baton_tests::until;
use baton_tests::until::PATIENCE;
use serde_json::{Value, json};

use super::{Veiled, config};
use crate::fixture::endpoints;

/// What `openssl s_client` says, its alerts too.
fn s_client(veiled: &Veiled, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &veiled.baton.address().to_string()])
        .args(["-CAfile", &veiled.authority.certificate().display().to_string()])
        .args(["-servername", NAME])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    [output.stdout, output.stderr].concat().iter().map(|byte| char::from(*byte)).collect()
}

fn check(veiled: &Veiled, arguments: &[&str], expected: &str) {
    let said = s_client(veiled, arguments);
    assert!(said.contains(expected), "{arguments:?}: no {expected:?} in\n{said}");
}

#[test]
fn by_default_there_is_tls_1_3_alone_with_its_three_suites() {
    let veiled = Veiled::start(&json!({}), |_| ok("x"));
    for suite in
        ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
    {
        let expected = format!("New, TLSv1.3, Cipher is {suite}");
        check(&veiled, &["-ciphersuites", suite], &expected);
    }
    check(&veiled, &[], "Verify return code: 0 (ok)");
    for version in ["-tls1_2", "-tls1_1", "-tls1"] {
        check(&veiled, &[version, "-cipher", "ALL:@SECLEVEL=0"], "Cipher is (NONE)");
    }
    check(&veiled, &["-tls1_2"], "alert protocol version");
    for (group, shown) in [
        ("P-521", "secp521r1"),
        ("P-384", "secp384r1"),
        ("P-256", "prime256v1"),
        ("X25519", "X25519"),
    ] {
        check(&veiled, &["-groups", group], shown);
    }
    check(&veiled, &["-groups", "X448"], "alert handshake failure");
    check(&veiled, &["-alpn", "http/1.1"], "ALPN protocol: http/1.1");
    check(&veiled, &["-alpn", "http/1.1,h2"], "ALPN protocol: h2");
    check(&veiled, &["-alpn", "smtp"], "alert no application protocol");
}

#[test]
fn with_tls_1_2_there_are_krakends_six_suites_and_no_older_version() {
    let veiled = Veiled::start(&json!({ "min_version": "TLS10" }), |_| ok("x"));
    for suite in [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    ] {
        let expected = format!("New, TLSv1.2, Cipher is {suite}");
        check(&veiled, &["-tls1_2", "-cipher", suite], &expected);
    }
    for refused in ["ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"] {
        check(&veiled, &["-tls1_2", "-cipher", refused], "Cipher is (NONE)");
    }
    check(&veiled, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "Cipher is (NONE)");
    check(&veiled, &[], "New, TLSv1.3");
    let said = veiled.baton.log();
    assert!(said.contains("/tls/min_version: TLS10 is not built: it is raised to TLS12"), "{said}");
}

#[test]
fn only_what_a_file_names_is_offered() {
    let tls = json!({
        "min_version": "TLS12", "max_version": "TLS12",
        "curve_preferences": [24], "cipher_suites": [49195, 49196, 47]
    });
    let veiled = Veiled::start(&tls, |_| ok("x"));
    check(&veiled, &["-tls1_3"], "Cipher is (NONE)");
    check(&veiled, &["-tls1_2", "-groups", "P-384"], "secp384r1");
    check(&veiled, &["-tls1_2", "-groups", "P-256"], "Cipher is (NONE)");
    let chacha = "ECDHE-ECDSA-CHACHA20-POLY1305";
    check(&veiled, &["-tls1_2", "-cipher", chacha, "-groups", "P-384"], "Cipher is (NONE)");
    let said = veiled.baton.log();
    assert!(said.contains("/tls/cipher_suites: the suite 47 is not built"), "{said}");
}

#[test]
fn curl_is_answered_and_verifies_what_it_sees() {
    let veiled = Veiled::start(&json!({}), |_| ok("over TLS"));
    let port = veiled.baton.address().port();
    let output = Command::new("curl")
        .args(["-sS", "--noproxy", "*", "--http1.1"])
        .arg("--cacert")
        .arg(veiled.authority.certificate())
        .args(["--resolve", &format!("{NAME}:{port}:127.0.0.1")])
        .arg(format!("https://{NAME}:{port}/all"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "over TLS", "{output:?}");
}

#[test]
fn http_in_clear_text_is_told_where_it_is() {
    let veiled = Veiled::start(&json!({}), |_| ok("x"));
    for request in ["GET /all HTTP/1.1\r\nHost: a\r\n\r\n", "PUT /all HTTP/1.1\r\n\r\n"] {
        let mut client = Client::connect(veiled.baton.address());
        let answer = client.send(request).answer();
        assert_eq!(answer.line, "HTTP/1.0 400 Bad Request");
        assert!(answer.fields.0.is_empty());
        assert_eq!(answer.text(), "Client sent an HTTP request to an HTTPS server.\n");
    }
    until("the log tells it", PATIENCE, || {
        veiled.baton.log().contains("client sent an HTTP request to an HTTPS server")
    });
}

#[test]
fn each_name_gets_its_certificate_and_others_the_first() {
    let authority = Authority::new();
    let one = authority.issue("one");
    let other = authority.issue_for("other", "DNS:*.other.test,DNS:other.test", "serverAuth");
    let backend = baton_tests::backend::Backend::start(|_| ok("x"));
    let tls = json!({ "keys": [one.json(), other.json()] });
    let baton = baton_tests::Baton::start(&config(&one, &tls, endpoints(&backend.host())));
    let subject = |name: &str| {
        let output = Command::new("openssl")
            .args(["s_client", "-connect", &baton.address().to_string(), "-servername", name])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.lines().find(|line| line.starts_with("subject=")).unwrap_or_default().to_owned()
    };
    for (name, expected) in [
        (NAME, "one.gw.test"),
        ("other.test", "other.gw.test"),
        ("a.other.test", "other.gw.test"),
        ("a.b.other.test", "one.gw.test"),
        ("unknown.test", "one.gw.test"),
    ] {
        assert!(subject(name).ends_with(expected), "{name}: {}", subject(name));
    }
}

/// How a start ends that is refused: exit code and what was said.
fn refused(tls: &Value) -> (i32, String) {
    let backend = baton_tests::backend::Backend::start(|_| ok("x"));
    let mut config = endpoints(&backend.host());
    crate::fixture::merge(&mut config, &json!({ "tls": tls }));
    let mut baton = Starter::new(&config).spawn();
    let status = baton.wait_end(std::time::Duration::from_secs(20));
    (status.code().unwrap_or(-1), baton.log())
}

#[test]
fn what_cannot_be_served_is_refused_at_the_start() {
    let authority = Authority::new();
    let (good, other) = (authority.issue("good"), authority.issue("other"));
    let missing = json!({ "public_key": "/no/such.pem", "private_key": good.private });
    let mixed = json!({ "public_key": good.public, "private_key": other.private });
    let no_ca = json!({ "keys": [good.json()], "enable_mtls": true, "ca_certs": ["/no/ca.pem"] });
    for (tls, code, text) in [
        (json!({ "keys": [missing] }), 1, "open /no/such.pem: no such file or directory"),
        (json!({ "keys": [mixed] }), 1, "tls: private key does not match public key"),
        (json!({}), 1, "public key not defined"),
        (json!({ "keys": [{ "public_key": good.public }] }), 1, "private key not defined"),
        (no_ca, 1, "Cannot load certificate CA /no/ca.pem: open /no/ca.pem: no such file"),
        (json!({ "keys": [good.json()], "max_version": "TLS12" }), 255, "below min_version"),
        (json!({ "keys": [good.json()], "curve_preferences": [30] }), 255, "curve_preferences"),
    ] {
        let (found, said) = refused(&tls);
        assert_eq!(found, code, "{tls}: {said}");
        assert!(said.contains(text), "{tls}: no {text:?} in {said}");
        assert!(!said.contains("PRIVATE KEY"), "{said}");
    }
}

#[test]
fn a_block_that_is_switched_off_is_none() {
    let backend = baton_tests::backend::Backend::start(|_| ok("clear"));
    let mut config = endpoints(&backend.host());
    crate::fixture::merge(&mut config, &json!({ "tls": { "disabled": true } }));
    let baton = baton_tests::Baton::start(&config);
    assert_eq!(Client::connect(baton.address()).get("/all").text(), "clear");
}
