//! What a person types, and what the shell gets back.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use baton_tests::backend::Backend;
use baton_tests::baton::{Starter, executable};
use baton_tests::client::Client;
use baton_tests::port::free;
use baton_tests::{Baton, until};

use crate::fixture::{echo_target, generation, generation_of};

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn status_tells_generation_workers_and_listeners() {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    let status = baton.status().unwrap();
    assert_eq!(status["generation"], 1, "{status}");
    assert_eq!(status["pid"], baton.pid(), "{status}");
    assert_eq!(status["workers"].as_array().map(Vec::len), Some(1), "{status}");
    let listener = status["listeners"][0]["address"].as_str().unwrap_or_default();
    assert_eq!(listener, baton.address().to_string(), "{status}");
    let text = said(&baton.command("status", &[]));
    assert!(text.contains(&baton.address().to_string()), "{text}");
}

#[test]
fn stop_waits_until_the_gateway_has_ended() {
    let backend = Backend::start(echo_target);
    let mut baton = Baton::start(&generation(&backend.host(), 1));
    let output = baton.command("stop", &[]);
    assert!(output.status.success(), "{}", said(&output));
    let status = baton.wait_end(Duration::from_secs(2));
    assert!(status.success(), "{status}");
    assert!(Client::try_connect(baton.address()).is_err());
}

#[test]
fn commands_to_a_gateway_that_does_not_run_fail_and_say_so() {
    let backend = Backend::start(echo_target);
    let mut baton = Baton::start(&generation(&backend.host(), 1));
    baton.command("stop", &[]);
    baton.wait_end(Duration::from_secs(5));
    for command in ["reload", "status", "stop"] {
        let output = baton.command(command, &[]);
        assert!(!output.status.success(), "{command}: {}", said(&output));
        assert!(!said(&output).is_empty(), "{command} says nothing");
    }
}

#[test]
fn an_old_file_is_shown_in_todays_spelling_and_rewritten_only_when_asked() {
    let old = r#"{
  "version": 2,
  "endpoints": [
    { "endpoint": "/a", "headers_to_pass": ["X-A"],
      "backend": [{ "url_pattern": "/b", "host": ["http://h"], "whitelist": ["x"] }] }
  ]
}
"#;
    let folder = std::env::temp_dir().join(format!("baton-migrate-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("old.json");
    std::fs::write(&file, old).unwrap();
    let migrate = |more: &[&str]| {
        let mut command = Command::new(executable());
        command.arg("migrate").arg("-c").arg(&file).args(more).output().unwrap()
    };
    let shown = migrate(&[]);
    assert!(shown.status.success(), "{}", said(&shown));
    assert!(said(&shown).contains("+      \"backend\"") || said(&shown).contains("\"allow\""));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), old, "it is only shown");

    let written = migrate(&["--in-place"]);
    assert!(written.status.success(), "{}", said(&written));
    let text = std::fs::read_to_string(&file).unwrap();
    for word in ["\"version\": 3", "\"input_headers\"", "\"allow\""] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let mut check = Command::new(executable());
    let check = check.arg("check").arg("-c").arg(&file).output().unwrap();
    assert!(check.status.success(), "{}", said(&check));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn two_instances_do_not_disturb_each_other() {
    let backend = Backend::start(echo_target);
    let first = Baton::start(&generation(&backend.host(), 1));
    let second = Baton::start(&generation(&backend.host(), 1));
    second.reload_with(&generation(&backend.host(), 7));
    assert_eq!(generation_of(&Client::connect(first.address()).get("/x").text()), 1);
    assert_eq!(generation_of(&Client::connect(second.address()).get("/x").text()), 7);
    drop(second);
    first.reload_with(&generation(&backend.host(), 3));
    assert_eq!(generation_of(&Client::connect(first.address()).get("/x").text()), 3);
}

