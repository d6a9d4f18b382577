//! Starts a worker's process: the supervisor's own image, the control channel as standard input.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::supervise::WorkerProgram;
use crate::systemd::NOT_FOR_WORKERS;

/// Starts a worker that speaks through `control`. It outlives the handle, and us.
///
/// # Errors
/// No memory, no process, no executable.
pub fn spawn(program: &WorkerProgram, control: OwnedFd) -> io::Result<Child> {
    let mut command = Command::new(&program.program);
    command.arg0("baton").args(&program.arguments);
    command.envs(program.environment.iter().map(|(name, value)| (name, value)));
    for name in NOT_FOR_WORKERS {
        command.env_remove(name);
    }
    command.stdin(Stdio::from(control)).kill_on_drop(false).spawn()
}
