//! Recorded command lines: what KrakenD printed, and its exit code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::NOT_BUILT;
use super::deviation::Deviations;
use crate::baton::executable;
use crate::folder::Folder;
use crate::port;
use crate::until::until_some;

/// One command line and what came of it. `@P1@` in it stands for a free port, `@DIR@` in what was
/// printed for the folder, `@TIME@` for a time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    #[expect(dead_code, reason = "for readers")]
    about: String,
    #[serde(default)]
    needs: Vec<String>,
    args: Vec<String>,
    config: Option<Box<RawValue>>,
    #[serde(default = "krakend_json")]
    config_name: String,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    exit: Exit,
    stdout: Option<Text>,
    stderr: Option<Text>,
}

fn krakend_json() -> String {
    "krakend.json".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Exit {
    Code(i32),
    /// Any code but 0: KrakenD dies of a panic there.
    Refused(Refused),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Refused {
    Refused,
}

/// What must have been printed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Text {
    /// This, and nothing else.
    Is(String),
    /// These, anywhere.
    Has(Vec<String>),
    /// These, one behind the other.
    InOrder(Vec<String>),
}

/// A command that serves is ended after this.
const DEADLINE: Duration = Duration::from_secs(20);

fn cases() -> Vec<Case> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("krakend/cli.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// What the cases need, each once.
///
/// # Panics
/// When they cannot be read.
pub fn needs() -> Vec<String> {
    cases().into_iter().flat_map(|case| case.needs).collect()
}

/// Runs the recorded command lines; every difference that is not meant, in words.
///
/// # Panics
/// When they cannot be read or run.
pub fn differences() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("krakend");
    let deviations = Deviations::read(&folder.join("deviations.json"));
    let only = std::env::var("GOLDEN_CASE").ok();
    let all = cases();
    let asked = all
        .iter()
        .filter(|case| !case.needs.iter().any(|need| NOT_BUILT.contains(&need.as_str())))
        .filter(|case| only.as_ref().is_none_or(|only| *only == case.name));
    asked
        .flat_map(|case| {
            let found = deviations.unmeant(&case.name, case.differences());
            found.into_iter().map(|words| format!("{}: {words}", case.name)).collect::<Vec<_>>()
        })
        .collect()
}

impl Case {
    fn differences(&self) -> Vec<String> {
        let folder = Folder::new("cli");
        let ports: Vec<u16> = (0..3).map(|_| port::free()).collect();
        let fill = |text: &str| {
            let numbered = ports.iter().zip(1..);
            numbered.fold(text.to_owned(), |text, (port, number)| {
                text.replace(&format!("@P{number}@"), &port.to_string())
            })
        };
        if let Some(config) = &self.config {
            let text = serde_json::from_str::<String>(config.get());
            let text = text.unwrap_or_else(|_object| config.get().replace("\"@P1@\"", "@P1@"));
            std::fs::write(folder.path().join(&self.config_name), fill(&text)).unwrap();
        }
        for (path, text) in &self.files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, fill(text)).unwrap();
        }
        let (code, out, err) = self.run(folder.path(), &fill);
        let mut found = Vec::new();
        match self.exit {
            Exit::Code(wanted) if code != Some(wanted) => {
                found.push(format!("exit: expected {wanted}, found {code:?}: {err}"));
            },
            Exit::Refused(_) if matches!(code, None | Some(0)) => {
                found.push(format!("exit: expected a refusal, found {code:?}: {err}"));
            },
            Exit::Code(_) | Exit::Refused(_) => {},
        }
        for (stream, wanted, text) in
            [("stdout", &self.stdout, &out), ("stderr", &self.stderr, &err)]
        {
            if let Some(wanted) = wanted.as_ref().filter(|wanted| !wanted.fits(text)) {
                found.push(format!("{stream}: expected {wanted:?}, found {text:?}"));
            }
        }
        found
    }

    /// Exit code and both streams.
    fn run(&self, folder: &Path, fill: &dyn Fn(&str) -> String) -> (Option<i32>, String, String) {
        let file = |name: &str| std::fs::File::create(folder.join(name)).unwrap();
        let mut child = Running(
            Command::new(executable())
                .args(self.args.iter().map(|arg| fill(arg)))
                .envs(self.environment.iter().map(|(key, value)| (key, fill(value))))
                .env("RUNTIME_DIRECTORY", folder)
                .current_dir(folder)
                .stdin(Stdio::null())
                .stdout(file("stdout"))
                .stderr(file("stderr"))
                .spawn()
                .unwrap(),
        );
        let ended = until_some("the command has ended", DEADLINE, || child.0.try_wait().unwrap());
        let text = |name: &str| {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            let folder = folder.canonicalize().unwrap();
            text.replace(&folder.display().to_string(), "@DIR@")
        };
        (ended.code(), text("stdout"), text("stderr"))
    }
}

/// Ended with the test, whatever it does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl Text {
    fn fits(&self, found: &str) -> bool {
        match self {
            Self::Is(wanted) => found == wanted,
            Self::Has(texts) => texts.iter().all(|text| found.contains(text.as_str())),
            Self::InOrder(texts) => texts
                .iter()
                .try_fold(found, |rest, text| rest.split_once(text.as_str()).map(|(_, rest)| rest))
                .is_some(),
        }
    }
}
