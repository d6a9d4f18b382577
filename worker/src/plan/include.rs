//! Files that a configuration names besides itself: read once, while it is, so that what was validated is what is served
//! and saving one of them reloads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use baton_shared::config::Sources;
use baton_shared::config::model::{Namespace, ServiceConfig};
use baton_shared::control::message::Notice;

use super::{graphql, script, settings, tls};
use crate::guards::basic;
use crate::guards::json_schema::{self, JsonSchema};
use crate::guards::jwt;

/// More files than this for one schema are a loop of somebody's.
const SCHEMA_FILES_MAX: usize = 256;

/// Files by their path, or why they cannot be read.
pub type Files = BTreeMap<String, Result<Content, String>>;

/// What a file holds. Many hold keys: of none more than its length is ever shown.
#[derive(Clone)]
pub struct Content(Arc<[u8]>);

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// What stands at a path.
pub(super) fn content(sources: &mut dyn Sources, path: &str) -> Result<Content, String> {
    sources.file(path).map(Content::from)
}

/// What was read, and what is to be said of it.
#[derive(Clone, Debug, Default)]
pub struct Included {
    /// For [`super::CompileOptions`].
    pub files: Files,
    /// What cannot be used.
    pub notices: Vec<Notice>,
}

/// Reads what `config` names; the content of each `query_path` is put into its place.
pub fn include(config: &mut ServiceConfig, sources: &mut dyn Sources) -> Included {
    let mut included = Included { files: Files::new(), notices: graphql::include(config, sources) };
    tls::read(config, sources, &mut included.files);
    for path in script_sources(config) {
        let content = content(sources, &path);
        included.files.insert(path, content);
    }
    let extras = config.endpoints.iter().map(|endpoint| &endpoint.extra_config);
    for path in std::iter::once(&config.extra_config).chain(extras).filter_map(basic::files) {
        let read = || content(sources, path);
        included.files.entry(path.to_owned()).or_insert_with(read);
    }
    for endpoint in &config.endpoints {
        for path in jwt::files(endpoint) {
            let read = || content(sources, path);
            included.files.entry(path.to_owned()).or_insert_with(read);
        }
        if let Some(block) = endpoint.extra_config.namespaces.get("validation/json-schema") {
            let read = read_schemas(block, sources, &mut included.files);
            let compiled =
                read.and_then(|()| JsonSchema::compile(&block.settings, &included.files));
            if let Err(why) = compiled {
                let text = format!("Parsing the definition:{why}: BODIES ARE NOT CHECKED");
                included.notices.push(config.source.notice(&block.at, text));
            }
        }
    }
    included
}

/// The files of scripts.
fn script_sources(config: &ServiceConfig) -> BTreeSet<String> {
    let endpoints = config.endpoints.iter();
    let extras = endpoints.flat_map(|endpoint| {
        let backends = endpoint.backend.iter().map(|backend| &backend.extra_config);
        std::iter::once(&endpoint.extra_config).chain(backends)
    });
    let blocks = std::iter::once(&config.extra_config)
        .chain(extras)
        .flat_map(|extra| script::ALL.iter().filter_map(|name| extra.namespaces.get(*name)));
    let sources = blocks.flat_map(|block| settings::strings(&block.settings, "sources"));
    sources.map(str::to_owned).collect()
}

/// What a schema refers to, and what that refers to.
fn read_schemas(
    block: &Namespace,
    sources: &mut dyn Sources,
    files: &mut Files,
) -> Result<(), String> {
    loop {
        let wanted = json_schema::wanted(&block.settings, files);
        if wanted.is_empty() {
            return Ok(());
        }
        if files.len() + wanted.len() > SCHEMA_FILES_MAX {
            return Err(format!("it refers to more than {SCHEMA_FILES_MAX} files"));
        }
        for path in wanted {
            let content = content(sources, &path);
            files.insert(path, content);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_holds_is_never_shown() {
        let files = Files::from([("tls.key".to_owned(), Ok(Content::from(vec![83; 7])))]);
        assert_eq!(format!("{files:?}"), r#"{"tls.key": Ok(7 bytes)}"#);
    }
}
