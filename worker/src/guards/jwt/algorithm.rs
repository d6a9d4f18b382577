//! Algorithms of signatures (RFC 7518 §3, RFC 8037), and keys that are ready for exactly one of them.
//!
//! A key is bound to its algorithm when it is read, so that no token can choose another. Keys are parsed once and
//! shared by the threads.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    EcdsaVerificationAlgorithm, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};

use super::jwk::{Curve, Jwk, Material};

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Algorithm {
    EdDsa,
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Es256,
    Es384,
    Es512,
    Ps256,
    Ps384,
    Ps512,
}

impl Algorithm {
    /// All that KrakenD takes, in its spelling.
    pub(crate) const ALL: [(&str, Self); 13] = [
        ("EdDSA", Self::EdDsa),
        ("HS256", Self::Hs256),
        ("HS384", Self::Hs384),
        ("HS512", Self::Hs512),
        ("RS256", Self::Rs256),
        ("RS384", Self::Rs384),
        ("RS512", Self::Rs512),
        ("ES256", Self::Es256),
        ("ES384", Self::Es384),
        ("ES512", Self::Es512),
        ("PS256", Self::Ps256),
        ("PS384", Self::Ps384),
        ("PS512", Self::Ps512),
    ];

    /// The algorithm of this name, in exactly this spelling.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("", |(name, _)| name)
    }

    /// The curve that its keys are on.
    const fn curve(self) -> Option<(Curve, &'static EcdsaVerificationAlgorithm)> {
        match self {
            Self::Es256 => Some((Curve::P256, &ECDSA_P256_SHA256_FIXED)),
            Self::Es384 => Some((Curve::P384, &ECDSA_P384_SHA384_FIXED)),
            Self::Es512 => Some((Curve::P521, &ECDSA_P521_SHA512_FIXED)),
            _ => None,
        }
    }

    pub(super) const fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Self::Hs256 => Some(hmac::HMAC_SHA256),
            Self::Hs384 => Some(hmac::HMAC_SHA384),
            Self::Hs512 => Some(hmac::HMAC_SHA512),
            _ => None,
        }
    }

    const fn rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
            _ => None,
        }
    }
}

/// A key that verifies signatures of one algorithm.
#[derive(Debug)]
pub(crate) enum VerifyingKey {
    Hmac(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl VerifyingKey {
    /// `None`: the key is for something else, or it is none (a curve point that is none, an RSA key that is too short).
    pub(crate) fn new(jwk: &Jwk, algorithm: Algorithm) -> Option<Self> {
        if !jwk.may_verify(algorithm) {
            return None;
        }
        match &jwk.material {
            // A private key in a set of public ones verifies nothing, as in KrakenD.
            _ if jwk.is_private() => None,
            Material::Secret(secret) => {
                Some(Self::Hmac(Box::new(hmac::Key::new(algorithm.hmac()?, secret.bytes()))))
            },
            Material::Rsa { n, e, .. } => {
                let components = RsaPublicKeyComponents { n, e };
                components.to_parsed_public_key(algorithm.rsa()?).ok().map(Self::Public)
            },
            Material::Ec { curve, point, .. } => {
                let (wanted, by) = algorithm.curve()?;
                let key = ParsedPublicKey::new(by, point).ok()?;
                (*curve == wanted).then_some(Self::Public(key))
            },
            Material::Ed { x, .. } if algorithm == Algorithm::EdDsa => {
                ParsedPublicKey::new(&ED25519, x).ok().map(Self::Public)
            },
            Material::Ed { .. } => None,
        }
    }

    /// Whether `signature` is this key's, over `message`. Takes the same time wherever they differ.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}
