//! What the supervisor tells, as log lines. Pure but for [`start`].

use std::net::SocketAddr;

use baton_shared::control::message::Notice as ConfigNotice;
use baton_shared::log::{self, Level};
use baton_shared::words::{BATON_VERSION, KRAKEND_VERSION};

use crate::cli::reload::{place, short};
use crate::reload::notice::Notice;
use crate::reload::report::{Outcome, Report};
use crate::trigger::Cause;

/// The tag of the supervisor's lines.
pub(super) const TAG: &str = "SERVICE: Baton";

/// A line to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) text: String,
}

/// KrakenD's first lines; some wait for the last of them before they send requests.
pub(super) fn start(addresses: &[SocketAddr]) {
    let versions = format!("Starting Baton v{BATON_VERSION} (as KrakenD v{KRAKEND_VERSION})");
    log::info("", versions);
    if let Ok(folder) = std::env::current_dir() {
        log::info("", format!("Working directory is {}", folder.display()));
    }
    for address in addresses {
        log::info("SERVICE: Gin", format!("Listening on port: {}", address.port()));
    }
}

/// The lines of one notice; none for what interests machines only.
pub(super) fn lines(notice: &Notice) -> Vec<Line> {
    match notice {
        Notice::ConfigNotices { notices, .. } => places(Level::Warning, notices),
        Notice::Rejected { quiet: true, .. } | Notice::Sources { .. } | Notice::WorkerHealthy => {
            Vec::new()
        },
        Notice::Rejected { report, reason, quiet: false } => rejected(report, reason),
        other => one(other).into_iter().collect(),
    }
}

fn one(notice: &Notice) -> Option<Line> {
    use Level::{Debug, Error, Info, Warning};
    let (level, text) = match notice {
        Notice::ListenerOpened { address, sockets, inherited } => {
            let from = if *inherited { ", from systemd" } else { "" };
            (Info, format!("Listening on {address} ({} sockets{from})", sockets.len()))
        },
        Notice::ListenerClosed { address } => (Info, format!("No longer listening on {address}")),
        Notice::Ready { report, endpoints, .. } => {
            (Info, format!("{} serves {endpoints} endpoints", generation(report)))
        },
        Notice::Reloading { cause } => (Debug, format!("Reloading: {}", because(cause.as_ref()))),
        Notice::Warming { generation, what, .. } => {
            (Debug, format!("Generation {generation} prepares: {what}"))
        },
        Notice::WaitingForDrainers { longest } => {
            let most = longest.as_secs();
            let text = "The reload waits: too many generations still finish their requests";
            (Warning, format!("{text}; in {most} s the oldest is ended"))
        },
        Notice::Committed { report, rollback: None } => (Info, committed(report)),
        Notice::Committed { report, rollback: Some(why) } => {
            (Warning, format!("Rolled back ({why}): {}", committed(report)))
        },
        Notice::Unchanged { generation } => {
            (Info, format!("Generation {generation} serves this configuration already"))
        },
        Notice::RollingBack { from, to, reason } => {
            let text = format!("Generation {from} failed after its commit: {reason}");
            (Error, format!("{text}; going back to the configuration of generation {to}"))
        },
        Notice::Proven { generation } => (Debug, format!("Generation {generation} is proven")),
        Notice::WorkerDied { generation, pid, reason } => (
            Error,
            format!("The worker of generation {generation} (process {pid}) ended: {reason}"),
        ),
        Notice::WorkerReplaced { generation, after } => {
            let ms = after.as_millis();
            (Warning, format!("Generation {generation} has a worker again after {ms} ms"))
        },
        Notice::Drained { generation, cut: 0 } => {
            (Debug, format!("Generation {generation} has finished"))
        },
        Notice::Drained { generation, cut } => {
            (Warning, format!("Generation {generation} has ended; {cut} requests were cut"))
        },
        Notice::Stopping { longest } => {
            let most = longest.as_secs();
            (Info, format!("Stopping; requests in flight have {most} s to finish"))
        },
        Notice::Warning(text) => (Warning, text.clone()),
        Notice::ConfigNotices { .. }
        | Notice::Rejected { .. }
        | Notice::Sources { .. }
        | Notice::WorkerHealthy => return None,
    };
    Some(Line { level, text })
}

