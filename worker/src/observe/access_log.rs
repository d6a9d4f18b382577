//! The line per request, in gin's form, since people parse it:
//! `[GIN] 2026/01/02 - 15:04:05 | 200 |    1.23ms |       127.0.0.1 | GET      "/path?query"`
//!
//! After the answer is written. Lines are gathered per thread and leave together, so that a request
//! never waits for whoever reads the log.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use baton_shared::log::{self, Civil, Format};
use http::StatusCode;
use percent_encoding::percent_decode;

use crate::message::Head;

/// Lines leave at the latest after this.
const FLUSH_AFTER: Duration = Duration::from_millis(20);
/// Lines leave when so much has gathered.
const FLUSH_BYTES: usize = 32 * 1024;

/// What is logged; compiled from the `router` namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessLogPlan {
    /// `logger_skip_paths`: exact paths without a line.
    pub skip_paths: HashSet<String>,
}

/// The access log of one thread.
#[derive(Debug)]
pub(crate) struct AccessLog {
    plan: AccessLogPlan,
    lines: Rc<RefCell<String>>,
    /// The last second and its text.
    stamp: RefCell<(u64, String)>,
}

/// A request whose answer is awaited.
#[derive(Debug)]
pub(crate) struct Entry {
    begun: Instant,
    method: String,
    target: String,
}

/// What became of it.
struct Answer {
    client: Option<IpAddr>,
    status: StatusCode,
    latency: Duration,
}

impl AccessLog {
    pub(crate) fn new(plan: AccessLogPlan) -> Self {
        Self { plan, lines: Rc::default(), stamp: RefCell::default() }
    }

    /// Notes a request; `None` for a path that is not logged.
    pub(crate) fn begin(&self, head: &Head) -> Option<Entry> {
        let path = percent_decode(head.path()).decode_utf8_lossy();
        if self.plan.skip_paths.contains(&*path) {
            return None;
        }
        let mut target = path.into_owned();
        if let Some(query) = head.query() {
            target.push('?');
            target.push_str(&String::from_utf8_lossy(query));
        }
        let method = head.method().as_str().to_owned();
        Some(Entry { begun: Instant::now(), method, target })
    }

    /// The answer is out; `client` is whose request it was.
    pub(crate) fn end(&self, entry: &Entry, client: Option<IpAddr>, status: StatusCode) {
        let answer = Answer { client, status, latency: entry.begun.elapsed() };
        let mut lines = self.lines.borrow_mut();
        let was_empty = lines.is_empty();
        match log::format() {
            Format::Krakend => self.put_gin(&mut lines, entry, &answer),
            Format::Json => put_json(&mut lines, entry, &answer),
        }
        if lines.len() >= FLUSH_BYTES {
            log::raw(std::mem::take(&mut *lines));
        } else if was_empty {
            let lines = Rc::clone(&self.lines);
            drop(tokio::task::spawn_local(async move {
                tokio::time::sleep(FLUSH_AFTER).await;
                log::raw(lines.take());
            }));
        }
    }

    fn put_gin(&self, out: &mut String, entry: &Entry, answer: &Answer) {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let second = since.unwrap_or_default().as_secs();
        let mut stamp = self.stamp.borrow_mut();
        if stamp.0 != second || stamp.1.is_empty() {
            let at = Civil::local(i64::try_from(second).unwrap_or_default());
            *stamp = (second, at.access_log());
        }
        let latency = go_duration(answer.latency);
        let client = answer.client.map_or_else(String::new, |client| client.to_string());
        // Writing to a String cannot fail.
        let _infallible = writeln!(
            out,
            "[GIN] {} | {:>3} | {latency:>8} | {client:>15} | {:<7}  {}",
            stamp.1,
            answer.status.as_u16(),
            entry.method,
            go_quoted(&entry.target),
        );
    }
}

fn put_json(out: &mut String, entry: &Entry, answer: &Answer) {
    let line = serde_json::json!({
        "time": unix_seconds(),
        "level": "ACCESS",
        "status": answer.status.as_u16(),
        "latency_us": u64::try_from(answer.latency.as_micros()).unwrap_or(u64::MAX),
        "client": answer.client,
        "method": entry.method,
        "target": entry.target,
    });
    let _infallible = writeln!(out, "{line}");
}

/// Seconds since 1970, with milliseconds.
fn unix_seconds() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    (since.unwrap_or_default().as_secs_f64() * 1000.0).round() / 1000.0
}

/// A duration as gin prints it: three figures or so, in Go's units.
fn go_duration(time: Duration) -> String {
    let nanos = time.as_nanos();
    let cut = |unit: u128| nanos / unit * unit;
    let nanos = match nanos {
        60_000_000_000.. => cut(10_000_000_000),
        1_000_000_000.. => cut(10_000_000),
        1_000_000.. => cut(10_000),
        _ => nanos,
    };
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(nanos, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(nanos, 1_000_000)),
        _ => {
            let (minutes, rest) = (nanos / 60_000_000_000, nanos % 60_000_000_000);
            let seconds = decimal(rest, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        },
    }
}

/// `nanos` in `unit`s, without zeros at the end.
fn decimal(nanos: u128, unit: u128) -> String {
    let digits = unit.ilog10() as usize;
    let text = format!("{}.{:0digits$}", nanos / unit, nanos % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A text in double quotes in which nothing can end the line or the quotes.
fn go_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7f}' | '\0'..' ' => {
                let _infallible = write!(out, "\\x{:02x}", u32::from(letter));
            },
            letter if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(letter));
            },
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_in_go() {
        let cases = [
            (0, "0s"),
            (999, "999ns"),
            (1_500, "1.5µs"),
            (123_456, "123.456µs"),
            (1_234_567, "1.23ms"),
            (1_000_000, "1ms"),
            (2_345_678_901, "2.34s"),
            (61_000_000_000, "1m0s"),
            (3_725_000_000_000, "1h2m0s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(go_duration(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn a_target_cannot_forge_a_line() {
        assert_eq!(
            go_quoted("/a\"b\\c\n[GIN] x\u{1b}[0m\u{85}"),
            r#""/a\"b\\c\n[GIN] x\x1b[0m\u0085""#
        );
    }
}
