//! `auth/validator`, compiled.
//!
//! KrakenD: a block that cannot be read, or that would fetch keys in the clear without saying so, leaves its endpoint dead
//! (401); an unknown algorithm, a file that is not there and the like end the start.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use baton_shared::config::model::{EndpointConfig, GoDuration, Namespace, ServiceConfig};
use baton_shared::config::placeholder::{self, Syntax};
use baton_shared::words::JsonPointer;

use super::algorithm::Algorithm;
use super::claims::{self, HowMany, Membership, Rules};
use super::key_set::{self, Identify, KeySet, Purpose, Rest, View};
use super::secret::Secret;
use super::store::{Freshness, SourceSpec, Trust};
use super::token::Places;
use super::{Gate, Keys, ListForm, PropagatedField, Validator};
use crate::guards::cel;
use crate::guards::{rate_limit, tiered};
use crate::plan::Compiler;
use crate::plan::block::{Block, WrongType};
use crate::tls::client::remarks_on;

/// The namespace.
const NAME: &str = "auth/validator";
/// The setting that names a file of keys.
const PATH: &str = "jwk_local_path";
/// `leeway` at the least, and without one.
const LEEWAY_MIN: Duration = Duration::from_secs(1);
/// In KrakenD's words.
pub(super) const IN_THE_CLEAR: &str =
    "JWK client is using an insecure connection to the JWK service";
/// `cache_duration` without one, in seconds.
const CACHE_SECONDS: u32 = 900;

/// Paths that blocks of both namespaces name: files to be read beforehand.
pub(crate) fn files(endpoint: &EndpointConfig) -> impl Iterator<Item = &str> {
    let blocks = [NAME, "auth/signer"]
        .into_iter()
        .filter_map(|name| Block::of(&endpoint.extra_config.namespaces.get(name)?.settings));
    let paths = blocks.flat_map(|block| {
        ["jwk_local_path", "jwk_local_ca"].map(|key| block.text(key).unwrap_or_default())
    });
    paths.filter(|path| !path.is_empty())
}

