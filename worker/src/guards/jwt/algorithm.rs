//! Algorithms of signatures (RFC 7518 §3, RFC 8037), and keys that are ready for exactly one of them.
//!
//! A key is bound to its algorithm when it is read, so that no token can choose another. Signatures are jsonwebtoken's
//! business, and aws-lc-rs's where it lacks the algorithm. It reads its keys anew for each signature, which takes less
//! than a tenth of checking one.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, ParsedPublicKey};
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm as Common, AlgorithmFamily as Family, DecodingKey};

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

    /// As jsonwebtoken calls it; it has all but ES512.
    pub(super) const fn common(self) -> Option<Common> {
        match self {
            Self::EdDsa => Some(Common::EdDSA),
            Self::Hs256 => Some(Common::HS256),
            Self::Hs384 => Some(Common::HS384),
            Self::Hs512 => Some(Common::HS512),
            Self::Rs256 => Some(Common::RS256),
            Self::Rs384 => Some(Common::RS384),
            Self::Rs512 => Some(Common::RS512),
            Self::Es256 => Some(Common::ES256),
            Self::Es384 => Some(Common::ES384),
            Self::Es512 => None,
            Self::Ps256 => Some(Common::PS256),
            Self::Ps384 => Some(Common::PS384),
            Self::Ps512 => Some(Common::PS512),
        }
    }

    /// Whether keys of this kind, on this curve, are for it.
    pub(super) fn is_of(self, material: &Material) -> bool {
        match material {
            Material::Secret(_) => self.is_in(Family::Hmac),
            Material::Rsa { .. } => self.is_in(Family::Rsa),
            Material::Ec { curve: Curve::P256, .. } => self == Self::Es256,
            Material::Ec { curve: Curve::P384, .. } => self == Self::Es384,
            Material::Ec { curve: Curve::P521, .. } => self == Self::Es512,
            Material::Ed { .. } => self == Self::EdDsa,
        }
    }

    fn is_in(self, family: Family) -> bool {
        self.common().is_some_and(|common| common.family() == family)
    }
}

/// A key that verifies signatures of one algorithm.
pub(crate) enum VerifyingKey {
    Common(Box<DecodingKey>, Common),
    Es512(ParsedPublicKey),
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(verifying key)")
    }
}

impl VerifyingKey {
    /// `None`: the key is for something else. What is no point of its curve, or an RSA key that is too short, verifies
    /// nothing.
    pub(crate) fn new(jwk: &Jwk, algorithm: Algorithm) -> Option<Self> {
        // A private key in a set of public ones verifies nothing, as in KrakenD.
        if !jwk.may_verify(algorithm) || jwk.is_private() || !algorithm.is_of(&jwk.material) {
            return None;
        }
        let Some(common) = algorithm.common() else {
            let Material::Ec { point, .. } = &jwk.material else { return None };
            return ParsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point).ok().map(Self::Es512);
        };
        let key = match &jwk.material {
            Material::Secret(secret) => DecodingKey::from_secret(secret.bytes()),
            Material::Rsa { n, e, .. } => DecodingKey::from_rsa_raw_components(n, e),
            Material::Ec { point, .. } => DecodingKey::from_ec_der(point),
            Material::Ed { x, .. } => DecodingKey::from_ed_der(x),
        };
        Some(Self::Common(Box::new(key), common))
    }

    /// Whether `signature` is this key's, over `message`. Takes the same time wherever they differ.
    pub(crate) fn verifies(&self, message: &[u8], signature: &Vec<u8>) -> bool {
        match self {
            // Not `crypto::verify`: it wants the signature in base64 again.
            Self::Common(key, common) => (DEFAULT_PROVIDER.verifier_factory)(common, key)
                .is_ok_and(|verifier| verifier.verify(message, signature).is_ok()),
            Self::Es512(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}
