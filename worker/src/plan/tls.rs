//! `tls`, and `client_tls` of the service and of backends (`backend/http/client`).
//!
//! Files are read before anything is compiled ([`read`]); what cannot be read of `tls` refuses the start
//! as a fault of the environment, what cannot be read of `client_tls` is told in KrakenD's words and left out.

use baton_shared::config::model::{BackendConfig, ClientTls, ExtraConfig, ServiceConfig};
use baton_shared::config::{Sources, client_tls};
use baton_shared::log;
use baton_shared::words::JsonPointer;
use rustls::ClientConfig;

use super::block::Block;
use super::compile::Compiler;
use super::include::{Files, content};
use super::settings;
use crate::guards::jwt::Trust;
use crate::tls::server::{Fault, ServerTls};
use crate::tls::{Refused, client, roots, server};

const TAG: &str = "SERVICE: HTTP Server";
const NAMESPACE: &str = "backend/http/client";
const KEY: &str = "client_tls";

/// Which `client_tls` a host is met with; the first is the service's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TlsId(u16);

impl TlsId {
    /// Its place in the plan.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How some backends are met; none: with Go's defaults, and no backend of the file needs it.
pub(crate) type ClientTlsPlan = Option<ClientConfig>;

/// Collects them while a plan is compiled; equal ones share a place.
#[derive(Debug, Default)]
pub(super) struct ClientTlsTable {
    service: ClientTlsPlan,
    own: Vec<(ClientTls, ClientConfig)>,
}

impl ClientTlsTable {
    /// In the order of their places.
    pub(super) fn into_plans(self, files: &Files, are_needed: bool) -> Box<[ClientTlsPlan]> {
        let usual = || client::usual(&mut Included(files)).ok();
        let service = self.service.or_else(|| if are_needed { usual() } else { None });
        let own = self.own.into_iter().map(|(_, config)| Some(config));
        std::iter::once(service).chain(own).collect()
    }
}

/// Files that were read beforehand.
struct Included<'a>(&'a Files);

impl Sources for Included<'_> {
    fn file(&mut self, path: &str) -> Result<Vec<u8>, String> {
        let missing = || Err(format!("open {path}: no such file or directory"));
        self.0.get(path).map_or_else(missing, |file| file.clone().map(|content| content.to_vec()))
    }
}

/// Reads every file that TLS needs.
pub(super) fn read(config: &ServiceConfig, sources: &mut dyn Sources, files: &mut Files) {
    let mut paths = Vec::new();
    let tls = config.tls.as_ref().filter(|tls| !tls.disabled);
    for pair in tls.iter().flat_map(|tls| &tls.keys) {
        paths.extend([pair.public_key.clone(), pair.private_key.clone()]);
    }
    paths.extend(tls.iter().flat_map(|tls| &tls.ca_certs).cloned());
    let needs_clients = tls.is_some_and(|tls| tls.enable_mtls && !tls.disable_system_ca_pool);
    let mut blocks: Vec<ClientTls> = config.client_tls.iter().cloned().collect();
    let backends = config.endpoints.iter().flat_map(|endpoint| &endpoint.backend);
    let mut is_called = !blocks.is_empty() || asks_by_tls(config);
    for backend in backends {
        let is_tls = |host: &String| {
            let scheme = host.split_once("://").map_or("", |(scheme, _)| scheme);
            scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss")
        };
        is_called |= backend.host.iter().any(is_tls) || backend.sd_scheme == "https";
        blocks.extend(block(config, backend).0);
    }
    for block in &blocks {
        paths.extend(block.ca_certs.iter().cloned());
        let pairs = block.client_certs.iter();
        paths.extend(pairs.flat_map(|pair| [pair.certificate.clone(), pair.private_key.clone()]));
    }
    for path in paths.iter().filter(|path| !path.is_empty()) {
        files.entry(path.clone()).or_insert_with(|| content(sources, path));
    }
    if needs_clients || is_called {
        for path in roots::system_bundles() {
            let found = files.entry(path.clone()).or_insert_with(|| content(sources, &path));
            if found.is_ok() {
                break;
            }
        }
    }
}

/// Whether keys or tokens come by TLS.
pub(super) fn asks_by_tls(config: &ServiceConfig) -> bool {
    let is_tls = |extra: &ExtraConfig, namespace: &str, key: &'static str| {
        let block = extra.namespaces.get(namespace).and_then(|block| Block::of(&block.settings));
        let url = block.and_then(|block| block.text(key).ok());
        url.is_some_and(|url| url.starts_with("https://"))
    };
    config.endpoints.iter().any(|endpoint| {
        is_tls(&endpoint.extra_config, "auth/validator", "jwk_url")
            || is_tls(&endpoint.extra_config, "auth/signer", "jwk_url")
            || endpoint.backend.iter().any(|backend| {
                is_tls(&backend.extra_config, "auth/client-credentials", "token_url")
            })
    })
}

