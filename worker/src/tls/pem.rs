//! Certificates and keys out of PEM, with Go's words for what is wrong with them.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Why two files are no certificate with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PairError {
    #[error("tls: failed to find any PEM data in certificate input")]
    NoCertificate,
    #[error("tls: failed to parse certificate")]
    BadCertificate,
    #[error("tls: failed to find any PEM data in key input")]
    NoKey,
    #[error("tls: failed to parse private key")]
    BadKey,
    #[error("tls: private key does not match public key")]
    Mismatch,
}

/// A certificate with those that lead to its issuer, and its key.
pub(crate) fn pair(certificates: &[u8], key: &[u8]) -> Result<Arc<CertifiedKey>, PairError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
        .map(|one| one.map_err(|_malformed| PairError::BadCertificate))
        .collect::<Result<_, _>>()?;
    if chain.is_empty() {
        return Err(PairError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => PairError::NoKey,
        _ => PairError::BadKey,
    })?;
    let key = any_supported_type(&key).map_err(|_unsupported| PairError::BadKey)?;
    let pair = CertifiedKey::new(chain, key);
    match pair.keys_match() {
        Ok(()) => Ok(Arc::new(pair)),
        // A key that cannot tell its public half is believed.
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(Arc::new(pair))
        },
        Err(rustls::Error::InconsistentKeys(_)) => Err(PairError::Mismatch),
        Err(_) => Err(PairError::BadCertificate),
    }
}

/// The certificates in a file of many things; what is none is passed over, as in Go.
pub(crate) fn certificates(bytes: &[u8]) -> impl Iterator<Item = CertificateDer<'static>> + '_ {
    CertificateDer::pem_slice_iter(bytes).filter_map(Result::ok)
}
