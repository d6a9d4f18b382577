//! What callers are told: the outcome of a reload, the state of the gateway. JSON on the control
//! socket and with `--json`; the commands print it in words.

use baton_shared::control::message::{Health, Invalid, Notice};
use baton_shared::words::GenerationId;
use serde::{Deserialize, Serialize};

/// The outcome of one reload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What happened.
    pub outcome: Outcome,
    /// The generation that serves now.
    pub generation: GenerationId,
    /// Hex SHA-256 over all sources of the serving generation.
    pub hash: String,
    /// Connections moved to the new worker by the time of the commit.
    pub moved: u64,
    /// Connections that stayed to finish their response at the time of the commit.
    pub left: u64,
    /// Streams cut because a ninth drainer would not fit.
    pub cut: u64,
    /// Milliseconds per phase, in order.
    pub phases: Vec<PhaseTime>,
    /// What the new configuration asks for and does not get, and what looks wrong in it.
    pub notices: Vec<Notice>,
}

/// How a reload ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    /// Every request whose first byte is sent after this answer gets the new generation.
    Committed,
    /// The sources are what serves already.
    Unchanged,
    /// The configuration is refused; nothing changed.
    Refused(Invalid),
    /// The content was rolled back earlier; `--force` tries again.
    RolledBackBefore,
    /// The new worker failed before the commit; nothing changed.
    Failed {
        /// The phase in which it happened.
        phase: String,
        /// Why, in words.
        reason: String,
    },
    /// The gateway is stopping.
    Stopping,
}

/// How long a phase took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseTime {
    /// Its name: snapshot, spawn, plan, bind, warm, probe, switch, handover.
    pub phase: String,
    /// Milliseconds.
    pub ms: f64,
}

/// The state of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The supervisor's process id.
    pub pid: u32,
    /// Baton's version.
    pub version: String,
    /// The configuration as named on the command line, made absolute.
    pub config: String,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// The generation that serves; none before the first is committed.
    pub generation: Option<GenerationId>,
    /// What the supervisor is at: `serving`, `baking`, a phase of a reload, `stopping`.
    pub phase: String,
    /// The last reload that did not succeed, in words; none after a success.
    pub last_failure: Option<String>,
    /// Requests answered since the start, by all generations; of a worker that was killed, those it had told of.
    #[serde(default)]
    pub requests: u64,
    /// Live workers, newest first.
    pub workers: Vec<WorkerStatus>,
    /// Listening addresses.
    pub listeners: Vec<ListenerStatus>,
    /// Source files of the serving generation.
    pub sources: Vec<String>,
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Its generation.
    pub generation: GenerationId,
    /// Its process id.
    pub pid: u32,
    /// `starting`, `serving`, `draining`.
    pub state: String,
    /// Hex SHA-256 over its sources.
    pub hash: String,
    /// Its last figures.
    pub health: Health,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// Where.
    pub address: String,
    /// How many sockets share it.
    pub shards: usize,
}
