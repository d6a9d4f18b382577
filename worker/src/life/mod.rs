//! The life of a worker process: what the supervisor says, and what is done about it.
//!
//! hello → plan → listen → warm → ready → (probe) → accept → … → hand over → drain → end.
//! The control loop runs on the process's first thread; requests are served by others.

mod start;
mod control;
mod caches;
mod fault;
mod figures;
pub(crate) mod keep;
mod planning;
mod probe;
mod serving;
mod threads;

use std::process::ExitCode;

use baton_shared::control::Channel;
use baton_shared::os::process;

use self::control::End;

/// Descriptors that there is room for from the start: a quarter of a megabyte of the kernel's memory.
const DESCRIPTORS: u64 = 32 << 10;

/// The worker's `main`: speaks with the supervisor through standard input until it is to end.
///
/// Signals of the terminal and of service managers are the supervisor's business: they are ignored
/// here, and the supervisor says what to do.
#[must_use]
pub fn run() -> ExitCode {
    // None of these can fail on a kernel that Baton runs on, and nothing depends on them.
    let _named = process::set_name("baton-worker");
    let _bound = process::set_no_new_privileges();
    let _powerless = process::drop_capabilities();
    let _roomy = process::reserve_descriptors(DESCRIPTORS);
    process::ignore_stop_signals();
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let local = tokio::task::LocalSet::new();
    let end = local.block_on(&runtime, async {
        let channel = process::take_stdin().and_then(Channel::new)?;
        Ok::<End, std::io::Error>(control::run(channel).await)
    });
    match end {
        Ok(End::Asked) => ExitCode::SUCCESS,
        Ok(End::Refused(code)) => ExitCode::from(code),
        Ok(End::Failed) | Err(_) => ExitCode::FAILURE,
    }
}
