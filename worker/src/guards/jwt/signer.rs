//! `auth/signer`: fields of an answer become tokens.
//!
//! On the way: in place of the usual encoding, after the pipe; its key is looked at before. KrakenD: an endpoint with a
//! signer has nothing of the usual handler: no rate limit of its own, no `output_encoding`, no `X-Krakend`; every failure is a
//! 400. A key that is not there at the start leaves it dead (401) for good; here until it is.

use baton_shared::config::model::{EndpointConfig, Namespace};
use baton_shared::log;
use tokio::time::Instant;

use super::algorithm::Algorithm;
use super::config::{self, IN_THE_CLEAR, Origin};
use super::key_set::{Found, Identify, Purpose, Ready, View};
use super::{Keys, Refusal};
use crate::base64;
use crate::encode::json_text;
use crate::plan::block::{Block, WrongType};
use crate::plan::{Compiler, ThreadState};

/// The namespace.
const NAME: &str = "auth/signer";

/// What an endpoint does with its answers.
#[derive(Debug)]
pub(crate) enum Signing {
    /// Its block or its key is of no use: nobody passes, as in KrakenD.
    Dead,
    Live(Box<Signer>),
}

/// A block, compiled.
#[derive(Debug)]
pub(crate) struct Signer {
    keys: Keys,
    kid: Box<str>,
    /// The header of its tokens, encoded.
    header: Vec<u8>,
    /// `keys_to_sign`
    pub(crate) fields: Box<[Box<str>]>,
    form: Form,
    /// What stands in the brackets of its log lines.
    pub(crate) tag: Box<str>,
}

/// `full`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Compact,
    /// JSON, as text.
    Full,
}

impl Signing {
    /// Whether there is a key; asks for it once more, if it comes from a provider.
    pub(crate) async fn ready(
        &self,
        thread: &ThreadState,
        deadline: Instant,
    ) -> Result<(), Refusal> {
        let Self::Live(signer) = self else { return Err(Refusal::Unauthorized) };
        if signer.with_key(thread, |_key| ()).is_some() {
            return Ok(());
        }
        if let Keys::Remote { place, .. } = &signer.keys
            && let Some(source) = thread.plan.keys.source(*place)
            && source.may_ask(&signer.kid, None, baton_shared::words::Monotonic::now())
        {
            thread.plan.keys.ask(*place, deadline).await;
        }
        signer.with_key(thread, |_key| ()).ok_or_else(|| {
            log::error(&signer.tag, "no key to sign with");
            Refusal::Unauthorized
        })
    }
}

impl Signer {
    fn with_key<T>(
        &self,
        thread: &ThreadState,
        act: impl FnOnce(&super::signing::SigningKey) -> T,
    ) -> Option<T> {
        let ready = |found: Found<'_>| match found {
            Found::Ready(Ready::Signs(key)) => Some(act(key)),
            Found::Ready(Ready::Verifies(_)) | Found::Unfit | Found::Unknown => None,
        };
        match &self.keys {
            Keys::Local(set) => ready(set.find(0, &self.kid)),
            Keys::Remote { place, view } => {
                let source = thread.plan.keys.source(*place)?;
                thread.keys.with(*place, source, |set| ready(set.find(*view, &self.kid)))
            },
        }
    }

    /// The token over `claims`, which are JSON; `None` if it cannot be signed.
    pub(crate) fn sign(&self, thread: &ThreadState, claims: &[u8]) -> Option<Vec<u8>> {
        let mut token = self.header.clone();
        token.push(b'.');
        base64::encode_url(claims, &mut token);
        let signature = self.with_key(thread, |key| key.sign(&token))??;
        if self.form == Form::Compact {
            token.push(b'.');
            token.extend_from_slice(&signature);
            return Some(token);
        }
        let payload = token.get(self.header.len() + 1..).unwrap_or_default();
        let parts: [(&[u8], &[u8]); 3] =
            [(b"payload", payload), (b"protected", &self.header), (b"signature", &signature)];
        let mut full = Vec::new();
        for (nth, (name, text)) in parts.into_iter().enumerate() {
            full.push(if nth == 0 { b'{' } else { b',' });
            json_text(name, &mut full);
            full.push(b':');
            json_text(text, &mut full);
        }
        full.push(b'}');
        Some(full)
    }
}

/// What an endpoint asks for, if it does.
pub(crate) fn compile(compiler: &mut Compiler<'_>, endpoint: &EndpointConfig) -> Option<Signing> {
    let namespace = endpoint.extra_config.namespaces.get(NAME)?;
    match signer(compiler, endpoint, namespace) {
        Ok(signer) => Some(Signing::Live(Box::new(signer))),
        Err(why) => {
            let text =
                format!("Unable to create the signer: {why}: every request is refused (401)");
            compiler.tell(&namespace.at, text);
            Some(Signing::Dead)
        },
    }
}

fn signer(
    compiler: &mut Compiler<'_>,
    endpoint: &EndpointConfig,
    namespace: &Namespace,
) -> Result<Signer, String> {
    let block = Block::of(&namespace.settings).ok_or("it is no object")?;
    let wrong = |wrong: WrongType| wrong.to_string();
    let origin = Origin::read(&block).map_err(wrong)?;
    let fields = block.texts("keys_to_sign").map_err(wrong)?;
    let kid = block.text("kid").map_err(wrong)?;
    let typ = Some(block.text("typ").map_err(wrong)?).filter(|typ| !typ.is_empty());
    let form = if block.flag("full").map_err(wrong)? { Form::Full } else { Form::Compact };
    if origin.is_in_the_clear() {
        return Err(IN_THE_CLEAR.to_owned());
    }
    let algorithm = config::algorithm_named(block.text("alg").map_err(wrong)?)?;
    let view = View { algorithm, identify: Identify::Kid, purpose: Purpose::Sign };
    let keys = origin.keys(compiler, view, &namespace.at).map_err(|(_key, why)| why)?;
    if let Keys::Local(set) = &keys {
        match set.find(0, kid) {
            Found::Ready(_) => {},
            Found::Unfit => {
                return Err(format!("the key `{kid}` cannot sign {}", algorithm.name()));
            },
            Found::Unknown => return Err(format!("there is no key `{kid}`")),
        }
    }
    Ok(Signer {
        keys,
        kid: kid.into(),
        header: header(algorithm, kid, typ.unwrap_or("JWT")),
        fields: fields.into_iter().map(Into::into).collect(),
        form,
        tag: format!("ENDPOINT: {}][JWTSigner", endpoint.route).into(),
    })
}

fn header(algorithm: Algorithm, kid: &str, typ: &str) -> Vec<u8> {
    let mut json = Vec::new();
    for (name, text) in [("{\"alg\":", algorithm.name()), (",\"kid\":", kid), (",\"typ\":", typ)] {
        json.extend_from_slice(name.as_bytes());
        json_text(text.as_bytes(), &mut json);
    }
    json.push(b'}');
    let mut encoded = Vec::new();
    base64::encode_url(&json, &mut encoded);
    encoded
}