/// Why a block is no validator.
enum Trouble {
    /// The endpoint is dead.
    Dead(String),
    /// The start is refused.
    Refused(&'static str, String),
}

impl From<WrongType> for Trouble {
    fn from(wrong: WrongType) -> Self {
        Self::Dead(wrong.to_string())
    }
}

/// What an endpoint asks for, if it does.
pub(crate) fn compile(compiler: &mut Compiler<'_>, endpoint: &EndpointConfig) -> Option<Gate> {
    let namespace = endpoint.extra_config.namespaces.get(NAME)?;
    let why = match validator(compiler, endpoint, namespace) {
        Ok(validator) => return Some(Gate::Live(Box::new(validator))),
        Err(Trouble::Dead(why)) => why,
        Err(Trouble::Refused(key, why)) => {
            compiler.refuse(&namespace.at.key(key), why);
            return Some(Gate::Dead);
        },
    };
    let text = format!("Unable to parse the configuration: {why}: every request is refused (401)");
    compiler.tell(&namespace.at, text);
    Some(Gate::Dead)
}

fn validator(
    compiler: &mut Compiler<'_>,
    endpoint: &EndpointConfig,
    namespace: &Namespace,
) -> Result<Validator, Trouble> {
    let Some(block) = Block::of(&namespace.settings) else {
        return Err(Trouble::Dead("it is no object".to_owned()));
    };
    let rules = rules(&block)?;
    let fields = fields(compiler, &block, &namespace.at)?;
    let identify = Identify::named(block.text("key_identify_strategy")?);
    let cooldown = duration(block.text("failed_jwk_key_cooldown")?);
    let places = places(&block)?;
    let debug = block
        .flag("operation_debug")?
        .then(|| format!("ENDPOINT: {}][JWTValidator", endpoint.route).into());
    let origin = Origin::read(&block)?;
    if origin.is_in_the_clear() {
        return Err(Trouble::Dead(IN_THE_CLEAR.to_owned()));
    }
    let algorithm = algorithm(&block)?;
    refuse_short_key(&block)?;
    let view = View { algorithm, identify, purpose: Purpose::Verify };
    let keys = origin
        .keys(compiler, view, &namespace.at)
        .map_err(|(key, text)| Trouble::Refused(key, text))?;
    let params = params(compiler.service, endpoint);
    let number = compiler.key_sources.number();
    Ok(Validator {
        number,
        algorithm,
        identify,
        keys,
        places,
        rules,
        rejecter: cel::rejecter(compiler, endpoint),
        fields,
        params,
        cooldown,
        debug,
    })
}

/// In exactly one of the known spellings.
pub(super) fn algorithm_named(name: &str) -> Result<Algorithm, String> {
    Algorithm::named(name).ok_or_else(|| {
        let all: Vec<&str> = Algorithm::ALL.iter().map(|(name, _)| *name).collect();
        let near = all.iter().find(|known| known.eq_ignore_ascii_case(name));
        let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        format!("JOSE: unknown algorithm `{name}`{near} (there are {})", all.join(", "))
    })
}

fn algorithm(block: &Block<'_>) -> Result<Algorithm, Trouble> {
    algorithm_named(block.text("alg")?).map_err(|text| Trouble::Refused("alg", text))
}

/// KrakenD looks at the first four letters of such a key, and ends where there are fewer.
fn refuse_short_key(block: &Block<'_>) -> Result<(), Trouble> {
    let key = block.text("roles_key")?;
    if block.flag("roles_key_is_nested")? && key.contains('.') && key.len() < 4 {
        let text = format!("`{key}` is too short for a nested key: KrakenD does not start with it");
        return Err(Trouble::Refused("roles_key", text));
    }
    Ok(())
}

fn places(block: &Block<'_>) -> Result<Places, WrongType> {
    let or = |text: &str, default: &str| if text.is_empty() { default } else { text }.into();
    Ok(Places {
        field: or(block.text("auth_header_name")?, "Authorization"),
        cookie: or(block.text("cookie_key")?, "access_token"),
    })
}

fn rules(block: &Block<'_>) -> Result<Rules, WrongType> {
    let names = |names: Vec<&str>| names.into_iter().map(Into::into).collect::<Box<[Box<str>]>>();
    let (roles, scopes) = (names(block.texts("roles")?), names(block.texts("scopes")?));
    let roles_key = match block.text("roles_key")? {
        "" => "roles",
        key => key,
    };
    let path = match block.flag("roles_key_is_nested")? {
        true => claims::path_of(roles_key),
        false => claims::flat(roles_key),
    };
    let how_many = match block.text("scopes_matcher")? {
        "all" => HowMany::All,
        _ => HowMany::Any,
    };
    let scopes_key = block.text("scopes_key")?;
    Ok(Rules {
        issuer: block.text("issuer")?.into(),
        audience: names(block.texts("audience")?),
        leeway: duration(block.text("leeway")?).unwrap_or(LEEWAY_MIN),
        roles: (!roles.is_empty()).then_some(Membership {
            path,
            wanted: roles,
            how_many: HowMany::Any,
        }),
        // KrakenD splits this key at its dots even where it is a URL.
        scopes: (!scopes.is_empty() && !scopes_key.is_empty()).then(|| Membership {
            path: claims::dotted(scopes_key),
            wanted: scopes,
            how_many,
        }),
    })
}

/// One of at least a second.
fn duration(text: &str) -> Option<Duration> {
    let duration = GoDuration::parse(text).ok()?.positive()?;
    (duration >= LEEWAY_MIN).then_some(duration)
}

fn fields(
    compiler: &mut Compiler<'_>,
    block: &Block<'_>,
    at: &JsonPointer,
) -> Result<Box<[PropagatedField]>, WrongType> {
    let list = match block.flag("propagate_claims_preserve_array")? {
        true => ListForm::Lines,
        false => ListForm::Joined,
    };
    let at = at.key("propagate_claims");
    let mut fields: Vec<PropagatedField> = Vec::new();
    for (index, pair) in block.lists("propagate_claims")?.into_iter().enumerate() {
        let [claim, field] = *pair else {
            let text = "is left out: write [\"claim\", \"Header-Name\"]";
            compiler.tell(&at.index(index), text);
            continue;
        };
        if http::HeaderName::from_bytes(field.as_bytes()).is_err() {
            compiler.tell(&at.index(index), format!("is left out: `{field}` names no header"));
            continue;
        }
        // Of two for the same field the last counts.
        fields.retain(|other| !other.field.eq_ignore_ascii_case(field));
        fields.push(PropagatedField { claim: claims::path_of(claim), field: field.into(), list });
    }
    Ok(fields.into())
}

/// Claims that the endpoint's patterns and limits name.
fn params(service: &ServiceConfig, endpoint: &EndpointConfig) -> Box<[Box<str>]> {
    let patterns = endpoint.backend.iter().map(|backend| backend.url_pattern.as_str());
    let names = patterns.flat_map(|pattern| placeholder::names(pattern, Syntax::Anywhere));
    let limits = [
        (&service.extra_config, "qos/ratelimit/service"),
        (&endpoint.extra_config, "qos/ratelimit/router"),
    ];
    let limits = limits.into_iter().filter_map(|(extra, name)| extra.namespaces.get(name));
    let limits = limits.filter_map(|block| rate_limit::claim(&block.settings));
    let tiers = [&service.extra_config, &endpoint.extra_config].into_iter();
    let tiers = tiers.filter_map(|extra| extra.namespaces.get(tiered::NAME));
    let tiers = tiers.flat_map(|block| tiered::claims(&block.settings));
    let named = names.filter_map(|name| name.strip_prefix("JWT."));
    let mut claims: Vec<Box<str>> = named.chain(limits).chain(tiers).map(Into::into).collect();
    claims.sort_unstable();
    claims.dedup();
    claims.into()
}

/// Where keys come from, as the block says it.
pub(super) struct Origin<'a> {
    url: &'a str,
    path: &'a str,
    trust: Trust,
    caches: bool,
    cache_duration: Duration,
    fingerprints: Vec<&'a str>,
    /// None: the file is not encrypted.
    secret: Option<Secret<'a>>,
}

