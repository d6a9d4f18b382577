//! `auth/validator`: who has no token that its provider signed is refused.
//!
//! On the way: after the bot detector, before rate limits. Awaits only where a key must be fetched: with warm keys, and
//! with keys from a file, it is plain computation.
//! KrakenD: 401 for everything that makes a token invalid, 403 for roles and scopes; the body is empty. Here besides: the
//! rules of RFC 8725, keys that are kept while their provider is down, and no 500 for anything that a token says.

mod algorithm;
mod cache;
mod claims;
mod config;
pub(crate) mod json;
mod jwk;
mod key_set;
mod revoker;
mod secret;
mod signer;
mod signing;
mod store;
mod text;
mod token;
#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use baton_shared::log;
use baton_shared::words::Monotonic;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::Refusal;
use super::cel::Rejecter;
use crate::base64;
use crate::message::Head;
use crate::plan::ThreadState;
use crate::proxy::Asked;

use algorithm::Algorithm;
use claims::{ClaimError, Rules};
use json::{Json, Members};
use key_set::{Found, Identify, KeySet, Purpose, Ready, Rest, View};
use token::{Places, Token, TokenError};

pub(crate) use cache::TokenCache;
pub(crate) use config::{compile, files};
pub(crate) use revoker::{Revoker, compile as compile_revoker, fnv128};
pub(crate) use signer::{Signer, Signing, compile as compile_signer};
pub(crate) use store::{KeyClient, KeyStore, SourcesDraft, ThreadKeys, Trust};
pub(crate) use text::integer;

/// What an endpoint asks for before it serves.
#[derive(Debug)]
pub(crate) enum Gate {
    /// Its block cannot be read: nobody passes, as in KrakenD.
    Dead,
    Live(Box<Validator>),
}

/// A block, compiled.
#[derive(Debug)]
pub(crate) struct Validator {
    /// Its number among all.
    number: usize,
    algorithm: Algorithm,
    identify: Identify,
    keys: Keys,
    places: Places,
    rules: Rules,
    /// `validation/cel`: what else its claims must be.
    rejecter: Option<Box<Rejecter>>,
    /// `propagate_claims`
    fields: Box<[PropagatedField]>,
    /// Claims that some `url_pattern` or limit names: `{JWT.sub}`.
    params: Box<[Box<str>]>,
    /// `failed_jwk_key_cooldown`
    cooldown: Option<Duration>,
    /// `operation_debug`: what stands in the brackets of its log lines.
    debug: Option<Box<str>>,
}

/// Where keys come from.
#[derive(Debug)]
enum Keys {
    /// `jwk_local_path`
    Local(Arc<KeySet>),
    /// `jwk_url`: a place among the plan's sources, and how this validator looks into it.
    Remote { place: usize, view: usize },
}

/// A claim that becomes a header field.
#[derive(Debug)]
struct PropagatedField {
    claim: Box<[Box<str>]>,
    field: Box<str>,
    list: ListForm,
}

/// `propagate_claims_preserve_array`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListForm {
    /// One line, joined by commas.
    Joined,
    /// A line for each item.
    Lines,
}

/// What those behind the guard may know of a token.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    /// All claims.
    pub(crate) claims: Members,
    params: Vec<(Box<str>, Vec<u8>)>,
    /// Of the validator's fields, in their order.
    values: Vec<Values>,
}

