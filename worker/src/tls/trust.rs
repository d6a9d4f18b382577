//! Whether a certificate is believed, as Go decides: by a chain to somebody who is believed, or because
//! it stands among those itself.
//!
//! webpki alone would refuse what people make by `openssl req -x509` and list in `ca_certs`: a
//! certificate that may sign others and is shown by a server or client.

use std::sync::Arc;

use aws_lc_rs::digest;
use baton_shared::control::relay::CERTIFICATE_BYTES_MAX;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::certificate::{Claims, Holder};
use super::roots::Roots;

/// Whether `certificate` is one of those that are believed, and may be used so now.
fn stands_itself(
    roots: &Roots,
    certificate: &CertificateDer<'_>,
    holder: Holder,
    now: UnixTime,
) -> Option<Result<(), Error>> {
    if !roots.whole.contains(certificate) {
        return None;
    }
    let Some(claims) = Claims::of(certificate) else {
        return Some(Err(CertificateError::BadEncoding.into()));
    };
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    Some(match () {
        () if now < claims.not_before => Err(CertificateError::NotValidYet.into()),
        () if now > claims.not_after => Err(CertificateError::Expired.into()),
        () if !claims.is_for(holder) => Err(CertificateError::InvalidPurpose.into()),
        () => Ok(()),
    })
}

/// As in Go: who only has the name of somebody who is believed is unknown, as is one that may sign others
/// and does not stand among those that are believed.
fn unknown(error: Error) -> Error {
    match error {
        Error::InvalidCertificate(CertificateError::BadSignature | CertificateError::Other(_)) => {
            CertificateError::UnknownIssuer.into()
        },
        error => error,
    }
}

/// Certificates of backends and of those who give keys.
#[derive(Debug)]
pub(super) struct Servers {
    /// Who is believed; none (`allow_insecure_connections`): whatever is shown.
    known: Option<Known>,
    /// `jwk_fingerprints`: besides all else, one of the certificates that are shown holds a key whose SHA-256 (of
    /// its SubjectPublicKeyInfo) is one of these; without any, it may be any key.
    fingerprints: Box<[Box<[u8]>]>,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
struct Known {
    roots: Roots,
    /// None: nobody is in the store.
    chains: Option<Arc<WebPkiServerVerifier>>,
}

impl Servers {
    /// `roots`: none, everybody is believed.
    pub(super) fn new(
        roots: Option<Roots>,
        fingerprints: &[Box<[u8]>],
        provider: &Arc<CryptoProvider>,
    ) -> Self {
        let known = roots.map(|roots| {
            let store = Arc::new(roots.store.clone());
            let chains = WebPkiServerVerifier::builder_with_provider(store, Arc::clone(provider));
            Known { roots, chains: chains.build().ok() }
        });
        let algorithms = provider.signature_verification_algorithms;
        Self { known, fingerprints: fingerprints.into(), algorithms }
    }

    fn is_pinned(&self, certificate: &CertificateDer<'_>) -> bool {
        let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return false };
        let found = digest::digest(&digest::SHA256, &parsed.subject_public_key_info());
        self.fingerprints.iter().any(|pinned| **pinned == *found.as_ref())
    }
}

impl Known {
    fn verify(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        if let Some(verdict) = stands_itself(&self.roots, end_entity, Holder::Server, now) {
            verdict?;
            return verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name);
        }
        let chains = self.chains.as_ref().ok_or(CertificateError::UnknownIssuer)?;
        chains
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map(drop)
            .map_err(unknown)
    }
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(known) = &self.known {
            known.verify(end_entity, intermediates, server_name, ocsp_response, now)?;
        }
        let mut shown = std::iter::once(end_entity).chain(intermediates);
        if !self.fingerprints.is_empty() && !shown.any(|shown| self.is_pinned(shown)) {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Certificates of clients (`enable_mtls`).
#[derive(Debug)]
pub(super) struct Clients {
    roots: Roots,
    /// None: nobody is in the store.
    chains: Option<Arc<dyn ClientCertVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
    hints: Vec<DistinguishedName>,
}

impl Clients {
    pub(super) fn new(roots: Roots, provider: &Arc<CryptoProvider>) -> Self {
        let store = Arc::new(roots.store.clone());
        let chains = WebPkiClientVerifier::builder_with_provider(store, Arc::clone(provider));
        // All of the system's would be 20 KB in each handshake, and some are worse than none: a client
        // shows only what they name.
        let are_all = roots.whole.len() == roots.store.len();
        let hints = if are_all { roots.store.subjects() } else { Vec::new() };
        let algorithms = provider.signature_verification_algorithms;
        Self { roots, chains: chains.build().ok(), algorithms, hints }
    }
}

impl ClientCertVerifier for Clients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if end_entity.len() > CERTIFICATE_BYTES_MAX {
            return Err(CertificateError::BadEncoding.into());
        }
        match (stands_itself(&self.roots, end_entity, Holder::Client, now), &self.chains) {
            (Some(verdict), _) => verdict.map(|()| ClientCertVerified::assertion()),
            (None, Some(chains)) => {
                chains.verify_client_cert(end_entity, intermediates, now).map_err(unknown)
            },
            (None, None) => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
