//! `tls`: how clients are met.
//!
//! KrakenD: a server that wants certificates of clients (`enable_mtls`) believes the system's, those of
//! `ca_certs`, and its own (`keys`). Files that cannot be read are the environment's fault (exit code 1).

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use baton_shared::config::Sources;
use baton_shared::config::model::Tls;
use rustls::ServerConfig;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, NoServerSessionStorage};
use rustls::sign::CertifiedKey;

use super::offer::{Offer, Wanted};
use super::pick::Certificates;
use super::roots::Roots;
use super::tickets::Tickets;
use super::trust::Clients;
use super::{Refused, Remark, pem};
/// How clients are met.
#[derive(Debug)]
pub(crate) struct ServerTls {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) tickets: Arc<Tickets>,
}

/// Why there is no serving with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// What is asked for cannot be had.
    Refused(Refused),
    /// A file: its key, its place in a list, what is wrong.
    File { key: &'static str, index: Option<usize>, text: String },
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// Reads the files that the block names.
pub(crate) fn compile(
    tls: &Tls,
    files: &mut dyn Sources,
    remarks: &mut Vec<Remark>,
) -> Result<ServerTls, Vec<Fault>> {
    let wanted = Wanted {
        min_version: &tls.min_version,
        max_version: &tls.max_version,
        curves: &tls.curve_preferences,
        suites: &tls.cipher_suites,
    };
    let offer = Offer::compile(wanted, remarks).map_err(Fault::from);
    let mut files = Files { files, faults: Vec::new() };
    let (pairs, own) = files.pairs(tls);
    let believed = tls.enable_mtls.then(|| files.believed(tls, &own, remarks));
    let faults = files.faults;
    match offer {
        Ok(offer) if faults.is_empty() => {
            assemble(&offer, pairs, believed).map_err(|refused| vec![refused.into()])
        },
        Ok(_) => Err(faults),
        Err(refused) => Err(std::iter::once(refused).chain(faults).collect()),
    }
}

fn assemble(
    offer: &Offer,
    pairs: Vec<Arc<CertifiedKey>>,
    believed: Option<Roots>,
) -> Result<ServerTls, Refused> {
    let tickets = Arc::new(Tickets::new(&fingerprint(believed.as_ref())));
    let clients: Arc<dyn ClientCertVerifier> = match believed {
        Some(roots) => Arc::new(Clients::new(roots, &offer.provider)),
        None => Arc::new(NoClientAuth),
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&offer.provider))
        .with_protocol_versions(&offer.versions);
    let builder =
        builder.map_err(|error| Refused { key: "cipher_suites", text: error.to_string() })?;
    let mut config = builder
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(Certificates(pairs.into())));
    config.ticketer = Arc::<Tickets>::clone(&tickets);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // As Go; each costs a write and 250 bytes.
    config.send_tls13_tickets = 1;
    config.alpn_protocols = super::protocols();
    Ok(ServerTls { config: Arc::new(config), tickets })
}

/// What tickets are bound to: who is believed.
fn fingerprint(believed: Option<&Roots>) -> Vec<u8> {
    let Some(roots) = believed else { return Vec::new() };
    let mut all: Vec<&[u8]> = roots.whole.iter().map(AsRef::as_ref).collect();
    let anchors = roots.store.roots.iter();
    all.extend(anchors.map(|anchor| anchor.subject_public_key_info.as_ref()));
    all.sort_unstable();
    let mut hash = Context::new(&SHA256);
    for one in all {
        hash.update(&(one.len() as u64).to_le_bytes());
        hash.update(one);
    }
    hash.finish().as_ref().to_vec()
}

/// The files of a block, and what is wrong with them.
struct Files<'a> {
    files: &'a mut dyn Sources,
    faults: Vec<Fault>,
}

impl Files<'_> {
    fn fault(&mut self, key: &'static str, index: Option<usize>, text: impl Into<String>) {
        self.faults.push(Fault::File { key, index, text: text.into() });
    }

    /// The certificates with their keys, and the certificates' files once more.
    fn pairs(&mut self, tls: &Tls) -> (Vec<Arc<CertifiedKey>>, Vec<Vec<u8>>) {
        const KEY: &str = "keys";
        if tls.keys.is_empty() {
            self.fault(KEY, None, "public key not defined");
        }
        let (mut pairs, mut own) = (Vec::new(), Vec::new());
        for (index, pair) in tls.keys.iter().enumerate() {
            let made = self.pair(&pair.public_key, &pair.private_key, &mut own);
            match made {
                Ok(made) => pairs.push(made),
                Err(text) => self.fault(KEY, Some(index), text),
            }
        }
        (pairs, own)
    }

    fn pair(
        &mut self,
        public: &str,
        private: &str,
        own: &mut Vec<Vec<u8>>,
    ) -> Result<Arc<CertifiedKey>, String> {
        match (public, private) {
            ("", _) => return Err("public key not defined".to_owned()),
            (_, "") => return Err("private key not defined".to_owned()),
            _ => {},
        }
        let certificates = self.files.file(public)?;
        let made = pem::pair(&certificates, &self.files.file(private)?);
        own.push(certificates);
        made.map_err(|error| format!("{error} ({public}, {private})"))
    }

    /// Whose certificates let a client in.
    fn believed(&mut self, tls: &Tls, own: &[Vec<u8>], remarks: &mut Vec<Remark>) -> Roots {
        let mut roots =
            if tls.disable_system_ca_pool { Roots::none() } else { Roots::system(self.files) };
        for (index, path) in tls.ca_certs.iter().enumerate() {
            match self.files.file(path) {
                Ok(bytes) if roots.add(&bytes) == 0 => {
                    let text = format!("{path} adds no certificate");
                    remarks.push(Remark { key: "ca_certs", text });
                },
                Ok(_) => {},
                Err(why) => {
                    let text = format!("Cannot load certificate CA {path}: {why}");
                    self.fault("ca_certs", Some(index), text);
                },
            }
        }
        for certificates in own {
            roots.add(certificates);
        }
        roots
    }
}
