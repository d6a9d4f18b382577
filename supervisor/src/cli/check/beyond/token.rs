//! `auth/validator` and `auth/signer`: settings with which tokens are not checked as one would think.

use baton_shared::config::model::ServiceConfig;
use baton_shared::config::node::{Node, Value};
use baton_shared::words::JsonPointer;

use super::notes::{Notes, is_set, member, namespace, text};

/// What a token may be signed with.
const ALGORITHMS: [&str; 13] = [
    "EdDSA", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512",
    "PS256", "PS384", "PS512",
];

pub(super) fn look(config: &ServiceConfig, notes: &mut Notes<'_>) {
    for endpoint in &config.endpoints {
        for name in ["auth/validator", "auth/signer"] {
            if let Some((settings, at)) = namespace(&endpoint.extra_config, name) {
                keys(settings, at, notes);
            }
        }
        if let Some((settings, at)) = namespace(&endpoint.extra_config, "auth/validator") {
            roles(settings, at, notes);
        }
    }
}

fn keys(settings: &Node, at: &JsonPointer, notes: &mut Notes<'_>) {
    let url = text(settings, "jwk_url");
    let path = text(settings, "jwk_local_path");
    if url.is_none() && path.is_none() {
        notes.tell(at, "no key can be found: set `jwk_url` or `jwk_local_path`");
    }
    if url.is_some() && path.is_some() {
        notes.tell(&at.key("jwk_local_path"), "`jwk_local_path` and `jwk_url` exclude each other");
    }
    if url.is_some_and(|url| url.starts_with("http://"))
        && !is_set(settings, "disable_jwk_security")
    {
        notes.tell(
            &at.key("jwk_url"),
            "keys are only fetched over https, unless \"disable_jwk_security\": true",
        );
    }
    match text(settings, "alg") {
        Some(alg) if alg.starts_with("HS") && url.is_some() => notes.tell(
            &at.key("alg"),
            format!(
                "`{alg}` is signed with a shared secret: who can read `jwk_url` can sign tokens"
            ),
        ),
        Some(alg) if !ALGORITHMS.contains(&alg) => notes.tell(
            &at.key("alg"),
            format!("`{alg}` is no algorithm: one of {}", ALGORITHMS.join(", ")),
        ),
        Some(_) | None => {},
    }
}

fn roles(settings: &Node, at: &JsonPointer, notes: &mut Notes<'_>) {
    let is_filled = |key| {
        member(settings, key)
            .is_some_and(|node| matches!(&node.value, Value::Array(items) if !items.is_empty()))
    };
    if is_filled("roles") && text(settings, "roles_key").is_none_or(str::is_empty) {
        notes.tell(&at.key("roles"), "which claim holds the roles? set `roles_key`");
    }
    if is_filled("scopes") && text(settings, "scopes_key").is_none_or(str::is_empty) {
        notes.tell(&at.key("scopes"), "which claim holds the scopes? set `scopes_key`");
    }
}
