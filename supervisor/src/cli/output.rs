//! Where commands write. A reader who has gone is no error: the exit code still tells.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

/// One line for scripts and people on standard output.
pub fn out(line: impl Display) {
    let _reader_gone = writeln!(io::stdout().lock(), "{line}");
}

/// One line on standard error, where KrakenD's commands talk.
pub fn err(line: impl Display) {
    let _reader_gone = writeln!(io::stderr().lock(), "{line}");
}

/// Whether a person reads standard error: they get more than the exact text that scripts compare.
pub fn is_read_by_a_person() -> bool {
    io::stderr().is_terminal()
}
