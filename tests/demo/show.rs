//! `baton-show`: clients that keep their connections, and a reload each second, as one live line.
//!
//! Started by `scripts/run --show` beside the example gateway. Every second it writes a new banner into
//! the configuration and calls `baton reload`; a client that asks after that and still gets the old
//! banner counts as stale. No client retries. A connection closed by the gateway counts as closed, also
//! when no request was lost by it.

#![expect(clippy::print_stderr, reason = "what a person started reports its end")]

use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use clap::Parser;

const CLIENT_DEADLINE: Duration = Duration::from_secs(10);
const RECONNECT_PAUSE: Duration = Duration::from_millis(20);
const THINK: Duration = Duration::from_millis(5);
const HEAD_LINES_MAX: usize = 200;
const BODY_BYTES_MAX: u64 = 1024 * 1024;

/// Load an example gateway, reload it each second, show what clients notice.
#[derive(Debug, Parser)]
#[command(name = "baton-show")]
struct Options {
    /// The gateway.
    #[arg(long)]
    address: SocketAddr,
    /// Its configuration; the banner's `url_pattern` is rewritten in it.
    #[arg(long)]
    config: PathBuf,
    /// The executable to call for a reload.
    #[arg(long)]
    baton: PathBuf,
    /// How many clients.
    #[arg(long, default_value_t = 100)]
    clients: usize,
    /// Time between reloads.
    #[arg(long, default_value_t = 1000)]
    every_ms: u64,
    /// End by itself after so many seconds [default: when interrupted].
    #[arg(long)]
    seconds: Option<u64>,
}

/// What all clients saw.
#[derive(Debug, Default)]
struct Tally {
    requests: AtomicU64,
    lost: AtomicU64,
    stale: AtomicU64,
    closed: AtomicU64,
    /// The banner that every request must have which begins now.
    committed: AtomicU64,
    over: AtomicBool,
    /// Microseconds of the present second's requests.
    latencies_us: Mutex<Vec<u64>>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match show(&options) {
        Ok(clean) if clean => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("baton-show: {error}");
            ExitCode::FAILURE
        },
    }
}

/// Runs until the time is up or a reload fails; true when clients noticed nothing.
fn show(options: &Options) -> io::Result<bool> {
    let tally = Arc::new(Tally::default());
    // The clients know only numbered banners: the first is in force before they begin.
    reload(options, 1)?;
    tally.committed.store(1, SeqCst);
    let clients: Vec<_> = (0..options.clients)
        .map(|_| {
            let (tally, address) = (Arc::clone(&tally), options.address);
            thread::spawn(move || client(address, &tally))
        })
        .collect();
    let result = reload_and_tell(options, &tally);
    tally.over.store(true, Relaxed);
    for client in clients {
        drop(client.join());
    }
    result?;
    let count = |counter: &AtomicU64| counter.load(Relaxed);
    Ok(count(&tally.lost) + count(&tally.stale) + count(&tally.closed) == 0)
}

fn reload_and_tell(options: &Options, tally: &Tally) -> io::Result<()> {
    let begun = Instant::now();
    let end = options.seconds.map(|seconds| begun + Duration::from_secs(seconds));
    let screen = Screen::new();
    let mut next = begun;
    for number in 2.. {
        next += Duration::from_millis(options.every_ms);
        pause_until(next);
        if end.is_some_and(|end| Instant::now() >= end) {
            break;
        }
        let called = Instant::now();
        reload(options, number)?;
        tally.committed.store(number, SeqCst);
        screen.line(tally, number - 1, called.elapsed())?;
    }
    screen.end()
}

/// Puts banner `number` in force; returns when Baton says that it is.
fn reload(options: &Options, number: u64) -> io::Result<()> {
    save_banner(&options.config, number)?;
    let Output { status, stdout, stderr } =
        Command::new(&options.baton).arg("reload").arg("-c").arg(&options.config).output()?;
    if status.success() {
        return Ok(());
    }
    let said = [stdout, stderr].concat();
    Err(io::Error::other(format!("the reload failed: {}", String::from_utf8_lossy(&said).trim())))
}

/// Written beside and renamed, as editors do.
fn save_banner(config: &Path, number: u64) -> io::Result<()> {
    const KEY: &str = "\"/banner/";
    let text = fs::read_to_string(config)?;
    let Some((before, rest)) = text.split_once(KEY) else {
        return Err(io::Error::other(format!("{} has no url_pattern /banner/…", config.display())));
    };
    let (_, after) = rest.split_once('"').unwrap_or((rest, ""));
    let fresh = config.with_extension("new");
    fs::write(&fresh, format!("{before}{KEY}{number}\"{after}"))?;
    fs::rename(&fresh, config)
}

#[expect(clippy::disallowed_methods, reason = "the pace of the show")]
fn pause_until(time: Instant) {
    thread::sleep(time.saturating_duration_since(Instant::now()));
}

// --- a client --------------------------------------------------------------------------------------

