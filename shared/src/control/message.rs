//! The two vocabularies between the supervisor and a worker.
//!
//! A worker's life: `Hello` → (`Start`) → `Need`… → (`Rendered`) → (`NeedSoft`) → (`NeedAnswer`…) → `Plan` or `Invalid` →
//! (`Listen`) → `Warming`… → (`NeedTickets`) → `Ready` → (`Probe`) `Probed` → (`Accept`) `Accepting` → (`StopAccept`) `Stopped` →
//! (`HandOverTo`) `HandedOver` → (`Drain`) `Drained` → gone.

use std::net::SocketAddr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::frame::Kind;
use crate::soft::Sizes;
use crate::words::{GenerationId, JsonPointer, ListenerId, Monotonic};

/// A vocabulary that a [`super::Channel`] can carry.
pub trait Message: Serialize + DeserializeOwned {
    /// Which one.
    const KIND: Kind;
    /// How many descriptors must come with this message.
    fn fds(&self) -> usize;
}

/// Supervisor → worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ToWorker {
    /// The first message: what to serve. Descriptor: the configuration, sealed.
    Start(Start),
    /// The answer to `Need`. Descriptor: the content, sealed, when it was found.
    File {
        /// The path that was asked for, as asked.
        path: String,
        /// What is there.
        found: Found,
    },
    /// The answer to `NeedSoft`. Descriptor: the memory, unless there is none.
    Soft {
        /// The oldest generation that lives or may come back.
        oldest: GenerationId,
        /// Why there is no memory.
        failure: Option<String>,
    },
    /// Keys of session tickets, in place of those before. Descriptor: [`super::tickets`], sealed.
    Tickets,
    /// The answer to `NeedAnswer`. Descriptor: what was kept, sealed, if something was.
    Answer {
        /// Its name, as asked.
        name: String,
        /// When it was fetched; none: nothing was kept.
        at: Option<Monotonic>,
    },
    /// Listening sockets, in the order of `sockets`; more follow unless `last`.
    Listen {
        /// One entry per descriptor.
        sockets: Vec<Shard>,
        /// No further `Listen` of this generation follows.
        last: bool,
    },
    /// Answer a request of your own through a real connection.
    Probe,
    /// Start to accept connections.
    Accept,
    /// Stop to accept; from now on begin no request: idle connections wait, unread.
    StopAccept,
    /// Give every idle connection, and each busy one after its response, to the worker at the
    /// other end of the descriptor. Replaces an earlier target.
    HandOverTo,
    /// Take connections from the worker at the other end of the descriptor.
    HandOverFrom,
    /// Undo `StopAccept`: accept and read again.
    Resume,
    /// Finish what is in flight, then say `Drained` and end.
    Drain {
        /// When what is left is cut; none: no deadline.
        deadline: Option<Monotonic>,
    },
    /// Revoke tokens with these claims, or only look; answer `Revocations`.
    Revocations {
        /// Comes back in the answer.
        id: u64,
        /// Such as `jti-abc`.
        entries: Vec<String>,
        /// What is wanted.
        wanted: Revoking,
    },
    /// Are you well? Answer `Pong`.
    Ping {
        /// Comes back in `Pong`.
        nonce: u64,
    },
    /// End now.
    Quit,
}

/// What is wanted of revocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revoking {
    /// That they are made.
    Revoke,
    /// To know of them.
    Look,
}

/// What a worker must know before anything else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The generation that the worker is.
    pub generation: GenerationId,
    /// The path of the configuration as the person wrote it; used in messages and by extension.
    pub config_path: String,
    /// How many serving threads; at least one.
    pub threads: usize,
    /// What the command line says besides.
    pub options: Options,
}

/// Options of `baton run` that a worker obeys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// `-p`: beats the file and `KRAKEND_PORT`.
    pub port: Option<u16>,
    /// `-d`: as `debug_endpoint: true`.
    pub debug: bool,
    /// `--serve-unguarded`: serve although something that protects is not built.
    pub serve_unguarded: bool,
    /// `--log-format json`.
    pub json_logs: bool,
    /// `--threads`: beats the file.
    pub threads: Option<u16>,
}

/// What was found at a path that a worker asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Found {
    /// A file: its content comes as a descriptor.
    File {
        /// Hex SHA-256 of the content.
        hash: String,
    },
    /// A folder: the names in it, sorted.
    Folder {
        /// File names, without the path.
        names: Vec<String>,
    },
    /// Nothing is there.
    Missing,
    /// It cannot be read.
    Failed {
        /// Why, in words.
        reason: String,
    },
}

