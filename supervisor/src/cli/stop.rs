//! `baton stop`: asks the gateway to finish and end, and waits for it.

use std::process::ExitCode;

use super::args::StopArgs;
use super::{EXIT_FAILED, output, target};
use crate::admin::ClientError;

pub(super) fn run(args: &StopArgs) -> ExitCode {
    target::with(&args.target, async |client| match client.stop(args.timeout).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(ClientError::TimedOut) => {
            let waited = args.timeout;
            output::err(format_args!(
                "ERROR: after {waited:?} requests are still in flight; the gateway ends with them"
            ));
            Ok(ExitCode::from(EXIT_FAILED))
        },
        Err(error) => Err(error),
    })
}