impl<'a> Origin<'a> {
    pub(super) fn read(block: &Block<'a>) -> Result<Self, WrongType> {
        let cache_seconds = match block.number::<u32>("cache_duration")? {
            0 => CACHE_SECONDS,
            seconds => seconds,
        };
        let secret = Secret { url: block.text("secret_url")?, key: block.text("cypher_key")? };
        Ok(Self {
            url: block.text("jwk_url")?,
            path: block.text("jwk_local_path")?,
            trust: Trust {
                is_insecure: block.flag("disable_jwk_security")?,
                ca: block.text("jwk_local_ca")?.into(),
                suites: block.numbers::<u16>("cipher_suites")?.into(),
                fingerprints: Box::default(),
            },
            caches: block.flag("cache")?,
            cache_duration: Duration::from_secs(cache_seconds.into()),
            fingerprints: block.texts("jwk_fingerprints")?,
            secret: Some(secret).filter(|secret| !secret.url.is_empty()),
        })
    }

    /// KrakenD looks at the URL even where keys come from a file.
    pub(super) fn is_in_the_clear(&self) -> bool {
        !self.trust.is_insecure && !self.url.starts_with("https://")
    }

    /// The keys, or the setting for which there are none.
    pub(super) fn keys(
        mut self,
        compiler: &mut Compiler<'_>,
        view: View,
        at: &JsonPointer,
    ) -> Result<Keys, (&'static str, String)> {
        self.trust.fingerprints =
            fingerprints(&self.fingerprints).map_err(|text| ("jwk_fingerprints", text))?;
        if !self.trust.ca.is_empty() {
            content(compiler, &self.trust.ca).map_err(|text| ("jwk_local_ca", text))?;
        }
        if self.path.is_empty() {
            for remark in remarks_on(&self.trust.suites) {
                compiler.tell(&at.key(remark.key), remark.text);
            }
            let freshness = Freshness::new(self.caches, self.cache_duration);
            let spec = SourceSpec { url: self.url.into(), trust: self.trust };
            let (place, view) = compiler.key_sources.place(spec, freshness, view);
            return Ok(Keys::Remote { place, view });
        }
        if self.caches {
            let text = "keys of a file are not cached: leave out `cache`, or `jwk_local_path`";
            return Err(("cache", text.to_owned()));
        }
        let keys = local(compiler, self.path, self.secret, &at.key(PATH))?;
        Ok(Keys::Local(Arc::new(KeySet::new(&keys, &[view]))))
    }
}

/// The content of a file that the configuration names.
fn content<'a>(compiler: &'a Compiler<'_>, path: &str) -> Result<&'a [u8], String> {
    match compiler.files.get(path) {
        Some(Ok(bytes)) => Ok(bytes),
        Some(Err(why)) => Err(why.clone()),
        None => Err(format!("open {path}: was not read")),
    }
}

/// The keys of a file, or the setting for which there are none; those that cannot be used are told.
fn local(
    compiler: &mut Compiler<'_>,
    path: &str,
    secret: Option<Secret<'_>>,
    at: &JsonPointer,
) -> Result<Vec<super::jwk::Jwk>, (&'static str, String)> {
    let mut content = Cow::Borrowed(content(compiler, path).map_err(|text| (PATH, text))?);
    if let Some(secret) = secret {
        let opened = secret.open(&content);
        content = opened.map_err(|error| (error.setting(), error.to_string()))?.into();
    }
    let (good, bad) = key_set::read(&content, Rest::Refused)
        .map_err(|error| (PATH, format!("`{path}` is no key set: {error}")))?;
    for (index, error) in bad {
        compiler.tell(at, format!("key {index} is left out: {error}"));
    }
    Ok(good)
}

/// SHA-256 of keys, in base64 with the alphabet of URLs and with padding.
fn fingerprints(texts: &[&str]) -> Result<Box<[Box<[u8]>]>, String> {
    let decode = |text: &&str| {
        let is_padded = text.len().is_multiple_of(4);
        let decoded = crate::base64::decode_url(text.as_bytes()).filter(|_| is_padded);
        let decoded = decoded.ok_or_else(|| {
            format!("`{text}` is no fingerprint: base64 of URLs, padded, of the SHA-256 of a key")
        })?;
        Ok(decoded.bytes.into())
    };
    texts.iter().map(decode).collect()
}
