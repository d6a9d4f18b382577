//! `baton check`: is this configuration good, and if not, why?
//!
//! On standard error, as KrakenD: its texts word by word, since scripts compare them. Always said
//! besides is what the file asks for and Baton does not do; a person who reads along also gets every
//! finding with file, line, pointer and the nearest right spelling.

mod disk;

use std::fmt::Display;
use std::process::ExitCode;

use baton_shared::config::dump::{Detail, dump};
use baton_shared::config::model::ServiceConfig;
use baton_shared::config::namespace::{self, Kind, Owner};
use baton_shared::config::{Environment, Loaded, Sources, open};
use baton_shared::control::message::{Invalid, Notice, Options};
use baton_shared::words::JsonPointer;
use baton_worker::plan::{CompileOptions, check_plan};

use self::disk::Disk;
use super::args::CheckArgs;
use super::run::NO_CONFIG;
use super::{EXIT_FAILED, output};

pub(super) fn run(args: &CheckArgs) -> ExitCode {
    let Some(config) = &args.config else {
        output::err(NO_CONFIG);
        return ExitCode::from(EXIT_FAILED);
    };
    let environment = Environment::of(std::env::vars_os());
    let verdict = check(args, &config.to_string_lossy(), &environment, &mut Disk);
    let is_person = output::is_read_by_a_person();
    for line in verdict.lines.iter().filter(|line| is_person || line.reader == Reader::Anybody) {
        output::err(output::harmless(&line.text));
    }
    if verdict.is_good { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) }
}

/// What is said, in order, and whether the file is good.
struct Verdict {
    lines: Vec<Line>,
    is_good: bool,
}

struct Line {
    text: String,
    reader: Reader,
}

/// Whom a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// KrakenD's own lines, and what must not be overlooked.
    Anybody,
    /// A person only: scripts compare the rest.
    Person,
}

impl Verdict {
    fn say(&mut self, text: impl Display) {
        self.lines.push(Line { text: text.to_string(), reader: Reader::Anybody });
    }

    fn explain<T: Display>(&mut self, findings: impl IntoIterator<Item = T>) {
        let lines = findings.into_iter().map(|finding| finding.to_string());
        self.lines.extend(lines.map(|text| Line { text, reader: Reader::Person }));
    }

    /// KrakenD's form: what went wrong while doing what, and an empty line.
    fn bad(mut self, doing: &str, why: impl Display) -> Self {
        self.is_good = false;
        self.say(format_args!("ERROR {doing} the configuration file:\t{why}\n"));
        self
    }
}

fn check(
    args: &CheckArgs,
    path: &str,
    environment: &Environment,
    sources: &mut dyn Sources,
) -> Verdict {
    let mut verdict = Verdict { lines: Vec::new(), is_good: true };
    verdict.say(format_args!("Parsing configuration file: {path}"));
    let Loaded { config, notices } = match open(path, environment, sources) {
        Ok(loaded) => loaded,
        Err(refusal) => {
            let mut verdict = verdict.bad("parsing", &refusal.text);
            verdict.explain(&refusal.findings);
            return verdict;
        },
    };
    verdict.explain(&notices);
    if args.lint || args.lint_no_network || args.lint_schema.is_some() {
        let why = "comparing with a schema (-l, -n, -s) is not built yet; `check` without these \
                   flags tells unknown keys and wrong values";
        return verdict.bad("linting", why);
    }
    if let Some(detail) = detail(args.debug) {
        verdict.say(dump(&config, detail, &args.indent).trim_end_matches('\n'));
    }
    for notice in unbuilt(&config) {
        verdict.say(Told(&notice));
    }
    match plan(&config) {
        Ok(notices) => verdict.explain(notices.iter().map(Told)),
        Err(refused) if args.test_gin_routes || is_unguarded(&config, &refused) => {
            let doing = if args.test_gin_routes { "testing" } else { "checking" };
            let mut verdict = verdict.bad(doing, &refused.text);
            verdict.explain(refused.findings.iter().map(Told));
            return verdict;
        },
        // KrakenD looks at the routes only when it is asked to.
        Err(refused) => verdict.explain(refused.findings.iter().map(Told)),
    }
    verdict.say("Syntax OK!");
    verdict
}

const fn detail(times: u8) -> Option<Detail> {
    match times {
        0 => None,
        1 => Some(Detail::Main),
        2 => Some(Detail::More),
        3.. => Some(Detail::All),
    }
}

fn plan(config: &ServiceConfig) -> Result<Vec<Notice>, Box<Invalid>> {
    check_plan(config, &CompileOptions { options: Options::default(), threads: 1 })
}

/// What is asked for and not done.
fn unbuilt(config: &ServiceConfig) -> Vec<Notice> {
    let found = namespace::unbuilt(config);
    found
        .iter()
        .map(|one| config.source.notice(&one.at, format!("`{}` is not built yet", one.namespace)))
        .collect()
}

/// `run` would refuse to serve without a guard of the whole service: no file to put in production.
fn is_unguarded(config: &ServiceConfig, refused: &Invalid) -> bool {
    let is_guard = |at: &JsonPointer| {
        *at == JsonPointer::root().key("tls")
            || namespace::unbuilt(config).iter().any(|one| {
                one.at == *at && one.kind == Kind::Protects && one.owner == Owner::Service
            })
    };
    refused.findings.iter().any(|finding| is_guard(&finding.pointer))
}

