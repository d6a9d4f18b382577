//! What the supervisor tells the outside world as it happens: for the log, for systemd, for the
//! file watch. Plain data; who listens decides what to print, send or watch.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use baton_shared::control::message::Notice as ConfigNotice;
use baton_shared::words::GenerationId;

use super::report::Report;
use crate::trigger::Cause;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The supervisor holds a new listening address. `inherited`: the sockets came from outside and
    /// are kept there already.
    ListenerOpened {
        /// Where it listens.
        address: SocketAddr,
        /// All its sockets.
        sockets: Vec<Arc<OwnedFd>>,
        /// They were handed in at the start.
        inherited: bool,
    },
    /// The supervisor gave an address up.
    ListenerClosed {
        /// Where it listened.
        address: SocketAddr,
    },
    /// The first generation is in force: every thread accepts on every listener.
    Ready {
        /// The same facts as of a reload.
        report: Report,
        /// How many endpoints are served.
        endpoints: usize,
        /// Where.
        addresses: Vec<SocketAddr>,
    },
    /// A transaction begins. One of `Committed`, `Unchanged`, `Rejected` follows.
    Reloading {
        /// Why; none for a roll-back.
        cause: Option<Cause>,
    },
    /// A worker is still preparing; whoever waits for it should go on waiting.
    Warming {
        /// The generation.
        generation: GenerationId,
        /// What it is at.
        what: String,
        /// How long it may take at most until the next word.
        longest: Duration,
    },
    /// A reload waits because as many workers drain as may.
    WaitingForDrainers {
        /// How long at most, before the oldest is ended.
        longest: Duration,
    },
    /// A new generation is in force.
    Committed {
        /// What happened.
        report: Report,
        /// Why this is a roll-back; none for a reload that somebody wanted.
        rollback: Option<String>,
    },
    /// The sources are what serves already.
    Unchanged {
        /// The generation that serves.
        generation: GenerationId,
    },
    /// A reload came to nothing; what served before serves on.
    Rejected {
        /// Why, whole.
        report: Report,
        /// The same in one line.
        reason: String,
        /// Nobody but the file watch asked, and the content is known to be bad: not worth a word.
        quiet: bool,
    },
    /// The serving generation failed after its commit: going back to `to` begins.
    RollingBack {
        /// The generation that failed.
        from: GenerationId,
        /// The one whose content is taken instead.
        to: GenerationId,
        /// What it did.
        reason: String,
    },
    /// A generation has come through its watch.
    Proven {
        /// Which.
        generation: GenerationId,
    },
    /// A worker ended that should not have.
    WorkerDied {
        /// Its generation.
        generation: GenerationId,
        /// Its process id; 0 if there was no process.
        pid: u32,
        /// How.
        reason: String,
    },
    /// The serving generation has a worker again.
    WorkerReplaced {
        /// Its generation.
        generation: GenerationId,
        /// From the death of the one before to this moment.
        after: Duration,
    },
    /// The serving worker answered: every one of its threads is well.
    WorkerHealthy,
    /// A draining worker is gone.
    Drained {
        /// Its generation.
        generation: GenerationId,
        /// Requests or streams that were cut.
        cut: u64,
    },
    /// What the file watch should look at from now on.
    Sources {
        /// Files and folders that the serving generation asked for, found or not.
        serving: Vec<PathBuf>,
        /// The same of the last one that was tried.
        tried: Vec<PathBuf>,
    },
    /// What a configuration asks for and does not get, and what looks wrong in it.
    ConfigNotices {
        /// The generation.
        generation: GenerationId,
        /// Each with its place.
        notices: Vec<ConfigNotice>,
    },
    /// The gateway drains and ends.
    Stopping {
        /// How long at most.
        longest: Duration,
    },
    /// Something that a person should know and that changes nothing.
    Warning(String),
}
