//! The configurations in `tests/configurations/`: each is read, planned, linted and dumped; and each
//! mutation of them gives a finding at its place that says what was found and what is allowed.
//!
//! `FILE.env` beside a file holds the variables of its environment. Files in `flexible/` are checked in
//! their own folder. `mutations.json` has rows of a file, a text in it (once), what replaces it, the
//! pointer of the finding, and texts that it must have.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use baton_shared::config::load;
use clap::Parser as _;
use serde::Deserialize;

use super::super::args::{Cli, Command};
use super::*;
use crate::testing::Folder;

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/configurations")
}

/// One configuration: its folder and its file there.
struct Case {
    folder: PathBuf,
    file: String,
    environment: Environment,
}

impl Case {
    fn of(name: &str) -> Self {
        let path = home().join(name);
        // A flexible configuration has a folder of its own; of the others, only the file counts.
        let folder = path.parent().unwrap().to_path_buf();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let variables = fs::read_to_string(home().join(format!("{name}.env"))).unwrap_or_default();
        let variables = variables.lines().filter_map(|line| line.split_once('='));
        let variables = variables.map(|(key, value)| (OsString::from(key), OsString::from(value)));
        Self { folder, file, environment: Environment::of(variables) }
    }

    fn check(&self, flags: &str, folder: &Path) -> Verdict {
        let line = format!("baton check {flags} -c {}", self.file);
        let Command::Check(args) = Cli::parse_from(line.split_whitespace()).command else {
            panic!("{line}")
        };
        check(&args, &self.file, &self.environment, &mut Disk::at(folder))
    }
}

/// Every configuration's name, sorted.
fn names() -> Vec<String> {
    let mut names = Vec::new();
    for kind in ["plain", "legacy", "formats", "environment"] {
        for entry in fs::read_dir(home().join(kind)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !name.ends_with(".env") {
                names.push(format!("{kind}/{name}"));
            }
        }
    }
    for entry in fs::read_dir(home().join("flexible")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        names.push(format!("flexible/{name}/krakend.json"));
    }
    names.sort();
    names
}

