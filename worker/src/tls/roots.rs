//! Whom one believes: the system's certificates and those that the configuration names.

use std::collections::HashSet;

use baton_shared::config::Sources;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::pem;

/// Where distributions keep them, in Go's order; the first that is there counts.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// As Go's: another file in their place.
const BUNDLE_VARIABLE: &str = "SSL_CERT_FILE";

/// Where the system's certificates may be; the first that is there counts.
pub(crate) fn system_bundles() -> Vec<String> {
    match std::env::var(BUNDLE_VARIABLE) {
        Ok(path) if !path.is_empty() => vec![path],
        _ => BUNDLES.iter().map(ToString::to_string).collect(),
    }
}

/// Certificates that are believed.
#[derive(Clone, Debug)]
pub(crate) struct Roots {
    pub(super) store: RootCertStore,
    /// Whole, since Go believes a certificate that stands here itself, whether it may sign others or not.
    pub(super) whole: HashSet<CertificateDer<'static>>,
}

impl Roots {
    /// Nobody.
    pub(crate) fn none() -> Self {
        Self { store: RootCertStore::empty(), whole: HashSet::new() }
    }

    /// The system's.
    pub(crate) fn system(files: &mut dyn Sources) -> Self {
        let mut roots = Self::none();
        let found = system_bundles().iter().find_map(|path| files.file(path).ok());
        roots.store.add_parsable_certificates(pem::certificates(&found.unwrap_or_default()));
        roots
    }

    /// Those of a file in PEM; what is no certificate is passed over, as in Go.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> usize {
        let before = self.whole.len();
        for certificate in pem::certificates(bytes) {
            // One that cannot sign others is none for the store, and is believed all the same.
            drop(self.store.add(certificate.clone()));
            self.whole.insert(certificate);
        }
        self.whole.len() - before
    }
}
