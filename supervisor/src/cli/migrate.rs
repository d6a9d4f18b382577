//! `baton migrate`: a file of KrakenD 1 in today's spelling.
//!
//! Without a place to write to it shows what would change, as a unified diff.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use baton_shared::config::migrate::{MigrateError, Migration, Remark, migrate};
use baton_shared::config::read::Format;
use clap::Args;

use super::args::Stray;
use super::run::NO_CONFIG;
use super::{EXIT_FAILED, EXIT_REFUSED, output};

/// `baton migrate`.
#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    /// The file to rewrite (JSON or YAML).
    #[arg(short, long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Write the new text to this file; `-` is standard output.
    #[arg(short, long, value_name = "FILE", conflicts_with = "in_place")]
    pub(super) output: Option<PathBuf>,
    /// Write the new text over the old.
    #[arg(long)]
    pub(super) in_place: bool,
    /// Show the differences, also when a file is written.
    #[arg(long)]
    pub(super) diff: bool,
    /// Ignored.
    #[command(flatten)]
    pub(super) stray: Stray,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  baton migrate -c krakend.json                  show what would change
  baton migrate -c krakend.json --in-place       change it
  baton migrate -c old.json -o krakend.json --diff

Exit codes: 0 done, or nothing to do; 255 the file cannot be read as JSON or YAML; 1 it is a template
or TOML, which are not rewritten, or cannot be opened or written.";

pub(super) fn run(args: &MigrateArgs) -> ExitCode {
    let Some(config) = &args.config else {
        output::err(NO_CONFIG);
        return ExitCode::from(EXIT_FAILED);
    };
    let name = config.display().to_string();
    let old = match fs::read_to_string(config) {
        Ok(text) => text,
        Err(error) => return failed(&format!("{name}: {error}")),
    };
    let migration = match migrate(Format::of(&name), &old) {
        Ok(migration) => migration,
        Err(error) => return cannot(&name, &error),
    };
    tell(&name, &migration);
    let target = if args.in_place { Some(config) } else { args.output.as_ref() };
    if args.diff || target.is_none() {
        output::out(diff(&name, &old, &migration.text).trim_end());
    }
    match target {
        Some(path) if path.as_os_str() == "-" => output::out(migration.text.trim_end()),
        Some(_) if args.in_place && migration.changes.is_empty() => {},
        Some(path) => {
            if let Err(error) = write(path, &migration.text, config) {
                return failed(&format!("{}: {error}", path.display()));
            }
        },
        None => {},
    }
    ExitCode::SUCCESS
}

fn failed(text: &str) -> ExitCode {
    output::err(format_args!("ERROR: {}", output::harmless(text)));
    ExitCode::from(EXIT_FAILED)
}

fn cannot(name: &str, error: &MigrateError) -> ExitCode {
    output::err(format_args!("ERROR: {}", output::harmless(&format!("{name}: {error}"))));
    match error {
        MigrateError::Unreadable { .. } => ExitCode::from(EXIT_REFUSED),
        MigrateError::Template { hints } | MigrateError::Toml { hints } => {
            hints.iter().for_each(|hint| say(name, hint));
            ExitCode::from(EXIT_FAILED)
        },
    }
}

fn say(name: &str, remark: &Remark) {
    let Remark { line, pointer, text } = remark;
    output::err(output::harmless(&format!("{name}:{line}: {pointer}: {text}")));
}

fn tell(name: &str, migration: &Migration) {
    migration.changes.iter().for_each(|remark| say(name, remark));
    if migration.changes.is_empty() {
        output::err(output::harmless(&format!("{name}: nothing to change")));
    }
    if !migration.left.is_empty() {
        output::err("Left to you:");
        migration.left.iter().for_each(|remark| say(name, remark));
    }
}

/// Whole or not at all, with the permissions of the old file; a link stays a link.
fn write(path: &Path, text: &str, old: &Path) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_missing| path.to_owned());
    let mut beside = path.file_name().unwrap_or_default().to_owned();
    beside.push(".new");
    let beside = path.with_file_name(beside);
    fs::write(&beside, text)?;
    let outcome = fs::metadata(old)
        .and_then(|found| fs::set_permissions(&beside, found.permissions()))
        .and_then(|()| fs::rename(&beside, &path));
    if outcome.is_err() {
        drop(fs::remove_file(&beside));
    }
    outcome
}

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// A unified diff of two texts with the same number of lines, as a migration makes them.
fn diff(name: &str, old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let changed: Vec<usize> = old
        .iter()
        .zip(&new)
        .enumerate()
        .filter(|(_, (old, new))| old != new)
        .map(|(at, _)| at)
        .collect();
    let mut hunks: Vec<(usize, usize)> = Vec::new();
    for at in changed {
        let (from, to) = (at.saturating_sub(CONTEXT), (at + CONTEXT + 1).min(old.len()));
        match hunks.last_mut() {
            Some((_, end)) if from <= *end => *end = to,
            _ => hunks.push((from, to)),
        }
    }
    if hunks.is_empty() {
        return String::new();
    }
    let mut out = format!("--- {name}\n+++ {name}\n");
    for (from, to) in hunks {
        let size = to - from;
        out.push_str(&hunk(from, size, old.get(from..to), new.get(from..to)));
    }
    out
}

fn hunk(from: usize, size: usize, old: Option<&[&str]>, new: Option<&[&str]>) -> String {
    let start = from + 1;
    let mut lines = vec![format!("@@ -{start},{size} +{start},{size} @@")];
    let mut added: Vec<String> = Vec::new();
    for (old, new) in old.unwrap_or_default().iter().zip(new.unwrap_or_default()) {
        if old == new {
            lines.append(&mut added);
            lines.push(format!(" {old}"));
        } else {
            lines.push(format!("-{old}"));
            added.push(format!("+{new}"));
        }
    }
    lines.append(&mut added);
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn changes_that_lie_close_are_one_hunk() {
        let old: String = (1..30).map(|line| format!("{line}\n")).collect();
        let new =
            old.replace("\n5\n", "\nfive\n").replace("\n6\n", "\nsix\n").replace("\n25\n", "\nx\n");
        assert_eq!(
            diff("k", &old, &new),
            "--- k\n+++ k\n@@ -2,8 +2,8 @@\n 2\n 3\n 4\n-5\n-6\n+five\n+six\n 7\n 8\n 9\n\
             @@ -22,7 +22,7 @@\n 22\n 23\n 24\n-25\n+x\n 26\n 27\n 28\n"
        );
        assert_eq!(diff("k", &old, &old), "");
    }

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new();
        let path = folder.path().join("k.json");
        fs::write(&path, "{\"version\": 2}").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let args = MigrateArgs {
            config: Some(path.clone()),
            output: None,
            in_place: true,
            diff: false,
            stray: Stray { stray: Vec::new() },
        };
        assert_eq!(run(&args), ExitCode::SUCCESS);
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"version\": 3}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
