//! `baton check`: is this configuration good, and if not, why?
//!
//! On standard error, as KrakenD: its texts word by word, since scripts compare them. Scripts are told
//! besides what the file asks for and Baton does not do; a person who reads along, `--strict` and
//! `--json` also get every finding with file, line, pointer, and what would be right.
//!
//! The order is KrakenD's: read → lint → dump → routes.

mod verdict;
mod lint;
mod beyond;

use std::process::ExitCode;

use baton_shared::config::dump::{Detail, dump};
use baton_shared::config::finding::Finding;
use baton_shared::config::model::ServiceConfig;
use baton_shared::config::namespace::{self, Kind, Owner};
use baton_shared::config::{Environment, Loaded, Problem, open, text};
use baton_shared::control::message::{Invalid, Notice};
use baton_shared::words::JsonPointer;
use baton_worker::plan::{CompileOptions, Files, Included, check_plan, include};
use baton_worker::route::RouterFlags;
use baton_worker::route::table::{self, Collision};

use self::lint::{Against, lint};
#[cfg(test)]
use self::verdict::Said;
use self::verdict::{Audience, Grade, Verdict};
use super::args::CheckArgs;
use super::disk::Disk;
use super::run::NO_CONFIG;
use super::{EXIT_FAILED, EXIT_REFUSED, output};

pub(super) fn run(args: &CheckArgs) -> ExitCode {
    let Some(config) = args.config.as_ref().filter(|path| !path.as_os_str().is_empty()) else {
        output::err(NO_CONFIG);
        return ExitCode::from(EXIT_FAILED);
    };
    if let Some(text) = several(args) {
        output::err(format_args!("Error: {text}\nTry --help for all flags."));
        return ExitCode::from(EXIT_REFUSED);
    }
    let environment = Environment::of(std::env::vars_os());
    let verdict = check(args, &config.to_string_lossy(), &environment, &mut Disk::here());
    let is_good = if args.strict { verdict.is_spotless() } else { verdict.is_good };
    if args.json {
        output::out(verdict.json(is_good));
    } else {
        for line in verdict.lines(audience(args)) {
            output::err(output::harmless(&line));
        }
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) }
}

/// `baton schema`: what `-n` compares with.
pub(super) fn print_schema() -> ExitCode {
    match lint::schema() {
        Ok(schema) => {
            output::out(format_args!("{schema:#}"));
            ExitCode::SUCCESS
        },
        Err(error) => {
            output::err(error);
            ExitCode::from(EXIT_FAILED)
        },
    }
}

/// Ways to lint exclude each other; KrakenD's words, since they are no clap's.
fn several(args: &CheckArgs) -> Option<String> {
    let flags = [
        (args.lint, "lint"),
        (args.lint_no_network, "lint-no-network"),
        (args.lint_schema.is_some(), "lint-schema"),
    ];
    let given: Vec<&str> =
        flags.iter().filter(|(is_given, _)| *is_given).map(|(_, name)| *name).collect();
    (given.len() > 1).then(|| {
        format!(
            "if any flags in the group [lint lint-no-network lint-schema] are set none of the \
             others can be; [{}] were all set",
            given.join(" ")
        )
    })
}

fn audience(args: &CheckArgs) -> Audience {
    match args {
        _ if args.strict || output::is_read_by_a_person() => Audience::Person,
        _ if args.debug > 0 => Audience::KrakendOnly,
        _ => Audience::Script,
    }
}

