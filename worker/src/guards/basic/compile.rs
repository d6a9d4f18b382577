//! `auth/basic`, compiled: what cannot be used refuses the start, or the reload.

use std::collections::HashMap;
use std::sync::Arc;

use baton_shared::config::model::{EndpointConfig, ExtraConfig, Namespace};
use baton_shared::config::node::Value;
use baton_shared::words::JsonPointer;

use super::password::Hash;
use super::{Basic, Users, htpasswd};
use crate::plan::Compiler;
use crate::plan::block::Block;
use crate::plan::settings::member;

const NAME: &str = "auth/basic";
const PATH: &str = "htpasswd_path";
const USERS: &str = "users";

/// The file that a block names: to be read beforehand.
pub(crate) fn files(extra: &ExtraConfig) -> Option<&str> {
    let block = Block::of(&extra.namespaces.get(NAME)?.settings)?;
    block.text(PATH).ok().filter(|path| !path.is_empty())
}

/// The users of the root, if there are some.
pub(crate) fn compile_service(compiler: &mut Compiler<'_>) -> Option<Arc<Users>> {
    users(compiler, compiler.service.extra_config.namespaces.get(NAME)?)
}

/// What an endpoint asks for, if it does.
pub(crate) fn compile(
    compiler: &mut Compiler<'_>,
    service: Option<&Arc<Users>>,
    endpoint: &EndpointConfig,
) -> Option<Basic> {
    let namespace = endpoint.extra_config.namespaces.get(NAME)?;
    let users = match service {
        Some(users) if is_empty(namespace) => Some(Arc::clone(users)),
        Some(_) | None => users(compiler, namespace),
    };
    Some(users.map_or(Basic::Dead, Basic::Live))
}

/// Nothing in it but remarks: those of the root count.
fn is_empty(namespace: &Namespace) -> bool {
    let Value::Object(members) = &namespace.settings.value else { return false };
    members.iter().all(|(key, _)| key.starts_with(['@', '$', '_', '#']))
}

fn users(compiler: &mut Compiler<'_>, namespace: &Namespace) -> Option<Arc<Users>> {
    let Some(block) = Block::of(&namespace.settings) else {
        compiler.refuse(&namespace.at, "it is no object");
        return None;
    };
    let path = match block.text(PATH) {
        Ok(path) => path,
        Err(wrong) => {
            compiler.refuse(&namespace.at.key(PATH), wrong.to_string());
            return None;
        },
    };
    let mut users = HashMap::new();
    if !path.is_empty() {
        users = of_file(compiler, path, &namespace.at.key(PATH))?;
    }
    let inline = of_block(compiler, namespace)?;
    users.extend(inline);
    if users.is_empty() {
        let text = "it has no users: every request is refused (401)";
        compiler.tell(&namespace.at, text);
    }
    let weak = users.values().filter(|hash| hash.is_weak()).count();
    if weak > 0 {
        let text = format!(
            "{weak} passwords stand there as MD5 or SHA-1, which are quick to guess: renew them by `htpasswd -B`"
        );
        compiler.tell(&namespace.at, text);
    }
    Some(known(compiler, Users::new(users)))
}

/// The same users elsewhere are the same: who is known there is known here.
fn known(compiler: &mut Compiler<'_>, users: Users) -> Arc<Users> {
    let record = users.record();
    if let Some(known) = compiler.passwords.iter().find(|known| known.record() == record) {
        return Arc::clone(known);
    }
    let users = Arc::new(users);
    compiler.passwords.push(Arc::clone(&users));
    users
}

fn of_file(
    compiler: &mut Compiler<'_>,
    path: &str,
    at: &JsonPointer,
) -> Option<HashMap<Box<[u8]>, Hash>> {
    let read = match compiler.files.get(path) {
        Some(Ok(content)) => htpasswd::read(content).map_err(|error| format!("{path}: {error}")),
        Some(Err(why)) => {
            compiler.miss(at, why);
            return None;
        },
        None => {
            compiler.miss(at, format!("open {path}: was not read"));
            return None;
        },
    };
    read.map_err(|text| compiler.refuse(at, text)).ok()
}

/// `users`: names and their hashes.
fn of_block(
    compiler: &mut Compiler<'_>,
    namespace: &Namespace,
) -> Option<HashMap<Box<[u8]>, Hash>> {
    let at = namespace.at.key(USERS);
    let members = match member(&namespace.settings, USERS).map(|node| &node.value) {
        None | Some(Value::Null) => return Some(HashMap::new()),
        Some(Value::Object(members)) => members,
        Some(_) => {
            compiler.refuse(&at, "must be an object of names and their bcrypt hashes");
            return None;
        },
    };
    let mut users = HashMap::new();
    let mut is_good = true;
    for (name, node) in members {
        let hash = match &node.value {
            Value::String(text) => Hash::read(text).map_err(|error| format!("has {error}")),
            _ => Err("must be a text: a bcrypt hash".to_owned()),
        };
        match hash {
            _ if name.is_empty() || name.contains(':') => {
                compiler.refuse(&at.key(name), "nobody can have this name");
                is_good = false;
            },
            Ok(hash) => drop(users.insert(name.as_bytes().into(), hash)),
            Err(text) => {
                compiler.refuse(&at.key(name), text);
                is_good = false;
            },
        }
    }
    is_good.then_some(users)
}
