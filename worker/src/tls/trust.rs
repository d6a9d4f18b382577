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

/// Certificates of backends.
#[derive(Debug)]
pub(super) struct Servers {
    roots: Roots,
    /// None: nobody is in the store.
    chains: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Servers {
    pub(super) fn new(roots: Roots, provider: &Arc<CryptoProvider>) -> Self {
        let store = Arc::new(roots.store.clone());
        let chains = WebPkiServerVerifier::builder_with_provider(store, Arc::clone(provider));
        let algorithms = provider.signature_verification_algorithms;
        Self { roots, chains: chains.build().ok(), algorithms }
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
        if let Some(verdict) = stands_itself(&self.roots, end_entity, Holder::Server, now) {
            verdict?;
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        match &self.chains {
            Some(chains) => chains
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(unknown),
            None => Err(CertificateError::UnknownIssuer.into()),
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

/// `jwk_fingerprints`: besides all else, one of the certificates that are shown holds a key whose SHA-256 (of its
/// SubjectPublicKeyInfo) is known.
#[derive(Debug)]
pub(super) struct Pinned {
    pub(super) believed: Arc<dyn ServerCertVerifier>,
    pub(super) fingerprints: Box<[Box<[u8]>]>,
}

impl Pinned {
    fn knows(&self, certificate: &CertificateDer<'_>) -> bool {
        let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return false };
        let found = digest::digest(&digest::SHA256, &parsed.subject_public_key_info());
        self.fingerprints.iter().any(|known| **known == *found.as_ref())
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.believed.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        if std::iter::once(end_entity).chain(intermediates).any(|shown| self.knows(shown)) {
            return Ok(verdict);
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.believed.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.believed.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.believed.supported_verify_schemes()
    }
}

/// `allow_insecure_connections`: whatever is shown is believed.
#[derive(Debug)]
pub(super) struct Anybody(pub(super) WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
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
