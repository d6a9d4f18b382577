//! What both processes print on standard output, one line per event.
//!
//! Two forms: KrakenD's (`2026/01/02 15:04:05 KRAKEND INFO: [TAG] text`, local time) and JSON.
//! For rare lines: start, reload, trouble. Whatever a line carries, it stays one line: control
//! characters are escaped, so nobody outside can forge a second one. A reader who does not read
//! blocks nobody: lines wait in a bounded queue of their own thread, and what does not fit is
//! counted and reported once there is room.

mod civil;
mod form;
mod writer;

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

pub use civil::{Civil, rfc3339_local};
pub use form::{escape, format_line};

/// How urgent a line is; KrakenD's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For who looks for a fault.
    Debug,
    /// What went as wanted.
    Info,
    /// Serves, but not as somebody may think.
    Warning,
    /// Something that was asked for did not happen.
    Error,
    /// The gateway cannot go on.
    Critical,
}

impl Level {
    /// The name as KrakenD prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }
}

/// The form of all lines of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// As KrakenD's own logger.
    #[default]
    Krakend,
    /// One JSON object per line.
    Json,
}

static FORMAT: OnceLock<Format> = OnceLock::new();

/// Chooses the form; the first call counts.
pub fn set_format(format: Format) {
    let _chosen_before = FORMAT.set(format);
}

/// The form that was chosen.
#[must_use]
pub fn format() -> Format {
    FORMAT.get().copied().unwrap_or_default()
}

/// Prints one line. Never waits. An empty tag leaves the brackets out.
pub fn line(level: Level, tag: &str, message: impl AsRef<str>) {
    let mut text = format_line(format(), SystemTime::now(), level, tag, message.as_ref());
    text.push('\n');
    writer::push(text);
}

/// Prints a line that is complete already (an access log's, say), with its line end. Never waits.
pub fn raw(line_with_end: String) {
    writer::push(line_with_end);
}

/// Waits until everything so far is written, at most `wait`. Call it before the process ends.
pub fn flush(wait: Duration) {
    writer::flush(wait);
}

/// A line at level DEBUG.
pub fn debug(tag: &str, message: impl AsRef<str>) {
    line(Level::Debug, tag, message);
}

/// A line at level INFO.
pub fn info(tag: &str, message: impl AsRef<str>) {
    line(Level::Info, tag, message);
}

/// A line at level WARNING.
pub fn warning(tag: &str, message: impl AsRef<str>) {
    line(Level::Warning, tag, message);
}

/// A line at level ERROR.
pub fn error(tag: &str, message: impl AsRef<str>) {
    line(Level::Error, tag, message);
}
