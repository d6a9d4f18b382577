//! `sd: dns` of a backend: the service whose hosts it calls.
//!
//! KrakenD: the name is the first of `host`, literally, so that it needs `disable_host_sanitize`; a scheme that is empty is
//! `http`. Backends of the same service share its list here (Enterprise: `dns-shared`, which is the same then).

use std::time::Duration;

use baton_shared::config::model::BackendConfig;

use super::compile::Compiler;
use super::host::Scheme;
use super::host::Way;
use crate::backend::resolve::watch::Service;

/// The services of a plan, each once.
#[derive(Debug)]
pub(super) struct Services {
    every: Duration,
    all: Vec<Service>,
}

impl Services {
    /// Asked for anew after `every`.
    pub(super) const fn new(every: Duration) -> Self {
        Self { every, all: Vec::new() }
    }

    pub(super) fn into_services(self) -> Box<[Service]> {
        self.all.into()
    }

    /// Whether any of them is spoken to by TLS.
    pub(super) fn need_tls(&self) -> bool {
        self.all.iter().any(|service| service.scheme == Scheme::Https)
    }

    fn place(&mut self, name: &str, scheme: Scheme, way: Way) -> usize {
        let is_it = |one: &Service| *one.name == *name && one.scheme == scheme && one.way == way;
        self.all.iter().position(is_it).unwrap_or_else(|| {
            let mut service = Service::new(name, scheme, self.every);
            service.way = way;
            self.all.push(service);
            self.all.len() - 1
        })
    }
}

/// The place of a backend's service, if its hosts are found so.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    backend: &BackendConfig,
    way: Way,
) -> Option<usize> {
    if !matches!(backend.sd.as_str(), "dns" | "dns-shared") {
        return None;
    }
    let at = backend.at.key("host");
    let Some(name) = backend.host.first() else {
        compiler
            .refuse(&at, "`sd: dns` needs the name of a service: KrakenD does not start without");
        return None;
    };
    if name.contains("://") {
        let text = format!(
            "`{name}` is no name of a service: `sd: dns` needs \"disable_host_sanitize\": true and the name alone"
        );
        compiler.tell(&at.index(0), text);
    }
    let scheme = match backend.sd_scheme.as_str() {
        "" | "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => {
            let text = format!("`{other}` cannot be called: write http or https");
            compiler.tell(&backend.at.key("sd_scheme"), text);
            Scheme::Http
        },
    };
    Some(compiler.services.place(name, scheme, way))
}
