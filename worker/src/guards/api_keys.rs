//! `auth/api-keys` (Enterprise): who has no key that is listed, or none with a role that the endpoint takes, is refused.
//!
//! On the way: after the bot detector, before tokens. No await, no lock but that of the limit. Keys are found by the hash of
//! what was sent, so that no comparison tells how much of a key was right.
//! KrakenD: 401 without a good key, 403 without a role; keys stand at the root, roles at endpoints.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use baton_shared::config::model::{EndpointConfig, Namespace};
use baton_shared::config::node::{Node, Value};
use baton_shared::soft::{ClientLimit, Rate};
use baton_shared::words::{Monotonic, hex};

use super::Refusal;
use crate::message::Head;
use crate::plan::Compiler;
use crate::plan::block::{Block, WrongType};
use crate::plan::settings::number;
use crate::plan::soft::SoftPlan;

/// The namespace.
const NAME: &str = "auth/api-keys";
/// A client's tokens are remembered so long.
const FORGET: Duration = Duration::from_secs(600);
/// The longest key that is looked for.
const KEY_BYTES_MAX: usize = 4_096;

/// The keys of the service.
#[derive(Debug)]
pub(crate) struct Keys {
    /// By the hash of what the file has.
    clients: HashMap<[u8; 32], Box<[Box<str>]>>,
    hash: Hash,
    salt: Box<str>,
    place: Place,
    /// `propagate_role`
    field: Option<Box<str>>,
}

/// What the file has in place of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Plain,
    Fnv128,
    Sha1,
    Sha256,
}

/// Where a key stands in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Field(Box<str>),
    Query(Box<str>),
}

/// What an endpoint asks for.
#[derive(Debug)]
pub(crate) enum ApiKeys {
    /// There are no keys, or its block cannot be read: nobody passes.
    Dead,
    Live {
        keys: Arc<Keys>,
        place: Place,
        /// None: every key will do.
        roles: Box<[Box<str>]>,
        limit: Option<ClientLimit>,
    },
}

impl ApiKeys {
    /// Lets a request pass, or not; the head that those behind see, if it is another.
    pub(crate) fn check(&self, soft: &SoftPlan, head: &Head) -> Result<Option<Head>, Refusal> {
        let Self::Live { keys, place, roles, limit } = self else {
            return Err(Refusal::Unauthorized);
        };
        let sent = place.find(head).filter(|key| !key.is_empty() && key.len() <= KEY_BYTES_MAX);
        let name = keys.name(&sent.ok_or(Refusal::Unauthorized)?);
        let held = keys.clients.get(&name).ok_or(Refusal::Unauthorized)?;
        let role = match &**roles {
            [] => "ANY",
            wanted => held.iter().find(|role| wanted.contains(role)).ok_or(Refusal::Forbidden)?,
        };
        if let Some(limit) = limit
            && !soft.take_client(limit, &name, Monotonic::now())
        {
            return Err(Refusal::ClientLimited);
        }
        Ok(keys.field.as_ref().map(|field| head.with_fields(&[(&**field, [role])])))
    }
}

impl Place {
    /// By `strategy` and `identifier`.
    fn read(block: &Block<'_>) -> Result<Option<Self>, WrongType> {
        let identifier = block.text("identifier")?;
        let or = |default: &str| if identifier.is_empty() { default } else { identifier }.into();
        Ok(match block.text("strategy")? {
            "query_string" => Some(Self::Query(or("key"))),
            "header" => Some(Self::Field(or("Authorization"))),
            _ if !identifier.is_empty() => Some(Self::Field(identifier.into())),
            _ => None,
        })
    }

    fn find(&self, head: &Head) -> Option<Vec<u8>> {
        const SCHEME: &[u8] = b"bearer ";
        match self {
            Self::Field(name) => {
                let value = head.field(name)?;
                let key = match value.split_at_checked(SCHEME.len()) {
                    Some((scheme, key)) if scheme.eq_ignore_ascii_case(SCHEME) => key.trim_ascii(),
                    Some(_) | None => value,
                };
                Some(key.to_vec())
            },
            Self::Query(name) => {
                let pairs = head.query()?.split(|byte| *byte == b'&');
                let value = pairs.filter_map(|pair| pair.strip_prefix(name.as_bytes()));
                let value = value.filter_map(|rest| rest.strip_prefix(b"=")).next()?;
                Some(percent_encoding::percent_decode(value).collect())
            },
        }
    }
}

