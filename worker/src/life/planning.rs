//! Reading and compiling the configuration, off the control loop: it may take a while, and it may ask
//! for files meanwhile.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::time::Duration;

use baton_shared::config::model::ServiceConfig;
use baton_shared::config::{self, Environment, Sources};
use baton_shared::control::message::{Found, Invalid, Notice, Start};
use baton_shared::log;
use baton_shared::os::{heap, memfd};
use nix::unistd::{AccessFlags, access};
use tokio::sync::{mpsc, oneshot};

use super::fault::{self, Phase};
use crate::backend::via::Proxies;
use crate::plan::{self, CompileOptions, Included, Plan};
use crate::route::table::endpoint_method;

/// How long a file that was asked for may take.
const FILE_DEADLINE: Duration = Duration::from_secs(5);

/// What planning wants of the supervisor.
#[derive(Debug)]
pub(crate) enum Wish {
    /// A file or folder that the configuration names; what is there, and its bytes if it is a file.
    Need { path: String, answer: blocking::SyncSender<(Found, Vec<u8>)> },
    /// The rendered text, sealed, is to be kept.
    Keep(OwnedFd),
}

/// A plan in the making.
#[derive(Debug)]
pub(crate) struct Planning {
    pub(crate) wishes: mpsc::UnboundedReceiver<Wish>,
    pub(crate) outcome: oneshot::Receiver<Result<Arc<Plan>, Box<Invalid>>>,
}

/// Starts to plan on a thread of its own.
pub(crate) fn start(start: Start, text: Vec<u8>) -> std::io::Result<Planning> {
    let (ask, wishes) = mpsc::unbounded_channel();
    let (tell, outcome) = oneshot::channel();
    drop(std::thread::Builder::new().name("plan".to_owned()).spawn(move || {
        fault::strike(Phase::Plan);
        let mut files = Asker { start: &start, text: Some(text), ask };
        let outcome = plan(&start, &mut files);
        if let Err(error) = heap::settle() {
            log::debug("SERVICE", format!("The plan stays in small pages: {error}"));
        }
        drop(tell.send(outcome));
    })?);
    Ok(Planning { wishes, outcome })
}

/// Asks the supervisor for files; the configuration itself has come already.
struct Asker<'a> {
    start: &'a Start,
    text: Option<Vec<u8>>,
    ask: mpsc::UnboundedSender<Wish>,
}

impl Asker<'_> {
    fn read(&self, path: &str) -> (Found, Vec<u8>) {
        let (answer, inbox) = blocking::sync_channel(1);
        let wish = Wish::Need { path: path.to_owned(), answer };
        let late =
            || (Found::Failed { reason: format!("open {path}: no answer in time") }, Vec::new());
        if self.ask.send(wish).is_err() {
            return late();
        }
        inbox.recv_timeout(FILE_DEADLINE).unwrap_or_else(|_late| late())
    }
}

fn missing(path: &str) -> String {
    format!("open {path}: no such file or directory")
}

impl Sources for Asker<'_> {
    fn file(&mut self, path: &str) -> Result<Vec<u8>, String> {
        if path == self.start.config_path
            && let Some(text) = self.text.take()
        {
            return Ok(text);
        }
        match self.read(path) {
            (Found::File { .. }, bytes) => Ok(bytes),
            (Found::Folder { .. }, _) => Err(format!("read {path}: is a directory")),
            (Found::Missing, _) => Err(missing(path)),
            (Found::Failed { reason }, _) => Err(reason),
        }
    }

    fn folder(&mut self, path: &str, ending: &str) -> Result<Vec<String>, String> {
        match self.read(&format!("{}/*{ending}", path.trim_end_matches('/'))) {
            (Found::Folder { names }, _) => Ok(names),
            (Found::File { .. } | Found::Missing, _) => Err(missing(path)),
            (Found::Failed { reason }, _) => Err(reason),
        }
    }

    /// The supervisor writes, and not before the commit; whether it can is looked at now.
    fn keep(&mut self, path: &str, text: &[u8]) -> Result<(), String> {
        let file = Path::new(path);
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let place = if file.exists() { file } else { folder.unwrap_or_else(|| Path::new(".")) };
        if let Err(errno) = access(place, AccessFlags::W_OK) {
            return Err(format!("open {path}: {}", errno.desc().to_lowercase()));
        }
        let text = memfd::sealed("baton-rendered", text).map_err(|error| error.to_string())?;
        drop(self.ask.send(Wish::Keep(text))); // nobody there: nobody serves it either
        Ok(())
    }
}

fn plan(start: &Start, sources: &mut Asker<'_>) -> Result<Arc<Plan>, Box<Invalid>> {
    let environment = Environment::of(std::env::vars_os());
    let mut loaded = config::open(&start.config_path, &environment, sources)
        .map_err(|refusal| Box::new(Invalid::from(&refusal)))?;
    loaded.config.debug_endpoint |= start.options.debug;
    tell_unsupported_methods(&loaded.config);
    let Included { files, notices } = plan::include(&mut loaded.config, sources);
    let proxies = Proxies::of_environment(|name| std::env::var(name).ok());
    let options =
        CompileOptions { options: start.options.clone(), threads: start.threads, proxies, files };
    let mut plan = plan::compile(&loaded.config, &options)?;
    plan.notices.extend(notices);
    plan.notices.extend(loaded.notices.iter().map(Notice::from));
    Ok(Arc::new(plan))
}

/// KrakenD leaves such endpoints out, and says so in its log.
fn tell_unsupported_methods(config: &ServiceConfig) {
    for endpoint in &config.endpoints {
        if endpoint_method(&endpoint.method).is_none() {
            log::error("SERVICE: Gin", format!("Unsupported method {}", endpoint.method));
        }
    }
}
