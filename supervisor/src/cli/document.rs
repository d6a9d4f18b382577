//! `baton completions` and `baton man`: made from the description of the command line, so that they
//! are never wrong. `systemd/baton.8` is what `baton man` prints; a test compares them.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use super::args::{Cli, CompletionsArgs};
use super::{EXIT_FAILED, output};

pub(super) fn completions(args: &CompletionsArgs) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "baton", &mut text);
    let _reader_gone = io::stdout().lock().write_all(&text);
    ExitCode::SUCCESS
}

pub(super) fn manual() -> ExitCode {
    match page() {
        Ok(page) => {
            let _reader_gone = io::stdout().lock().write_all(&page);
            ExitCode::SUCCESS
        },
        Err(error) => {
            output::err(error);
            ExitCode::from(EXIT_FAILED)
        },
    }
}

/// What is not in the description of the command line, in the language of manual pages.
const ABOUT: &str = include_str!("document/about.roff");
const MORE: &str = include_str!("document/more.roff");

/// One page: what Baton is, each command with its options, then signals, exit codes and files.
fn page() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    // The date of a build would make every build's page another one.
    writeln!(page, ".TH BATON 8 \"\" \"Baton\" \"System administration\"")?;
    // Options are written with this name for an apostrophe.
    writeln!(page, ".ds Aq \\(aq")?;
    page.extend_from_slice(ABOUT.as_bytes());
    writeln!(page, ".SH COMMANDS")?;
    let mut root = Cli::command();
    root.build();
    for command in root.get_subcommands().filter(|command| !command.is_hide_set()) {
        if command.get_name() != "help" {
            one(command, &mut page)?;
        }
    }
    page.extend_from_slice(MORE.as_bytes());
    Ok(page)
}

/// A command is a subsection, its own sections are paragraphs.
fn one(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    writeln!(page, ".SS baton {}", command.get_name())?;
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    writeln!(page, "{}", escaped(&about))?;
    let aliases: Vec<&str> = command.get_visible_aliases().collect();
    if !aliases.is_empty() {
        writeln!(page, "Also: {}.", escaped(&aliases.join(", ")))?;
    }
    let man = Man::new(command.clone());
    let mut part = Vec::new();
    man.render_options_section(&mut part)?;
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    page.extend_from_slice(&without_heads(&part));
    if !examples.is_empty() {
        writeln!(page, ".PP\n.nf\n{}\n.fi", escaped(&examples))?;
    }
    Ok(())
}

/// Lines of a section, without its head.
fn without_heads(section: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(section);
    let lines = text.lines().filter(|line| {
        !line.starts_with(".SH") && !line.starts_with(".ie") && !line.starts_with(".el")
    });
    lines.flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
}

/// A line that begins with a dot or an apostrophe would be an instruction.
fn escaped(text: &str) -> String {
    let line = |line: &str| {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_page_in_the_repository_is_what_baton_man_prints() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd/baton.8");
        let page = String::from_utf8(page().unwrap()).unwrap();
        if std::env::var_os("UPDATE_MANUAL").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(
            kept == page,
            "write it anew: UPDATE_MANUAL=1 cargo test -p baton the_page_in_the_repository"
        );
    }

    #[test]
    fn every_command_and_every_flag_is_in_the_page() {
        let page = String::from_utf8(page().unwrap()).unwrap().replace("\\-", "-");
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            assert!(page.contains(&format!(".SS baton {}\n", command.get_name())));
            for long in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(page.contains(&format!("--{long}")), "{} --{long}", command.get_name());
            }
        }
    }

    #[test]
    fn every_shell_gets_a_script() {
        for shell in <clap_complete::Shell as clap::ValueEnum>::value_variants() {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "baton", &mut text);
            let text = String::from_utf8(text).unwrap();
            assert!(text.contains("test-gin-routes"), "{shell}");
        }
    }
}
