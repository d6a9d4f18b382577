//! What can be typed. KrakenD's commands take KrakenD's flags and, as KrakenD does, ignore stray
//! arguments (`-d true`); a flag given twice counts once, the last.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

mod examine;
mod spelling;

pub(super) use examine::{AuditArgs, CheckArgs, TestPluginArgs};
pub(super) use spelling::plain;

use super::duration;
use super::migrate::{self, MigrateArgs};

/// The whole line.
#[derive(Debug, Parser)]
#[command(
    name = "baton",
    version,
    about = "An API gateway that runs an unchanged krakend.json and reloads it without losing a request",
    after_help = MAIN_EXAMPLES,
    args_override_self = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

const MAIN_EXAMPLES: &str = "\
Examples:
  baton check -c krakend.json     is the file good?
  baton run -c krakend.json       serve it; every saved change is put in force
  baton reload                    put the file in force now, and say what happened
  baton status                    what is running, and since when";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve a configuration, and put every change of it in force without losing a request.
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Say whether a configuration is good, and if not, why.
    #[command(visible_alias = "validate", after_help = examine::CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Say what in a configuration could be safer, by KrakenD's rules.
    #[command(after_help = examine::AUDIT_EXAMPLES)]
    Audit(AuditArgs),
    /// Rewrite a configuration of KrakenD 1 in today's spelling.
    #[command(after_help = migrate::EXAMPLES)]
    Migrate(MigrateArgs),
    /// Put the present content of the configuration in force, wait, and say what happened.
    #[command(after_help = RELOAD_EXAMPLES)]
    Reload(ReloadArgs),
    /// Refuse tokens from now on, by claims such as `jti-abc`.
    #[command(after_help = REVOKE_EXAMPLES)]
    Revoke(RevokeArgs),
    /// Show generations, workers, listeners and connections of a running gateway.
    Status(StatusArgs),
    /// Let a running gateway finish its requests and end.
    Stop(StopArgs),
    /// Print the versions.
    Version(Stray),
    /// Say why Go plugins cannot be loaded.
    TestPlugin(TestPluginArgs),
    /// Say why a plugin's dependencies do not matter here.
    CheckPlugin(CheckPluginArgs),
    /// Print a script that completes commands and flags in a shell.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Print the manual page.
    Man,
    /// Print the JSON schema of configurations, for editors.
    Schema,
    /// Serve one generation; started by the supervisor only.
    #[command(hide = true)]
    Worker(Stray),
}

/// Arguments that mean nothing and are accepted, as KrakenD does.
#[derive(Debug, Args)]
pub(super) struct Stray {
    /// Whatever else stood on the line.
    #[arg(hide = true)]
    pub(super) stray: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Path to the configuration file (JSON, YAML or TOML).
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Serve the debug endpoint.
    #[arg(short, long, action = ArgAction::Count)]
    pub(super) debug: u8,
    /// Listen on this port, whatever the file says.
    #[arg(short, long, allow_negative_numbers = true, value_parser = port)]
    pub(super) port: Option<i64>,
    /// Do not reload when a file is saved; only on SIGHUP and `baton reload`.
    #[arg(long)]
    pub(super) no_watch: bool,
    /// Control socket of this instance [default: in a folder of its own, found by the commands].
    #[arg(long, value_name = "PATH")]
    pub(super) control: Option<PathBuf>,
    /// Folder for what should outlive the process, such as the last good configuration.
    #[arg(long, value_name = "DIR")]
    pub(super) state_dir: Option<PathBuf>,
    /// When the file is refused, start from the last configuration that was in force.
    #[arg(long)]
    pub(super) last_known_good: bool,
    /// Serve even what should be protected by something that Baton cannot do yet.
    #[arg(long)]
    pub(super) serve_unguarded: bool,
    /// Form of the log lines on standard output.
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub(super) log_format: LogFormat,
    /// Serving threads [default: one per processor that this process may use].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(super) threads: Option<u16>,
    #[command(flatten)]
    pub(super) _stray: Stray,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// As KrakenD's.
    #[default]
    Krakend,
    /// One JSON object per line.
    Json,
}

const RUN_EXAMPLES: &str = "\
Examples:
  baton run -c krakend.json
  baton run -c krakend.json -p 9000 --log-format json
  KRAKEND_PORT=9000 baton run -c krakend.json

Signals: SIGHUP reloads; SIGTERM and SIGINT finish what is in flight and end, a second one ends now.";

/// Which running gateway is meant. Without both: the only one there is.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// The gateway that runs this configuration file.
    #[arg(short, long, value_name = "FILE", conflicts_with = "control")]
    pub(super) config: Option<PathBuf>,
    /// The gateway with this control socket.
    #[arg(long, value_name = "PATH")]
    pub(super) control: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    pub(super) target: Target,
    /// Until when to wait.
    #[arg(long, value_name = "UNTIL", value_enum, default_value_t)]
    pub(super) wait: WaitUntil,
    /// Give up waiting after this time; what has begun goes on.
    #[arg(long, value_name = "DURATION", default_value = "80s", value_parser = duration::parse)]
    pub(super) timeout: Duration,
    /// Try even a configuration that was rolled back before.
    #[arg(long)]
    pub(super) force: bool,
    /// Print what happened as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `baton reload` waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum WaitUntil {
    /// Every later request is answered by the new configuration.
    #[default]
    Committed,
    /// Nothing of the configurations before is left either.
    Drained,
}