fn rejected(report: &Report, reason: &str) -> Vec<Line> {
    let text = match report.generation.0 {
        0 => format!("The configuration cannot be served: {reason}"),
        serves => format!("Reload rejected, generation {serves} serves on: {reason}"),
    };
    let mut lines = vec![Line { level: Level::Error, text }];
    if let Outcome::Refused(invalid) = &report.outcome {
        lines.extend(places(Level::Error, &invalid.findings));
    }
    lines
}

fn places(level: Level, notices: &[ConfigNotice]) -> Vec<Line> {
    notices.iter().map(|notice| Line { level, text: place(notice) }).collect()
}

fn committed(report: &Report) -> String {
    let ms: f64 = report.phases.iter().map(|phase| phase.ms).sum();
    let Report { moved, left, cut, .. } = report;
    let cut = if *cut > 0 { format!(", {cut} streams cut") } else { String::new() };
    let connections = format!("{moved} connections moved, {left} finish their response{cut}");
    format!("{} in force after {ms:.0} ms: {connections}", generation(report))
}

fn generation(report: &Report) -> String {
    format!("Generation {} (config {})", report.generation, short(&report.hash))
}

fn because(cause: Option<&Cause>) -> String {
    match cause {
        Some(Cause::Signal) => "SIGHUP".to_owned(),
        Some(Cause::File(path)) => format!("{} changed", path.display()),
        Some(Cause::Caller) => "somebody asked for it".to_owned(),
        None => "to roll back".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use baton_shared::control::message::Invalid;
    use baton_shared::words::{GenerationId, JsonPointer};

    use super::*;
    use crate::reload::report::PhaseTime;

    fn report(outcome: Outcome) -> Report {
        Report {
            outcome,
            generation: GenerationId(2),
            hash: "3fa94c21dead".to_owned(),
            moved: 7,
            left: 1,
            cut: 0,
            phases: vec![PhaseTime { phase: "spawn".to_owned(), ms: 41.6 }],
            notices: Vec::new(),
        }
    }

    #[test]
    fn a_rejection_names_the_places_and_a_quiet_one_is_silent() {
        let finding = ConfigNotice {
            file: "k.json".to_owned(),
            line: 3,
            pointer: JsonPointer::root().key("port"),
            text: "not a number".to_owned(),
        };
        let invalid = Invalid { text: String::new(), findings: vec![finding], exit_code: 255 };
        let report = report(Outcome::Refused(invalid));
        let reason = "1 problem".to_owned();
        let notice =
            |quiet| Notice::Rejected { report: report.clone(), reason: reason.clone(), quiet };
        let texts: Vec<String> = lines(&notice(false)).into_iter().map(|line| line.text).collect();
        let first = "Reload rejected, generation 2 serves on: 1 problem";
        assert_eq!(texts, [first, "k.json:3: /port: not a number"]);
        assert_eq!(lines(&notice(true)), []);
    }

    #[test]
    fn a_commit_is_one_line_and_a_roll_back_a_warning() {
        let commit = |rollback| Notice::Committed { report: report(Outcome::Committed), rollback };
        let text = "Generation 2 (config 3fa94c21) in force after 42 ms: \
                    7 connections moved, 1 finish their response";
        let expected = Line { level: Level::Info, text: text.to_owned() };
        assert_eq!(lines(&commit(None)), [expected]);
        let rolled_back = lines(&commit(Some("it crashed".to_owned())));
        assert_eq!(rolled_back[0].level, Level::Warning);
        assert!(rolled_back[0].text.starts_with("Rolled back (it crashed): Generation 2"));
    }
}
