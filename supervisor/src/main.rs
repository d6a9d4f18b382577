//! `baton`: the executable. Picks the role from its arguments: a command, or a worker.

pub mod cli;
pub mod instance;
pub mod systemd;
pub mod trigger;
pub mod snapshot;
pub mod generation;
pub mod listener;
pub mod reload;
pub mod supervise;
pub mod admin;
#[cfg(test)]
mod testing;

use std::process::ExitCode;

/// Less CPU per request than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
