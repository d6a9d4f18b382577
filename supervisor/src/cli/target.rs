//! Connecting to the running gateway that a command means.

use std::process::ExitCode;

use super::args::Target;
use super::{EXIT_FAILED, output};
use crate::admin::{Client, ClientError};
use crate::instance::{Places, Wanted, find};

/// Connects to the gateway that `target` means and lets `talk` do the rest.
pub(super) fn with(
    target: &Target,
    talk: impl AsyncFnOnce(Client) -> Result<ExitCode, ClientError>,
) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(error),
    };
    runtime.block_on(async {
        let wanted = match (&target.control, &target.config) {
            (Some(control), _) => Wanted::Control(control),
            (None, Some(config)) => Wanted::Config(config),
            (None, None) => Wanted::Only,
        };
        let running = match find(&Places::read(), wanted).await {
            Ok(running) => running,
            Err(error) => return failed(error),
        };
        match talk(Client::new(running.stream)).await {
            Ok(code) => code,
            Err(ClientError::Broken(cause)) => failed(format_args!(
                "the connection to the gateway broke: {cause}; `baton status` tells how it is"
            )),
            Err(error) => failed(error),
        }
    })
}

fn failed(error: impl std::fmt::Display) -> ExitCode {
    output::err(format_args!("ERROR: {error}"));
    ExitCode::from(EXIT_FAILED)
}
