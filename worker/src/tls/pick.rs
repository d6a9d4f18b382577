//! Which certificate a client is shown.
//!
//! Go: the first that fits the client's server name and what it can verify, else the first of all.

use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The certificates of `keys`, in order.
#[derive(Debug)]
pub(super) struct Certificates(pub(super) Box<[Arc<CertifiedKey>]>);

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let fits = |pair: &&Arc<CertifiedKey>| {
            let is_verifiable = pair.key.choose_scheme(hello.signature_schemes()).is_some();
            is_verifiable && name.as_ref().is_none_or(|name| is_for(pair, name))
        };
        let found = if self.0.len() > 1 { self.0.iter().find(fits) } else { None };
        found.or_else(|| self.0.first()).cloned()
    }
}

fn is_for(pair: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let Ok(certificate) = pair.end_entity_cert() else { return false };
    let parsed = ParsedCertificate::try_from(certificate);
    parsed.is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
}
