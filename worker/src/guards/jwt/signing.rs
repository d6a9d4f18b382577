//! Private keys that are ready to sign with one algorithm.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use jsonwebtoken::{Algorithm as Common, EncodingKey, crypto};

use super::algorithm::Algorithm;
use super::jwk::{Curve, Jwk, Material, RsaSecrets, Secret};
use crate::base64;

/// A key that makes signatures of one algorithm.
pub(crate) enum SigningKey {
    Common(Box<EncodingKey>, Common),
    Es512(Box<EcdsaKeyPair>),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(signing key)")
    }
}

impl SigningKey {
    /// `None`: the key is for something else, it has no private half, or its halves do not belong together.
    pub(crate) fn new(jwk: &Jwk, algorithm: Algorithm) -> Option<Self> {
        if !jwk.may_sign(algorithm) || !algorithm.is_of(&jwk.material) {
            return None;
        }
        let key = match &jwk.material {
            Material::Secret(secret) => EncodingKey::from_secret(secret.bytes()),
            Material::Rsa { n, e, private } => {
                EncodingKey::from_rsa_der(&rsa(n, e, private.as_ref()?)?)
            },
            Material::Ec { curve, point, d } => {
                let by = match curve {
                    Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
                    Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
                    Curve::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
                };
                let d = d.as_ref()?.bytes();
                let pair = EcdsaKeyPair::from_private_key_and_public_key(by, d, point).ok()?;
                if *curve == Curve::P521 {
                    return Some(Self::Es512(Box::new(pair)));
                }
                EncodingKey::from_ec_der(pair.to_pkcs8v1().ok()?.as_ref())
            },
            Material::Ed { x, d } => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(d.as_ref()?.bytes(), x).ok()?;
                EncodingKey::from_ed_der(pair.to_pkcs8().ok()?.as_ref())
            },
        };
        Some(Self::Common(Box::new(key), algorithm.common()?))
    }

    /// The signature over `message`, in base64; `None`: out of memory or randomness.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Common(key, common) => {
                crypto::sign(message, key, *common).ok().map(String::into_bytes)
            },
            Self::Es512(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).ok()?;
                let mut text = Vec::new();
                base64::encode_url(signature.as_ref(), &mut text);
                Some(text)
            },
        }
    }
}

/// An `RSAPrivateKey` in DER (RFC 8017 §A.1.2), once its numbers are known to belong together.
fn rsa(n: &[u8], e: &[u8], secrets: &RsaSecrets) -> Option<Vec<u8>> {
    let RsaSecrets { d, p, q, dp, dq, qi } = secrets;
    let [d, p, q, d_p, d_q, q_inv] = [d, p, q, dp, dq, qi].map(Secret::bytes);
    let public_key = PublicKeyComponents { n, e };
    let components = KeyPairComponents { public_key, d, p, q, dP: d_p, dQ: d_q, qInv: q_inv };
    RsaKeyPair::from_components(&components).ok()?;
    let [version, n, e]: [&[u8]; 3] = [&[0], n, e];
    Some(sequence(&[version, n, e, d, p, q, d_p, d_q, q_inv]))
}

/// Positive numbers in DER (X.690), the highest byte first.
fn sequence(numbers: &[&[u8]]) -> Vec<u8> {
    let mut inside = Vec::new();
    for number in numbers {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let digits = number.get(zeros..).unwrap_or_default();
        // Its first bit is the sign; zero has a digit too.
        let is_padded = digits.first().is_none_or(|first| first & 0x80 != 0);
        inside.push(0x02);
        length(digits.len() + usize::from(is_padded), &mut inside);
        inside.extend(is_padded.then_some(0));
        inside.extend_from_slice(digits);
    }
    let mut der = vec![0x30];
    length(inside.len(), &mut der);
    der.append(&mut inside);
    der
}

fn length(bytes: usize, der: &mut Vec<u8>) {
    let whole = bytes.to_be_bytes();
    let zeros = whole.iter().take_while(|byte| **byte == 0).count();
    match whole.get(zeros..).unwrap_or_default() {
        [] => der.push(0),
        [one] if *one < 0x80 => der.push(*one),
        digits => {
            der.extend(u8::try_from(digits.len()).map(|count| 0x80 | count));
            der.extend_from_slice(digits);
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_sign_no_needless_zero_and_any_length() {
        assert_eq!(sequence(&[&[0], &[], &[0x7F]]), [0x30, 9, 2, 1, 0, 2, 1, 0, 2, 1, 0x7F]);
        assert_eq!(sequence(&[&[0, 0, 0x80, 1]]), [0x30, 5, 2, 3, 0, 0x80, 1]);
        let long = sequence(&[&[1; 300]]);
        assert_eq!(long.get(..8).unwrap(), [0x30, 0x82, 1, 0x30, 2, 0x82, 1, 0x2C]);
        assert_eq!(long.len(), 308);
        assert_eq!(sequence(&[&[1; 130]]).get(..6).unwrap(), [0x30, 0x81, 133, 2, 0x81, 130]);
    }
}
