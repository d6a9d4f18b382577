//! `baton status`: what is running.

use std::process::ExitCode;
use std::time::Duration;

use baton_shared::log::escape;

use super::args::StatusArgs;
use super::reload::short;
use super::{output, target};
use crate::reload::report::{Status, WorkerStatus};

/// A supervisor that does not answer in this time is in trouble.
const DEADLINE: Duration = Duration::from_secs(10);
/// Source files that are shown; `--json` shows all.
const SOURCES_SHOWN: usize = 20;

pub(super) fn run(args: &StatusArgs) -> ExitCode {
    target::with(&args.target, async |client| {
        let status = client.status(DEADLINE).await?;
        if args.json {
            // Numbers and strings: serialising them cannot fail.
            output::out(serde_json::to_string_pretty(&status).unwrap_or_default());
        } else {
            words(&status).iter().for_each(output::out);
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The state as lines for a person.
fn words(status: &Status) -> Vec<String> {
    let uptime = uptime(status.uptime_s);
    let mut lines = vec![
        format!("Baton {}, process {}, up {uptime}", escape(&status.version), status.pid),
        format!("configuration  {}", escape(&status.config)),
        format!("state          {}{}", escape(&status.phase), serving(status)),
    ];
    lines.push(format!("requests       {} since the start", status.requests));
    if let Some(failure) = &status.last_failure {
        lines.push(format!("last failure   {}", escape(failure)));
    }
    for listener in &status.listeners {
        let address = escape(&listener.address);
        lines.push(format!("listening      {address} ({} sockets)", listener.shards));
    }
    lines.push(String::new());
    lines.extend(table(&status.workers));
    lines.push(String::new());
    let shown = status.sources.iter().take(SOURCES_SHOWN);
    lines.extend(shown.map(|source| format!("source         {}", escape(source))));
    if let Some(more) = status.sources.len().checked_sub(SOURCES_SHOWN + 1) {
        lines.push(format!("               and {} more", more + 1));
    }
    lines
}

fn serving(status: &Status) -> String {
    let Some(generation) = status.generation else { return String::new() };
    let worker = status.workers.iter().find(|worker| worker.generation == generation);
    let hash = worker.map(|worker| format!(" ({})", short(&worker.hash))).unwrap_or_default();
    format!(", generation {generation}{hash}")
}

const HEADS: [&str; 8] = [
    "generation",
    "process",
    "state",
    "connections",
    "in flight",
    "requests",
    "memory",
    "slowest loop",
];

fn table(workers: &[WorkerStatus]) -> Vec<String> {
    let mut rows = vec![HEADS.map(str::to_owned)];
    rows.extend(workers.iter().map(row));
    let mut widths = [0; HEADS.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; HEADS.len()]| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn row(worker: &WorkerStatus) -> [String; HEADS.len()] {
    let health = &worker.health;
    [
        worker.generation.to_string(),
        worker.pid.to_string(),
        escape(&worker.state).into_owned(),
        health.connections.to_string(),
        health.in_flight.to_string(),
        health.requests.to_string(),
        format!("{} MB", health.rss_bytes.div_ceil(1_000_000)),
        format!("{}.{} ms", health.loop_lag_us / 1000, health.loop_lag_us % 1000 / 100),
    ]
}

fn uptime(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{seconds}s"),
        (0, _, _) => format!("{hours}h{minutes}m"),
        _ => format!("{days}d{hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use baton_shared::control::message::Health;
    use baton_shared::words::GenerationId;

    use super::*;
    use crate::reload::report::ListenerStatus;

    fn status() -> Status {
        let health = Health { connections: 12, requests: 345, ..Health::default() };
        let worker = WorkerStatus {
            generation: GenerationId(3),
            pid: 41,
            state: "serving".to_owned(),
            hash: "3fa94c21dead".to_owned(),
            health,
        };
        Status {
            pid: 40,
            version: "0.1.0".to_owned(),
            config: "/srv/krakend.json".to_owned(),
            uptime_s: 3700,
            generation: Some(GenerationId(3)),
            phase: "serving".to_owned(),
            last_failure: Some("refused:\n\u{7}".to_owned()),
            requests: 1345,
            workers: vec![worker],
            listeners: vec![ListenerStatus { address: "[::]:8080".to_owned(), shards: 2 }],
            sources: (0..25).map(|n| format!("/srv/{n}.json")).collect(),
        }
    }

    #[test]
    fn a_person_sees_the_whole_state_and_no_control_character() {
        let text = words(&status()).join("\n");
        for part in [
            "process 40, up 1h1m",
            "serving, generation 3 (3fa94c21)",
            r"last failure   refused:\n\u{7}",
            "requests       1345 since the start",
            "[::]:8080 (2 sockets)",
            "generation  process  state    connections",
            "3           41       serving  12",
            "and 5 more",
        ] {
            assert!(text.contains(part), "lacks {part}:\n{text}");
        }
    }

    #[test]
    fn times_read_well_from_seconds_to_days() {
        assert_eq!(uptime(59), "59s");
        assert_eq!(uptime(61), "1m1s");
        assert_eq!(uptime(200_000), "2d7h");
    }
}
