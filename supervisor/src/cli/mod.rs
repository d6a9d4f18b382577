//! The command line: KrakenD's commands with KrakenD's texts and exit codes, and Baton's own.
//!
//! The way of a call: [`args`] → a command → an [`ExitCode`]. Codes: 0 done; 255 the configuration
//! or the command line is refused; 1 the environment is at fault, or a reload failed.

mod args;
mod duration;
mod refusal;
pub mod output;
mod disk;

mod run;
mod check;
mod audit;
mod plugin;
mod document;
mod migrate;
mod target;
mod reload;
mod revoke;
mod status;
mod stop;
mod version;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};

/// KrakenD's code for a refused configuration or command line.
pub const EXIT_REFUSED: u8 = 255;
/// The code for a fault outside of the configuration.
pub const EXIT_FAILED: u8 = 1;

/// Picks the role from the arguments and plays it to its end.
pub fn main() -> ExitCode {
    let command = match Cli::try_parse_from(args::plain(std::env::args_os())) {
        Ok(cli) => cli.command,
        Err(error) => return refusal::answer(&error),
    };
    match command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::TestPlugin(args) => plugin::test(&args),
        Command::CheckPlugin(_) => plugin::check(),
        Command::Completions(args) => document::completions(&args),
        Command::Man => document::manual(),
        Command::Schema => check::print_schema(),
        Command::Migrate(args) => migrate::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Revoke(args) => revoke::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Stop(args) => stop::run(&args),
        Command::Version(_) => version::run(),
        Command::Worker(_) => baton_worker::run(),
    }
}
