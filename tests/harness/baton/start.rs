//! How an instance is started.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::Baton;
use crate::folder::Folder;
use crate::port;
use crate::until::{PATIENCE, until, until_some};

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
pub(super) fn clean_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_ours = ["KRAKEND_", "FC_", "BATON_"].iter().any(|prefix| text.starts_with(prefix));
        if is_ours || text.to_ascii_uppercase().ends_with("_PROXY") {
            command.env_remove(&name);
        }
    }
}

pub(super) fn write_config(path: &Path, config: &Value, port: u16) {
    let mut config = config.clone();
    if let Some(object) = config.as_object_mut() {
        object.entry("version").or_insert_with(|| 3.into());
        object.entry("port").or_insert_with(|| port.into());
        object.entry("listen_ip").or_insert_with(|| "127.0.0.1".into());
    }
    fs::write(path, serde_json::to_vec_pretty(&config).unwrap()).unwrap();
}