/// `krakend.json:14: /endpoints/0: …`
struct Told<'a>(&'a Notice);

impl Display for Told<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Notice { file, line, pointer, text } = self.0;
        match line {
            0 => write!(f, "{file}: {pointer}: {text}"),
            line => write!(f, "{file}:{line}: {pointer}: {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::args::{Cli, Command};
    use super::*;

    /// A folder with one file.
    struct One(&'static str);

    impl Sources for One {
        fn file(&mut self, path: &str) -> Result<Vec<u8>, String> {
            match path {
                "nope.json" => Err("open nope.json: no such file or directory".to_owned()),
                _ => Ok(self.0.as_bytes().to_vec()),
            }
        }
    }

    /// What is said to a script or a person, and whether the file is good.
    fn said(flags: &str, file: &'static str, reader: Reader) -> (String, bool) {
        let line = format!("baton check {flags}");
        let Command::Check(args) = Cli::parse_from(line.split_whitespace()).command else {
            panic!("not a check");
        };
        let path = args.config.as_ref().expect("a file").to_string_lossy().into_owned();
        let verdict = check(&args, &path, &Environment::default(), &mut One(file));
        let lines = verdict.lines.iter().filter(|line| line.reader == reader);
        let lines = lines.map(|line| format!("{}\n", line.text)).collect();
        (lines, verdict.is_good)
    }

    const OK: &str = r#"{"version":3,"endpoints":[
        {"endpoint":"/a","backend":[{"url_pattern":"/b","host":["http://127.0.0.1:80"]}]}]}"#;
    const CONFLICT: &str = r#"{"version":3,"endpoints":[
        {"endpoint":"/a/{x}","backend":[{"url_pattern":"/b","host":["http://127.0.0.1:80"]}]},
        {"endpoint":"/a/{y}/z","backend":[{"url_pattern":"/b","host":["http://127.0.0.1:80"]}]}]}"#;

    #[test]
    fn scripts_read_krakends_texts() {
        let begin = "Parsing configuration file: krakend.json\n";
        let cases = [
            ("-c krakend.json", OK, "Syntax OK!\n", true),
            (
                "-c krakend.json",
                "{\"version\":3,",
                "ERROR parsing the configuration file:\t'krakend.json': unexpected end of JSON input\n\n",
                false,
            ),
            (
                "-c krakend.json",
                r#"{"version":2}"#,
                "ERROR parsing the configuration file:\t'krakend.json': unsupported version: 2 (want: 3)\n\n",
                false,
            ),
            ("-c krakend.json", CONFLICT, "Syntax OK!\n", true),
            ("-t -c krakend.json", OK, "Syntax OK!\n", true),
            (
                "-d -c krakend.json",
                r#"{"version":3}"#,
                "Global settings\n\tName: \n\tVersion: 3\n\tAddress: \n\tPort: 8080\n0 API endpoint(s):\n0 async agent(s):\nSyntax OK!\n",
                true,
            ),
        ];
        for (flags, file, wanted, is_good) in cases {
            assert_eq!(said(flags, file, Reader::Anybody), (format!("{begin}{wanted}"), is_good));
        }
        assert_eq!(
            said("-c nope.json", OK, Reader::Anybody),
            (
                "Parsing configuration file: nope.json\nERROR parsing the configuration file:\t\
              'nope.json': open nope.json: no such file or directory\n\n"
                    .to_owned(),
                false
            )
        );
    }

    #[test]
    fn routes_that_collide_are_refused_when_asked_for_and_always_told_to_a_person() {
        let (text, is_good) = said("-t -c k.json", CONFLICT, Reader::Anybody);
        assert!(text.contains("ERROR testing the configuration file:\t"), "{text}");
        assert!(!is_good);
        let (text, _) = said("-c k.json", CONFLICT, Reader::Person);
        assert!(text.starts_with("k.json:3: /endpoints/1: "), "{text}");
    }

    #[test]
    fn a_person_is_told_where_and_what_would_be_right() {
        let (text, _) = said("-c k.json", "{\"version\":3,\n\"tiemout\":\"1s\"}", Reader::Person);
        assert!(
            text.starts_with(
                "k.json:2: /tiemout: the key `tiemout` is unknown and has no effect: did you mean \
                 `timeout`?\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn what_is_not_built_is_told_to_scripts_too() {
        let file = r#"{"version":3,"extra_config":{"telemetry/moesif":{}}}"#;
        let (text, is_good) = said("-c k.json", file, Reader::Anybody);
        let told =
            "k.json:1: /extra_config/telemetry~1moesif: `telemetry/moesif` is not built yet\n";
        assert!(text.contains(told), "{text}");
        assert!(is_good);
        let file = r#"{"version":3,"extra_config":{"auth/basic":{}}}"#;
        let (text, is_good) = said("-c k.json", file, Reader::Anybody);
        assert!(text.contains("ERROR checking the configuration file:\t`auth/basic`"), "{text}");
        assert!(!is_good);
    }

    #[test]
    fn linting_says_that_it_is_not_there() {
        for flags in ["-l -c k.json", "-n -c k.json", "-s x.json -c k.json"] {
            let (text, is_good) = said(flags, OK, Reader::Anybody);
            assert!(text.contains("ERROR linting the configuration file:\t"), "{text}");
            assert!(!is_good);
        }
    }
}
