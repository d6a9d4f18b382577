//! Commands that look at a configuration, or at a plugin, and serve nothing.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::Stray;

/// `baton check`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(in crate::cli) struct CheckArgs {
    /// Path to the configuration file (JSON, YAML or TOML).
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// Show how the configuration is understood; up to three times for more.
    #[arg(short, long, action = ArgAction::Count)]
    pub(in crate::cli) debug: u8,
    /// Indentation of what `-d` shows.
    #[arg(short, long, value_name = "TEXT", default_value = "\t", hide_default_value = true)]
    pub(in crate::cli) indent: String,
    /// Also look for endpoints that cannot stand beside each other.
    #[arg(short, long)]
    pub(in crate::cli) test_gin_routes: bool,
    /// Compare with the schema of KrakenD's configuration, as -n: nothing is downloaded.
    #[arg(short, long)]
    pub(in crate::cli) lint: bool,
    /// Compare with the schema that is built in.
    #[arg(short = 'n', long)]
    pub(in crate::cli) lint_no_network: bool,
    /// Compare with a schema of your own.
    #[arg(short = 's', long, value_name = "PATH")]
    pub(in crate::cli) lint_schema: Option<String>,
    /// Also try to connect to every host of a backend.
    #[arg(long)]
    pub(in crate::cli) hosts: bool,
    /// Whatever Baton finds beyond KrakenD's errors fails the check too.
    #[arg(long)]
    pub(in crate::cli) strict: bool,
    /// Print what is found as one JSON object on standard output, and nothing else.
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Ignored.
    #[command(flatten)]
    pub(in crate::cli) stray: Stray,
}

pub(super) const CHECK_EXAMPLES: &str = "\
Examples:
  baton check -c krakend.json
  baton check -t -n -c krakend.json         as strict as KrakenD can be
  baton check --strict --json -c krakend.json | jq .findings
  baton check -dd -c krakend.yaml           how is it understood?
  FC_ENABLE=1 FC_SETTINGS=settings baton check -c krakend.tmpl

Exit codes: 0 good; 1 not good; 255 the command line is wrong.
With -d, what Baton finds beyond KrakenD is left out for scripts, so that the dump is KrakenD's alone.";

/// `baton audit`.
#[derive(Debug, Args)]
pub(in crate::cli) struct AuditArgs {
    /// Path to the configuration file (JSON, YAML or TOML).
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// Rules to leave out, separated by commas.
    #[arg(short, long, value_name = "RULES", default_value = "", hide_default_value = true)]
    pub(in crate::cli) ignore: String,
    /// A file with rules to leave out, one a line.
    #[arg(short = 'I', long, value_name = "FILE")]
    pub(in crate::cli) ignore_file: Option<PathBuf>,
    /// Severities to tell of, separated by commas.
    #[arg(short, long, value_name = "LIST", default_value = "CRITICAL,HIGH,MEDIUM,LOW")]
    pub(in crate::cli) severity: String,
    /// Form of the report: a Go template with the functions `marshal` and `colored`.
    #[arg(short, long, value_name = "TEMPLATE")]
    pub(in crate::cli) format: Option<String>,
    /// Ignored.
    #[command(flatten)]
    pub(in crate::cli) stray: Stray,
}

pub(super) const AUDIT_EXAMPLES: &str = "\
Examples:
  baton audit -c krakend.json
  baton audit -s CRITICAL,HIGH -i 2.1.2,2.2.1 -c krakend.json
  baton audit -f '{{ marshal . }}' -c krakend.json 2> report.json

The report goes to standard error, as KrakenD's. Exit codes: 0 nothing is told; 1 something is.";

/// `baton test-plugin`.
#[derive(Debug, Args)]
pub(in crate::cli) struct TestPluginArgs {
    /// The plugins are for the server.
    #[arg(short, long)]
    pub(in crate::cli) server: bool,
    /// The plugins are for the client.
    #[arg(short, long)]
    pub(in crate::cli) client: bool,
    /// The plugins modify requests and answers.
    #[arg(short, long)]
    pub(in crate::cli) modifier: bool,
    /// Shared objects.
    #[arg(value_name = "PLUGIN")]
    pub(in crate::cli) plugins: Vec<String>,
}
