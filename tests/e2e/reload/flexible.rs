//! Flexible configuration: whatever a template is made of reloads when it is saved.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use baton_tests::backend::Backend;
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use baton_tests::{Baton, pause, until};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::fixture::{echo_target, generation_of};

const PATIENCE: Duration = Duration::from_secs(10);

/// A template of everything: the number that the backend sees comes from `number`, an action.
fn template(port: u16, number: &str) -> String {
    format!(
        r#"{{{{ define "quiet" }}}}{{{{ end }}}}{{
  "version": 3, "port": {port}, "listen_ip": "127.0.0.1",
  "host": ["{{{{ .gateway.host }}}}"], "timeout": "{{{{ .gateway.timeout | default "60s" }}}}",
  "endpoints": [
    {{{{- range $i, $name := .gateway.paths }}}}
    {{{{- if $i }}}},{{{{ end }}}}
    {{{{ template "endpoint.tmpl" (dict "name" $name "number" ({number})) }}}}
    {{{{- end }}}}
  ]
}}"#
    )
}

const ENDPOINT: &str = r#"{
  "endpoint": "/{{ .name }}", "output_encoding": "no-op", "input_headers": ["*"],
  "backend": [{ "url_pattern": "/g/{{ .number }}/{{ .name }}", "encoding": "no-op" }]
}"#;

