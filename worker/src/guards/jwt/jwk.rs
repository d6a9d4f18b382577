//! One JSON Web Key (RFC 7517, 7518 §6, 8037), read member by member.
//!
//! Read strictly: coordinates have their full length, an HMAC secret is not empty, RSA exponents are odd and at least 3.
//! What a key is for (`use`, `key_ops`, `alg`) is part of it, though KrakenD looks at none of them.

use std::fmt;

use super::algorithm::Algorithm;
use super::json::{Json, member};
use crate::base64;

/// A key of a set.
#[derive(Clone, Debug)]
pub(crate) struct Jwk {
    /// `kid`; empty without one.
    pub(crate) kid: Box<str>,
    /// `x5t` as tokens name it; empty without one.
    pub(crate) x5t: Box<str>,
    /// `x5t#S256` as tokens name it; empty without one.
    pub(crate) x5t_s256: Box<str>,
    pub(crate) material: Material,
    /// `use`, `key_ops` and an `alg` that encrypts leave these.
    verifies: bool,
    signs: bool,
    /// `alg`, where it names one that we know.
    bound_to: Option<Algorithm>,
}

/// What a key is made of.
#[derive(Clone, Debug)]
pub(crate) enum Material {
    Secret(Secret),
    Rsa {
        n: Box<[u8]>,
        e: Box<[u8]>,
        private: Option<Box<RsaSecrets>>,
    },
    /// The point is uncompressed (SEC 1).
    Ec {
        curve: Curve,
        point: Box<[u8]>,
        d: Option<Secret>,
    },
    Ed {
        x: Box<[u8]>,
        d: Option<Secret>,
    },
}

/// Bytes that nobody gets to see.
#[derive(Clone)]
pub(crate) struct Secret(Box<[u8]>);

/// The private half of an RSA key.
#[derive(Clone, Debug)]
pub(crate) struct RsaSecrets {
    pub(crate) d: Secret,
    pub(crate) p: Secret,
    pub(crate) q: Secret,
    pub(crate) dp: Secret,
    pub(crate) dq: Secret,
    pub(crate) qi: Secret,
}

/// A curve of RFC 7518.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

/// Why a member of a set is no key that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwkError {
    #[error("it is no object")]
    NotAnObject,
    #[error("`{0}` is missing or has the wrong form")]
    Member(&'static str),
    #[error("`kty` {0} is not supported")]
    Kind(String),
    #[error("`crv` {0} is not supported")]
    Curve(String),
}

impl Secret {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Curve {
    const fn named(name: &str) -> Option<Self> {
        match name.as_bytes() {
            b"P-256" => Some(Self::P256),
            b"P-384" => Some(Self::P384),
            b"P-521" => Some(Self::P521),
            _ => None,
        }
    }

    /// Of a coordinate.
    const fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

impl Jwk {
    /// Reads a key.
    pub(crate) fn read(json: &Json) -> Result<Self, JwkError> {
        let members = json.members().ok_or(JwkError::NotAnObject)?;
        let of = Members(members);
        let material = match of.text("kty")?.ok_or(JwkError::Member("kty"))? {
            "oct" => Material::Secret(Secret(of.filled("k")?)),
            "RSA" => rsa(&of)?,
            "EC" => elliptic(&of)?,
            "OKP" => edwards(&of)?,
            other => return Err(JwkError::Kind(other.to_owned())),
        };
        let may = |operation| of.has_operation(operation);
        let alg = of.text("alg")?;
        let is_for_signatures =
            of.text("use")?.is_none_or(|usage| usage == "sig") && !alg.is_some_and(encrypts);
        Ok(Self {
            kid: of.text("kid")?.unwrap_or_default().into(),
            x5t: of.thumbprint("x5t", 20)?,
            x5t_s256: of.thumbprint("x5t#S256", 32)?,
            material,
            verifies: is_for_signatures && may("verify")?,
            signs: is_for_signatures && may("sign")?,
            bound_to: alg.and_then(Algorithm::named),
        })
    }

    /// Whether signatures of this algorithm may be checked with it.
    pub(crate) fn may_verify(&self, algorithm: Algorithm) -> bool {
        self.verifies && self.bound_to.is_none_or(|bound| bound == algorithm)
    }

    /// Whether signatures of this algorithm may be made with it.
    pub(crate) fn may_sign(&self, algorithm: Algorithm) -> bool {
        self.signs && self.bound_to.is_none_or(|bound| bound == algorithm)
    }

