use std::time::Duration;

use baton_shared::config::model::Namespace;
use baton_shared::config::read::{Format, read};
use baton_shared::words::JsonPointer;

use super::*;
use crate::harness;
use crate::plan::{CompileOptions, Content, Files};

const NAME: &str = "auth/basic";

struct Bench(std::rc::Rc<ThreadState>);

fn options(htpasswd: &str) -> CompileOptions {
    let content = Ok(Content::from(htpasswd.as_bytes().to_vec()));
    let files = Files::from([("users".to_owned(), content)]);
    CompileOptions { threads: 1, files, ..CompileOptions::default() }
}

fn plan(
    root: &str,
    endpoint: &str,
    htpasswd: &str,
) -> Result<crate::plan::Plan, Box<baton_shared::control::message::Invalid>> {
    let mut config = harness::service(harness::endpoint("no-op", &[]));
    let block = |at: &JsonPointer, text: &str| {
        let document = read(Format::Json, text.as_bytes()).unwrap();
        Namespace { at: at.key(NAME), spelling: NAME.to_owned(), settings: document.root }
    };
    let at = config.extra_config.at.clone();
    if !root.is_empty() {
        config.extra_config.namespaces.insert(NAME.to_owned(), block(&at, root));
    }
    for one in &mut config.endpoints {
        one.extra_config.namespaces.insert(NAME.to_owned(), block(&at, endpoint));
    }
    crate::plan::compile(&config, &options(htpasswd))
}

impl Bench {
    fn new(root: &str, endpoint: &str, htpasswd: &str) -> Self {
        Self(ThreadState::new(Arc::new(plan(root, endpoint, htpasswd).unwrap())))
    }

    fn ask(&self, authorization: &str) -> Result<(), Refusal> {
        let head = harness::head("GET", "/a", &[("Authorization", authorization)]);
        let guard = self.0.plan.endpoints[0].gates().basic.as_ref().unwrap();
        let mut outcome = None;
        harness::on_a_thread(async {
            let deadline = Instant::now() + Duration::from_secs(5);
            outcome = Some(guard.check(&self.0, &head, deadline).await);
        });
        outcome.unwrap()
    }

    fn with(&self, pair: &str) -> Result<(), Refusal> {
        self.ask(&format!("Basic {}", base64::encode(pair.as_bytes())))
    }
}

fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