/// Asks for the banner again and again, on one connection for as long as it is left open.
fn client(address: SocketAddr, tally: &Tally) {
    let mut connection: Option<BufReader<TcpStream>> = None;
    while !tally.over.load(Relaxed) {
        if connection.as_ref().is_some_and(is_closed) {
            tally.closed.fetch_add(1, Relaxed);
            connection = None;
        }
        let wanted = tally.committed.load(SeqCst);
        let begun = Instant::now();
        match ask(address, &mut connection) {
            Ok(banner) => {
                tally.requests.fetch_add(1, Relaxed);
                let us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
                tally.latencies_us.lock().unwrap_or_else(PoisonError::into_inner).push(us);
                if banner < wanted {
                    tally.stale.fetch_add(1, Relaxed);
                }
                pause_until(Instant::now() + THINK);
            },
            Err(_) if tally.over.load(Relaxed) => {},
            Err(_) => {
                tally.requests.fetch_add(1, Relaxed);
                tally.lost.fetch_add(1, Relaxed);
                connection = None;
                pause_until(Instant::now() + RECONNECT_PAUSE);
            },
        }
    }
}

/// Has the gateway closed while nothing was asked? A fair client looks before it sends again.
fn is_closed(connection: &BufReader<TcpStream>) -> bool {
    let stream = connection.get_ref();
    let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    let restored = stream.set_nonblocking(false);
    match peeked {
        Ok(got_bytes) => got_bytes == 0 || restored.is_err(),
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}

/// One request; the number in the banner.
fn ask(address: SocketAddr, connection: &mut Option<BufReader<TcpStream>>) -> io::Result<u64> {
    let reader = match connection {
        Some(reader) => reader,
        None => {
            let stream = TcpStream::connect_timeout(&address, CLIENT_DEADLINE)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(CLIENT_DEADLINE))?;
            connection.insert(BufReader::new(stream))
        },
    };
    reader.get_mut().write_all(b"GET /banner HTTP/1.1\r\nHost: shop\r\n\r\n")?;
    let body = read_answer(reader)?;
    let digits: String = body.chars().filter(char::is_ascii_digit).collect();
    digits.parse().map_err(|bad| io::Error::other(format!("unexpected answer ({bad}): {body}")))
}

/// The body of a 200 with a length; anything else counts as lost.
fn read_answer(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut length = None;
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if !line.starts_with("HTTP/1.1 200 ") {
        return Err(io::Error::other(format!("unexpected answer: {line}")));
    }
    for _ in 0..HEAD_LINES_MAX {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse::<u64>().ok();
            },
            Some(_) => {},
            None => break,
        }
    }
    let length = length.filter(|length| *length <= BODY_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::other("an answer without a length"))?;
    let mut body = String::new();
    reader.by_ref().take(length).read_to_string(&mut body)?;
    Ok(body)
}

// --- the screen ------------------------------------------------------------------------------------

/// One line, drawn over on a terminal, printed below each other elsewhere.
struct Screen {
    terminal: bool,
    colours: bool,
}

impl Screen {
    fn new() -> Self {
        let terminal = io::stdout().is_terminal();
        Self { terminal, colours: terminal && env::var_os("NO_COLOR").is_none() }
    }

    fn line(&self, tally: &Tally, reloads: u64, reload_took: Duration) -> io::Result<()> {
        let (p50_ms, p99_ms) = percentiles(tally);
        let bad = |label: &str, counter: &AtomicU64| {
            let count = counter.load(Relaxed);
            let text = format!("{label} {count}");
            match (self.colours, count) {
                (false, _) => text,
                (true, 0) => format!("\x1b[32m{text}\x1b[0m"),
                (true, _) => format!("\x1b[1;31m{text}\x1b[0m"),
            }
        };
        let line = format!(
            "reloads {reloads:>4} ({:>3} ms) | requests {:>9} | {} | {} | {} | p50 {p50_ms:.1} ms  p99 {p99_ms:.1} ms",
            reload_took.as_millis(),
            thousands(tally.requests.load(Relaxed)),
            bad("lost", &tally.lost),
            bad("stale", &tally.stale),
            bad("connections closed", &tally.closed),
        );
        let mut out = io::stdout().lock();
        if self.terminal {
            write!(out, "\r\x1b[2K{line}")?;
        } else {
            writeln!(out, "{line}")?;
        }
        out.flush()
    }

    fn end(&self) -> io::Result<()> {
        if self.terminal { writeln!(io::stdout()) } else { Ok(()) }
    }
}

/// Of the requests since the last call.
fn percentiles(tally: &Tally) -> (f64, f64) {
    let mut us =
        std::mem::take(&mut *tally.latencies_us.lock().unwrap_or_else(PoisonError::into_inner));
    us.sort_unstable();
    let at = |percent: usize| {
        us.get(us.len() * percent / 100)
            .map_or(0.0, |us| Duration::from_micros(*us).as_secs_f64() * 1e3)
    };
    (at(50), at(99))
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn long_numbers_are_readable() {
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1000, 1_234_567].map(thousands));
    }
}
