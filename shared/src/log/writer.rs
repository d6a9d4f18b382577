//! The thread that owns standard output, so that a reader who stops reading stops nobody else.

use std::io::{self, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime};

use super::{Level, form};

/// Lines that may wait for a slow reader.
const QUEUE_LINES_MAX: usize = 4096;

enum Job {
    Line(String),
    /// Everything before this has been written when the sender is told.
    Flush(SyncSender<()>),
}

static LOST: AtomicU64 = AtomicU64::new(0);

pub(super) fn push(line: String) {
    match queue() {
        None => write(&line),
        Some(queue) => {
            if let Err(TrySendError::Full(_)) = queue.try_send(Job::Line(line)) {
                LOST.fetch_add(1, Ordering::Relaxed);
            }
        },
    }
}

pub(super) fn flush(wait: Duration) {
    let Some(queue) = queue() else { return };
    let (done, written) = sync_channel(1);
    // A full queue means a blocked reader: there is nothing to wait for.
    if queue.try_send(Job::Flush(done)).is_ok() {
        let _in_time = written.recv_timeout(wait);
    }
}

/// None when no thread could be started; then lines are written where they arise.
fn queue() -> Option<&'static SyncSender<Job>> {
    static QUEUE: OnceLock<Option<SyncSender<Job>>> = OnceLock::new();
    let start = || {
        let (sender, jobs) = sync_channel(QUEUE_LINES_MAX);
        let thread = thread::Builder::new().name("log".to_owned());
        thread.spawn(move || work(&jobs)).ok().map(|_detached| sender)
    };
    QUEUE.get_or_init(start).as_ref()
}

fn work(jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Line(line) => write(&line),
            Job::Flush(done) => drop(done.send(())),
        }
        match LOST.swap(0, Ordering::Relaxed) {
            0 => {},
            lost => write(&lost_line(lost)),
        }
    }
}

/// One write per line: two processes share the stream, and lines must not mix.
fn write(line: &str) {
    // A closed stream is no reason to stop serving.
    let _written = io::stdout().lock().write_all(line.as_bytes());
}

fn lost_line(lost: u64) -> String {
    let text = format!("{lost} log lines lost: standard output was not read");
    let mut line = form::format_line(
        super::format(),
        SystemTime::now(),
        Level::Warning,
        "SERVICE: Log",
        &text,
    );
    line.push('\n');
    line
}