    /// Whether it holds the private half of a pair.
    pub(crate) const fn is_private(&self) -> bool {
        match &self.material {
            Material::Secret(_) => false,
            Material::Rsa { private, .. } => private.is_some(),
            Material::Ec { d, .. } | Material::Ed { d, .. } => d.is_some(),
        }
    }
}

/// Algorithms of JWE (RFC 7518 §4.1, §5.1). A name that nobody knows says nothing.
fn encrypts(alg: &str) -> bool {
    let of_jwe = ["RSA1_5", "RSA-OAEP", "ECDH-ES", "PBES2-", "A128", "A192", "A256", "dir"];
    of_jwe.iter().any(|one| alg.starts_with(one))
}

fn rsa(of: &Members<'_>) -> Result<Material, JwkError> {
    let (n, e) = (of.number("n")?, of.number("e")?);
    let is_odd = e.last().is_some_and(|last| last & 1 == 1);
    if !is_odd || *e == [1] {
        return Err(JwkError::Member("e"));
    }
    let private = match of.bytes("d")? {
        None => None,
        Some(d) => Some(Box::new(RsaSecrets {
            d: Secret(d),
            p: Secret(of.number("p")?),
            q: Secret(of.number("q")?),
            dp: Secret(of.number("dp")?),
            dq: Secret(of.number("dq")?),
            qi: Secret(of.number("qi")?),
        })),
    };
    Ok(Material::Rsa { n, e, private })
}

fn elliptic(of: &Members<'_>) -> Result<Material, JwkError> {
    let name = of.text("crv")?.ok_or(JwkError::Member("crv"))?;
    let curve = Curve::named(name).ok_or_else(|| JwkError::Curve(name.to_owned()))?;
    let mut point = vec![4];
    for coordinate in ["x", "y"] {
        point.extend_from_slice(&of.exactly(coordinate, curve.bytes())?);
    }
    let d = of.bytes("d")?.map(Secret);
    if d.as_ref().is_some_and(|d| d.bytes().len() != curve.bytes()) {
        return Err(JwkError::Member("d"));
    }
    Ok(Material::Ec { curve, point: point.into(), d })
}

fn edwards(of: &Members<'_>) -> Result<Material, JwkError> {
    const KEY_BYTES: usize = 32;
    match of.text("crv")? {
        Some("Ed25519") => {},
        other => return Err(JwkError::Curve(other.unwrap_or_default().to_owned())),
    }
    let d = of.bytes("d")?.map(Secret);
    if d.as_ref().is_some_and(|d| d.bytes().len() != KEY_BYTES) {
        return Err(JwkError::Member("d"));
    }
    Ok(Material::Ed { x: of.exactly("x", KEY_BYTES)?, d })
}

/// The members of a key.
struct Members<'a>(&'a [(Box<str>, Json)]);

impl<'a> Members<'a> {
    fn text(&self, name: &'static str) -> Result<Option<&'a str>, JwkError> {
        match member(self.0, name) {
            None | Some(Json::Null) => Ok(None),
            Some(value) => value.text().map(Some).ok_or(JwkError::Member(name)),
        }
    }

    fn bytes(&self, name: &'static str) -> Result<Option<Box<[u8]>>, JwkError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let decoded = base64::decode_url(text.as_bytes()).ok_or(JwkError::Member(name))?;
        Ok(Some(decoded.bytes.into()))
    }

    /// Bytes of which there is at least one.
    fn filled(&self, name: &'static str) -> Result<Box<[u8]>, JwkError> {
        self.bytes(name)?.filter(|bytes| !bytes.is_empty()).ok_or(JwkError::Member(name))
    }

    fn exactly(&self, name: &'static str, length: usize) -> Result<Box<[u8]>, JwkError> {
        self.bytes(name)?.filter(|bytes| bytes.len() == length).ok_or(JwkError::Member(name))
    }

    /// A positive number without leading zeros.
    fn number(&self, name: &'static str) -> Result<Box<[u8]>, JwkError> {
        let bytes = self.filled(name)?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let number: Box<[u8]> = bytes.get(zeros..).unwrap_or_default().into();
        if number.is_empty() { Err(JwkError::Member(name)) } else { Ok(number) }
    }

    /// A thumbprint as tokens write it. Some providers put its hexadecimal form into base64: that is undone.
    fn thumbprint(&self, name: &'static str, length: usize) -> Result<Box<str>, JwkError> {
        let Some(bytes) = self.bytes(name)? else { return Ok(Box::default()) };
        let bytes = match hexadecimal(&bytes) {
            Some(inner) if bytes.len() == 2 * length => inner,
            Some(_) | None => bytes,
        };
        if bytes.len() != length {
            return Err(JwkError::Member(name));
        }
        let mut text = Vec::new();
        base64::encode_url(&bytes, &mut text);
        Ok(String::from_utf8_lossy(&text).into())
    }

    fn has_operation(&self, wanted: &str) -> Result<bool, JwkError> {
        match member(self.0, "key_ops") {
            None | Some(Json::Null) => Ok(true),
            Some(Json::List(operations)) => {
                Ok(operations.iter().any(|one| one.text() == Some(wanted)))
            },
            Some(_) => Err(JwkError::Member("key_ops")),
        }
    }
}

fn hexadecimal(text: &[u8]) -> Option<Box<[u8]>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some((digit(*high)? << 4) | digit(*low)?));
    bytes.collect::<Option<Box<[u8]>>>().filter(|_| rest.is_empty())
}