/// One listening socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// The listener that it is part of.
    pub listener: ListenerId,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Worker → supervisor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum FromWorker {
    /// I am alive.
    Hello {
        /// My process id.
        pid: u32,
        /// My version.
        build: String,
    },
    /// I need this file or folder; missing is an answer too.
    Need {
        /// As the configuration names it.
        path: String,
    },
    /// I need memory for limits and breakers that outlives me: of this size at least.
    NeedSoft(Sizes),
    /// I speak TLS: I need keys of session tickets, now and whenever they change.
    NeedTickets,
    /// I need what an earlier worker fetched from somebody, if it was kept.
    NeedAnswer {
        /// Whose answer to what.
        name: String,
    },
    /// Keep this for the workers after me. Descriptor: what somebody answered, sealed.
    Answer {
        /// Whose answer to what.
        name: String,
        /// When it was fetched.
        at: Monotonic,
    },
    /// The configuration was rendered, and `FC_OUT` wants to have the text. Descriptor: the text,
    /// sealed. Nothing is written before the commit.
    Rendered,
    /// The configuration is good: this is what the supervisor must know of it.
    Plan(Plan),
    /// The configuration is refused.
    Invalid(Invalid),
    /// Still preparing.
    Warming {
        /// What I am at.
        what: String,
    },
    /// Everything is compiled and every thread runs.
    Ready,
    /// The answer to `Probe`.
    Probed {
        /// Why it failed; none: it went well.
        failure: Option<String>,
    },
    /// Every thread accepts on every listener.
    Accepting,
    /// No thread accepts, every read gate is closed.
    Stopped,
    /// Everything that was idle at `HandOverTo` has been taken by the other worker.
    HandedOver {
        /// Connections that moved.
        moved: u64,
        /// Connections that stay until their response ends.
        left: u64,
    },
    /// The answer to `Revocations`.
    Revocations {
        /// As in the question.
        id: u64,
        /// Which are revoked now; none: I have no `auth/revoker`.
        revoked: Option<Vec<bool>>,
    },
    /// The answer to `Ping`, after every serving thread answered too.
    Pong {
        /// As in `Ping`.
        nonce: u64,
        /// What is going on.
        health: Health,
    },
    /// Nothing is left.
    Drained {
        /// Requests or streams that were cut at the deadline.
        cut: u64,
        /// Requests answered since the start of the worker.
        requests: u64,
    },
    /// I cannot go on.
    Fatal {
        /// Why.
        reason: String,
    },
}

/// What the supervisor must know of a configuration, typed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Addresses to listen on.
    pub listeners: Vec<SocketAddr>,
    /// What the supervisor does by this configuration.
    pub policy: Policy,
    /// How many endpoints are served.
    pub endpoints: usize,
    /// What the file asks for and Baton does not do, and what looks wrong.
    pub notices: Vec<Notice>,
}

/// Times that a configuration sets for the supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Longest drain after a reload (`max_shutdown_wait_time`, `"@baton".drain`); none: no bound.
    pub drain_ms: Option<u64>,
    /// Longest drain when the gateway stops.
    pub stop_ms: u64,
    /// How long a new generation is watched after its commit.
    pub bake_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { drain_ms: None, stop_ms: 60_000, bake_ms: 10_000 }
    }
}

/// Something to say about a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The file, as named by the person.
    pub file: String,
    /// The line, from 1; 0 when unknown.
    pub line: u32,
    /// Where in the file.
    pub pointer: JsonPointer,
    /// What was found, what is allowed, the nearest valid spelling.
    pub text: String,
}

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invalid {
    /// The text in KrakenD's own form, as `run` and `check` print it.
    pub text: String,
    /// Every problem, with its place.
    pub findings: Vec<Notice>,
    /// 255: the configuration; 1: the environment.
    pub exit_code: u8,
}

/// A worker's figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The slowest answer of a serving thread to its own ping, in microseconds.
    pub loop_lag_us: u64,
    /// Client connections.
    pub connections: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Requests answered since the start of the worker.
    pub requests: u64,
    /// Resident memory.
    pub rss_bytes: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// For how long it has not been able to accept, for want of descriptors that its clients do
    /// not account for; 0: it can.
    #[serde(default)]
    pub cannot_accept_ms: u64,
}

impl Message for ToWorker {
    const KIND: Kind = Kind::ToWorker;

    fn fds(&self) -> usize {
        match self {
            Self::Start(_)
            | Self::File { found: Found::File { .. }, .. }
            | Self::Soft { failure: None, .. }
            | Self::Tickets
            | Self::Answer { at: Some(_), .. }
            | Self::HandOverTo
            | Self::HandOverFrom => 1,
            Self::Listen { sockets, .. } => sockets.len(),
            Self::File { .. }
            | Self::Soft { .. }
            | Self::Answer { .. }
            | Self::Probe
            | Self::Accept
            | Self::StopAccept
            | Self::Resume
            | Self::Drain { .. }
            | Self::Revocations { .. }
            | Self::Ping { .. }
            | Self::Quit => 0,
        }
    }
}

impl Message for FromWorker {
    const KIND: Kind = Kind::FromWorker;

    fn fds(&self) -> usize {
        match self {
            Self::Rendered | Self::Answer { .. } => 1,
            Self::Hello { .. }
            | Self::Need { .. }
            | Self::NeedSoft(_)
            | Self::NeedTickets
            | Self::NeedAnswer { .. }
            | Self::Plan(_)
            | Self::Invalid(_)
            | Self::Warming { .. }
            | Self::Ready
            | Self::Probed { .. }
            | Self::Accepting
            | Self::Stopped
            | Self::HandedOver { .. }
            | Self::Revocations { .. }
            | Self::Pong { .. }
            | Self::Drained { .. }
            | Self::Fatal { .. } => 0,
        }
    }
}