/// Runs `one` on all of them, two at a time; what it complains about, sorted.
fn complaints<T: Sync>(all: &[T], one: impl Fn(&T) -> Vec<String> + Sync) -> Vec<String> {
    let waiting = Mutex::new(all.iter());
    let found = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(next) = { waiting.lock().unwrap().next() } {
                    found.lock().unwrap().extend(one(next));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort();
    found
}

/// KrakenD's error, if there is one.
fn error(verdict: &Verdict) -> Option<&str> {
    verdict.said.iter().find_map(|said| match said {
        Said::Krakend(text) if text.starts_with("ERROR ") => Some(text.as_str()),
        Said::Krakend(_) | Said::Found(..) => None,
    })
}

#[test]
fn realistic_configurations_load_and_can_be_looked_at_in_every_way() {
    let names = names();
    assert!(names.len() >= 60, "{}", names.len());
    let found = complaints(&names, |name| {
        let case = Case::of(name);
        let mut complaints = Vec::new();
        for flags in ["-t -ddd", "-n"] {
            let verdict = case.check(flags, &case.folder);
            let error = error(&verdict).unwrap_or_default();
            // A guard of the service that is not built is no reason against the file.
            let is_known = error.is_empty()
                || error.starts_with("ERROR checking")
                || flags == "-n" && !error.starts_with("ERROR parsing");
            if !is_known {
                complaints.push(format!("{name} {flags}: {error}"));
            }
        }
        complaints
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[derive(Debug, Deserialize)]
struct Mutation {
    file: String,
    old: String,
    new: String,
    at: String,
    says: Vec<String>,
}

/// `None`: a finding as it should be.
fn complaint(mutation: &Mutation) -> Option<String> {
    let Mutation { file, old, new, at, says } = mutation;
    let case = Case::of(file);
    let text = fs::read_to_string(case.folder.join(&case.file)).unwrap();
    if text.matches(old.as_str()).count() != 1 {
        return Some(format!("{file}: `{old}` does not stand there once"));
    }
    let folder = Folder::new();
    copy(&case.folder, folder.path());
    fs::write(folder.path().join(&case.file), text.replacen(old.as_str(), new, 1)).unwrap();
    let verdict = case.check("-t", folder.path());
    let found: Vec<&Notice> = verdict
        .said
        .iter()
        .filter_map(|said| match said {
            Said::Found(_, notice) => Some(notice),
            Said::Krakend(_) => None,
        })
        .collect();
    let is_it = |notice: &&&Notice| {
        notice.pointer.as_str() == at && says.iter().all(|words| notice.text.contains(words))
    };
    match found.iter().find(is_it) {
        Some(notice) if notice.line > 0 && notice.file.starts_with(&case.file) => None,
        Some(notice) => Some(format!("{file}: {old} → {new}: no line: {notice:?}")),
        None => {
            let found: Vec<String> =
                found.iter().map(|notice| format!("{} {}", notice.pointer, notice.text)).collect();
            Some(format!("{file}: {old} → {new}: nothing at {at} says {says:?}: {found:#?}"))
        },
    }
}

/// What a flexible configuration has beside its file.
fn copy(from: &Path, to: &Path) {
    if !from.parent().is_some_and(|folder| folder.ends_with("flexible")) {
        return;
    }
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).unwrap();
            for inner in fs::read_dir(entry.path()).unwrap().map(Result::unwrap) {
                fs::copy(inner.path(), target.join(inner.file_name())).unwrap();
            }
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn every_mutation_is_told_at_its_place_with_what_was_found_and_what_is_allowed() {
    let text = fs::read_to_string(home().join("mutations.json")).unwrap();
    let mutations: Vec<Mutation> = serde_json::from_str(&text).unwrap();
    assert!(mutations.len() >= 200, "{}", mutations.len());
    let found = complaints(&mutations, |mutation| complaint(mutation).into_iter().collect());
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), mutations.len(), found.join("\n"));
}

/// Broken at a few places at random, a configuration is still read or refused, never more.
#[test]
fn whatever_the_bytes_are_a_check_ends_with_a_verdict() {
    let names = names();
    let found = complaints(&names, |name| {
        let case = Case::of(name);
        let good = fs::read(case.folder.join(&case.file)).unwrap();
        let mut random = Random(0x5eed ^ u64::try_from(name.len()).unwrap());
        for round in 0..BROKEN_EACH.min(1 + 200_000 / good.len()) {
            let mut bytes = good.clone();
            for _ in 0..=random.below(4) {
                random.damage(&mut bytes);
            }
            let loaded = load(&case.file, &bytes, &case.environment);
            if let Ok(Loaded { config, .. }) = loaded {
                let options = CompileOptions { threads: 1, ..CompileOptions::default() };
                let _verdict = check_plan(&config, &options);
                let _notices = beyond::warnings(&config, &Disk::at(&case.folder));
            }
            // To compile the schema takes longer than all the rest.
            if round == 0 {
                let _fault = lint(&bytes, Against::BuiltIn);
            }
        }
        Vec::new()
    });
    assert!(found.is_empty());
}

/// So often each file is broken; large ones less often.
const BROKEN_EACH: usize = 8;

/// xorshift64*: a failure repeats with the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16).unwrap() % bound.max(1)
    }

    /// A byte replaced, removed or doubled, or a piece moved to another place.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let at = self.below(bytes.len());
        match self.below(4) {
            0 => bytes[at] = b"{}[]:,\"\\-0e.&*!|>#'\n \t=\xff"[self.below(24)],
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, bytes[at]),
            _ => {
                let end = (at + self.below(40)).min(bytes.len());
                let piece: Vec<u8> = bytes.drain(at..end).collect();
                let to = self.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            },
        }
    }
}