impl Keys {
    /// By what the file has of a key that was sent.
    fn name(&self, sent: &[u8]) -> [u8; 32] {
        let salted = [self.salt.as_bytes(), sent].concat();
        match self.hash {
            Hash::Plain => sha256(sent),
            Hash::Sha256 => sha256(hex(digest(&SHA256, &salted).as_ref()).as_bytes()),
            Hash::Sha1 => {
                sha256(hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, &salted).as_ref()).as_bytes())
            },
            Hash::Fnv128 => sha256(hex(&super::jwt::fnv128(&salted).to_be_bytes()).as_bytes()),
        }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut name = [0; 32];
    for (to, from) in name.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    name
}

/// The keys at the root, if there are some.
pub(crate) fn compile_keys(compiler: &mut Compiler<'_>) -> Option<Arc<Keys>> {
    let namespace = compiler.service.extra_config.namespaces.get(NAME)?;
    match read_keys(namespace) {
        Ok(keys) => Some(Arc::new(keys)),
        Err(why) => {
            compiler.refuse(&namespace.at, why);
            None
        },
    }
}

fn read_keys(namespace: &Namespace) -> Result<Keys, String> {
    let block = Block::of(&namespace.settings).ok_or("it is no object")?;
    let wrong = |wrong: WrongType| wrong.to_string();
    let hash = match block.text("hash").map_err(wrong)? {
        "" | "plain" => Hash::Plain,
        "fnv128" => Hash::Fnv128,
        "sha1" => Hash::Sha1,
        "sha256" => Hash::Sha256,
        other => return Err(format!("`{other}` is no hash: plain, fnv128, sha1 or sha256")),
    };
    let list = crate::plan::settings::member(&namespace.settings, "keys").map(|node| &node.value);
    let Some(Value::Array(list)) = list else { return Err("`keys` is no list".to_owned()) };
    let mut clients = HashMap::new();
    for (index, one) in list.iter().enumerate() {
        let (key, roles) = read_key(one)
            .ok_or_else(|| format!("key {index} is no {{\"key\": …, \"roles\": [ … ]}}"))?;
        let written = if hash == Hash::Plain { key.to_owned() } else { key.to_ascii_lowercase() };
        if clients.insert(sha256(written.as_bytes()), roles).is_some() {
            return Err(format!("key {index} stands there twice"));
        }
    }
    let field = block.text("propagate_role").map_err(wrong)?;
    if !field.is_empty() && http::HeaderName::from_bytes(field.as_bytes()).is_err() {
        return Err(format!("`{field}` names no header"));
    }
    Ok(Keys {
        clients,
        hash,
        salt: block.text("salt").map_err(wrong)?.into(),
        place: Place::read(&block)
            .map_err(wrong)?
            .unwrap_or_else(|| Place::Field("Authorization".into())),
        field: Some(field).filter(|field| !field.is_empty()).map(Into::into),
    })
}

fn read_key(node: &Node) -> Option<(&str, Box<[Box<str>]>)> {
    let block = Block::of(node)?;
    let key = block.text("key").ok().filter(|key| !key.is_empty())?;
    let roles = block.texts("roles").ok()?;
    Some((key, roles.into_iter().map(Into::into).collect()))
}

/// What an endpoint asks for, if it does.
pub(crate) fn compile(
    compiler: &mut Compiler<'_>,
    keys: Option<&Arc<Keys>>,
    endpoint: &EndpointConfig,
) -> Option<ApiKeys> {
    let namespace = endpoint.extra_config.namespaces.get(NAME)?;
    let Some(keys) = keys else {
        let text = "there are no keys at the root: every request is refused (401)";
        compiler.tell(&namespace.at, text);
        return Some(ApiKeys::Dead);
    };
    let read = Block::of(&namespace.settings)
        .and_then(|block| Some((Place::read(&block).ok()?, block.texts("roles").ok()?)));
    let Some((place, roles)) = read else {
        let text = "it cannot be read: every request is refused (401)";
        compiler.tell(&namespace.at, text);
        return Some(ApiKeys::Dead);
    };
    let rate = number(&namespace.settings, "client_max_rate").filter(|rate| *rate > 0.0);
    let owner = format!("{NAME}\0{} {}", endpoint.method, endpoint.route);
    let limit = rate.map(|rate| {
        let capacity = super::rate_limit::whole(rate.max(1.0));
        compiler.soft.clients(&owner, Rate::new(rate, capacity), FORGET)
    });
    Some(ApiKeys::Live {
        keys: Arc::clone(keys),
        place: place.unwrap_or_else(|| keys.place.clone()),
        roles: roles.into_iter().map(Into::into).collect(),
        limit,
    })
}

