//! A token: where it stands in a request, and its parts, read by ourselves.
//!
//! KrakenD: the field first, then the cookie; `Bearer ` may be missing; blanks count nowhere; a token may come as JSON with
//! one signature. Header and claims are strict JSON. Here besides: bounds, no empty `crit`, nothing unprotected.

use std::borrow::Cow;

use super::json::{self, Json, Unreadable, member};
use super::jwk::{Jwk, Material};
use crate::base64;
use crate::message::Head;

/// The longest token.
const TOKEN_BYTES_MAX: usize = 128 << 10;
/// The longest header of one: nobody has signed it yet.
const HEADER_BYTES_MAX: usize = 16 << 10;

/// Where a token may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// `auth_header_name`.
    pub(crate) field: Box<str>,
    /// `cookie_key`.
    pub(crate) cookie: Box<str>,
}

/// The parts of a token. Nothing of it is to be believed before its signature is.
#[derive(Debug, PartialEq)]
pub(crate) struct Token<'a> {
    pub(crate) header: Header,
    /// What is signed.
    pub(crate) signed: Cow<'a, [u8]>,
    /// The claims, as JSON.
    pub(crate) claims: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// What is used of a token's header. No key comes from it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) algorithm: Box<str>,
    pub(crate) kid: Box<str>,
    pub(crate) x5t: Option<Box<str>>,
    pub(crate) x5t_s256: Option<Box<str>>,
}

/// Why there is no token, or why it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("Token not found")]
    NotFound,
    #[error("go-jose/go-jose: compact JWS format must have three parts")]
    Parts,
    #[error("the token is too long")]
    TooLong,
    #[error("illegal base64 data at input byte {0}")]
    Base64(usize),
    #[error("{0}")]
    Json(#[from] Unreadable),
    #[error("json: cannot unmarshal {found} into Go value of type {wanted}")]
    Kind { found: &'static str, wanted: &'static str },
    /// A member of its header is no text.
    #[error(
        "failed to unmarshal {name}: json: cannot unmarshal {found} into Go value of type string"
    )]
    Member { name: &'static str, found: &'static str },
    #[error("failed to unmarshal JWK: it is none")]
    Jwk,
    #[error("go-jose/go-jose: invalid embedded jwk, must be public key")]
    SecretJwk,
    #[error("failed to unmarshal x5c header: x509: malformed certificate")]
    Certificates,
    #[error("go-jose/go-jose: error in cryptographic primitive")]
    Extension,
    #[error("its `crit` or `b64` is not what RFC 7515 and RFC 7797 allow")]
    Critical,
    #[error("go-jose/go-jose: missing payload in JWS message")]
    NoPayload,
    #[error("go-jose/go-jose: too many signatures in payload; expecting only one")]
    Signatures,
    #[error("it has an unprotected header")]
    Unprotected,
}

impl Places {
    /// The text of the token.
    pub(crate) fn find<'h>(&self, head: &'h Head) -> Option<&'h [u8]> {
        let field = head.field(&self.field).map(without_scheme).filter(|text| !text.is_empty());
        field.or_else(|| cookie(head, &self.cookie)).filter(|text| !text.is_empty())
    }
}

fn without_scheme(field: &[u8]) -> &[u8] {
    const SCHEME: &[u8] = b"bearer ";
    match field.split_at_checked(SCHEME.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) && !rest.is_empty() => rest,
        Some(_) | None => field,
    }
}

/// The first cookie of this name that Go reads: of visible bytes, perhaps in quotes.
fn cookie<'h>(head: &'h Head, name: &str) -> Option<&'h [u8]> {
    let lines = head.fields().filter(|(field, _)| field.eq_ignore_ascii_case("cookie"));
    let pairs = lines.flat_map(|(_, line)| line.split(|byte| *byte == b';'));
    pairs.filter_map(|pair| pair_of(pair.trim_ascii(), name)).next()
}

fn pair_of<'h>(pair: &'h [u8], name: &str) -> Option<&'h [u8]> {
    // A pair without `=` is one without a value.
    let (found, value) = match memchr::memchr(b'=', pair) {
        Some(at) => (pair.get(..at)?, pair.get(at + 1..)?),
        None => (pair, &b""[..]),
    };
    if found.trim_ascii_end() != name.as_bytes() {
        return None;
    }
    let inside = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let value = inside.unwrap_or(value);
    let is_good = |byte: &u8| matches!(byte, 0x20..0x7F) && !matches!(byte, b'"' | b';' | b'\\');
    value.iter().all(is_good).then_some(value)
}

impl<'a> Token<'a> {
    /// Takes the text of a token apart.
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, TokenError> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        match without_blanks(text)? {
            text if text.first() == Some(&b'{') => json_form(&text),
            Cow::Borrowed(text) => compact(text),
            Cow::Owned(text) => compact(&text).map(Token::into_owned),
        }
    }

    fn into_owned(self) -> Token<'static> {
        let Token { header, signed, claims, signature } = self;
        Token { header, signed: Cow::Owned(signed.into_owned()), claims, signature }
    }
}

/// Go drops all white space of Unicode.
fn without_blanks(text: &[u8]) -> Result<Cow<'_, [u8]>, TokenError> {
    if text.iter().all(u8::is_ascii_graphic) {
        return Ok(Cow::Borrowed(text));
    }
    let text =
        std::str::from_utf8(text).map_err(|fault| TokenError::Base64(fault.valid_up_to()))?;
    let kept: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    Ok(Cow::Owned(kept.into_bytes()))
}

/// `header.claims.signature`
fn compact(text: &[u8]) -> Result<Token<'_>, TokenError> {
    let mut parts = text.split(|byte| *byte == b'.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Parts);
    };
    let signed = text.get(..header.len() + 1 + claims.len()).unwrap_or_default();
    join(header, claims, signature, Some(signed))
}

