//! Reading and compiling the configuration, off the control loop: it may take a while, and it may ask
//! for files meanwhile.

use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::time::Duration;

use baton_shared::config::model::ServiceConfig;
use baton_shared::config::{self, Environment, Sources};
use baton_shared::control::message::{Found, Invalid, Notice, Start};
use baton_shared::log;
use tokio::sync::{mpsc, oneshot};

use super::fault::{self, Phase};
use crate::backend::via::Proxies;
use crate::plan::{self, CompileOptions, Plan};
use crate::route::table::endpoint_method;

/// How long a file that was asked for may take.
const FILE_DEADLINE: Duration = Duration::from_secs(5);

/// A file or folder that the configuration names.
#[derive(Debug)]
pub(crate) struct Need {
    pub(crate) path: String,
    /// What is there, and its bytes if it is a file.
    pub(crate) answer: blocking::SyncSender<(Found, Vec<u8>)>,
}

/// A plan in the making.
#[derive(Debug)]
pub(crate) struct Planning {
    pub(crate) needs: mpsc::UnboundedReceiver<Need>,
    pub(crate) outcome: oneshot::Receiver<Result<Arc<Plan>, Box<Invalid>>>,
}

/// Starts to plan on a thread of its own.
pub(crate) fn start(start: Start, text: Vec<u8>) -> std::io::Result<Planning> {
    let (ask, needs) = mpsc::unbounded_channel();
    let (tell, outcome) = oneshot::channel();
    drop(std::thread::Builder::new().name("plan".to_owned()).spawn(move || {
        fault::strike(Phase::Plan);
        drop(tell.send(plan(&start, &text, &mut Asker(ask))));
    })?);
    Ok(Planning { needs, outcome })
}

/// Asks the supervisor for files.
struct Asker(mpsc::UnboundedSender<Need>);

impl Asker {
    fn read(&self, path: &str) -> (Found, Vec<u8>) {
        let (answer, inbox) = blocking::sync_channel(1);
        let need = Need { path: path.to_owned(), answer };
        let late = || (Found::Failed { reason: "no answer in time".to_owned() }, Vec::new());
        if self.0.send(need).is_err() {
            return late();
        }
        inbox.recv_timeout(FILE_DEADLINE).unwrap_or_else(|_late| late())
    }
}

impl Sources for Asker {
    fn file(&mut self, path: &str) -> Result<Vec<u8>, String> {
        match self.read(path) {
            (Found::File { .. }, content) => Ok(content),
            (Found::Folder { .. }, _) => Err(format!("read {path}: is a directory")),
            (Found::Missing, _) => Err(format!("open {path}: no such file or directory")),
            (Found::Failed { reason }, _) => Err(format!("open {path}: {reason}")),
        }
    }
}

fn plan(start: &Start, text: &[u8], files: &mut Asker) -> Result<Arc<Plan>, Box<Invalid>> {
    let environment = Environment::of(std::env::vars_os());
    let mut loaded = config::load(&start.config_path, text, &environment)
        .map_err(|refusal| Box::new(Invalid::from(&refusal)))?;
    loaded.config.debug_endpoint |= start.options.debug;
    tell_unsupported_methods(&loaded.config);
    let included = plan::include(&mut loaded.config, files);
    let proxies = Proxies::of_environment(|name| std::env::var(name).ok());
    let options =
        CompileOptions { options: start.options.clone(), threads: start.threads, proxies };
    let mut plan = plan::compile(&loaded.config, &options)?;
    plan.notices.extend(included);
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