#[cfg(test)]
mod tests {
    use baton_shared::config::read::{Format, read};

    use super::*;
    use crate::harness;
    use crate::plan::ThreadState;

    struct Bench(std::rc::Rc<ThreadState>);

    impl Bench {
        fn new(root: &str, endpoint: &str) -> Self {
            let mut config = harness::service(harness::endpoint("no-op", &[]));
            let block = |at, text: &str| {
                let document = read(Format::Json, text.as_bytes()).unwrap();
                Namespace { at, spelling: NAME.to_owned(), settings: document.root }
            };
            let at = config.extra_config.at.key(NAME);
            config.extra_config.namespaces.insert(NAME.to_owned(), block(at.clone(), root));
            for one in &mut config.endpoints {
                one.extra_config.namespaces.insert(NAME.to_owned(), block(at.clone(), endpoint));
            }
            Self(harness::serving(&config))
        }

        fn ask(&self, target: &str, fields: &[(&str, &str)]) -> Result<Option<String>, Refusal> {
            let guard = self.0.plan.endpoints[0].gates().api_keys.as_ref().unwrap();
            let head = guard.check(&self.0.plan.soft, &harness::head("GET", target, fields))?;
            let role = head.as_ref().and_then(|head| head.field("X-Role"));
            Ok(role.map(|role| String::from_utf8_lossy(role).into_owned()))
        }

        fn with(&self, authorization: &str) -> Result<Option<String>, Refusal> {
            self.ask("/a", &[("Authorization", authorization), ("x-role", "forged")])
        }
    }

    const KEYS: &str = r#"{"propagate_role":"X-Role","keys":[
        {"key":"one","roles":["a","b"]},{"key":"two","roles":["c"]},{"key":"three","roles":[]}]}"#;

    #[test]
    fn a_key_opens_what_its_roles_open_and_the_role_is_told() {
        let bench = Bench::new(KEYS, r#"{"roles":["c","b"]}"#);
        assert_eq!(bench.with("Bearer one"), Ok(Some("b".to_owned())));
        assert_eq!(bench.with("two"), Ok(Some("c".to_owned())));
        assert_eq!(bench.with("bearer three"), Err(Refusal::Forbidden));
        for bad in ["", "Bearer", "Bearer ", "ONE", "one ,", "on", "Basic one", "onetwo"] {
            assert_eq!(bench.with(bad), Err(Refusal::Unauthorized), "{bad}");
        }
        assert_eq!(bench.ask("/a?key=one", &[]), Err(Refusal::Unauthorized));
        assert_eq!(Bench::new(KEYS, "{}").with("three"), Ok(Some("ANY".to_owned())));
    }

    #[test]
    fn an_endpoint_may_look_elsewhere_and_hashes_stand_for_keys() {
        let bench = Bench::new(KEYS, r#"{"strategy":"query_string","identifier":"k"}"#);
        assert_eq!(bench.ask("/a?x=1&k=o%6Ee", &[]), Ok(Some("ANY".to_owned())));
        assert_eq!(bench.with("one"), Err(Refusal::Unauthorized));
        // `printf salted | sha256sum`, of the salt "salt" and the key "ed".
        let hash = hex(digest(&SHA256, b"salted").as_ref()).to_uppercase();
        let keys =
            format!(r#"{{"hash":"sha256","salt":"salt","keys":[{{"key":"{hash}","roles":[]}}]}}"#);
        let bench = Bench::new(&keys, "{}");
        assert_eq!(bench.with("ed"), Ok(None));
        assert_eq!(bench.with(&hash), Err(Refusal::Unauthorized), "the hash is no key");
    }

    #[test]
    fn a_key_has_its_rate_and_without_keys_nobody_passes() {
        let bench = Bench::new(KEYS, r#"{"client_max_rate":2}"#);
        let passed = (0..5).filter(|_| bench.with("one").is_ok()).count();
        assert_eq!((passed, bench.with("one")), (2, Err(Refusal::ClientLimited)));
        assert!(bench.with("two").is_ok());
        let nobody = Bench::new(r#"{"keys":[]}"#, "{}");
        assert_eq!(nobody.with("one"), Err(Refusal::Unauthorized));
    }
}