/// How the provider of a key set is met; none: it cannot be.
pub(super) fn of_keys(files: &Files, trust: &Trust) -> ClientTlsPlan {
    let ca_certs = Some(trust.ca.to_string()).filter(|ca| !ca.is_empty()).into_iter().collect();
    let tls = ClientTls {
        allow_insecure_connections: trust.is_insecure,
        ca_certs,
        cipher_suites: trust.suites.to_vec(),
        ..ClientTls::default()
    };
    client::of_keys(&tls, &trust.fingerprints, &mut Included(files)).ok()
}

/// `tls`, unless it is switched off.
pub(super) fn server(compiler: &mut Compiler<'_>) -> Option<ServerTls> {
    let service = compiler.service;
    let tls = service.tls.as_ref().filter(|tls| !tls.disabled)?;
    let at = JsonPointer::root().key("tls");
    let mut remarks = Vec::new();
    let compiled = server::compile(tls, &mut Included(compiler.files), &mut remarks);
    for remark in remarks {
        compiler.tell(&at.key(remark.key), remark.text);
    }
    let faults = match compiled {
        Ok(compiled) => return Some(compiled),
        Err(faults) => faults,
    };
    for fault in faults {
        match fault {
            Fault::Refused(Refused { key, text }) => {
                compiler.refuse(&at.key(key), format!("tls.{key}: {text}"));
            },
            Fault::File { key, index, text } => {
                let at = at.key(key);
                compiler.miss(&index.map_or_else(|| at.clone(), |index| at.index(index)), text);
            },
        }
    }
    None
}

/// The service's `client_tls`; the older `allow_insecure_connections` of the root makes one.
pub(super) fn of_service(compiler: &mut Compiler<'_>) {
    let service = compiler.service;
    let is_older = service.allow_insecure_connections;
    let Some(mut tls) = service.client_tls.clone().or_else(|| is_older.then(ClientTls::default))
    else {
        return;
    };
    tls.allow_insecure_connections |= is_older;
    compiler.client_tls.service = compile(compiler, &tls, &JsonPointer::root().key(KEY));
}

/// How the hosts of a backend are met.
pub(super) fn of_backend(compiler: &mut Compiler<'_>, backend: &BackendConfig) -> TlsId {
    let (found, findings) = block(compiler.service, backend);
    for finding in findings {
        compiler.tell(&finding.pointer, finding.problem.to_string());
    }
    let Some(tls) = found else { return TlsId::default() };
    let own = &compiler.client_tls.own;
    if let Some(place) = own.iter().position(|(one, _)| *one == tls) {
        return id(place);
    }
    let Some(namespace) = backend.extra_config.namespaces.get(NAMESPACE) else {
        return TlsId::default();
    };
    let Some(config) = compile(compiler, &tls, &namespace.at.key(KEY)) else {
        return TlsId::default();
    };
    compiler.client_tls.own.push((tls, config));
    id(compiler.client_tls.own.len() - 1)
}

fn id(place: usize) -> TlsId {
    TlsId(u16::try_from(place + 1).unwrap_or_default())
}

fn block(
    config: &ServiceConfig,
    backend: &BackendConfig,
) -> (Option<ClientTls>, Vec<baton_shared::config::Finding>) {
    let Some(namespace) = backend.extra_config.namespaces.get(NAMESPACE) else {
        return (None, Vec::new());
    };
    match settings::member(&namespace.settings, KEY) {
        Some(node) => client_tls(node, &namespace.at.key(KEY), &config.source),
        None => (None, Vec::new()),
    }
}

fn compile(compiler: &mut Compiler<'_>, tls: &ClientTls, at: &JsonPointer) -> Option<ClientConfig> {
    let mut remarks = Vec::new();
    let compiled = client::compile(tls, &mut Included(compiler.files), &mut remarks);
    for remark in remarks {
        if remark.text.starts_with("Cannot load") {
            log::error(TAG, &remark.text);
        }
        compiler.tell(&at.key(remark.key), remark.text);
    }
    match compiled {
        Ok(config) => Some(config),
        Err(Refused { key, text }) => {
            compiler.refuse(&at.key(key), format!("client_tls.{key}: {text}"));
            None
        },
    }
}
