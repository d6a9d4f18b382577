//! `auth/client-credentials` of a backend, compiled: what is asked of its token server, written beforehand.
//!
//! KrakenD: nothing is looked at before a token is needed, but a value of another type ends the start, `null` too; what is no
//! object at all counts as absent, and so does a key in another case; `scopes` is cut at its commas and nothing else.

use std::sync::Arc;

use baton_shared::config::model::BackendConfig;

use super::block::{Block, WrongType};
use super::compile::Compiler;
use crate::backend::oauth2::{ClientCredentials, Request};

/// The namespace.
const NAME: &str = "auth/client-credentials";

/// What a backend asks for, if it does.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    backend: &BackendConfig,
) -> Option<Arc<ClientCredentials>> {
    let namespace = backend.extra_config.namespaces.get(NAME)?;
    let Some(block) = Block::exact(&namespace.settings) else {
        compiler.tell(&namespace.at, "it is no object: NO TOKEN IS SENT, as with KrakenD");
        return None;
    };
    match read(&block) {
        Ok(credentials) => {
            let credentials = credentials.map(Arc::new);
            compiler.credentials.extend(credentials.clone());
            credentials
        },
        Err(wrong) => {
            let text = format!("{wrong}: KrakenD does not start with it");
            compiler.refuse(&namespace.at.key(wrong.key), text);
            None
        },
    }
}

fn read(block: &Block<'_>) -> Result<Option<ClientCredentials>, WrongType> {
    let scope = block.text("scopes")?.split(',').collect::<Vec<&str>>().join(" ");
    let mut form = block.named_texts("endpoint_params")?;
    let taken = form.contains_key("scope").then_some("scope");
    form.insert("scope", vec![&scope]);
    form.entry("grant_type").or_insert_with(|| vec!["client_credentials"]);
    let (id, secret) = (block.text("client_id")?, block.text("client_secret")?);
    let url = block.text("token_url")?;
    let is_disabled = block.flag("is_disabled")?;
    let request = match taken {
        Some(name) => Request::Impossible(format!("oauth2: cannot overwrite parameter \"{name}\"")),
        None => Request::new(url, (id, secret), &form),
    };
    Ok((!is_disabled).then(|| ClientCredentials::new(request)))
}
