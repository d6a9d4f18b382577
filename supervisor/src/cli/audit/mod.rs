//! `baton audit`: what in this configuration could be safer, by KrakenD's rule numbers and severities.
//!
//! As KrakenD: the report goes to standard error, ids and severities compare exactly, the ignore file
//! is split by lines only, and anything listed is exit code 1. The sentences are Baton's own.

mod report;
mod rule;
mod service;

use std::fmt::Display;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use baton_shared::config::{Environment, Sources, open};

use self::rule::{RULES, Rule};
use self::service::Service;
use super::args::AuditArgs;
use super::disk::{Disk, system_text};
use super::run::NO_CONFIG;
use super::{EXIT_FAILED, output};

pub(super) fn run(args: &AuditArgs) -> ExitCode {
    let Some(config) = args.config.as_ref().filter(|path| !path.as_os_str().is_empty()) else {
        output::err(NO_CONFIG);
        return ExitCode::from(EXIT_FAILED);
    };
    let environment = Environment::of(std::env::vars_os());
    let reader = if output::is_read_by_a_person() { Reader::Person } else { Reader::Script };
    match audit(args, &config.to_string_lossy(), &environment, &mut Disk::here(), reader) {
        Ok(outcome) => {
            let _reader_gone = io::stderr().lock().write_all(&outcome.text);
            if outcome.is_clean { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) }
        },
        Err(text) => {
            output::err(output::harmless(&text));
            ExitCode::from(EXIT_FAILED)
        },
    }
}

/// Who reads: severities are coloured for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Person,
    Script,
}

#[derive(Debug)]
struct Outcome {
    text: Vec<u8>,
    is_clean: bool,
}

/// KrakenD's form: what went wrong while doing what, and an empty line.
fn error(doing: &str, why: impl Display) -> String {
    format!("ERROR {doing}:\t{why}\n")
}

fn audit(
    args: &AuditArgs,
    path: &str,
    environment: &Environment,
    sources: &mut dyn Sources,
    reader: Reader,
) -> Result<Outcome, String> {
    let loaded = open(path, environment, sources)
        .map_err(|refusal| error("parsing the configuration file", refusal.text))?;
    let ignored = ignored(args)?;
    let severities = args.severity.replace(' ', "");
    let severities: Vec<&str> = severities.split(',').collect();
    let service = Service::of(&loaded.config, path);
    let found: Vec<&Rule> = RULES
        .iter()
        .filter(|rule| !ignored.iter().any(|id| id == rule.id))
        .filter(|rule| severities.contains(&rule.severity))
        .filter(|rule| (rule.fires)(&service))
        .collect();
    let default = match reader {
        Reader::Person => report::FOR_PEOPLE,
        Reader::Script => report::FOR_SCRIPTS,
    };
    let format = args.format.as_deref().filter(|format| !format.is_empty()).unwrap_or(default);
    let text = report::render(format, &found).map_err(|failed| error(failed.doing, failed.why))?;
    Ok(Outcome { text, is_clean: found.is_empty() })
}

/// The rules of `--ignore` and of the ignore file; blanks do not count.
fn ignored(args: &AuditArgs) -> Result<Vec<String>, String> {
    let list = args.ignore.replace(' ', "");
    let mut ignored: Vec<String> = list.split(',').map(str::to_owned).collect();
    if let Some(path) = args.ignore_file.as_deref().filter(|path| !path.as_os_str().is_empty()) {
        let lines = ignore_file(path).map_err(|why| error("accessing the ignore file", why))?;
        ignored.extend(lines.replace(' ', "").split('\n').map(str::to_owned));
    }
    Ok(ignored)
}