fn settings(host: &str, number: u64) -> String {
    format!(r#"{{"host": "{host}", "number": "{number}", "paths": ["x", "up", "stream", "slow"]}}"#)
}

struct Fixture {
    backend: Backend,
    starter: Starter,
}

impl Fixture {
    fn new(number: &str) -> Self {
        let backend = Backend::start(echo_target);
        let starter = Starter::with_text(|port| template(port, number));
        let folder = starter.folder();
        for name in ["settings", "partials", "templates"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        fs::write(folder.join("settings/gateway.json"), settings(&backend.host(), 1)).unwrap();
        fs::write(folder.join("templates/endpoint.tmpl"), ENDPOINT).unwrap();
        fs::write(folder.join("partials/number"), "1\n").unwrap();
        let starter = starter
            .environment("FC_ENABLE", "1")
            .environment("FC_SETTINGS", "settings")
            .environment("FC_PARTIALS", "partials")
            .environment("FC_TEMPLATES", "templates");
        Self { backend, starter }
    }

    fn watching(self) -> (Backend, Baton) {
        (self.backend, self.starter.watching().start())
    }
}

fn served(baton: &Baton) -> u64 {
    generation_of(&Client::connect(baton.address()).get("/x").text())
}

fn comes_into_force(baton: &Baton, number: u64) {
    until(&format!("{number} is in force"), PATIENCE, || served(baton) == number);
}

fn replace(path: &Path, text: &str) {
    let next = path.with_extension("next");
    fs::write(&next, text).unwrap();
    fs::rename(next, path).unwrap();
}

fn last_failure(baton: &Baton) -> String {
    let status = baton.status().unwrap_or_default();
    status["last_failure"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn saved_settings_reload_and_so_do_new_files_of_them() {
    let (backend, baton) = Fixture::new("$.extra.number | default $.gateway.number").watching();
    let folder = baton.folder().join("settings");
    replace(&folder.join("gateway.json"), &settings(&backend.host(), 2));
    comes_into_force(&baton, 2);
    fs::write(folder.join("extra.json"), r#"{"number": "3"}"#).unwrap();
    comes_into_force(&baton, 3);
    fs::remove_file(folder.join("extra.json")).unwrap();
    comes_into_force(&baton, 2);
}

#[test]
fn saved_partials_and_templates_reload() {
    let (_backend, baton) = Fixture::new("include \"number\" | trim | default \"9\"").watching();
    let at = |name: &str| baton.folder().join(name);
    fs::write(at("partials/number"), "2").unwrap();
    comes_into_force(&baton, 2);
    fs::remove_file(at("partials/number")).unwrap();
    comes_into_force(&baton, 9);
    // It was asked for while it was missing.
    fs::write(at("partials/number"), "3").unwrap();
    comes_into_force(&baton, 3);
    replace(&at("templates/endpoint.tmpl"), &ENDPOINT.replace("{{ .number }}", "4"));
    comes_into_force(&baton, 4);
}

#[test]
fn a_signal_reads_every_file_again_and_what_is_the_same_is_no_reload() {
    let Fixture { backend, starter } = Fixture::new("$.gateway.number");
    let baton = starter.start();
    assert_eq!(baton.reload()["outcome"]["result"], "unchanged");
    let file = baton.folder().join("settings/gateway.json");
    fs::write(&file, settings(&backend.host(), 2)).unwrap();
    baton.signal(Signal::SIGHUP);
    comes_into_force(&baton, 2);
    // What nobody reads makes no other content.
    fs::write(baton.folder().join("settings/.gateway.json.swp"), "").unwrap();
    fs::write(baton.folder().join("templates/readme.md"), "").unwrap();
    assert_eq!(baton.reload()["outcome"]["result"], "unchanged");
}

#[test]
fn swapped_links_reload_as_kubernetes_does_it() {
    let Fixture { backend, starter } = Fixture::new("$.gateway.number");
    let folder = starter.folder().join("settings");
    let version = |number: u64| {
        let version = folder.join(format!("..v{number}"));
        fs::create_dir(&version).unwrap();
        fs::write(version.join("gateway.json"), settings(&backend.host(), number)).unwrap();
    };
    version(1);
    symlink("..v1", folder.join("..data")).unwrap();
    fs::remove_file(folder.join("gateway.json")).unwrap();
    symlink("..data/gateway.json", folder.join("gateway.json")).unwrap();
    let baton = starter.watching().start();
    for number in 2..4 {
        version(number);
        symlink(format!("..v{number}"), folder.join("..next")).unwrap();
        fs::rename(folder.join("..next"), folder.join("..data")).unwrap();
        comes_into_force(&baton, number);
    }
}

#[test]
fn a_broken_template_changes_nothing_says_where_and_its_repair_reloads() {
    let (backend, baton) = Fixture::new("$.gateway.number").watching();
    let at = |name: &str| baton.folder().join(name);
    let breaks = |path: &str, text: &str, wanted: &str, repaired: &str, number: u64| {
        replace(&at(path), text);
        until(&format!("{path} is refused"), PATIENCE, || last_failure(&baton).contains(wanted));
        assert_eq!(served(&baton), number - 1, "{path}");
        replace(&at(path), repaired);
        comes_into_force(&baton, number);
    };
    breaks(
        "templates/endpoint.tmpl",
        "\n{{ nofunc }}",
        "Error parsing sub-templates: template: endpoint.tmpl:2: function \"nofunc\" not defined",
        &ENDPOINT.replace("{{ .number }}", "2"),
        2,
    );
    replace(&at("settings/gateway.json"), &settings(&backend.host(), 3));
    replace(&at("templates/endpoint.tmpl"), ENDPOINT);
    comes_into_force(&baton, 3);
    breaks(
        "settings/gateway.json",
        "[1]",
        "- gateway.json: json: cannot unmarshal array into Go value",
        &settings(&backend.host(), 4),
        4,
    );
}

#[test]
fn the_result_is_kept_when_it_is_in_force_and_only_then() {
    let Fixture { backend, starter } = Fixture::new("$.gateway.number");
    let out = starter.folder().join("out.json");
    let baton = starter.environment("FC_OUT", "out.json").watching().start();
    let kept = || -> Value {
        serde_json::from_slice(&fs::read(&out).unwrap_or_default()).unwrap_or_default()
    };
    let pattern = || kept()["endpoints"][0]["backend"][0]["url_pattern"].clone();
    until("the result is kept", PATIENCE, || pattern() == "/g/1/x");
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    let file = baton.folder().join("settings/gateway.json");
    let before = fs::read(&out).unwrap();
    replace(&file, &settings(&backend.host(), 7).replace("\"7\"", "\"{nope}\""));
    until("it is refused", PATIENCE, || !last_failure(&baton).is_empty());
    assert_eq!(fs::read(&out).unwrap(), before);
    replace(&file, &settings(&backend.host(), 2));
    until("the next is kept", PATIENCE, || pattern() == "/g/2/x");
    // Nobody watches it.
    let generation = baton.generation();
    fs::write(&out, "{}").unwrap();
    pause(Duration::from_millis(500));
    assert_eq!(baton.generation(), generation);
}

#[test]
fn a_result_that_overwrites_its_own_source_comes_to_rest() {
    let Fixture { backend: _backend, starter } = Fixture::new("$.gateway.number");
    let source = starter.config_path().to_path_buf();
    let baton = starter.environment("FC_OUT", "krakend.json").watching().start();
    until("the source is rendered", PATIENCE, || {
        fs::read_to_string(&source).unwrap().contains("/g/1/x")
    });
    pause(Duration::from_millis(800));
    assert!(baton.generation().unwrap() <= 2);
    assert_eq!(served(&baton), 1);
}

#[test]
fn a_template_that_does_not_end_holds_nobody_up() {
    let (backend, baton) = Fixture::new("$.gateway.number").watching();
    let file = baton.folder().join("templates/endpoint.tmpl");
    replace(&file, "{{ range 99999999 }}{{ range 99999999 }}{{ end }}{{ end }}");
    until("it is refused", PATIENCE, || last_failure(&baton).contains("does a loop not end?"));
    replace(&file, "{{ template \"endpoint.tmpl\" . }}");
    until("it is refused", PATIENCE, || {
        last_failure(&baton).contains("exceeded maximum template depth")
    });
    assert_eq!(served(&baton), 1);
    replace(&file, ENDPOINT);
    replace(&baton.folder().join("settings/gateway.json"), &settings(&backend.host(), 2));
    comes_into_force(&baton, 2);
}

#[test]
fn nothing_is_lost_while_settings_partials_and_templates_are_saved() {
    let (backend, baton) = Fixture::new("$.gateway.number").watching();
    let address = baton.address();
    let file = baton.folder().join("settings/gateway.json");
    let (last, stop) = (&AtomicU64::new(1), &AtomicBool::new(false));
    std::thread::scope(|scope| {
        let mut clients = Vec::new();
        for _ in 0..8 {
            clients.push(scope.spawn(move || {
                let mut client = Client::connect(address);
                let mut answers = 0_u64;
                while !stop.load(SeqCst) {
                    let least = last.load(SeqCst);
                    let answer = client.get("/x");
                    assert_eq!(answer.status(), 200);
                    let number = generation_of(&answer.text());
                    assert!(number >= least, "{number} after {least} was committed");
                    answers += 1;
                }
                answers
            }));
        }
        let begun = Instant::now();
        let mut number = 1;
        while number < 40 && begun.elapsed() < Duration::from_secs(60) {
            number += 1;
            replace(&file, &settings(&backend.host(), number));
            let report = baton.reload();
            assert!(report["generation"].as_u64().is_some(), "{report}");
            last.store(number, SeqCst);
        }
        stop.store(true, SeqCst);
        let answers: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();
        assert!(answers > 100, "{answers}");
        assert!(number >= 20, "only {number} reloads in a minute");
    });
}
