//! `auth/basic`: names and passwords, in a file that may change while it serves.

use std::time::{Duration, Instant};

use baton_tests::backend::{Backend, ok};
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use baton_tests::http::{Message, State};
use baton_tests::until::PATIENCE;
use baton_tests::{Baton, process, until};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// `htpasswd -nbB -C 4`: ann, `secret`; bob, `pass`.
const ANN: &str = "ann:$2y$04$0g1N35S4udI2PnbMpKSWmODhki4KLpLhw7R/1FM2mL0Az2KdWSvCi";
const BOB: &str = "bob:$2y$04$OGH5uSGB6jCiEeOSdYSAa.cCaKIJ2ZoACHYvd6R.13W2j0vHQVt3q";
/// `ann:secret`, `bob:pass`, `eve:secret`.
const AS_ANN: &str = "YW5uOnNlY3JldA==";
const AS_BOB: &str = "Ym9iOnBhc3M=";
const AS_EVE: &str = "ZXZlOnNlY3JldA==";

fn config(backend: &Backend, root: &Value, endpoint: &Value) -> Value {
    let behind = json!([{ "url_pattern": "/b", "host": [backend.host()] }]);
    json!({
        "timeout": "60s",
        "extra_config": { "auth/basic": root },
        "endpoints": [
            { "endpoint": "/a", "backend": behind, "extra_config": { "auth/basic": endpoint } },
            { "endpoint": "/open", "backend": behind },
        ]
    })
}

fn request(credentials: &str) -> String {
    format!("GET /a HTTP/1.1\r\nHost: gw.test\r\nAuthorization: Basic {credentials}\r\n\r\n")
}

fn ask(baton: &Baton, credentials: &str) -> Message {
    Client::connect(baton.address()).send(request(credentials)).answer()
}

fn save(baton: &Baton, text: &str) {
    let path = baton.folder().join("users");
    let next = path.with_extension("next");
    std::fs::write(&next, text).unwrap();
    std::fs::rename(next, path).unwrap();
}

#[test]
fn only_those_of_the_file_pass_and_a_saved_file_is_in_force() {
    let backend = Backend::start(|_| ok("{}"));
    let config = config(&backend, &json!({ "htpasswd_path": "users" }), &json!({}));
    let starter = Starter::new(&config).watching();
    std::fs::write(starter.folder().join("users"), format!("# staff\n{ANN}\n")).unwrap();
    let baton = starter.start();

    assert_eq!(ask(&baton, AS_ANN).status(), 200);
    let before = backend.count();
    let refused = ask(&baton, AS_BOB);
    let challenge = refused.fields.first("www-authenticate");
    assert_eq!((refused.status(), refused.body.len()), (401, 0));
    assert!(challenge.is_some_and(|value| value.starts_with("Basic realm=")), "{challenge:?}");
    for bad in [AS_EVE, "", "YW5u", "YW5uOnNlY3JldDI=", "YW5uOg=="] {
        assert_eq!(ask(&baton, bad).status(), 401, "{bad}");
    }
    assert_eq!(Client::connect(baton.address()).get("/a").status(), 401);
    assert_eq!(backend.count(), before, "nobody of them came to the backend");
    assert_eq!(Client::connect(baton.address()).get("/open").status(), 200);

    save(&baton, BOB);
    until("bob is in force", PATIENCE, || ask(&baton, AS_BOB).status() == 200);
    assert_eq!(ask(&baton, AS_ANN).status(), 401, "although she was remembered");

    save(&baton, &format!("{BOB}\nann:plain\n"));
    until("the file is refused", PATIENCE, || baton.log().contains("users: line 2: `ann`"));
    assert!(baton.log().contains("/extra_config/auth~1basic/htpasswd_path"), "{}", baton.log());
    assert!(!baton.log().contains("plain"), "a hash is no news: {}", baton.log());
    assert_eq!(ask(&baton, AS_BOB).status(), 200, "what serves goes on");
}

/// A password that takes about a second to check: whoever is answered sooner was known.
#[test]
fn who_was_known_is_known_after_a_reload_and_to_the_worker_that_follows_a_dead_one() {
    // As `htpasswd -nbB -C 14`: ann's and bob's.
    let users = json!({ "users": {
        "ann": "$2y$14$kgwMKf0EeLVEvQPtp3Iap.EKhD7G.BdJWAk6G30cBoCr1lJ6Wdngu",
        "bob": "$2y$14$kgwMKf0EeLVEvQPtp3Iap.vL6F8cy.M222JG.sYW4aYdueii0BJkG",
    }});
    let backend = Backend::start(|_| ok("{}"));
    let mut config = config(&backend, &users, &json!({}));
    let baton = Baton::start(&config);
    assert_eq!(ask(&baton, AS_ANN).status(), 200);
    config["timeout"] = json!("300ms");
    assert_eq!(baton.reload_with(&config)["outcome"]["result"], "committed");
    assert_eq!(ask(&baton, AS_ANN).status(), 200);
    let dead = baton.serving_worker();
    process::signal(dead, Signal::SIGKILL);
    until("another worker serves", PATIENCE, || {
        baton.workers().iter().any(|worker| worker.pid != dead)
            && Client::try_connect(baton.address()).is_ok()
    });
    assert_eq!(ask(&baton, AS_ANN).status(), 200);
    assert_eq!(ask(&baton, AS_BOB).status(), 503, "who is not known has no time to be checked");
}

#[test]
fn checking_passwords_keeps_nobody_else_waiting() {
    let backend = Backend::start(|_| ok("{}"));
    // `htpasswd -nbB -C 11`: 32 times the usual work.
    let users = json!({ "users": { "ann": "$2y$11$kgwMKf0EeLVEvQPtp3Iap.UHoIjRf78i4j1.U3eX5DkuciD2LbjO6" } });
    let mut config = config(&backend, &json!({}), &users);
    config["@baton"] = json!({ "threads": 1 });
    let baton = Baton::start(&config);
    let begun = Instant::now();
    let mut checked = [AS_ANN, AS_EVE, AS_ANN, AS_EVE].map(|credentials| {
        let mut client = Client::connect(baton.address());
        client.send(request(credentials));
        client
    });
    assert_eq!(Client::connect(baton.address()).get("/open").status(), 200);
    let waited = begun.elapsed();
    let last = checked[3].state_within(Duration::from_millis(1));
    assert_eq!(last, State::Open, "checks go on behind an answer that took {waited:?}");
    let statuses = checked.each_mut().map(|one| one.answer().status());
    let (checks, begun) = (begun.elapsed(), Instant::now());
    assert_eq!(statuses, [200, 401, 200, 401]);
    let known = (0..8).filter(|_| ask(&baton, AS_ANN).status() == 200).count();
    let again = begun.elapsed();
    assert!(
        known == 8 && again < checks,
        "who was good a moment ago is known: {again:?} {checks:?}"
    );
}
