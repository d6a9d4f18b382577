//! `baton check`: is this configuration good?

use std::process::ExitCode;

use super::args::CheckArgs;

pub(super) fn run(_args: &CheckArgs) -> ExitCode {
    ExitCode::FAILURE
}
