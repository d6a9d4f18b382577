//! Threads that check passwords, beside the serving ones: few, with a bounded queue, and none before somebody asks.
//!
//! A client that opens many connections at once is checked once.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use baton_shared::log;
use tokio::sync::oneshot;

use super::{Credentials, Name, Users};

/// Checks that wait; further ones are refused (503).
const WAITING_MAX: usize = 4_096;

/// Who checks.
#[derive(Debug)]
pub(crate) struct Checks {
    threads: usize,
    queue: OnceLock<SyncSender<Job>>,
}

struct Job {
    users: Arc<Users>,
    credentials: Credentials,
    name: Name,
    answer: oneshot::Sender<bool>,
}

impl Checks {
    /// For so many serving threads: at most half of the processors check.
    pub(crate) const fn new(serving: usize) -> Self {
        let threads = if serving < 4 { 1 } else { serving / 2 };
        Self { threads, queue: OnceLock::new() }
    }

    /// Has a password checked; `None`: too many wait already.
    pub(super) fn ask(
        &self,
        users: &Arc<Users>,
        credentials: Credentials,
        name: Name,
    ) -> Option<oneshot::Receiver<bool>> {
        let (answer, verdict) = oneshot::channel();
        let job = Job { users: Arc::clone(users), credentials, name, answer };
        let queue = self.queue.get_or_init(|| start(self.threads));
        queue.try_send(job).is_ok().then_some(verdict)
    }
}

fn start(threads: usize) -> SyncSender<Job> {
    let (queue, jobs) = sync_channel(WAITING_MAX);
    let shared = Arc::new(Mutex::new(jobs));
    for nth in 0..threads {
        let jobs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name(format!("check-{nth}"));
        if let Err(error) = thread.spawn(move || run(&jobs)) {
            log::error("SERVICE: Basic", format!("no thread to check passwords: {error}"));
        }
    }
    queue
}

/// As long as the plan lives.
fn run(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { users, credentials, name, answer }) = next else { return };
        // Who has gone meanwhile needs no answer.
        if !answer.is_closed() {
            let _gone = answer.send(users.check(&credentials, name));
        }
    }
}