/// A request that may pass.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// The head with claims in its fields, if some are propagated.
    head: Option<Head>,
    token: Option<Rc<Verified>>,
}

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("Unable to validate the token: {0}")]
    Token(#[from] TokenError),
    #[error("Unable to validate the token: algorithm is invalid")]
    Algorithm,
    #[error("Unable to validate the token: no Keys have been found")]
    NoKey,
    /// Its provider gave none.
    #[error("Unable to validate the token: {0}")]
    NoKeys(Arc<str>),
    #[error("Unable to validate the token: go-jose/go-jose: error in cryptographic primitive")]
    Signature,
    #[error("Unable to validate the token: {0}")]
    Claims(#[from] ClaimError),
    #[error("Token sent by client is invalid: a claim cannot be a header field")]
    Field,
    #[error("Token sent by client rejected")]
    Rejected,
    #[error("Token sent by client does not have sufficient roles")]
    Roles,
    #[error("Token sent by client does not have the required scopes")]
    Scopes,
}

impl Verified {
    /// A claim that some `url_pattern` or limit names.
    pub(crate) fn param(&self, name: &str) -> Option<&[u8]> {
        self.params.iter().find(|(known, _)| &**known == name).map(|(_, value)| &**value)
    }

    /// All of them, as KrakenD calls them among the parameters of a request.
    pub(crate) fn params(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        let named = |(name, value): &(Box<str>, Vec<u8>)| {
            (format!("JWT.{name}").into_bytes(), value.clone())
        };
        self.params.iter().map(named)
    }
}

impl Admitted {
    /// Without a token, and with this head.
    pub(crate) const fn with_head(head: Head) -> Self {
        Self { head: Some(head), token: None }
    }

    /// With this head, unless it has one.
    pub(crate) fn or_head(self, head: Option<Head>) -> Self {
        Self { head: self.head.or(head), ..self }
    }

    /// The request as those behind the guard see it.
    pub(crate) fn asked<'a>(&'a self, asked: Asked<'a>) -> Asked<'a> {
        let head = self.head.as_ref().unwrap_or(asked.head);
        Asked { head, token: self.token.as_ref(), ..asked }
    }
}

impl Gate {
    /// Lets a request pass, or not; waits for keys at most until `deadline`.
    pub(crate) async fn admit(
        &self,
        thread: &ThreadState,
        head: &Head,
        deadline: Instant,
    ) -> Result<Admitted, Refusal> {
        let Self::Live(validator) = self else { return Err(Refusal::Unauthorized) };
        validator.admit(thread, head, deadline).await.map_err(|fault| {
            if let Some(tag) = &validator.debug {
                log::error(tag, fault.to_string());
            }
            match fault {
                Fault::Roles | Fault::Scopes => Refusal::Forbidden,
                _ => Refusal::Unauthorized,
            }
        })
    }
}

impl Validator {
    async fn admit(
        &self,
        thread: &ThreadState,
        head: &Head,
        deadline: Instant,
    ) -> Result<Admitted, Fault> {
        let text = self.places.find(head).ok_or(TokenError::NotFound)?;
        let tokens = &thread.tokens;
        let (version, now) = (self.version(thread), since_1970());
        let name = (!tokens.is_off()).then(|| cache::name(self.number, text));
        if let (Some(name), Some(version)) = (&name, version)
            && let Some(token) = tokens.find(name, version, now)
        {
            self.refuse_rejected(thread, &token.claims)?;
            return Ok(self.pass(head, token));
        }
        let token = Token::read(text)?;
        if *token.header.algorithm != *self.algorithm.name() {
            return Err(Fault::Algorithm);
        }
        self.verify(thread, &token, deadline).await?;
        let claims = self.judge(thread, &token.claims, now)?;
        let ends = claims::expiry(&claims).map(|ends| ends + self.rules.leeway);
        let verified = Rc::new(self.verified(claims)?);
        // Keys that came meanwhile have not seen this token.
        if let (Some(name), Some(version)) = (name, version)
            && self.version(thread) == Some(version)
        {
            let token = Rc::clone(&verified);
            tokens.keep(name, cache::Entry { token, ends, version, bytes: text.len() });
        }
        Ok(self.pass(head, verified))
    }

    /// Of the keys that it may use now.
    fn version(&self, thread: &ThreadState) -> Option<u64> {
        match &self.keys {
            Keys::Local(_) => Some(0),
            Keys::Remote { place, .. } => {
                thread.plan.keys.source(*place)?.usable_version(Monotonic::now())
            },
        }
    }

    /// Whether a key of ours made the signature. Waits only if it must ask for keys.
    async fn verify(
        &self,
        thread: &ThreadState,
        token: &Token<'_>,
        deadline: Instant,
    ) -> Result<(), Fault> {
        let name = self.identify.of_token(&token.header);
        let (place, view) = match &self.keys {
            Keys::Local(set) => {
                return judged(set.find(0, &name), token).unwrap_or(Err(Fault::NoKey));
            },
            Keys::Remote { place, view } => (*place, *view),
        };
        let source = thread.plan.keys.source(place).ok_or(Fault::NoKey)?;
        let look = || thread.keys.with(place, source, |set| judged(set.find(view, &name), token));
        if let Some(judged) = look() {
            return judged;
        }
        let unknown = || source.trouble().map_or(Fault::NoKey, Fault::NoKeys);
        if !source.may_ask(&name, self.cooldown, Monotonic::now()) {
            return Err(unknown());
        }
        thread.plan.keys.ask(place, deadline).await;
        look().unwrap_or_else(|| {
            source.remember_unknown(&name, self.cooldown, Monotonic::now());
            Err(unknown())
        })
    }

    /// The claims of a token whose signature is good.
    fn judge(&self, thread: &ThreadState, claims: &[u8], now: Duration) -> Result<Members, Fault> {
        let claims = match json::read_of_token(claims).map_err(ClaimError::from)? {
            Json::Object(claims) => claims,
            // As in KrakenD: nothing is claimed.
            Json::Null => Members::new(),
            other => return Err(ClaimError::NoObject(other.kind()).into()),
        };
        claims::validate(&self.rules, &claims, now)?;
        self.refuse_rejected(thread, &claims)?;
        if self.rules.roles.as_ref().is_some_and(|roles| !roles.holds(&claims)) {
            return Err(Fault::Roles);
        }
        if self.rules.scopes.as_ref().is_some_and(|scopes| !scopes.holds(&claims)) {
            return Err(Fault::Scopes);
        }
        Ok(claims)
    }

    /// What may change while a token is good: it may be revoked, and expressions may name the time.
    fn refuse_rejected(&self, thread: &ThreadState, claims: &Members) -> Result<(), Fault> {
        let is_revoked =
            thread.plan.revoker.as_ref().is_some_and(|revoker| revoker.revokes(claims));
        let is_rejected =
            || self.rejecter.as_ref().is_some_and(|rejecter| !rejecter.lets_pass(claims));
        if is_revoked || is_rejected() { Err(Fault::Rejected) } else { Ok(()) }
    }

    /// What goes on from here.
    fn pass(&self, head: &Head, token: Rc<Verified>) -> Admitted {
        let names = self.fields.iter().map(|field| &*field.field);
        let fields: Vec<(&str, &Values)> = names.zip(&token.values).collect();
        let head = (!fields.is_empty()).then(|| head.with_fields(&fields));
        Admitted { head, token: Some(token) }
    }

    /// What is told of a good token.
    fn verified(&self, claims: Members) -> Result<Verified, Fault> {
        let values = propagated(&self.fields, &claims)?;
        let param = |name: &str| {
            let claim = json::member(&claims, name)?;
            Some((name.into(), text::of_claim(claim).into_bytes()))
        };
        let params = self.params.iter().filter_map(|name| param(name)).collect();
        Ok(Verified { claims, params, values })
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// `None`: no key of that name is known.
fn judged(found: Found<'_>, token: &Token<'_>) -> Option<Result<(), Fault>> {
    match found {
        Found::Ready(Ready::Verifies(key)) if key.verifies(&token.signed, &token.signature) => {
            Some(Ok(()))
        },
        Found::Ready(_) | Found::Unfit => Some(Err(Fault::Signature)),
        Found::Unknown => None,
    }
}

type Values = SmallVec<[String; 1]>;

/// The values of the fields that replace the client's. A claim that is not there empties its field: nobody else
/// may fill it.
fn propagated(fields: &[PropagatedField], claims: &Members) -> Result<Vec<Values>, Fault> {
    let field = |field: &PropagatedField| {
        let claim = claims::find(claims, &field.claim);
        let values: Values = match (claim, field.list) {
            (None, _) => Values::from_iter([String::new()]),
            (Some(Json::List(items)), ListForm::Lines) => items.iter().map(text::of_item).collect(),
            (Some(claim), _) => Values::from_iter([text::of_claim(claim)]),
        };
        // What would end the line, or what no field may hold, is not for a backend.
        let is_good = |byte: u8| byte == b'\t' || !byte.is_ascii_control();
        if !values.iter().all(|value| value.bytes().all(is_good)) {
            return Err(Fault::Field);
        }
        Ok(values)
    };
    fields.iter().map(field).collect()
}

/// For fuzzers: a token is refused, or what was signed of it reads as the same token.
pub(crate) fn fuzz_token(bytes: &[u8]) {
    let Ok(token) = Token::read(bytes) else { return };
    let mut again = token.signed.to_vec();
    again.push(b'.');
    base64::encode_url(&token.signature, &mut again);
    let is_same = Token::read(&again)
        .is_ok_and(|same| (&same.header, &same.claims) == (&token.header, &token.claims));
    assert!(is_same, "what was signed reads otherwise");
    if let Ok(Json::Object(claims)) = json::read(&token.claims) {
        let _verdict = claims::validate(&Rules::default(), &claims, Duration::from_secs(1));
        for (_, claim) in &claims {
            drop(text::of_claim(claim));
        }
    }
}

/// For fuzzers: a set is refused, or its keys are.
pub(crate) fn fuzz_key_set(bytes: &[u8]) {
    for rest in [Rest::Refused, Rest::Unread] {
        let Ok((keys, _bad)) = key_set::read(bytes, rest) else { continue };
        let view = |algorithm, purpose| View { algorithm, identify: Identify::KidX5t, purpose };
        let algorithms = [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];
        let views = algorithms.map(|one| [view(one, Purpose::Verify), view(one, Purpose::Sign)]);
        drop(KeySet::new(&keys, views.as_flattened()));
    }
}
