//! Private keys that are ready to sign with one algorithm.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};

use super::algorithm::Algorithm;
use super::jwk::{Curve, Jwk, Material};

/// A key that makes signatures of one algorithm.
pub(crate) enum SigningKey {
    Hmac(Box<hmac::Key>),
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Ec(Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(signing key)")
    }
}

impl SigningKey {
    /// `None`: the key is for something else, it has no private half, or its halves do not belong together.
    pub(crate) fn new(jwk: &Jwk, algorithm: Algorithm) -> Option<Self> {
        if !jwk.may_sign(algorithm) {
            return None;
        }
        match &jwk.material {
            Material::Secret(secret) => {
                Some(Self::Hmac(Box::new(hmac::Key::new(algorithm.hmac()?, secret.bytes()))))
            },
            Material::Rsa { n, e, private } => {
                let private = private.as_ref()?;
                let components = KeyPairComponents {
                    public_key: PublicKeyComponents { n, e },
                    d: private.d.bytes(),
                    p: private.p.bytes(),
                    q: private.q.bytes(),
                    dP: private.dp.bytes(),
                    dQ: private.dq.bytes(),
                    qInv: private.qi.bytes(),
                };
                let encoding = rsa(algorithm)?;
                let pair = RsaKeyPair::from_components(&components).ok()?;
                Some(Self::Rsa(Box::new(pair), encoding))
            },
            Material::Ec { curve, point, d } => {
                let (_, by) = elliptic(algorithm).filter(|(wanted, _)| wanted == curve)?;
                let d = d.as_ref()?.bytes();
                let pair = EcdsaKeyPair::from_private_key_and_public_key(by, d, point).ok()?;
                Some(Self::Ec(Box::new(pair)))
            },
            Material::Ed { x, d } if algorithm == Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(d.as_ref()?.bytes(), x).ok()?;
                Some(Self::Ed(Box::new(pair)))
            },
            Material::Ed { .. } => None,
        }
    }

    /// The signature over `message`; `None`: out of memory or randomness.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Hmac(key) => Some(hmac::sign(key, message).as_ref().to_vec()),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature).ok()?;
                Some(signature)
            },
            Self::Ec(pair) => {
                pair.sign(&SystemRandom::new(), message).ok().map(|made| made.as_ref().to_vec())
            },
            Self::Ed(pair) => pair.try_sign(message).ok().map(|made| made.as_ref().to_vec()),
        }
    }
}

fn rsa(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    match algorithm {
        Algorithm::Rs256 => Some(&RSA_PKCS1_SHA256),
        Algorithm::Rs384 => Some(&RSA_PKCS1_SHA384),
        Algorithm::Rs512 => Some(&RSA_PKCS1_SHA512),
        Algorithm::Ps256 => Some(&RSA_PSS_SHA256),
        Algorithm::Ps384 => Some(&RSA_PSS_SHA384),
        Algorithm::Ps512 => Some(&RSA_PSS_SHA512),
        _ => None,
    }
}

const fn elliptic(algorithm: Algorithm) -> Option<(Curve, &'static EcdsaSigningAlgorithm)> {
    match algorithm {
        Algorithm::Es256 => Some((Curve::P256, &ECDSA_P256_SHA256_FIXED_SIGNING)),
        Algorithm::Es384 => Some((Curve::P384, &ECDSA_P384_SHA384_FIXED_SIGNING)),
        Algorithm::Es512 => Some((Curve::P521, &ECDSA_P521_SHA512_FIXED_SIGNING)),
        _ => None,
    }
}
