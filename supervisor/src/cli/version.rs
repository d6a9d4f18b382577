//! `baton version`. KrakenD prints its versions on standard error; scripts read the first line.

use std::process::ExitCode;

use baton_shared::words::{BATON_VERSION, KRAKEND_VERSION};

use super::output;

pub(super) fn run() -> ExitCode {
    output::err(format_args!("KrakenD Version: {KRAKEND_VERSION}"));
    output::err(format_args!("Baton Version: {BATON_VERSION}"));
    ExitCode::SUCCESS
}
