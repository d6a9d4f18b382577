//! `baton-siege`: attacks a gateway over HTTP/2 in every way that is cheap for the attacker, and prints what clients
//! that keep to the rules notice of it.

#![expect(clippy::print_stdout, reason = "what a person asked for")]

use std::process::ExitCode;
use std::time::Duration;

use baton_tests::h2::attack::{ATTACKS, Attack};
use baton_tests::siege::{Plan, run, table};
use baton_tests::torture::Protocol;
use clap::Parser;

/// Attack a gateway and measure what others notice.
///
/// Each attack runs for as long as the measure without it just before. Attackers connect anew whenever the gateway
/// ends their connection. It fails when a healthy request does, when the p99 of the healthy is both above five times
/// what it was and above 250 ms, or when a worker grows by 96 MB.
#[derive(Debug, Parser)]
#[command(name = "baton-siege", verbatim_doc_comment)]
struct Options {
    /// Only attacks whose name contains this.
    #[arg(long, default_value = "")]
    attack: String,
    /// Clients that keep to the rules.
    #[arg(long, default_value_t = 8)]
    healthy: usize,
    /// Connections that attack at the same time.
    #[arg(long, default_value_t = 4)]
    attackers: usize,
    /// How long, without and with each attack.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// The backend is asked in HTTP/2.
    #[arg(long)]
    backend_h2: bool,
}

fn main() -> ExitCode {
    let Options { attack, healthy, attackers, seconds, backend_h2 } = Options::parse();
    let chosen: Vec<Attack> =
        ATTACKS.iter().filter(|known| known.name.contains(&attack)).copied().collect();
    let backend = if backend_h2 { Protocol::Http2 } else { Protocol::Http1 };
    let time = Duration::from_secs(seconds);
    let reports = run(&chosen, Plan { healthy, attackers, time, backend });
    println!("{}", table(&reports));
    let bad: Vec<_> = reports.iter().filter(|report| !report.is_good()).collect();
    bad.iter().for_each(|report| println!("too much is noticed of: {}", report.name));
    if bad.is_empty() && !reports.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
