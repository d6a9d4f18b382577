//! The supervisor from its first worker to its end: one loop, one thread, no wait without a deadline.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use baton_shared::control::message::{Invalid, Options};
use baton_shared::os::code;
use baton_shared::words::Monotonic;
use tokio::sync::{mpsc, oneshot};

use crate::reload::drive::{Drive, Heard};
use crate::reload::event::{Event, Said, Wish};
use crate::reload::notice::Notice;
use crate::reload::state::Reload;
use crate::reload::step;
use crate::trigger::{Command, ReloadRequest};

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
    /// Where the rendered configuration is kept (`FC_OUT`).
    pub rendered: Option<PathBuf>,
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
    settings: Settings,
    commands: mpsc::Receiver<Command>,
    tell: impl FnMut(Notice),
) -> Ending {
    let (sender, heard) = mpsc::channel(HEARD_MAX);
    let state = Some(Reload::new(settings.last_known_good));
    let drive = Drive::new(settings, sender, tell);
    Supervisor { state, drive, heard, commands, stops: Vec::new() }.run().await
}

/// What may have come back and not been looked at: beyond that, who tells waits.
const HEARD_MAX: usize = 256;
/// How long the last copy of the configuration may take at the end.
const LAST_SAVE: Duration = Duration::from_secs(1);

struct Supervisor<T> {
    /// Taken only while a step is made.
    state: Option<Reload>,
    drive: Drive<T>,
    heard: mpsc::Receiver<Heard>,
    commands: mpsc::Receiver<Command>,
    /// Who is told of the end.
    stops: Vec<oneshot::Sender<()>>,
}

impl<T: FnMut(Notice)> Supervisor<T> {
    async fn run(mut self) -> Ending {
        self.feed(Event::Begin);
        loop {
            if let Some(ending) = self.state().ending().cloned() {
                self.finish().await;
                return ending;
            }
            self.sweep();
            let wake = self.state().wake_at();
            tokio::select! {
                Some(heard) = self.heard.recv() => self.hear(heard),
                Some(command) = self.commands.recv() => self.obey(command),
                () = until(wake) => self.tick().await,
            }
        }
    }

    fn state(&self) -> &Reload {
        static NONE: Reload = Reload::new(false);
        self.state.as_ref().unwrap_or(&NONE)
    }

    fn feed(&mut self, event: Event) {
        let Some(state) = self.state.take() else { return };
        let was_quiet = state.is_quiet();
        let (state, actions) = step(state, Monotonic::now(), event);
        for action in actions {
            self.drive.act(&state, action);
        }
        self.drive.prune(&state);
        if state.is_quiet() && !was_quiet {
            // What a start or a reload ran is not needed until the next one; if it stays, it only looks large.
            let _unmapped = code::give_back_code();
        }
        self.state = Some(state);
    }

    fn hear(&mut self, heard: Heard) {
        let Some(state) = self.state.as_ref() else { return };
        let gone = match &heard {
            Heard::Exited(worker, _) => Some(*worker),
            _ => None,
        };
        if let Some(event) = self.drive.translate(state, heard) {
            self.feed(event);
        }
        if let Some(worker) = gone {
            self.drive.forget(worker);
        }
    }

    /// Answers that are there already come before the judgement that they are missing.
    async fn tick(&mut self) {
        // Once for the sockets to be looked at, once for their readers to read.
        for _ in 0..2 {
            tokio::task::yield_now().await;
        }
        for _ in 0..HEARD_MAX {
            match self.heard.try_recv() {
                Ok(heard) => self.hear(heard),
                Err(_) => break,
            }
        }
        for worker in self.state().judged(Monotonic::now()) {
            if self.drive.waits_for_a_processor(worker) {
                self.feed(Event::Said(worker, Said::Waits));
            }
        }
        self.feed(Event::Tick);
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Reload(request) => self.reload(request),
            Command::Status(answer) => {
                let status = self.drive.status(self.state());
                drop(answer.send(status)); // who asked may have gone
            },
            Command::Revocations { entries, wanted, answer } => {
                self.drive.ask_revocations(&entries, wanted, answer);
            },
            Command::Stop { answer } => {
                self.stops.extend(answer);
                self.feed(Event::Stop);
            },
            Command::StopNow => self.feed(Event::StopNow),
        }
    }

    fn reload(&mut self, request: ReloadRequest) {
        let ReloadRequest { cause, force, wait, answer } = request;
        let caller = answer.map(|answer| (self.drive.callers.admit(answer), wait));
        self.feed(Event::Wish(Wish { cause, force, caller }));
    }

    /// Callers who have hung up.
    fn sweep(&mut self) {
        for caller in self.drive.callers.take_gone() {
            self.feed(Event::CallerGone(caller));
        }
    }

    /// Nothing is left but to tell.
    async fn finish(&mut self) {
        let until = tokio::time::Instant::now() + LAST_SAVE;
        while self.drive.is_saving() {
            match tokio::time::timeout_at(until, self.heard.recv()).await {
                Ok(Some(heard)) => self.hear(heard),
                Ok(None) | Err(_) => break,
            }
        }
        for stop in std::mem::take(&mut self.stops) {
            stop.send(()).unwrap_or_default(); // who asked may have gone
        }
    }
}

async fn until(wake: Option<Monotonic>) {
    match wake {
        Some(wake) => {
            let wait = wake.since(Monotonic::now());
            tokio::time::sleep_until(tokio::time::Instant::now() + wait).await;
        },
        None => std::future::pending().await,
    }
}
