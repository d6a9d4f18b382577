//! What clients can do over TLS: everything that they can do without, and certificates of their own.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use baton_tests::backend::{Backend, ok, raw};
use baton_tests::h2::{Raw, kind};
use baton_tests::tls::{Authority, NAME, Pair, Veil};
use baton_tests::{Baton, until};
use serde_json::{Value, json};

use super::{Veiled, config};
use crate::fixture::{echo_target, endpoints};

#[test]
fn requests_are_read_as_strictly_as_in_clear_text() {
    let veiled = Veiled::start(&json!({}), |_| ok("x"));
    for (request, status) in [
        ("GET /all HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("GET /all HTTP/1.1\r\n\r\n", 400),
        ("GET /all HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET /all#f HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (
            "POST /all HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        ("POST /all HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501),
    ] {
        let answer = veiled.client().send(request).answer();
        assert_eq!(answer.status(), status, "{request:?}");
    }
    assert_eq!(veiled.backend.seen().len(), 1);
}

#[test]
fn a_connection_is_kept_and_pipelined_requests_are_answered_in_order() {
    let veiled = Veiled::start(&json!({}), echo_target);
    let mut client = veiled.client();
    client.send("GET /path/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /path/2 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().text(), "/b/1/end");
    assert_eq!(client.answer().text(), "/b/2/end");
    client.send("GET /pa").send("th/3 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer().text(), "/b/3/end");
}

#[test]
fn large_bodies_pass_both_ways() {
    let body = "0123456789abcdef".repeat(200_000);
    let answer = body.clone();
    let veiled = Veiled::start(&json!({}), move |_| ok(&answer));
    let length = body.len();
    let mut client = veiled.client();
    let head = format!("POST /all HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    client.send(head).send(&body);
    assert!(client.answer().text() == body, "the answer is another");
    assert!(veiled.backend.seen()[0].body == body.as_bytes(), "the backend got another body");
}

#[test]
fn a_client_that_says_nothing_more_still_gets_its_answer() {
    let veiled = Veiled::start(&json!({}), |_| ok("last"));
    let mut client = veiled.client();
    client.send("GET /all HTTP/1.1\r\nHost: a\r\n\r\n").finish_sending();
    assert_eq!(client.answer().text(), "last");
    client.expect_closed(Duration::from_secs(2));
}

#[test]
fn a_hundred_continue_is_told() {
    let veiled = Veiled::start(&json!({}), |_| ok("x"));
    let mut client = veiled.client();
    client
        .send("POST /all HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.answer().status(), 100);
    assert_eq!(client.send("abc").answer().status(), 200);
}

#[test]
fn an_answer_that_breaks_off_is_no_whole_one() {
    let cut = raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    let veiled = Veiled::start(&json!({}), move |_| {
        [cut.clone(), vec![baton_tests::backend::Step::Close]].concat()
    });
    let mut client = veiled.client();
    client.send("GET /all HTTP/1.1\r\nHost: a\r\n\r\n");
    let answer = client.try_answer();
    let is_cut = |answer: &baton_tests::http::Message| {
        answer.framing == baton_tests::http::Framing::Cut || answer.status() >= 500
    };
    assert!(answer.as_ref().map_or(true, is_cut), "{answer:?}");
}

#[test]
fn a_handshake_that_does_not_come_is_not_waited_for() {
    let timeouts = json!({ "read_header_timeout": "700ms" });
    let (authority, backend) = (Authority::new(), Backend::start(|_| ok("x")));
    let pair = authority.issue("gw");
    let mut file = config(&pair, &json!({}), endpoints(&backend.host()));
    crate::fixture::merge(&mut file, &timeouts);
    let baton = Baton::start(&file);
    for begin in [&b""[..], &[0x16, 3, 1, 2, 0, 1]] {
        let mut socket = TcpStream::connect(baton.address()).unwrap();
        socket.write_all(begin).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let begun = Instant::now();
        let mut rest = Vec::new();
        let _reset_or_end = std::io::Read::read_to_end(&mut socket, &mut rest);
        let took = begun.elapsed();
        assert!(took > Duration::from_millis(500), "{took:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
    until("both are told of", Duration::from_secs(5), || {
        baton.log().matches("i/o timeout").count() == 2
    });
}

/// What a client with this certificate gets: the body, or what openssl says.
fn ask(baton: &Baton, authority: &Authority, own: Option<&Pair>, version: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-connect", &baton.address().to_string(), version]).args([
        "-CAfile",
        &authority.certificate().display().to_string(),
        "-servername",
        NAME,
    ]);
    if let Some(own) = own {
        command.arg("-cert").arg(&own.public).arg("-key").arg(&own.private);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let request = "GET /all HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let mut input = child.stdin.take().unwrap();
    // It may have been refused already.
    drop(input.write_all(request.as_bytes()));
    let output = child.wait_with_output().unwrap();
    drop(input);
    [output.stdout, output.stderr].concat().iter().map(|byte| char::from(*byte)).collect()
}

fn mtls(tls: &Value) -> (Authority, Authority, Pair, Baton, Backend) {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let backend = Backend::start(|_| ok("known"));
    let pair = authority.issue("gw");
    let mut block = json!({
        "enable_mtls": true, "min_version": "TLS12",
        "ca_certs": [authority.certificate()]
    });
    crate::fixture::merge(&mut block, tls);
    let baton = Baton::start(&config(&pair, &block, endpoints(&backend.host())));
    (authority, strangers, pair, baton, backend)
}

#[test]
fn with_mtls_only_those_come_in_whom_somebody_vouches_for() {
    for tls in [json!({}), json!({ "disable_system_ca_pool": true })] {
        let (authority, strangers, gateway, baton, backend) = mtls(&tls);
        let known = authority.issue("client");
        let server_only = authority.issue_for("server", "DNS:x.test", "serverAuth");
        let stranger = strangers.issue("client");
        for version in ["-tls1_3", "-tls1_2"] {
            let expect = |own: Option<&Pair>, text: &str| {
                let said = ask(&baton, &authority, own, version);
                assert!(said.contains(text), "{version} {tls}: no {text:?} in\n{said}");
            };
            expect(Some(&known), "known");
            // KrakenD believes the server's own certificates too.
            expect(Some(&gateway), "known");
            expect(Some(&stranger), "alert unknown ca");
            expect(Some(&server_only), "alert");
        }
        assert!(ask(&baton, &authority, None, "-tls1_3").contains("alert certificate required"));
        assert!(ask(&baton, &authority, None, "-tls1_2").contains("alert certificate required"));
        assert_eq!(backend.seen().len(), 4);
        let log = baton.log();
        assert!(log.contains("tls: client didn't provide a certificate"), "{log}");
    }
}

#[test]
fn a_certificate_that_stands_among_those_that_are_believed_needs_no_authority() {
    let authority = Authority::new();
    let (own, stranger) = (authority.self_signed("own"), authority.self_signed("stranger"));
    let backend = Backend::start(|_| ok("known"));
    let pair = authority.issue("gw");
    let tls = json!({
        "enable_mtls": true, "disable_system_ca_pool": true, "ca_certs": [own.public]
    });
    let baton = Baton::start(&config(&pair, &tls, endpoints(&backend.host())));
    assert!(ask(&baton, &authority, Some(&own), "-tls1_3").contains("known"));
    let said = ask(&baton, &authority, Some(&stranger), "-tls1_3");
    assert!(said.contains("alert unknown ca"), "{said}");
}

#[test]
fn http2_is_known_to_come_by_tls_here_and_from_an_older_worker() {
    let (authority, backend) = (Authority::new(), Backend::start(|_| ok("x")));
    let pair = authority.issue("gw");
    let mut file = config(&pair, &json!({}), endpoints(&backend.host()));
    file["extra_config"] = json!({ "security/http": { "ssl_redirect": true } });
    let baton = Baton::start(&file);
    let veil = Veil::start(baton.address(), &authority.client(None, &["h2"]), NAME);
    let mut raw = Raw::connect(veil.address());
    raw.be_rude();
    raw.get(1, "/all");
    raw.until(kind::DATA);
    file["name"] = json!("another");
    baton.reload_with(&file);
    raw.get(3, "/all");
    raw.until(kind::DATA);
    assert_eq!(backend.seen().len(), 2, "nobody is sent to where it is");
}

#[test]
fn a_veil_in_front_of_nobody_is_a_reset() {
    let authority = Authority::new();
    let client = authority.client(None, &[]);
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let veil = Veil::start(nowhere, &client, NAME);
    // The reset may already show while the client connects.
    let connected = baton_tests::client::Client::try_connect(veil.address());
    assert!(connected.map_or(true, |mut client| client.send("GET").try_answer().is_err()));
}
