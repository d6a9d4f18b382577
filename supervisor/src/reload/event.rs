//! What the policy hears and what it orders: two closed vocabularies, all plain data.

use std::net::SocketAddr;
use std::time::Duration;

use baton_shared::control::ToWorker;
use baton_shared::control::message::{Invalid, Plan};
use baton_shared::words::GenerationId;

use super::notice::Notice;
use super::report::Report;
use crate::trigger::{Cause, Wait};

/// A worker process. One generation may need several, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u64);

/// A transaction: one attempt to put something in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxnId(pub u64);

/// Somebody who waits for the outcome of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallerId(pub u64);

/// A wish to reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Where it comes from.
    pub cause: Cause,
    /// Try again what was rolled back.
    pub force: bool,
    /// Who waits for the outcome, and until when.
    pub caller: Option<(CallerId, Wait)>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Start the first generation.
    Begin,
    /// Somebody wants a reload.
    Wish(Wish),
    /// A caller does not wait any longer.
    CallerGone(CallerId),
    /// Drain and end.
    Stop,
    /// End.
    StopNow,
    /// The sources of a transaction were read.
    Snapshotted(TxnId, Snapshotted),
    /// The listeners that a transaction wants are bound, or why not.
    Bound(TxnId, Result<(), String>),
    /// A worker said something.
    Said(WorkerId, Said),
    /// A worker's channel is broken; its process may be alive.
    Lost(WorkerId),
    /// A worker's process ended, or never began.
    Exited(WorkerId, End),
    /// The moment that [`super::state::Reload::wake_at`] named has come.
    Tick,
}

/// What reading the sources gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Snapshotted {
    /// They were read.
    Read {
        /// The known generation that was made of exactly them.
        same_as: Option<GenerationId>,
        /// The size of the configuration itself.
        config_bytes: u64,
    },
    /// They cannot be read.
    Failed(Invalid),
}

/// What a worker says, as far as the policy cares.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// I am alive.
    Hello,
    /// The configuration is good.
    Planned {
        /// What the supervisor must know of it.
        plan: Box<Plan>,
        /// Over all sources that the worker asked for.
        hash: String,
    },
    /// The configuration is refused.
    Invalid(Box<Invalid>),
    /// Still preparing.
    Warming(String),
    /// Ready to serve.
    Ready,
    /// The answer to the probe; none: it went well.
    Probed(Option<String>),
    /// Every thread accepts.
    Accepting,
    /// No thread accepts.
    Stopped,
    /// What was idle has moved.
    HandedOver {
        /// Connections that moved.
        moved: u64,
        /// Connections that stay until their response ends.
        left: u64,
    },
    /// Every thread is well.
    Pong {
        /// For how long it has not been able to accept for want of descriptors, if that is so.
        cannot_accept: Duration,
    },
    /// It has not answered, and has not had a processor to do so with: we say that of it.
    Waits,
    /// Nothing is left.
    Drained {
        /// Requests or streams that were cut.
        cut: u64,
    },
    /// I cannot go on.
    Fatal(String),
}

/// How a worker's process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// SIGKILL: by us, by a person, or for want of memory.
    Killed,
    /// Any other signal.
    Signal(i32),
    /// It returned.
    Code(i32),
    /// It could not be started.
    NotStarted(String),
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Killed => f.write_str("was killed (SIGKILL)"),
            Self::Signal(number) => write!(f, "was ended by signal {number}"),
            Self::Code(101) => f.write_str("panicked"),
            Self::Code(code) => write!(f, "ended with exit code {code}"),
            Self::NotStarted(reason) => write!(f, "could not be started: {reason}"),
        }
    }
}

/// Where the content of a worker comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// What this transaction has read.
    Draft(TxnId),
    /// What that generation was made of, without reading anything.
    Of(GenerationId),
}

/// Something to be done.
#[derive(Clone, Debug)]
pub enum Action {
    /// Read the sources; say whether they are one of `compare`. Gives [`Event::Snapshotted`].
    Snapshot {
        /// For whom.
        txn: TxnId,
        /// Generations whose content matters, the earlier wins.
        compare: Vec<GenerationId>,
    },
    /// Read the last-known-good copy instead. Gives [`Event::Snapshotted`].
    LoadHistory {
        /// For whom.
        txn: TxnId,
    },
    /// Start a worker's process and send it its configuration.
    Spawn {
        /// Its name from now on.
        worker: WorkerId,
        /// What it is to be.
        generation: GenerationId,
        /// What it is made of.
        content: Content,
    },
    /// Hold these addresses too. Gives [`Event::Bound`].
    Bind {
        /// For whom.
        txn: TxnId,
        /// All that the new generation wants.
        wanted: Vec<SocketAddr>,
    },
    /// Give up the addresses that this transaction added.
    Unbind {
        /// Whose.
        txn: TxnId,
    },
    /// Send a worker its listening sockets.
    Listen {
        /// To whom.
        worker: WorkerId,
        /// Which addresses.
        wanted: Vec<SocketAddr>,
    },
    /// Send a message that needs nothing else.
    Send {
        /// To whom.
        worker: WorkerId,
        /// What.
        message: ToWorker,
    },
    /// Connect two workers, so that `from` gives its connections to `to`.
    HandOver {
        /// Who gives.
        from: WorkerId,
        /// Who takes.
        to: WorkerId,
    },
    /// SIGKILL.
    Kill {
        /// Whom.
        worker: WorkerId,
    },
    /// This generation is in force: what only earlier ones needed can go.
    Commit {
        /// Which.
        generation: GenerationId,
        /// All addresses that it wants.
        wanted: Vec<SocketAddr>,
    },
    /// Keep what is needed to recognise this generation's content again.
    Remember {
        /// Which.
        generation: GenerationId,
    },
    /// Tell a caller how it went.
    Answer {
        /// Whom.
        caller: CallerId,
        /// How.
        report: Box<Report>,
    },
    /// Refuse new connections from now on: the gateway stops.
    CloseListeners,
    /// Tell the outside that a worker ended that should not have.
    TellDeath {
        /// Which.
        worker: WorkerId,
        /// Its generation.
        generation: GenerationId,
        /// How.
        reason: String,
    },
    /// Tell the outside.
    Tell(Box<Notice>),
}
