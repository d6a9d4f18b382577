//! A running Baton: real processes in a folder of their own, on a port of their own.
//!
//! Every process of an instance carries a mark in its environment, so that the harness finds orphans too,
//! and ends all of them when the instance is dropped.

mod start;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::folder::Folder;
use crate::pause;
use crate::process::{self, Process};
use crate::until::{PATIENCE, until_some};

pub use start::{Starter, executable};
use start::{clean_environment, write_config};

/// A running instance.
#[derive(Debug)]
pub struct Baton {
    child: Child,
    folder: Folder,
    config: PathBuf,
    control: PathBuf,
    runtime_folder: Option<PathBuf>,
    port: u16,
    mark: String,
}

impl Baton {
    /// Starts with this configuration, see [`Starter::new`].
    pub fn start(config: &Value) -> Self {
        Starter::new(config).start()
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The supervisor's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The configuration's file.
    pub fn config_path(&self) -> &Path {
        &self.config
    }

    /// The folder of the configuration.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Replaces the configuration as editors do: a new file under the old name.
    pub fn write_config(&self, config: &Value) {
        let next = self.config.with_extension("next");
        write_config(&next, config, self.port);
        fs::rename(next, &self.config).unwrap();
    }

    /// Replaces the configuration by this text.
    pub fn write_text(&self, text: &str) {
        let next = self.config.with_extension("next");
        fs::write(&next, text).unwrap();
        fs::rename(next, &self.config).unwrap();
    }

    /// Writes the configuration and reloads; it must be committed.
    pub fn reload_with(&self, config: &Value) -> Value {
        self.write_config(config);
        self.reload()
    }

    /// `baton reload`; it must be committed, or be what serves already.
    ///
    /// # Panics
    /// When it is not.
    pub fn reload(&self) -> Value {
        self.try_reload(&[]).unwrap_or_else(|said| panic!("reload failed: {said}\n{}", self.log()))
    }

    /// `baton reload` with these arguments besides; its report, or all it said when it failed.
    ///
    /// # Errors
    /// What it said.
    pub fn try_reload(&self, arguments: &[&str]) -> Result<Value, String> {
        let output = self.command("reload", &[&["--json"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            Ok(serde_json::from_str(&said).unwrap_or(Value::Null))
        } else {
            let complaint = String::from_utf8_lossy(&output.stderr);
            Err(format!("{}: {said}{complaint}", output.status))
        }
    }

    /// A command to this instance, such as `status`.
    pub fn command(&self, name: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(executable());
        clean_environment(&mut command);
        command.arg(name);
        match &self.runtime_folder {
            Some(folder) => command.env("RUNTIME_DIRECTORY", folder).arg("-c").arg(&self.config),
            None => command.arg("--control").arg(&self.control),
        };
        command.args(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// `baton status --json`; `None` while it cannot answer.
    pub fn status(&self) -> Option<Value> {
        let output = self.command("status", &["--json"]);
        serde_json::from_slice(&output.stdout).ok()
    }

    /// The generation that serves.
    pub fn generation(&self) -> Option<u64> {
        self.status()?.get("generation")?.as_u64()
    }

    /// Sends the supervisor a signal.
    pub fn signal(&self, signal: Signal) {
        process::signal(self.pid(), signal);
    }

    /// Worker processes that live, oldest first.
    pub fn workers(&self) -> Vec<Process> {
        let mut workers: Vec<Process> = process::marked(&self.mark)
            .into_iter()
            .filter(|process| process.pid != self.pid() && process.state != 'Z')
            .filter(|process| is_worker(process.pid))
            .collect();
        workers.sort_by_key(|process| process.pid);
        workers
    }

    /// The process of the worker that serves, by what `status` says.
    pub fn serving_worker(&self) -> u32 {
        until_some("a worker serves", PATIENCE, || {
            let status = self.status()?;
            let workers = status.get("workers")?.as_array()?;
            let serving =
                workers.iter().find(|worker| worker.get("state") == Some(&"serving".into()))?;
            u32::try_from(serving.get("pid")?.as_u64()?).ok()
        })
    }

    /// Processes of this instance that live, the supervisor too.
    pub fn processes(&self) -> Vec<Process> {
        let mut found = process::marked(&self.mark);
        found.retain(|process| process.state != 'Z');
        found
    }

    /// Children of the supervisor that ended and were not waited for.
    pub fn zombies(&self) -> usize {
        process::children(self.pid()).iter().filter(|child| child.state == 'Z').count()
    }

    /// Everything that it wrote.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How the supervisor ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until the supervisor ends.
    pub fn wait_end(&mut self, deadline: Duration) -> ExitStatus {
        until_some("the supervisor ends", deadline, || self.child.try_wait().unwrap())
    }
}

fn is_worker(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.split(|byte| *byte == 0).any(|argument| argument == b"worker"))
}

impl Drop for Baton {
    fn drop(&mut self) {
        if std::thread::panicking() {
            const LINES_MAX: usize = 60;
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines.get(lines.len().saturating_sub(LINES_MAX)..).unwrap_or_default();
            // Captured with the test's output.
            #[expect(clippy::print_stderr, reason = "a failing test shows what the gateway said")]
            {
                eprintln!("--- the gateway's log ---\n{}", tail.join("\n"));
            }
        }
        // A worker that was just forked may be missed once.
        for _ in 0..50 {
            let living = self.processes();
            if living.is_empty() {
                break;
            }
            for process in living {
                process::signal(process.pid, Signal::SIGKILL);
            }
            drop(self.child.try_wait());
            pause(Duration::from_millis(5));
        }
        drop(self.child.wait());
    }
}
