//! `server/static-filesystem` and `backend/static-filesystem`: folders that are served.

use std::path::PathBuf;
use std::sync::Arc;

use baton_shared::config::model::{ExtraConfig, Namespace};
use baton_shared::config::node::{Node, Value};

use super::compile::Compiler;
use super::settings;
use crate::files::{Folder, Listing, Site};

/// The folder of a backend, if it is one.
pub(super) fn folder(compiler: &mut Compiler<'_>, extra: &ExtraConfig) -> Option<Folder> {
    let namespace = extra.namespaces.get("backend/static-filesystem")?;
    let path = text(compiler, namespace, "path")?;
    Some(folder_of(namespace, path))
}

/// The site of the service, if there is one.
pub(super) fn site(compiler: &mut Compiler<'_>) -> Option<Site> {
    let namespace = compiler.service.extra_config.namespaces.get("server/static-filesystem")?;
    let prefix = text(compiler, namespace, "prefix")?;
    let path = text(compiler, namespace, "path")?;
    let skip = match settings::member(&namespace.settings, "skip").map(|node| &node.value) {
        Some(Value::Array(items)) => items.iter().filter_map(skipped).collect(),
        _ => Box::default(),
    };
    Some(Site { prefix: without_slash(prefix), skip, folder: folder_of(namespace, path) })
}

fn skipped(item: &Node) -> Option<Box<[u8]>> {
    match &item.value {
        Value::String(path) => Some(without_slash(path)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        },
    }
}

fn folder_of(namespace: &Namespace, path: &str) -> Folder {
    let shown = settings::boolean(&namespace.settings, "directory_listing") == Some(true);
    let listing = if shown { Listing::Shown } else { Listing::Hidden };
    Folder { path: Arc::new(PathBuf::from(path)), listing }
}

fn text<'a>(compiler: &mut Compiler<'_>, namespace: &'a Namespace, key: &str) -> Option<&'a str> {
    let found = settings::string(&namespace.settings, key).filter(|text| !text.is_empty());
    if found.is_none() {
        let text = format!("`{key}` is missing: no file is served");
        compiler.tell(&namespace.at, text);
    }
    found
}

/// One slash at the beginning, none at the end: the root is empty.
fn without_slash(path: &str) -> Box<[u8]> {
    let path = path.trim_matches('/');
    let slash = if path.is_empty() { "" } else { "/" };
    format!("{slash}{path}").into_bytes().into()
}
