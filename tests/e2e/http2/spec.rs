//! The protocol's own cases: none of h2spec's fails.
//!
//! `go install github.com/summerwind/h2spec/cmd/h2spec@latest`; looked for in `H2SPEC`, in the path and
//! where Go puts it; `.ci/run` installs it.

use std::path::PathBuf;
use std::process::Command;

use baton_tests::backend::ok;
use baton_tests::tls::Authority;
use serde_json::{Value, json};

use crate::fixture::{Gateway, merge};

fn h2spec() -> Option<PathBuf> {
    let named = std::env::var_os("H2SPEC").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join("go/bin"));
    let folders = std::env::split_paths(&path).chain(home);
    let candidates = named.into_iter().chain(folders.map(|folder| folder.join("h2spec")));
    candidates.into_iter().find(|candidate| candidate.is_file())
}

/// Runs all cases against a gateway with these members at its root.
fn check(root: &Value, arguments: &[&str]) {
    let Some(h2spec) = h2spec() else {
        let left_out = std::env::var_os("BATON_WITHOUT_H2SPEC").is_some();
        assert!(left_out, "h2spec is missing: .ci/run installs it, or set BATON_WITHOUT_H2SPEC=1");
        return;
    };
    // h2spec asks for `/`, with GET and with POST.
    let backend = json!([{ "url_pattern": "/", "encoding": "no-op" }]);
    let endpoint = |method: &str| json!({ "endpoint": "/", "method": method, "output_encoding": "no-op", "backend": backend });
    let mut root = root.clone();
    merge(
        &mut root,
        &json!({ "endpoints": [endpoint("GET"), endpoint("POST"), endpoint("HEAD")] }),
    );
    let gateway = Gateway::with(&root, |_| ok("a body with some more bytes than a window of few"));
    let port = gateway.baton.address().port().to_string();
    let run = Command::new(h2spec)
        .args(["-h", "127.0.0.1", "-p", &port, "-o", "5", "--max-header-length", "4000"])
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(said.contains(" passed, "), "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains(" 0 failed"), "{said}");
    assert!(run.status.success(), "{said}");
}

#[test]
fn no_case_of_h2spec_fails_in_clear_text() {
    check(&json!({ "use_h2c": true }), &[]);
}

#[test]
fn no_case_of_h2spec_fails_over_tls() {
    let authority = Authority::new();
    let keys = [authority.issue("gw").json()];
    check(&json!({ "tls": { "keys": keys } }), &["-t", "-k"]);
}