#[test]
fn who_is_listed_passes_and_those_of_the_block_win() {
    let file = format!("ann:{}\nbob:{}\n", hash("a:b"), hash("old"));
    let root = format!(r#"{{"htpasswd_path":"users","users":{{"bob":"{}"}}}}"#, hash("new"));
    let bench = Bench::new(&root, r#"{"@comment":"as the root"}"#, &file);
    assert_eq!(bench.with("ann:a:b"), Ok(()));
    assert_eq!(bench.with("ann:a:b"), Ok(()), "known");
    assert_eq!(bench.with("bob:new"), Ok(()));
    for bad in ["bob:old", "ann:", "ann", ":a:b", "eve:a:b", "", "Ann:a:b", "ann:a:b\0", "ann:A:b"]
    {
        assert_eq!(bench.with(bad), Err(Refusal::NoCredentials), "{bad}");
    }
    for bad in ["", "Basic", "Basic ", "Basic ann:a:b", "Bearer YW5uOmE6Yg==", "BasicYW5uOmE6Yg=="]
    {
        assert_eq!(bench.ask(bad), Err(Refusal::NoCredentials), "{bad}");
    }
    assert_eq!(bench.ask("bAsIc  YW5uOmE6Yg=="), Ok(()));
    assert_eq!(bench.ask("Basic YW5uOmE6Yg"), Err(Refusal::NoCredentials), "without padding");
}

#[test]
fn an_endpoint_with_users_of_its_own_takes_no_others() {
    let block = |name| format!(r#"{{"users":{{"{name}":"{}"}}}}"#, hash("p"));
    let bench = Bench::new(&block("ann"), &block("bob"), "");
    assert_eq!(bench.with("bob:p"), Ok(()));
    assert_eq!(bench.with("ann:p"), Err(Refusal::NoCredentials));
    for nobody in [Bench::new("", "{}", ""), Bench::new("{}", "{}", "")] {
        assert_eq!(nobody.with("ann:p"), Err(Refusal::NoCredentials));
        assert_eq!(nobody.with(":"), Err(Refusal::NoCredentials));
    }
}

#[test]
fn a_name_that_nobody_has_is_compared_with_the_password_of_somebody_and_refused() {
    let bench = Bench::new(&format!(r#"{{"users":{{"ann":"{}"}}}}"#, hash("p")), "{}", "");
    let Basic::Live(users) = bench.0.plan.endpoints[0].gates().basic.as_ref().unwrap() else {
        panic!()
    };
    let credentials =
        |pair: &str| Credentials { pair: pair.into(), colon: pair.find(':').unwrap() };
    let time = |pair: &str, verdict| {
        let begun = std::time::Instant::now();
        (0..20).for_each(|_| assert_eq!(users.verify(&credentials(pair)), verdict));
        begun.elapsed()
    };
    let (known, unknown) = (time("ann:x", false), time("eve:p", false));
    assert!(unknown > known / 4, "{unknown:?} {known:?}");
}

#[test]
fn who_is_known_is_known_to_a_later_worker_unless_the_users_changed() {
    let users = |password: &str| format!(r#"{{"users":{{"ann":"{}"}}}}"#, hash(password));
    let block = users("p");
    let of = |bench: &Bench| Arc::clone(&bench.0.plan.passwords[0]);
    let first = Bench::new(&block, "{}", "");
    let (keeper, mut told) = tokio::sync::mpsc::unbounded_channel();
    first.0.plan.tell_of_fetched(&keeper);
    assert_eq!(first.with("ann:x"), Err(Refusal::NoCredentials));
    assert!(told.try_recv().is_err(), "nobody was good");
    assert_eq!(first.with("ann:p"), Ok(()));
    let Fetched { name, at, content } = told.try_recv().unwrap();
    assert_eq!(name, of(&first).record());

    let name_of = |users: &Users| users.name(b"ann:p");
    let knows = |bench: &Bench| of(bench).good().has(&name_of(&of(bench)), Monotonic::now());
    let same = Bench::new(&block, "{}", "");
    assert_eq!(of(&same).record(), name);
    assert!(!knows(&same));
    of(&same).remember(&content, at);
    assert!(knows(&same));
    // Another hash of the same password, another name, one more: other users.
    for block in [
        users("p"),
        block.replace("ann", "bob"),
        block.replace("{\"ann", "{\"x\":\"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\",\"ann"),
    ] {
        let other = Bench::new(&block, "{}", "");
        assert_ne!(of(&other).record(), name);
        of(&other).remember(&content, at);
        assert!(!knows(&other), "{block}");
    }
}

#[test]
fn the_same_users_at_several_places_are_known_once() {
    let block = format!(r#"{{"users":{{"ann":"{}"}}}}"#, hash("p"));
    let plan = Bench::new(&block, &block, "");
    assert_eq!(plan.0.plan.passwords.len(), 1);
}

#[test]
fn what_cannot_be_used_is_refused_with_its_place() {
    let refused = |root: &str, file: &str| {
        let invalid = plan(root, "{}", file).unwrap_err();
        let found: Vec<String> =
            invalid.findings.iter().map(|one| format!("{} {}", one.pointer, one.text)).collect();
        (invalid.exit_code, found.join("\n"))
    };
    let at = "/auth~1basic";
    let (code, text) = refused(r#"{"htpasswd_path":"users"}"#, "ann:x\n");
    assert_eq!(
        (code, text.contains(&format!("{at}/htpasswd_path users: line 1: `ann` has no"))),
        (255, true),
        "{text}"
    );
    let (code, text) = refused(r#"{"htpasswd_path":"gone"}"#, "");
    assert_eq!((code, text.starts_with(&format!("{at}/htpasswd_path "))), (1, true), "{text}");
    let (code, text) = refused(r#"{"users":{"ann":"plain","b:b":"x","c":5}}"#, "");
    assert_eq!(code, 255);
    for part in ["users/ann has no hash", "users/b:b nobody", "users/c must be a text"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("plain"), "{text}");
    assert_eq!(refused(r#"{"users":[]}"#, "").0, 255);
    assert_eq!(refused(r#"{"htpasswd_path":5}"#, "").0, 255);
}