/// A command that says only in which folder instances are.
fn unaddressed(name: &str, folder: &Path) -> Output {
    Command::new(executable())
        .arg(name)
        .env("RUNTIME_DIRECTORY", folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn a_command_finds_the_one_instance_and_lists_several() {
    let backend = Backend::start(echo_target);
    let start =
        |folder: &Path| Starter::new(&generation(&backend.host(), 1)).findable_in(folder).start();
    let home = Starter::with_name("krakend.json");
    let folder = home.folder().join("run");
    std::fs::create_dir(&folder).unwrap();
    let first = start(&folder);
    let one = unaddressed("status", &folder);
    assert!(one.status.success(), "{}", said(&one));
    let second = start(&folder);
    for command in ["status", "reload", "stop"] {
        let several = unaddressed(command, &folder);
        assert!(!several.status.success(), "{command}: {}", said(&several));
        for baton in [&first, &second] {
            let path = baton.config_path().display().to_string();
            assert!(said(&several).contains(&path), "{path} is not listed: {}", said(&several));
        }
    }
    second.reload_with(&generation(&backend.host(), 5));
    assert_eq!(generation_of(&Client::connect(first.address()).get("/x").text()), 1);
    assert_eq!(generation_of(&Client::connect(second.address()).get("/x").text()), 5);
}

#[test]
fn the_control_socket_is_the_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    let mode = std::fs::metadata(baton.folder().join("control")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn a_refused_configuration_is_exit_255_at_start() {
    let mut baton = Starter::with_text(|_| "{ \"version\": 2 }".to_owned()).spawn();
    let status = baton.wait_end(Duration::from_secs(10));
    assert_eq!(status.code(), Some(255), "{}", baton.log());
    assert!(baton.log().contains("unsupported version: 2 (want: 3)"), "{}", baton.log());
}

#[test]
fn with_a_broken_file_the_last_known_good_configuration_can_be_served() {
    let backend = Backend::start(echo_target);
    let mut baton = Baton::start(&generation(&backend.host(), 1));
    baton.reload_with(&generation(&backend.host(), 2));
    let folder = baton.folder().to_path_buf();
    let control = folder.join("control");
    baton.command("stop", &[]);
    baton.wait_end(Duration::from_secs(5));
    baton.write_text("{ broken");
    let run = |more: &[&str]| {
        let mut command = Command::new(executable());
        command.args(["run", "--no-watch", "-c"]).arg(baton.config_path());
        command.arg("--control").arg(&control).arg("--state-dir").arg(folder.join("state"));
        command.args(more);
        command
    };
    let refused = run(&[]).output().unwrap();
    assert_eq!(refused.status.code(), Some(255), "{}", said(&refused));
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let mut child =
        run(&["--last-known-good"]).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    until("the last good configuration serves", Duration::from_secs(10), || {
        Client::try_connect(baton.address()).is_ok_and(|mut client| {
            client
                .send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
                .try_answer()
                .is_ok_and(|answer| answer.text().starts_with("/g/2/"))
        })
    });
    let stop = baton.command("stop", &[]);
    assert!(stop.status.success(), "{}", said(&stop));
    child.wait().unwrap();
}

#[test]
fn what_protects_and_is_not_built_answers_501_and_does_not_fail_open() {
    let backend = Backend::start(echo_target);
    let mut config = generation(&backend.host(), 1);
    config["endpoints"][0]["extra_config"] =
        serde_json::json!({ "security/policies": { "req": { "policies": ["1 == 1"] } } });
    let baton = Baton::start(&config);
    assert_eq!(Client::connect(baton.address()).get("/x").status(), 501);
    assert_eq!(Client::connect(baton.address()).get("/stream").status(), 200);
    assert_eq!(backend.count(), 1);
    until("the start names it", Duration::from_secs(5), || {
        baton.log().contains("security/policies")
    });
}

/// A command in a folder of `tests/configurations`.
fn in_configurations(folder: &str, args: &[&str], environment: &[(&str, &str)]) -> Output {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("configurations").join(folder);
    let mut command = Command::new(executable());
    command.args(args).current_dir(home).envs(environment.iter().copied());
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn configurations_of_every_kind_pass_the_check() {
    let cases: [(&str, &[&str]); 4] = [
        ("plain", &["check", "-t", "-n", "-c", "shop.json"]),
        ("legacy", &["validate", "-ddd", "-c", "weak_types.json"]),
        ("formats", &["check", "-t", "-c", "anchors.yaml"]),
        ("formats", &["check", "-dd", "-c", "shop.toml"]),
    ];
    for (folder, args) in cases {
        let output = in_configurations(folder, args, &[]);
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        assert!(said(&output).ends_with("Syntax OK!\n"), "{args:?}: {}", said(&output));
    }
    let args = ["check", "-d", "-c", "port_and_name.json"];
    let output = in_configurations("environment", &args, &[("KRAKEND_PORT", "9090")]);
    assert!(said(&output).contains("Port: 9090"), "{}", said(&output));
}

#[test]
fn a_strict_check_fails_on_a_finding_and_json_says_where_it_is() {
    let args = ["check", "--json", "-c", "version_two_keys.json"];
    let lax = in_configurations("legacy", &args, &[]);
    let strict = in_configurations("legacy", &[&args[..], &["--strict"]].concat(), &[]);
    assert_eq!((lax.status.code(), strict.status.code()), (Some(0), Some(1)), "{}", said(&lax));
    assert!(lax.stderr.is_empty(), "{}", said(&lax));
    let report: serde_json::Value = serde_json::from_slice(&lax.stdout).unwrap();
    let pointers: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["pointer"].as_str())
        .collect();
    assert!(pointers.contains(&"/endpoints/0/headers_to_pass"), "{pointers:?}");
}

#[test]
fn a_host_that_does_not_answer_is_found_when_asked_for() {
    let backend = Backend::start(echo_target);
    let closed = format!("http://127.0.0.1:{}", free());
    let check = |host: &str, more: &[&str]| {
        let baton = Starter::with_name("krakend.json");
        let path = baton.folder().join("checked.json");
        std::fs::write(&path, generation(host, 1).to_string()).unwrap();
        let mut command = Command::new(executable());
        said(&command.args(["check", "--strict", "-c"]).arg(path).args(more).output().unwrap())
    };
    let text = check(&backend.host(), &["--hosts"]);
    assert!(!text.contains("cannot be reached"), "{text}");
    let text = check(&closed, &["--hosts"]);
    assert!(text.contains(&format!("`{closed}` cannot be reached: ")), "{text}");
    assert!(!check(&closed, &[]).contains("cannot be reached"));
}

#[test]
fn every_command_explains_itself() {
    let help = |args: &[&str]| Command::new(executable()).args(args).output().unwrap();
    let main = help(&["help"]);
    let main_text = String::from_utf8(main.stdout).unwrap();
    assert!(main.status.success() && main_text.contains("audit"), "{main_text}");
    for command in ["run", "check", "audit", "reload", "status", "stop", "completions"] {
        let output = help(&[command, "--help"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("Usage: baton "), "{command}: {text}");
    }
    for command in [&["test-plugin", "-s", "a.so"][..], &["check-plugin", "-s", "go.sum"]] {
        let output = help(command);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("Go plugins cannot be loaded"), "{}", said(&output));
    }
    let script = help(&["completions", "bash"]);
    assert!(said(&script).contains("complete -F"), "{}", said(&script));
}