fn check(args: &CheckArgs, path: &str, environment: &Environment, disk: &mut Disk) -> Verdict {
    let mut verdict = Verdict::new();
    verdict.say(format_args!("Parsing configuration file: {path}"));
    let Loaded { mut config, notices } = match open(path, environment, disk) {
        Ok(loaded) => loaded,
        Err(refusal) => {
            verdict.bad("parsing the configuration file", &refusal.text);
            verdict.found(Grade::Error, refusal.findings.iter().map(Notice::from));
            return verdict;
        },
    };
    let Included { files, notices: included } = include(&mut config, disk);
    verdict.found(Grade::Warning, included);
    for notice in &notices {
        verdict.found(grade(notice), [Notice::from(notice)]);
    }
    if let Some(against) = against(args)
        && let Err(failed) = lint_file(path, environment, against, disk)
    {
        verdict.bad(failed.doing, failed.why);
        return verdict;
    }
    if let Some(detail) = detail(args.debug) {
        verdict.say(dump(&config, detail, &args.indent).trim_end_matches('\n'));
    }
    judge(args, &config, files, disk, &mut verdict);
    if verdict.is_good {
        verdict.say("Syntax OK!");
    }
    verdict
}

const fn grade(finding: &Finding) -> Grade {
    match finding.problem {
        Problem::HostCleaned { .. } => Grade::Remark,
        _ => Grade::Warning,
    }
}

/// What to lint against, if at all; nothing is downloaded, so `-l` is `-n`.
fn against(args: &CheckArgs) -> Option<Against<'_>> {
    match &args.lint_schema {
        Some(path) if !path.is_empty() => Some(Against::Path(path)),
        _ => (args.lint || args.lint_no_network).then_some(Against::BuiltIn),
    }
}

/// What was rendered is compared, if the file is a template.
fn lint_file(
    path: &str,
    environment: &Environment,
    against: Against<'_>,
    disk: &mut Disk,
) -> Result<(), lint::Failed> {
    let text = text(path, environment, disk).map_err(|refusal| lint::Failed {
        doing: "loading the configuration content",
        why: refusal.text,
    })?;
    lint(&text.bytes, against)
}

const fn detail(times: u8) -> Option<Detail> {
    match times {
        0 => None,
        1 => Some(Detail::Main),
        2 => Some(Detail::More),
        3.. => Some(Detail::All),
    }
}

/// What can be said of a configuration that reads well: KrakenD looks at the routes, when it is asked
/// to; Baton also at what it does not do, and at what was hardly meant.
fn judge(
    args: &CheckArgs,
    config: &ServiceConfig,
    files: Files,
    disk: &Disk,
    verdict: &mut Verdict,
) {
    verdict.found(Grade::Unbuilt, unbuilt(config));
    verdict.found(Grade::Warning, beyond::warnings(config, disk));
    verdict.found(Grade::Remark, beyond::remarks(config));
    if args.hosts {
        verdict.found(Grade::Warning, beyond::unreachable(config));
    }
    if args.test_gin_routes
        && let Err(collisions) = routes(config)
    {
        let first = collisions.first().map(ToString::to_string).unwrap_or_default();
        verdict.bad("testing the configuration file", first);
    }
    let options = CompileOptions { threads: 1, files, ..CompileOptions::default() };
    match check_plan(config, &options) {
        Ok(notices) => verdict.found(Grade::Remark, notices),
        Err(refused) => {
            // With -d the dump is what was asked for, and the file reads well.
            let is_unguarded = args.debug == 0 && is_unguarded(config, &refused);
            if verdict.is_good && is_unguarded {
                verdict.bad("checking the configuration file", &refused.text);
            }
            let grade = if verdict.is_good { Grade::Warning } else { Grade::Error };
            verdict.found(grade, refused.findings);
        },
    }
}

/// The routes alone, as KrakenD tests them.
fn routes(config: &ServiceConfig) -> Result<(), Vec<Collision>> {
    let settings = config.extra_config.namespaces.get("router");
    let flags = RouterFlags::from_settings(settings.map(|router| &router.settings));
    table::build(config, &flags).map(|_router| ())
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
        namespace::unbuilt(config)
            .iter()
            .any(|one| one.at == *at && one.kind == Kind::Protects && one.owner == Owner::Service)
    };
    refused.findings.iter().any(|finding| is_guard(&finding.pointer))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod corpus;
