//! Where commands write. A reader who has gone is no error: the exit code still tells.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use baton_shared::log::escape;

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

/// A text of several lines, free of what could do harm to a terminal.
pub fn harmless(text: &str) -> String {
    let lines = text.split('\n');
    let line = |line: &str| line.split('\t').map(escape).collect::<Vec<_>>().join("\t");
    lines.map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_tabs_stay_and_everything_else_is_written_out() {
        assert_eq!(harmless("a:\tb\n\n'c'\u{1b}[2J\r"), "a:\tb\n\n'c'\\u{1b}[2J\\r");
    }
}
