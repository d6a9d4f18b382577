//! A key set as validators look into it: by the name that a token gives its key, each key ready for its algorithm.

use std::collections::HashMap;

use super::algorithm::{Algorithm, VerifyingKey};
use super::json::{self, Json};
use super::jwk::{Jwk, JwkError};
use super::signing::SigningKey;
use super::token::Header;

/// The largest set that is read.
pub(crate) const SET_BYTES_MAX: usize = 1 << 20;
/// The most keys of a set.
const KEYS_MAX: usize = 1_000;

/// `key_identify_strategy`: what of its header names a token's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identify {
    Kid,
    X5t,
    X5tS256,
    /// `kid` and `x5t` together.
    KidX5t,
}

/// How one kind of validator looks into a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) algorithm: Algorithm,
    pub(crate) identify: Identify,
    pub(crate) purpose: Purpose,
}

/// What keys are wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Verify,
    Sign,
}

/// A key, ready for what it is wanted for.
#[derive(Debug)]
pub(crate) enum Ready {
    Verifies(VerifyingKey),
    Signs(SigningKey),
}

impl Ready {
    fn new(key: &Jwk, view: View) -> Option<Self> {
        match view.purpose {
            Purpose::Verify => VerifyingKey::new(key, view.algorithm).map(Self::Verifies),
            Purpose::Sign => SigningKey::new(key, view.algorithm).map(Self::Signs),
        }
    }
}

/// A set, by the views that are wanted of it.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    views: Box<[HashMap<Box<str>, Option<Ready>>]>,
}

/// Why a text is no key set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetError {
    #[error("it is larger than {} KiB", SET_BYTES_MAX >> 10)]
    TooLarge,
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("it has no list of `keys`")]
    NoList,
    #[error("it has more than {KEYS_MAX} keys")]
    TooMany,
}

/// What a set has for a token's key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'a> {
    Ready(&'a Ready),
    /// The key is there, but for something else.
    Unfit,
    Unknown,
}

impl Identify {
    /// Anything that it does not know is `kid`, as in KrakenD.
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "x5t" => Self::X5t,
            "x5t#S256" => Self::X5tS256,
            "kid_x5t" => Self::KidX5t,
            _ => Self::Kid,
        }
    }

    /// The name of the key that signed a token.
    pub(crate) fn of_token(self, header: &Header) -> String {
        let kid = &*header.kid;
        match self {
            Self::Kid => kid.to_owned(),
            Self::X5t => header.x5t.as_deref().unwrap_or(kid).to_owned(),
            Self::X5tS256 => header.x5t_s256.as_deref().unwrap_or(kid).to_owned(),
            Self::KidX5t => format!("{kid}{}", header.x5t.as_deref().unwrap_or(kid)),
        }
    }

    fn of_key(self, key: &Jwk) -> Box<str> {
        match self {
            Self::Kid => key.kid.clone(),
            Self::X5t => key.x5t.clone(),
            Self::X5tS256 => key.x5t_s256.clone(),
            Self::KidX5t => format!("{}{}", key.kid, key.x5t).into(),
        }
    }
}

/// The keys of a set, and what is wrong with those that cannot be used, by their places.
pub(crate) type Keys = (Vec<Jwk>, Vec<(usize, JwkError)>);

/// Something may follow the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// A file: nothing may.
    Refused,
    /// A provider's answer: it stays unread, as in KrakenD.
    Unread,
}

/// Reads the keys of a set; those that cannot be used are told and left out.
pub(crate) fn read(text: &[u8], rest: Rest) -> Result<Keys, SetError> {
    if text.len() > SET_BYTES_MAX {
        return Err(SetError::TooLarge);
    }
    let set = match rest {
        Rest::Refused => json::read(text)?,
        Rest::Unread => json::read_first(text)?,
    };
    let members = set.members().ok_or(SetError::NoList)?;
    let list = members.iter().find(|(name, _)| name.eq_ignore_ascii_case("keys"));
    let Some((_, Json::List(keys))) = list else { return Err(SetError::NoList) };
    if keys.len() > KEYS_MAX {
        return Err(SetError::TooMany);
    }
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (index, key) in keys.iter().enumerate() {
        match Jwk::read(key) {
            Ok(key) => good.push(key),
            Err(error) => bad.push((index, error)),
        }
    }
    Ok((good, bad))
}

impl KeySet {
    /// Of keys with the same name the last counts.
    pub(crate) fn new(keys: &[Jwk], views: &[View]) -> Self {
        let view = |view: &View| {
            let key = |key| (view.identify.of_key(key), Ready::new(key, *view));
            keys.iter().map(key).collect()
        };
        Self { views: views.iter().map(view).collect() }
    }

    /// Whether it has no key at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.views.iter().all(HashMap::is_empty)
    }

    /// The key of this name, as the view with this place has it.
    pub(crate) fn find(&self, view: usize, name: &str) -> Found<'_> {
        match self.views.get(view).and_then(|keys| keys.get(name)) {
            Some(Some(key)) => Found::Ready(key),
            Some(None) => Found::Unfit,
            None => Found::Unknown,
        }
    }
}
