//! What comes out of a run: numbers, a table of several, a live line.

use std::fmt;
use std::time::Duration;

use super::System;
use super::tally::{Counts, FAULTS, Fault, Tally};
use crate::percentile::percentile;
use crate::process;

/// One run, settled.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which gateway.
    pub name: String,
    /// What happened to requests and connections.
    pub counts: Counts,
    /// The first faults, in words.
    pub faults: Vec<String>,
    /// How long each reload command took.
    pub reload_times: Vec<Duration>,
    /// Keep-alive requests before the first reload.
    pub steady: Latency,
    /// Keep-alive requests while it reloads.
    pub reloading: Latency,
    /// How long clients were at it.
    pub seconds: f64,
    /// Its processes before the first reload.
    pub before: Footprint,
    /// Its processes after the last.
    pub after: Footprint,
}

impl Report {
    /// Whether nothing went wrong at all.
    pub fn is_clean(&self) -> bool {
        self.counts.faults.is_empty()
    }

    /// The same where connections cannot be moved: they are ended politely, and sessions go on.
    pub fn is_clean_over_tls(&self) -> bool {
        let is_polite = |fault: &Fault| matches!(fault, Fault::Closed | Fault::Unanswered);
        let Counts { resumed, begun_anew, .. } = self.counts;
        self.counts.faults.keys().all(is_polite) && begun_anew * 1_000 <= resumed + begun_anew
    }

    /// The reload time that `percent` of all reloads stay under.
    pub fn reload_time(&self, percent: usize) -> Duration {
        percentile(&mut self.reload_times.clone(), percent)
    }
}

/// How long requests took, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    /// The median.
    pub p50_us: u32,
    /// 99 of 100 took at most this.
    pub p99_us: u32,
    /// The longest.
    pub max_us: u32,
}

impl Latency {
    pub(super) fn of(mut micros: Vec<u32>) -> Self {
        let mut at = |percent| percentile(&mut micros, percent);
        Self { p50_us: at(50), p99_us: at(99), max_us: at(100) }
    }
}

/// What the processes of a gateway hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Descriptors of the process that stays.
    pub descriptors: usize,
    /// Its resident memory, all of it.
    pub rss_kib: u64,
    /// Its children that live.
    pub workers: usize,
    /// Its children that ended and were not waited for.
    pub zombies: usize,
}

impl Footprint {
    pub(super) fn of(system: &dyn System) -> Self {
        let pid = system.main_pid();
        let children = process::children(pid);
        let zombies = children.iter().filter(|child| child.state == 'Z').count();
        Self {
            descriptors: process::descriptors(pid),
            rss_kib: process::rss_all_kib(pid),
            workers: children.len() - zombies,
            zombies,
        }
    }

    /// Once old workers have had the time to end.
    pub(super) fn settled(system: &dyn System) -> Self {
        const SETTLE: Duration = Duration::from_secs(3);
        let begun = std::time::Instant::now();
        loop {
            let now = Self::of(system);
            if (now.workers <= 1 && now.zombies == 0) || begun.elapsed() > SETTLE {
                return now;
            }
            crate::pause(Duration::from_millis(20));
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { requests, connections, commits, resumed, begun_anew, .. } = self.counts;
        let rate = f64::from(u32::try_from(requests).unwrap_or(u32::MAX)) / self.seconds;
        writeln!(f, "{}", self.name)?;
        writeln!(
            f,
            "  {requests} requests ({rate:.0}/s) on {connections} connections, {commits} reloads in {:.1} s",
            self.seconds
        )?;
        let faults: Vec<String> = FAULTS
            .iter()
            .map(|fault| format!("{} {}", self.counts.of(*fault), title(*fault)))
            .collect();
        writeln!(f, "  {}", faults.join(", "))?;
        if resumed + begun_anew > 0 {
            writeln!(f, "  TLS: {resumed} sessions went on, {begun_anew} began anew")?;
        }
        if self.counts.of(Fault::Stale) > 0 {
            writeln!(
                f,
                "  the stalest request was begun {:?} after the reload had returned",
                self.counts.stalest
            )?;
        }
        writeln!(
            f,
            "  reload command: p50 {:?}, p99 {:?}, max {:?}",
            self.reload_time(50),
            self.reload_time(99),
            self.reload_time(100)
        )?;
        for (when, latency) in [("steady", self.steady), ("reloading", self.reloading)] {
            let Latency { p50_us, p99_us, max_us } = latency;
            writeln!(f, "  latency, {when}: p50 {p50_us} µs, p99 {p99_us} µs, max {max_us} µs")?;
        }
        for (when, print) in [("before", self.before), ("after", self.after)] {
            let Footprint { descriptors, rss_kib, workers, zombies } = print;
            writeln!(
                f,
                "  {when}: main process {descriptors} descriptors, {rss_kib} KiB; {workers} workers, {zombies} zombies"
            )?;
        }
        for words in &self.faults {
            writeln!(f, "  ! {words}")?;
        }
        Ok(())
    }
}

fn title(fault: Fault) -> &'static str {
    match fault {
        Fault::Lost => "lost",
        Fault::Unanswered => "unanswered behind a close",
        Fault::Wrong => "wrong",
        Fault::Refused => "refused",
        Fault::Closed => "closed",
        Fault::Stale => "stale",
        Fault::Twice => "twice",
        Fault::Unseen => "unseen",
        Fault::Reload => "failed reloads",
    }
}

/// Several runs as a table in Markdown.
pub fn table(reports: &[Report]) -> String {
    let mut rows = vec![
        "| gateway | requests | reloads | lost | unanswered behind a close | wrong | refused | connections closed | stale |".to_owned(),
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|".to_owned(),
    ];
    rows.extend(reports.iter().map(|report| {
        let counts = &report.counts;
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            report.name,
            counts.requests,
            counts.commits,
            counts.of(Fault::Lost),
            counts.of(Fault::Unanswered),
            counts.of(Fault::Wrong),
            counts.of(Fault::Refused),
            counts.of(Fault::Closed),
            counts.of(Fault::Stale)
        )
    }));
    rows.join("\n")
}

/// One line on how it goes.
pub(super) fn live_line(tally: &Tally, reloads: u64, elapsed: Duration) -> String {
    let counts = tally.counts();
    let p99_ms = f64::from(tally.recent_p99_us()) / 1_000.0;
    format!(
        "{:>4} s  {:>8} requests  {:>4} lost  {:>4} wrong  {:>4} refused  {:>5} closed  {:>5} stale  {:>5} reloads  p99 {p99_ms:.1} ms",
        elapsed.as_secs(),
        counts.requests,
        counts.of(Fault::Lost),
        counts.of(Fault::Wrong),
        counts.of(Fault::Refused),
        counts.of(Fault::Closed),
        counts.of(Fault::Stale),
        reloads,
    )
}
