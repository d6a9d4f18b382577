//! `baton reload`: asks, waits, says what happened. The exit code is the answer for scripts.

use std::process::ExitCode;

use baton_shared::control::message::Notice;
use baton_shared::log::escape;

use super::args::{ReloadArgs, WaitUntil};
use super::{EXIT_FAILED, EXIT_REFUSED, output, target};
use crate::admin::ClientError;
use crate::reload::report::{Outcome, PhaseTime, Report};
use crate::trigger::Wait;

pub(super) fn run(args: &ReloadArgs) -> ExitCode {
    let wait = match args.wait {
        WaitUntil::Committed => Wait::Committed,
        WaitUntil::Drained => Wait::Drained,
    };
    target::with(&args.target, async |client| {
        let report = match client.reload(wait, args.force, args.timeout).await {
            Ok(report) => report,
            Err(ClientError::TimedOut) => {
                let waited = args.timeout;
                output::err(format_args!("ERROR: not finished after {waited:?}; {GOES_ON}"));
                return Ok(ExitCode::from(EXIT_FAILED));
            },
            Err(error) => return Err(error),
        };
        if args.json {
            // A report is numbers and strings: serialising it cannot fail.
            output::out(serde_json::to_string_pretty(&report).unwrap_or_default());
        } else {
            print(&report);
        }
        Ok(ExitCode::from(exit_code(&report.outcome)))
    })
}

const GOES_ON: &str = "the reload goes on, `baton status` tells how it ends";

const fn exit_code(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Committed | Outcome::Unchanged => 0,
        Outcome::Refused(invalid) => invalid.exit_code,
        Outcome::RolledBackBefore => EXIT_REFUSED,
        Outcome::Failed { .. } | Outcome::Stopping => EXIT_FAILED,
    }
}

fn print(report: &Report) {
    match &report.outcome {
        Outcome::Committed | Outcome::Unchanged => words(report).iter().for_each(output::out),
        _ => words(report).iter().for_each(output::err),
    }
}

/// The report as lines for a person.
fn words(report: &Report) -> Vec<String> {
    let (generation, hash) = (report.generation, short(&report.hash));
    let serves_on = format!("nothing changed: generation {generation} ({hash}) serves on");
    match &report.outcome {
        Outcome::Committed => committed(report),
        Outcome::Unchanged => vec![format!(
            "unchanged: generation {generation} ({hash}) serves this configuration already"
        )],
        Outcome::Refused(invalid) => {
            let mut lines: Vec<String> = invalid.findings.iter().map(place).collect();
            if lines.is_empty() {
                lines.extend(invalid.text.lines().map(|line| escape(line).into_owned()));
            }
            lines.push(format!("refused: {serves_on}"));
            lines
        },
        Outcome::RolledBackBefore => vec![format!(
            "refused: this configuration was in force and had to be rolled back; change it, or \
             insist with --force; {serves_on}"
        )],
        Outcome::Failed { phase, reason } => {
            vec![format!("failed while at `{phase}`: {}; {serves_on}", escape(reason))]
        },
        Outcome::Stopping => vec!["failed: the gateway is stopping".to_owned()],
    }
}

fn committed(report: &Report) -> Vec<String> {
    let (generation, hash) = (report.generation, short(&report.hash));
    let total_ms: f64 = report.phases.iter().map(|phase| phase.ms).sum();
    let phases: Vec<String> = report.phases.iter().map(phase).collect();
    let mut lines = vec![
        format!("committed: generation {generation} ({hash}) answers every request from now on"),
        format!(
            "connections: {} moved, {} stay until their response ends",
            report.moved, report.left
        ),
        format!("time: {total_ms:.1} ms ({})", phases.join(", ")),
    ];
    if report.cut > 0 {
        lines.push(format!("cut: {} streams of the oldest generation", report.cut));
    }
    lines.extend(report.notices.iter().map(|notice| format!("notice: {}", place(notice))));
    lines
}

fn phase(phase: &PhaseTime) -> String {
    format!("{} {:.1}", phase.phase, phase.ms)
}

/// `file:line: pointer: text`, with what cannot be known left out.
pub(super) fn place(notice: &Notice) -> String {
    let Notice { file, line, pointer, text } = notice;
    let (file, text) = (escape(file), escape(text));
    let pointer = escape(pointer.as_str());
    match (line, pointer.is_empty()) {
        (0, true) => format!("{file}: {text}"),
        (0, false) => format!("{file}: {pointer}: {text}"),
        (line, true) => format!("{file}:{line}: {text}"),
        (line, false) => format!("{file}:{line}: {pointer}: {text}"),
    }
}

/// Enough of a hash to compare two by eye.
pub(super) fn short(hash: &str) -> &str {
    hash.get(..8).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use baton_shared::control::message::Invalid;
    use baton_shared::words::{GenerationId, JsonPointer};

    use super::*;

    fn report(outcome: Outcome) -> Report {
        let phases = [("spawn", 3.2), ("switch", 0.25)];
        let phases = phases.map(|(phase, ms)| PhaseTime { phase: phase.to_owned(), ms });
        Report {
            outcome,
            generation: GenerationId(7),
            hash: "3fa94c21deadbeef".to_owned(),
            moved: 1024,
            left: 3,
            cut: 0,
            phases: phases.to_vec(),
            notices: vec![notice(4, "/x", "not built")],
        }
    }

    fn notice(line: u32, key: &str, text: &str) -> Notice {
        let pointer = key
            .strip_prefix('/')
            .map_or_else(JsonPointer::root, |key| JsonPointer::root().key(key));
        Notice { file: "krakend.json".to_owned(), line, pointer, text: text.to_owned() }
    }

    #[test]
    fn a_refusal_names_every_place_and_says_that_nothing_changed() {
        let findings = vec![notice(14, "/timeout", "`2 s`\n\u{1b}[2J"), notice(0, "", "whole")];
        let invalid = Invalid { text: "krakend's text".to_owned(), findings, exit_code: 255 };
        let report = report(Outcome::Refused(invalid));
        assert_eq!(exit_code(&report.outcome), 255);
        assert_eq!(
            words(&report),
            [
                r"krakend.json:14: /timeout: `2 s`\n\u{1b}[2J",
                "krakend.json: whole",
                "refused: nothing changed: generation 7 (3fa94c21) serves on"
            ]
        );
    }

    #[test]
    fn a_refusal_without_findings_shows_krakends_text() {
        let text = "'krakend.json': unsupported version: 4 (want: 3)".to_owned();
        let invalid = Invalid { text: text.clone(), findings: Vec::new(), exit_code: 1 };
        let report = report(Outcome::Refused(invalid));
        assert_eq!((exit_code(&report.outcome), &words(&report)[0]), (1, &text));
    }

    #[test]
    fn a_commit_tells_generation_connections_and_times() {
        let lines = words(&report(Outcome::Committed));
        assert!(lines[0].starts_with("committed: generation 7 (3fa94c21)"), "{lines:?}");
        assert_eq!(lines[1], "connections: 1024 moved, 3 stay until their response ends");
        assert_eq!(lines[2], "time: 3.5 ms (spawn 3.2, switch 0.2)");
        assert_eq!(lines[3], "notice: krakend.json:4: /x: not built");
    }

    #[test]
    fn the_exit_code_tells_whose_fault_it_is() {
        assert_eq!(exit_code(&Outcome::Unchanged), 0);
        assert_eq!(exit_code(&Outcome::RolledBackBefore), 255);
        assert_eq!(exit_code(&Outcome::Stopping), 1);
    }
}
