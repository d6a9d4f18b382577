//! What a client sends can neither forge a line of the log nor put its secrets there.

use baton_tests::until;

use super::{SOON, plain};

#[test]
fn a_client_cannot_forge_a_line_of_the_log() {
    let gateway = plain();
    for request in [
        "GET /path/a%0aFORGED HTTP/1.1\r\nHost: gw.test\r\n\r\n",
        "GET /nothing%0d%0aFORGED HTTP/1.1\r\nHost: gw.test\r\n\r\n",
        "GET /all?a=%0aFORGED HTTP/1.1\r\nHost: gw.test\r\nUser-Agent: a\u{1b}[2J\r\n\r\n",
        "GET /nothing/%1b[2J HTTP/1.1\r\nHost: gw.test\r\n\r\n",
    ] {
        gateway.ask(request);
    }
    gateway.ask("GET /nothing/last HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    until("the access log is written", SOON, || gateway.baton.log().contains("/nothing/last"));
    let log = gateway.baton.log();
    let forged = log.lines().find(|line| line.starts_with("FORGED"));
    assert_eq!(forged, None, "{log}");
    assert!(!log.contains('\u{1b}') && !log.contains('\r'), "raw control bytes: {log:?}");
}

#[test]
fn secrets_of_a_request_are_not_logged() {
    let gateway = plain();
    gateway.ask(
        "GET /all HTTP/1.1\r\nHost: gw.test\r\nAuthorization: Bearer s3cret-token\r\n\
         Cookie: sid=s3cret-cookie\r\n\r\n",
    );
    gateway.ask("GET /nothing/last HTTP/1.1\r\nHost: gw.test\r\n\r\n");
    until("the access log is written", SOON, || gateway.baton.log().contains("/nothing/last"));
    assert!(!gateway.baton.log().contains("s3cret"), "{}", gateway.baton.log());
}
