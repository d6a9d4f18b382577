//! Files that the configuration names and that are not there. Relative paths begin in the working
//! directory, so `check` should run where `run` will.

use baton_shared::config::model::{ExtraConfig, ServiceConfig};
use baton_shared::config::node::{Node, Value};
use baton_shared::words::JsonPointer;

use super::notes::{Notes, all_extra, member};
use crate::cli::disk::Disk;

/// Where paths stand: namespace, key. A list is a list of paths.
const PATHS: &[(&str, &str)] = &[
    ("auth/basic", "htpasswd_path"),
    ("auth/gcp", "credentials_file"),
    ("auth/signer", "jwk_local_ca"),
    ("auth/signer", "jwk_local_path"),
    ("auth/validator", "jwk_local_ca"),
    ("auth/validator", "jwk_local_path"),
    ("backend/graphql", "query_path"),
    ("backend/soap", "path"),
    ("backend/static-filesystem", "path"),
    ("modifier/body-generator", "path"),
    ("modifier/lua-backend", "sources"),
    ("modifier/lua-endpoint", "sources"),
    ("modifier/lua-proxy", "sources"),
    ("modifier/request-body-generator", "path"),
    ("modifier/response-body-generator", "path"),
    ("server/static-filesystem", "path"),
];

pub(super) fn missing(config: &ServiceConfig, disk: &Disk, notes: &mut Notes<'_>) {
    let mut one = |path: &str, at: &JsonPointer| {
        if path.is_empty() {
            return;
        }
        if let Err(why) = disk.look(path) {
            notes.tell(at, format!("cannot read `{path}`: {why}"));
        }
    };
    for extra in all_extra(config) {
        named(extra, &mut one);
    }
    if let Some(tls) = config.tls.as_ref().filter(|tls| !tls.disabled) {
        let at = JsonPointer::root().key("tls");
        for (index, pair) in tls.keys.iter().enumerate() {
            let at = at.key("keys").index(index);
            one(&pair.public_key, &at.key("public_key"));
            one(&pair.private_key, &at.key("private_key"));
        }
        for (index, path) in tls.ca_certs.iter().enumerate() {
            one(path, &at.key("ca_certs").index(index));
        }
    }
    if let Some(tls) = &config.client_tls {
        let at = JsonPointer::root().key("client_tls");
        for (index, path) in tls.ca_certs.iter().enumerate() {
            one(path, &at.key("ca_certs").index(index));
        }
    }
}

fn named(extra: &ExtraConfig, one: &mut impl FnMut(&str, &JsonPointer)) {
    for (name, key) in PATHS {
        let Some(found) = extra.namespaces.get(*name) else { continue };
        let Some(Node { value, .. }) = member(&found.settings, key) else { continue };
        let at = found.at.key(key);
        match value {
            Value::String(path) => one(path, &at),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let Value::String(path) = &item.value {
                        one(path, &at.index(index));
                    }
                }
            },
            _ => {},
        }
    }
}