fn ignore_file(path: &Path) -> Result<String, String> {
    let bytes =
        fs::read(path).map_err(|error| system_text("open", &path.to_string_lossy(), &error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::args::{Cli, Command};
    use super::*;

    struct One<'a>(&'a str);

    impl Sources for One<'_> {
        fn file(&mut self, _path: &str) -> Result<Vec<u8>, String> {
            Ok(self.0.as_bytes().to_vec())
        }
    }

    const IDS: &str = "{{ range .Recommendations }}{{ .Rule }} {{ end }}";

    fn run(words: &[&str], path: &str, text: &str) -> Result<Outcome, String> {
        let line = [&["baton", "audit", "-c", path], words].concat();
        let Command::Audit(args) = Cli::parse_from(line).command else { panic!("no audit") };
        audit(&args, path, &Environment::default(), &mut One(text), Reader::Script)
    }

    fn said(outcome: &Outcome) -> &str {
        std::str::from_utf8(&outcome.text).unwrap()
    }

    /// The ids that a configuration gives.
    fn ids(text: &str) -> Vec<String> {
        let outcome = run(&["-f", IDS], "k.json", text).unwrap();
        said(&outcome).split_whitespace().map(str::to_owned).collect()
    }

    /// What `text` adds to (`+`) and removes from (`-`) the findings of the plainest endpoint.
    fn change(text: &str) -> Vec<String> {
        let plain = ids(&endpoint("", "", ""));
        let found = ids(text);
        let more = found.iter().filter(|id| !plain.contains(id)).map(|id| format!("+{id}"));
        let less = plain.iter().filter(|id| !found.contains(id)).map(|id| format!("-{id}"));
        more.chain(less).collect()
    }

    fn endpoint(root: &str, members: &str, backend: &str) -> String {
        format!(
            r#"{{"version":3,{root}"endpoints":[{{"endpoint":"/a",{members}"backend":[
            {{"url_pattern":"/b",{backend}"host":["http://127.0.0.1:80"]}}]}}]}}"#
        )
    }

    fn service(name: &str, settings: &str) -> String {
        endpoint(&format!(r#""extra_config":{{"{name}":{settings}}},"#), "", "")
    }

    fn on_endpoint(name: &str, settings: &str) -> String {
        endpoint("", &format!(r#""extra_config":{{"{name}":{settings}}},"#), "")
    }

    fn on_backend(name: &str, settings: &str) -> String {
        endpoint("", "", &format!(r#""extra_config":{{"{name}":{settings}}},"#))
    }

    #[test]
    fn the_empty_configuration_and_the_plainest_endpoint_are_krakends() {
        let empty = "1.2.1 2.1.2 2.1.7 2.2.1 2.2.2 3.1.1 3.1.2 3.1.3 4.1.1 4.2.1 4.3.1 5.2.2 5.2.3";
        assert_eq!(ids(r#"{"version":3}"#).join(" "), empty);
        let plain = empty.strip_suffix(" 5.2.3").unwrap();
        assert_eq!(ids(&endpoint("", "", "")).join(" "), plain);
    }

    #[test]
    fn rules_of_the_service() {
        let cases: &[(String, &[&str])] = &[
            (service("auth/api-keys", "{}"), &["+1.1.2"]),
            // KrakenD overlooks this one.
            (service("auth/basic", r#"{"htpasswd_path":"x"}"#), &[]),
            (endpoint(r#""allow_insecure_connections":true,"#, "", ""), &["+2.1.1"]),
            (endpoint(r#""client_tls":{"allow_insecure_connections":true},"#, "", ""), &["+2.1.1"]),
            (endpoint(r#""tls":{"keys":[]},"#, "", ""), &["-2.1.2"]),
            (endpoint(r#""tls":{"disabled":true},"#, "", ""), &["+2.1.3", "-2.1.2"]),
            (endpoint(r#""tls":{"public_key":"a"},"#, "", ""), &["+7.3.1", "-2.1.2"]),
            (service("security/http", "7"), &["-2.1.7"]),
            (endpoint(r#""use_h2c":true,"#, "", ""), &["+2.1.8"]),
            (service("router", r#"{"use_h2c":true}"#), &["+2.1.8"]),
            (service("router", r#"{"hide_version_header":true}"#), &["-2.2.1"]),
            (service("router", r#"{"hide_version_header":"true"}"#), &[]),
            (service("security/cors", "{}"), &["-2.2.2"]),
            (service("grpc", r#"{"server":{"services":[]}}"#), &["+2.2.5"]),
            (service("grpc", r#"{"server":{"services":[{}]}}"#), &[]),
            (service("grpc", r#"{"catalog":[]}"#), &[]),
            (service("security/bot-detector", "{}"), &["-3.1.1"]),
            (service("security/bot-detector", "true"), &[]),
            (service("qos/ratelimit/service", "{}"), &["-3.1.2"]),
            (endpoint(r#""disable_rest":true,"#, "", ""), &["+5.1.1"]),
            (endpoint(r#""debug_endpoint":true,"#, "", ""), &["+5.1.2"]),
            (endpoint(r#""echo_endpoint":true,"#, "", ""), &["+5.1.3"]),
        ];
        for (text, wanted) in cases {
            assert_eq!(change(text), *wanted, "{text}");
        }
    }

    #[test]
    fn rules_of_telemetry() {
        let otel = |exporters: &str| {
            service("telemetry/opentelemetry", &format!(r#"{{"exporters":{exporters}}}"#))
        };
        let cases: &[(String, &[&str])] = &[
            (service("telemetry/metrics", "{}"), &["-4.1.1"]),
            (service("telemetry/newrelic", "{}"), &["-4.1.1", "-4.2.1"]),
            (service("telemetry/ganalytics", "{}"), &["+7.2.1", "-4.1.1"]),
            (service("telemetry/instana", "{}"), &["+7.2.2", "-4.1.1", "-4.2.1"]),
            (
                service("telemetry/opencensus", r#"{"exporters":{}}"#),
                &["+7.2.3", "-4.1.1", "-4.2.1"],
            ),
            (service("telemetry/opencensus", "{}"), &[]),
            (service("telemetry/influx", "{}"), &["+7.2.4"]),
            (service("telemetry/gelf", "{}"), &["-4.3.1"]),
            (otel(r#"{"otlp":[{}]}"#), &["-4.2.1"]),
            (otel(r#"{"otlp":[{"disable_traces":true}]}"#), &[]),
            (otel(r#"{"otlp":[{}],"prometheus":[{}]}"#), &["+4.1.3", "-4.2.1"]),
            (otel(r#"{"otlp":[{"disable_metrics":true}],"prometheus":[{}]}"#), &["-4.2.1"]),
            (service("telemetry/opentelemetry", "5"), &[]),
        ];
        for (text, wanted) in cases {
            assert_eq!(change(text), *wanted, "{text}");
        }
    }

    #[test]
    fn rules_of_endpoints_and_backends() {
        let cases: &[(String, &[&str])] = &[
            (on_endpoint("auth/validator", "{}"), &["-1.2.1"]),
            (on_endpoint("github.com/devopsfaith/krakend-jose/validator", "{}"), &["-1.2.1"]),
            (endpoint("", r#""input_headers":["A","*"],"#, ""), &["+2.2.3"]),
            (endpoint("", r#""input_query_strings":["*"],"#, ""), &["+2.2.4"]),
            (
                on_backend(
                    "backend/http/client",
                    r#"{"client_tls":{"allow_insecure_connections":true}}"#,
                ),
                &["+2.1.9"],
            ),
            (on_backend("qos/http-cache", "{}"), &["+2.3.1"]),
            (on_backend("qos/http-cache", r#"{"max_items":5,"max_size":0}"#), &["+2.3.1"]),
            (on_backend("qos/http-cache", r#"{"max_items":5,"max_size":5}"#), &[]),
            (on_endpoint("qos/ratelimit/router", "{}"), &["-3.1.2"]),
            (on_endpoint("qos/ratelimit/router", "[1]"), &[]),
            (on_backend("qos/ratelimit/proxy", "{}"), &["-3.1.2"]),
            (on_backend("qos/circuit-breaker", "{}"), &["-3.1.3"]),
            (endpoint("", r#""timeout":"3s","#, ""), &[]),
            (endpoint("", r#""timeout":"3001ms","#, ""), &["+3.3.1"]),
            (endpoint("", r#""timeout":"31s","#, ""), &["+3.3.1", "+3.3.2", "+3.3.3"]),
            (
                endpoint("", r#""timeout":"60001ms","#, ""),
                &["+3.3.1", "+3.3.2", "+3.3.3", "+3.3.4"],
            ),
            (on_endpoint("proxy", r#"{"sequential":true}"#), &["+5.1.7"]),
            (on_endpoint("proxy", r#"{"sequential":1}"#), &[]),
            (endpoint("", r#""output_encoding":"no-op","#, ""), &["+5.2.3"]),
            (
                on_endpoint("plugin/req-resp-modifier", r#"{"name":["content-replacer"]}"#),
                &["+7.1.8"],
            ),
            (on_backend("plugin/req-resp-modifier", r#"{"name":"content-replacer"}"#), &[]),
            (
                on_backend("plugin/req-resp-modifier", r#"{"name":["response-schema-validator"]}"#),
                &["+7.1.9"],
            ),
            (on_endpoint("plugin/http-client", r#"{"name":"no-redirect"}"#), &["+7.1.7"]),
            (on_backend("plugin/http-client", r#"{"name":"no-redirect"}"#), &[]),
        ];
        for (text, wanted) in cases {
            assert_eq!(change(text), *wanted, "{text}");
        }
    }

    #[test]
    fn server_plugins_are_a_name_or_a_list_of_names() {
        let plugin = |names: &str| service("plugin/http-server", &format!(r#"{{"name":{names}}}"#));
        assert_eq!(change(&plugin(r#""virtualhost""#)), ["+7.1.1"]);
        assert_eq!(
            change(&plugin(r#"["basic-auth","wildcard",7,"redis-ratelimit"]"#)),
            ["+1.1.1", "+7.1.3", "+7.1.4", "-3.1.2"]
        );
        assert_eq!(change(&plugin("{}")), [""; 0]);
    }

    #[test]
    fn several_backends_that_write_are_told() {
        let text = |method: &str| {
            format!(
                r#"{{"version":3,"endpoints":[{{"endpoint":"/a","method":"{method}","backend":[
                {{"host":["http://h"]}},{{"host":["http://h"]}}]}}]}}"#
            )
        };
        assert_eq!(change(&text("GET")), ["-5.2.2"]);
        assert_eq!(change(&text("POST")), ["+5.1.6", "-5.2.2"]);
        // KrakenD compares the method as it is written.
        assert_eq!(change(&text("get")), ["+5.1.6", "-5.2.2"]);
    }

    #[test]
    fn numbers_of_yaml_are_no_floats_and_do_not_count() {
        let text = "version: 3\nendpoints:\n- endpoint: /a\n  backend:\n  - host: [http://h]\n    \
                    extra_config:\n      qos/http-cache: {max_items: 5, max_size: 5}\n";
        let outcome = run(&["-f", IDS], "k.yaml", text).unwrap();
        assert!(said(&outcome).contains("2.3.1"), "{}", said(&outcome));
    }

    #[test]
    fn lists_compare_exactly_but_for_blanks() {
        let only = |words: &[&str]| {
            let words = [&["-f", IDS], words].concat();
            run(&words, "k.json", r#"{"version":3}"#).unwrap()
        };
        assert_eq!(said(&only(&["-s", " LOW "])), "3.1.1 5.2.2 5.2.3 ");
        let none = only(&["-s", "high"]);
        assert!(none.is_clean && none.text.is_empty());
        let some = only(&["-s", "LOW", "-i", "3.1.1, 5.2.2"]);
        assert_eq!((said(&some), some.is_clean), ("5.2.3 ", false));
        let error = only_error(&["-I", "/nowhere/at/all"]);
        assert_eq!(
            error,
            "ERROR accessing the ignore file:\topen /nowhere/at/all: no such file or directory\n"
        );
    }

    fn only_error(words: &[&str]) -> String {
        run(words, "k.json", r#"{"version":3}"#).expect_err("an error")
    }

    #[test]
    fn lines_for_scripts_and_errors_have_krakends_form() {
        let outcome = run(&["-s", "HIGH", "-i", "2.1.2"], "k.json", r#"{"version":3}"#).unwrap();
        assert!(said(&outcome).starts_with("1.2.1\t[HIGH]   \t"), "{}", said(&outcome));
        assert_eq!(
            run(&[], "k.json", r#"{"version":2}"#).expect_err("refused"),
            "ERROR parsing the configuration file:\t'k.json': unsupported version: 2 (want: 3)\n"
        );
        assert!(only_error(&["-f", "{{ .Nope }"]).starts_with("ERROR parsing the template:\t"));
        assert!(only_error(&["-f", "{{ .Nope }}"]).starts_with("ERROR rendering the results:\t"));
    }
}