/// A JWS in JSON (RFC 7515 §7.2), flattened or with a list of one.
fn json_form(text: &[u8]) -> Result<Token<'static>, TokenError> {
    let whole = json::read_of_token(text)?;
    let wrong = |found: &Json, wanted| TokenError::Kind { found: found.kind(), wanted };
    let members = whole.members().ok_or_else(|| wrong(&whole, "jose.rawJSONWebSignature"))?;
    let list = match member(members, "signatures") {
        None | Some(Json::Null) => &[],
        Some(Json::List(list)) => list.as_slice(),
        Some(other) => return Err(wrong(other, "[]jose.rawSignatureInfo")),
    };
    let signed = match list {
        [] => members,
        [Json::Object(one)] => one,
        [other] => return Err(wrong(other, "jose.rawSignatureInfo")),
        _ => return Err(TokenError::Signatures),
    };
    // What nobody signed decides nothing (RFC 8725 §2.1).
    if member(signed, "header").is_some() || member(members, "header").is_some() {
        return Err(TokenError::Unprotected);
    }
    let part = |members, name| match member(members, name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text.as_bytes())),
        Some(other) => Err(wrong(other, "string")),
    };
    let claims = part(members, "payload")?.ok_or(TokenError::NoPayload)?;
    let header = part(signed, "protected")?.unwrap_or_default();
    let signature = part(signed, "signature")?.unwrap_or_default();
    join(header, claims, signature, None).map(Token::into_owned)
}

/// `signed`: header and claims as they stand, if they stand together.
fn join<'a>(
    header: &[u8],
    claims: &[u8],
    signature: &[u8],
    signed: Option<&'a [u8]>,
) -> Result<Token<'a>, TokenError> {
    if header.len() > HEADER_BYTES_MAX {
        return Err(TokenError::TooLong);
    }
    let fault = |text| TokenError::Base64(base64::url_fault(text));
    let decode = |text| base64::decode_url(text).ok_or_else(|| fault(text));
    let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
    let signed = match signed {
        Some(signed) if header.is_canonical && claims.is_canonical => Cow::Borrowed(signed),
        Some(_) | None => {
            let mut signed = Vec::new();
            base64::encode_url(&header.bytes, &mut signed);
            signed.push(b'.');
            base64::encode_url(&claims.bytes, &mut signed);
            Cow::Owned(signed)
        },
    };
    let header = Header::read(&header.bytes)?;
    Ok(Token { header, signed, claims: claims.bytes, signature: signature.bytes })
}

impl Header {
    /// One that says nothing is read too: it names no algorithm.
    fn read(text: &[u8]) -> Result<Self, TokenError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let json = json::read_of_token(text)?;
        let wrong = TokenError::Kind { found: json.kind(), wanted: "jose.rawHeader" };
        let members = match &json {
            Json::Null => &[],
            other => other.members().ok_or(wrong)?.as_slice(),
        };
        let text_of = |name, called| match member(members, name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(&**text)),
            Some(other) => Err(TokenError::Member { name: called, found: other.kind() }),
        };
        text_of("nonce", "nonce")?;
        critical(members)?;
        refuse_broken_keys(members)?;
        // Of other types they name no key, as in KrakenD.
        let thumbprint = |name| member(members, name).and_then(Json::text).map(Into::into);
        Ok(Self {
            algorithm: text_of("alg", "algorithm")?.unwrap_or_default().into(),
            kid: text_of("kid", "key ID")?.unwrap_or_default().into(),
            x5t: thumbprint("x5t"),
            x5t_s256: thumbprint("x5t#S256"),
        })
    }
}

/// A key in a header is never used; a broken one gives the token away as made by hand, a secret one as well.
fn refuse_broken_keys(members: &[(Box<str>, Json)]) -> Result<(), TokenError> {
    if let Some(key) = member(members, "jwk").filter(|key| **key != Json::Null) {
        let key = Jwk::read(key).map_err(|_no_key| TokenError::Jwk)?;
        if key.is_private() || matches!(key.material, Material::Secret(_)) {
            return Err(TokenError::SecretJwk);
        }
    }
    match member(members, "x5c") {
        None => Ok(()),
        Some(Json::List(chain)) if chain.iter().all(is_certificate) => Ok(()),
        Some(_) => Err(TokenError::Certificates),
    }
}

/// As much as one must look like: base64 of one sequence of DER, its length in one byte or two.
fn is_certificate(item: &Json) -> bool {
    let bytes = item.text().and_then(|text| base64::decode(text.as_bytes()));
    let bytes = bytes.unwrap_or_default();
    match bytes.as_slice() {
        [0x30, 0x81, length, rest @ ..] => rest.len() == usize::from(*length),
        [0x30, 0x82, high, low, rest @ ..] => {
            rest.len() == usize::from(u16::from_be_bytes([*high, *low]))
        },
        _ => false,
    }
}

/// RFC 7515 §4.1.11: a list that is not empty, of names that are there and understood. The only one is `b64` (RFC 7797),
/// and claims are always in base64.
fn critical(members: &[(Box<str>, Json)]) -> Result<(), TokenError> {
    if member(members, "b64").is_some_and(|b64| *b64 != Json::Bool(true)) {
        return Err(TokenError::Critical);
    }
    let Some(critical) = member(members, "crit") else { return Ok(()) };
    let Json::List(names) = critical else { return Err(TokenError::Critical) };
    if names.iter().any(|name| name.text() != Some("b64")) {
        return Err(TokenError::Extension);
    }
    let is_good = !names.is_empty() && member(members, "b64").is_some();
    if is_good { Ok(()) } else { Err(TokenError::Critical) }
}