const RELOAD_EXAMPLES: &str = "\
Examples:
  baton reload                       the one gateway that runs here
  baton reload -c krakend.json       the gateway that runs this file
  baton reload --wait=drained --timeout 5m

Exit codes: 0 in force; 255 the configuration is refused; 1 something else failed.
When it fails, the gateway serves on as before.";

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    pub(super) target: Target,
    /// Print as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    #[command(flatten)]
    pub(super) target: Target,
    /// A claim and its value, with a hyphen between them; the claim is one of `token_keys`.
    #[arg(value_name = "CLAIM-VALUE", required = true)]
    pub(super) entries: Vec<String>,
    /// Only tell whether they are revoked; the exit code is 1 if one is not.
    #[arg(long)]
    pub(super) check: bool,
    /// Give up waiting after this time.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration::parse)]
    pub(super) timeout: Duration,
}

const REVOKE_EXAMPLES: &str = "\
Examples:
  baton revoke jti-8e2f1c             the token with this `jti`
  baton revoke sub-ann sub-bob        all tokens of two users
  baton revoke -c krakend.json --check jti-8e2f1c

It holds at once in every worker, and outlives reloads; for how long, `TTL` of `auth/revoker` says.
A fleet is told node by node.";

#[derive(Debug, Args)]
pub(super) struct StopArgs {
    #[command(flatten)]
    pub(super) target: Target,
    /// Give up waiting after this time; the gateway still ends.
    #[arg(long, value_name = "DURATION", default_value = "90s", value_parser = duration::parse)]
    pub(super) timeout: Duration,
}

/// KrakenD's flags of `check-plugin`; none of them matters.
#[derive(Debug, Args)]
pub(super) struct CheckPluginArgs {
    /// A plugin's go.sum.
    #[arg(short, long, value_name = "FILE")]
    pub(super) sum: Option<PathBuf>,
    /// The version of the plugin's Go compiler.
    #[arg(short, long, value_name = "VERSION")]
    pub(super) go: Option<String>,
    /// The version of the plugin's libc.
    #[arg(short, long, value_name = "VERSION")]
    pub(super) libc: Option<String>,
    /// Show commands that repair dependencies.
    #[arg(short, long)]
    pub(super) format: bool,
    #[command(flatten)]
    pub(super) _stray: Stray,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(super) shell: clap_complete::Shell,
}

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  baton completions bash > /usr/share/bash-completion/completions/baton
  baton completions zsh > ~/.zfunc/_baton
  baton completions fish > ~/.config/fish/completions/baton.fish";

/// As KrakenD reads it: any whole number in Go's notation; its range is judged later.
fn port(text: &str) -> Result<i64, String> {
    let invalid = |why: &str| format!("strconv.ParseInt: parsing \"{text}\": {why}");
    text.parse().map_err(|error: std::num::ParseIntError| {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        match error.kind() {
            PosOverflow | NegOverflow => invalid("value out of range"),
            _ => invalid("invalid syntax"),
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn run(line: &str) -> RunArgs {
        match Cli::try_parse_from(line.split(' ')).unwrap().command {
            Command::Run(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_stray_argument_after_the_debug_flag_is_accepted() {
        let args = run("baton run -d true -c krakend.json");
        assert_eq!(args.debug, 1);
        assert_eq!(args.config.unwrap(), PathBuf::from("krakend.json"));
    }

    #[test]
    fn every_spelling_of_a_flag_that_krakend_takes_is_taken() {
        for line in [
            "baton run -dd -c=k.json -p=9000",
            "baton run -d -d -ck.json -p9000",
            "baton run --debug --debug --config=k.json --port 9000",
            "baton run -c other.json -c k.json -p 1 -p 9000 --debug -d",
        ] {
            let args = run(line);
            assert_eq!((args.debug, args.port), (2, Some(9000)), "{line}");
            assert_eq!(args.config.unwrap(), PathBuf::from("k.json"), "{line}");
        }
    }

    #[test]
    fn a_reload_names_its_gateway_in_one_way_only() {
        assert!(Cli::try_parse_from(["baton", "reload", "-c", "a", "--control", "b"]).is_err());
    }

    #[test]
    fn ports_are_refused_with_krakends_words() {
        assert_eq!(port("-1"), Ok(-1));
        assert_eq!(port("abc").unwrap_err(), r#"strconv.ParseInt: parsing "abc": invalid syntax"#);
        let large = "99999999999999999999";
        assert!(port(large).unwrap_err().ends_with("value out of range"));
    }
}
