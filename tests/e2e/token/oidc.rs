//! A real provider: `oidc-provider` of npm, with tokens by client credentials and keys that it rotates.
//!
//! Left out, and said so, where it is not installed: `scripts/test` installs it into `target/oidc`.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use baton_tests::backend::{Backend, ok};
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use baton_tests::until::PATIENCE;
use baton_tests::{Baton, port, process, until, until_some};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::bearer;
use super::slow::{dripping, promptly};

/// A running provider.
struct Oidc {
    child: Child,
    port: u16,
}

fn folder() -> Option<PathBuf> {
    let own = std::env::current_exe().unwrap();
    let target = own.ancestors().find(|folder| folder.join("oidc").is_dir())?;
    let folder = target.join("oidc");
    folder.join("node_modules/oidc-provider").is_dir().then_some(folder)
}

impl Oidc {
    /// Signs with a new key of this name.
    fn start(port: u16, kid: &str) -> Option<Self> {
        let Some(folder) = folder() else {
            eprintln!("left out: oidc-provider is not installed (scripts/test installs it)");
            return None;
        };
        let script = folder.join(format!("provider-{}.mjs", std::process::id()));
        std::fs::write(&script, include_str!("provider.mjs")).unwrap();
        let mut child = Command::new("node")
            .arg(&script)
            .args([&port.to_string(), kid])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        Some(Self { child, port })
    }

    fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A token by client credentials.
    fn token(&self) -> String {
        let body = "grant_type=client_credentials&scope=read";
        let answer = until_some("the provider answers", PATIENCE, || {
            let mut client = Client::try_connect(([127, 0, 0, 1], self.port).into()).ok()?;
            client
                .send(format!(
                    "POST /token HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
                     Authorization: Basic YXBwOnNlY3JldA==\r\nContent-Length: {}\r\n\
                     Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}",
                    self.port,
                    body.len()
                ))
                .try_answer()
                .ok()
        });
        let answer: Value = serde_json::from_str(&answer.text()).unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

impl Drop for Oidc {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn config(backend: &Backend, issuer: &str) -> Value {
    let validator = json!({
        "alg": "RS256", "jwk_url": format!("{issuer}/jwks"), "disable_jwk_security": true, "cache": true,
        "issuer": issuer, "audience": ["urn:api"], "scopes_key": "scope", "scopes": ["read", "x"],
    });
    let mut strict = validator.clone();
    strict["scopes"] = json!(["write"]);
    let behind = json!([{ "url_pattern": "/b", "host": [backend.host()] }]);
    json!({
        "timeout": "5s",
        "endpoints": [
            { "endpoint": "/a", "backend": behind, "extra_config": { "auth/validator": validator } },
            { "endpoint": "/write", "backend": behind, "extra_config": { "auth/validator": strict } },
        ]
    })
}

#[test]
fn tokens_of_a_real_provider_pass_while_it_rotates_stops_and_is_gone_during_a_reload() {
    let port = port::free();
    let Some(provider) = Oidc::start(port, "one") else { return };
    let backend = Backend::start(|_| ok("{}"));
    let mut config = config(&backend, &provider.issuer());
    let baton = Baton::start(&config);
    let first = provider.token();
    assert_eq!(bearer(&baton, &first), 200);
    let writes = format!(
        "GET /write HTTP/1.1\r\nHost: gw.test\r\nAuthorization: Bearer {first}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(Client::connect(baton.address()).send(writes).answer().status(), 403);
    let mut forged = first.clone();
    forged.pop();
    assert_eq!(bearer(&baton, &forged), 401);

    process::signal(provider.child.id(), Signal::SIGSTOP);
    let begun = Instant::now();
    assert_eq!(bearer(&baton, &first), 200);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    process::signal(provider.child.id(), Signal::SIGCONT);

    drop(provider);
    config["name"] = json!("without a provider");
    assert_eq!(baton.reload_with(&config)["outcome"]["result"], "committed");
    assert_eq!(bearer(&baton, &first), 200);

    let rotated = Oidc::start(port, "two").unwrap();
    let second = rotated.token();
    until("the rotated key counts", PATIENCE, || bearer(&baton, &second) == 200);
    assert_eq!(bearer(&baton, &first), 401, "the old key is gone");
}

#[test]
fn a_real_provider_behind_a_slow_line_is_waited_for_once() {
    let Some(provider) = Oidc::start(port::free(), "one") else { return };
    let keys = Client::connect(([127, 0, 0, 1], provider.port).into()).get("/jwks").text();
    let line = Backend::start(move |_| dripping(&keys));
    let backend = Backend::start(|_| ok("{}"));
    let mut config = config(&backend, &provider.issuer());
    for endpoint in config["endpoints"].as_array_mut().unwrap() {
        endpoint["extra_config"]["auth/validator"]["jwk_url"] = json!(line.host());
    }
    let baton = Baton::start(&config);
    let token = provider.token();
    assert_eq!(bearer(&baton, &token), 200, "the first has waited");
    config["name"] = json!("another");
    assert_eq!(baton.reload_with(&config)["outcome"]["result"], "committed");
    for _ in 0..10 {
        assert_eq!(promptly(&baton, &token), 200);
    }
    assert_eq!(line.count(), 1);
}

#[test]
fn a_backend_gets_the_gateways_own_token_of_a_real_provider() {
    let Some(provider) = Oidc::start(port::free(), "one") else { return };
    let backend = Backend::start(|_| ok("{}"));
    let starter = Starter::with_text(|port| {
        let mut config = config(&backend, &provider.issuer());
        config["version"] = json!(3);
        config["port"] = json!(port);
        config["listen_ip"] = json!("127.0.0.1");
        let credentials = json!({
            "client_id": "app", "client_secret": "secret", "scopes": "read",
            "token_url": format!("{}/token", provider.issuer())
        });
        // Who asks for `/own` comes to `/a` with a token.
        let own = json!([{
            "url_pattern": "/a", "host": [format!("http://127.0.0.1:{port}")],
            "extra_config": { "auth/client-credentials": credentials }
        }]);
        let all = config["endpoints"].as_array_mut().unwrap();
        all.push(json!({ "endpoint": "/own", "backend": own }));
        config.to_string()
    });
    let baton = starter.start();
    let own = || Client::connect(baton.address()).get("/own").status();
    assert_eq!((own(), Client::connect(baton.address()).get("/a").status()), (200, 401));
    drop(provider);
    assert_eq!((own(), backend.count()), (200, 2), "token and keys are known");
}
