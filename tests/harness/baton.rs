//! A running Baton: real processes in a folder of their own, on a port of their own.
//!
//! Every process of an instance carries a mark in its environment, so that the harness finds orphans too,
//! and ends all of them when the instance is dropped.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::folder::Folder;
use crate::process::{self, Process};
use crate::until::{PATIENCE, until, until_some};
use crate::{pause, port};

const MARK: &str = "BATON_TEST_INSTANCE";

/// The executable: `BATON_BIN`, or `baton` beside the tests.
///
/// # Panics
/// When it is not there.
pub fn executable() -> PathBuf {
    if let Some(path) = std::env::var_os("BATON_BIN") {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "BATON_BIN={}: no such file", path.display());
        return fs::canonicalize(path).unwrap();
    }
    let own = std::env::current_exe().unwrap();
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join("baton"));
    found.into_iter().find(|path| path.is_file()).unwrap_or_else(|| {
        panic!(
            "no `baton` beside {}: run `cargo build -p baton` first, or set BATON_BIN",
            own.display()
        )
    })
}

/// How to start an instance.
#[derive(Debug)]
pub struct Starter {
    folder: Folder,
    config: PathBuf,
    port: u16,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    watch: bool,
    descriptors_max: Option<u32>,
    runtime_folder: Option<PathBuf>,
}

impl Starter {
    /// With this configuration; `port` and `listen_ip` are filled in when they are missing.
    pub fn new(config: &Value) -> Self {
        let starter = Self::with_name("krakend.json");
        write_config(&starter.config, config, starter.port);
        starter
    }

    /// With this text as configuration, whatever it is; it must listen on [`Self::port`].
    pub fn with_text(make: impl FnOnce(u16) -> String) -> Self {
        let starter = Self::with_name("krakend.json");
        fs::write(&starter.config, make(starter.port)).unwrap();
        starter
    }

    /// Without a configuration yet; its file will have this name.
    pub fn with_name(name: &str) -> Self {
        let folder = Folder::new("e2e");
        let config = folder.path().join(name);
        let (arguments, environment) = (Vec::new(), Vec::new());
        Self {
            folder,
            config,
            port: port::free(),
            arguments,
            environment,
            watch: false,
            descriptors_max: None,
            runtime_folder: None,
        }
    }

    /// The port that was chosen.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the configuration.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration's file.
    pub fn config_path(&self) -> &Path {
        &self.config
    }

    /// The configuration stands at this path of the folder.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        self.config = self.folder.path().join(path);
        self
    }

    /// One more argument of `baton run`.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// One more variable of its environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets a saved file reload; otherwise only what a test asks for does.
    #[must_use]
    pub fn watching(mut self) -> Self {
        self.watch = true;
        self
    }

    /// Without `--control`: its socket is one of those that commands find in this folder.
    #[must_use]
    pub fn findable_in(mut self, runtime_folder: &Path) -> Self {
        self.runtime_folder = Some(runtime_folder.to_path_buf());
        self
    }

    /// Its processes may have this many descriptors open, each.
    #[must_use]
    pub fn descriptors_max(mut self, most: u32) -> Self {
        self.descriptors_max = Some(most);
        self
    }

    /// Starts it and waits until it accepts.
    ///
    /// # Panics
    /// When it ends instead.
    pub fn start(self) -> Baton {
        let mut baton = self.spawn();
        until_some("the gateway listens", PATIENCE, || {
            if let Some(status) = baton.ended() {
                panic!("baton ended at start: {status}\n{}", baton.log());
            }
            TcpStream::connect_timeout(&baton.address(), Duration::from_millis(200)).ok()
        });
        until("generation 1 serves", PATIENCE, || baton.generation().is_some());
        baton
    }

    /// Starts it without waiting for anything.
    pub fn spawn(self) -> Baton {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}-{number}", std::process::id());
        let (control, state) =
            (self.folder.path().join("control"), self.folder.path().join("state"));
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let mut command = self.executable();
        command.arg("run").arg("-c").arg(&self.config).arg("--state-dir").arg(&state);
        match &self.runtime_folder {
            Some(folder) => command.env("RUNTIME_DIRECTORY", folder),
            None => {
                // Commands in other tests shall not find it.
                command.env("RUNTIME_DIRECTORY", self.folder.path().join("run"));
                command.arg("--control").arg(&control)
            },
        };
        if !self.watch {
            command.arg("--no-watch");
        }
        clean_environment(&mut command);
        let child = command
            .args(&self.arguments)
            .env(MARK, &mark)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let Self { folder, config, port, runtime_folder, .. } = self;
        Baton {
            child,
            folder,
            config,
            control,
            runtime_folder,
            port,
            mark: format!("{MARK}={mark}"),
        }
    }
}

impl Starter {
    /// The executable, behind a shell that lowers the limit when there is one.
    fn executable(&self) -> Command {
        let Some(most) = self.descriptors_max else { return Command::new(executable()) };
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("ulimit -n {most}; exec \"$0\" \"$@\"")).arg(executable());
        shell
    }
}

/// What a test machine has set for other gateways must not reach this one.
fn clean_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_ours = ["KRAKEND_", "FC_", "BATON_"].iter().any(|prefix| text.starts_with(prefix));
        if is_ours || text.to_ascii_uppercase().ends_with("_PROXY") {
            command.env_remove(&name);
        }
    }
}

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

fn write_config(path: &Path, config: &Value, port: u16) {
    let mut config = config.clone();
    if let Some(object) = config.as_object_mut() {
        object.entry("version").or_insert_with(|| 3.into());
        object.entry("port").or_insert_with(|| port.into());
        object.entry("listen_ip").or_insert_with(|| "127.0.0.1".into());
    }
    fs::write(path, serde_json::to_vec_pretty(&config).unwrap()).unwrap();
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
