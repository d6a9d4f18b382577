//! The thread that owns standard output, so that a reader who stops reading stops nobody else.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, SystemTime};

use super::{Level, form};

/// Lines that may wait for a slow reader.
const QUEUE_LINES_MAX: usize = 4096;

pub(super) fn push(line: String) {
    match queue() {
        Some(queue) => queue.push(line),
        None => write(&mut io::stdout(), &line),
    }
}

pub(super) fn flush(wait: Duration) {
    if let Some(queue) = queue() {
        queue.flush(wait);
    }
}

/// None when no thread could be started; then lines are written where they arise.
fn queue() -> Option<&'static Queue> {
    static QUEUE: OnceLock<Option<Queue>> = OnceLock::new();
    QUEUE.get_or_init(|| Queue::start(io::stdout()).ok()).as_ref()
}

enum Job {
    Line(String),
    /// Everything before this has been written when the sender is told.
    Flush(SyncSender<()>),
}

struct Queue {
    jobs: SyncSender<Job>,
    lost: Arc<AtomicU64>,
}

impl Queue {
    fn start(mut sink: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, jobs) = sync_channel(QUEUE_LINES_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let lines_lost = Arc::clone(&lost);
        let thread = thread::Builder::new().name("log".to_owned());
        drop(thread.spawn(move || work(&mut sink, &jobs, &lines_lost))?);
        Ok(Self { jobs: sender, lost })
    }

    fn push(&self, line: String) {
        if let Err(TrySendError::Full(_)) = self.jobs.try_send(Job::Line(line)) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self, wait: Duration) {
        let (done, written) = sync_channel(1);
        // A full queue means a blocked reader: there is nothing to wait for.
        if self.jobs.try_send(Job::Flush(done)).is_ok() {
            let _in_time = written.recv_timeout(wait);
        }
    }
}

fn work(sink: &mut impl Write, jobs: &Receiver<Job>, lost: &AtomicU64) {
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Line(line) => write(sink, &line),
            Job::Flush(done) => drop(done.send(())),
        }
        match lost.swap(0, Ordering::Relaxed) {
            0 => {},
            lost => write(sink, &lost_line(lost)),
        }
    }
}

/// One write per line: two processes share the stream, and lines must not mix.
fn write(sink: &mut impl Write, line: &str) {
    // A closed stream is no reason to stop serving.
    let _written = sink.write_all(line.as_bytes()).and_then(|()| sink.flush());
}

fn lost_line(lost: u64) -> String {
    let text = format!("{lost} log lines lost: standard output was not read");
    let (now, tag) = (SystemTime::now(), "SERVICE: Log");
    let mut line = form::format_line(super::format(), now, Level::Warning, tag, &text);
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_reader_who_does_not_read_holds_nobody_up_and_learns_what_was_lost() {
        let (sink, reader) = UnixStream::pair().unwrap();
        let queue = Queue::start(sink).unwrap();
        let line = format!("{}\n", "x".repeat(1000));
        let begin = Instant::now();
        for _ in 0..3 * QUEUE_LINES_MAX {
            queue.push(line.clone());
        }
        queue.flush(Duration::from_millis(10));
        assert!(begin.elapsed() < Duration::from_secs(2));
        drop(queue);
        let lines: Vec<String> = BufReader::new(reader).lines().map_while(Result::ok).collect();
        let lost = |line: &String| {
            let (before, _) = line.split_once(" log lines lost")?;
            before.rsplit(' ').next()?.parse::<usize>().ok()
        };
        let told: Vec<usize> = lines.iter().filter_map(lost).collect();
        let written = lines.len() - told.len();
        assert!(!told.is_empty(), "nothing was lost");
        assert_eq!(written + told.iter().sum::<usize>(), 3 * QUEUE_LINES_MAX, "{told:?}");
    }

    #[test]
    fn everything_is_written_when_the_flush_comes_back() {
        let (sink, reader) = UnixStream::pair().unwrap();
        let queue = Queue::start(sink).unwrap();
        (0..100).for_each(|number| queue.push(format!("{number}\n")));
        queue.flush(Duration::from_secs(5));
        reader.set_nonblocking(true).unwrap();
        let lines = BufReader::new(reader).lines().map_while(Result::ok);
        assert!(lines.eq((0..100).map(|number: i32| number.to_string())));
    }

    #[test]
    fn a_closed_stream_is_borne() {
        let (sink, reader) = UnixStream::pair().unwrap();
        drop(reader);
        let queue = Queue::start(sink).unwrap();
        queue.push("line\n".to_owned());
        queue.flush(Duration::from_secs(5));
    }
}
