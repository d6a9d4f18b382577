//! `client_tls`: how backends are met.
//!
//! KrakenD: without the block Go's defaults hold (TLS 1.2 and 1.3); with it versions are TLS 1.3 unless they
//! are set. What cannot be read is told and left out: that believes fewer. HTTP/1.1 is not negotiated, since
//! nothing else is spoken but where `"@baton".http2` asks for it.

use std::sync::Arc;

use baton_shared::config::Sources;
use baton_shared::config::model::ClientTls;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};

use super::certificate::Claims;
use super::offer::{self, Offer, Wanted};
use super::roots::Roots;
use super::trust::Servers;
use super::{Refused, Remark, pem};

/// Sessions with backends that each thread remembers.
const SESSIONS: usize = 256;

/// Reads the files that the block names.
pub(crate) fn compile(
    tls: &ClientTls,
    files: &mut dyn Sources,
    remarks: &mut Vec<Remark>,
) -> Result<ClientConfig, Refused> {
    let wanted = Wanted {
        min_version: &tls.min_version,
        max_version: &tls.max_version,
        curves: &tls.curve_preferences,
        suites: &tls.cipher_suites,
    };
    let offer = Offer::compile(wanted, remarks)?;
    let own = own(tls, files, remarks);
    let roots = believed(tls, files, remarks);
    assemble(&offer, roots, &[], own)
}

/// How the provider of a key set is met, by TLS 1.2 or 1.3.
pub(crate) fn of_keys(
    tls: &ClientTls,
    fingerprints: &[Box<[u8]>],
    files: &mut dyn Sources,
) -> Result<ClientConfig, Refused> {
    let offer = match tls.cipher_suites.as_slice() {
        [] => Offer::usual(),
        suites => Offer::by_suites(suites),
    };
    let roots = believed(tls, files, &mut Vec::new());
    assemble(&offer, roots, fingerprints, Vec::new())
}

/// What is wrong with suites that are named for it.
pub(crate) fn remarks_on(suites: &[u16]) -> Vec<Remark> {
    let mut remarks = Vec::new();
    drop(offer::suites(suites, &mut remarks));
    remarks
}

/// Who is believed; none: everybody.
fn believed(tls: &ClientTls, files: &mut dyn Sources, remarks: &mut Vec<Remark>) -> Option<Roots> {
    if tls.allow_insecure_connections {
        return None;
    }
    let mut roots = if tls.disable_system_ca_pool { Roots::none() } else { Roots::system(files) };
    for path in &tls.ca_certs {
        let told = match files.file(path) {
            Ok(bytes) if roots.add(&bytes) > 0 => continue,
            Ok(_) => format!("{path} adds no certificate"),
            Err(why) => format!("Cannot load certificate CA {path}: {why}"),
        };
        remarks.push(Remark { key: "ca_certs", text: told });
    }
    Some(roots)
}

/// Go's defaults, with the system's certificates.
pub(crate) fn usual(files: &mut dyn Sources) -> Result<ClientConfig, Refused> {
    assemble(&Offer::usual(), Some(Roots::system(files)), &[], Vec::new())
}

/// The same for who was not thought of at start.
pub(crate) fn usual_here() -> Result<ClientConfig, Refused> {
    usual(&mut Disk)
}

/// The system's files, wherever they are.
struct Disk;

impl Sources for Disk {
    fn file(&mut self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|error| error.to_string())
    }
}

/// What a backend is offered to speak (ALPN).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// HTTP/1.1 needs no offer.
    Nothing,
    /// HTTP/2, or else HTTP/1.1.
    Http2,
}

/// The same with a memory for sessions of its own: for one thread.
pub(crate) fn for_a_thread(config: &ClientConfig, offered: Offered) -> Arc<ClientConfig> {
    let mut own = config.clone();
    if offered == Offered::Http2 {
        own.alpn_protocols = super::protocols();
    }
    own.resumption = Resumption::in_memory_sessions(SESSIONS);
    Arc::new(own)
}

/// `roots`: none, everybody is believed.
fn assemble(
    offer: &Offer,
    roots: Option<Roots>,
    fingerprints: &[Box<[u8]>],
    own: Vec<Arc<CertifiedKey>>,
) -> Result<ClientConfig, Refused> {
    let servers = Servers::new(roots, fingerprints, &offer.provider);
    let builder = ClientConfig::builder_with_provider(Arc::clone(&offer.provider))
        .with_protocol_versions(&offer.versions)
        .map_err(|error| Refused { key: "cipher_suites", text: error.to_string() })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(servers));
    Ok(if own.is_empty() {
        builder.with_no_client_auth()
    } else {
        builder.with_client_cert_resolver(Arc::new(Own(own.into())))
    })
}

/// `client_certs`; those that cannot be read are told and left out.
fn own(
    tls: &ClientTls,
    files: &mut dyn Sources,
    remarks: &mut Vec<Remark>,
) -> Vec<Arc<CertifiedKey>> {
    let mut own = Vec::new();
    for pair in &tls.client_certs {
        let (certificate, key) = (&pair.certificate, &pair.private_key);
        let made = files.file(certificate).and_then(|chain| {
            let key = files.file(key)?;
            pem::pair(&chain, &key).map_err(|error| error.to_string())
        });
        match made {
            Ok(made) => own.push(made),
            Err(why) => {
                let text = format!("Cannot load client certificate {certificate}, {key}: {why}");
                remarks.push(Remark { key: "client_certs", text });
            },
        }
    }
    own
}

/// Certificates to show to backends; as in Go, the first that the backend says it would believe.
#[derive(Debug)]
struct Own(Box<[Arc<CertifiedKey>]>);

impl ResolvesClientCert for Own {
    fn resolve(
        &self,
        root_hint_subjects: &[&[u8]],
        sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let fits = |pair: &&Arc<CertifiedKey>| {
            let is_named = root_hint_subjects.is_empty()
                || pair.cert.iter().any(|certificate| {
                    Claims::of(certificate)
                        .is_some_and(|claims| root_hint_subjects.contains(&claims.issuer))
                });
            is_named && pair.key.choose_scheme(sigschemes).is_some()
        };
        self.0.iter().find(fits).cloned()
    }

    fn has_certs(&self) -> bool {
        true
    }
}
