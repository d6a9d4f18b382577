//! Paths and addresses.

use super::{functions, letters, semver, text, url};
use crate::template::function::{Function, Type};
use crate::template::value::Value;

pub(super) const FUNCTIONS: &[Function] = {
    use Type::{Map, Text};
    functions! {
        "base" [Text] None => |_, args| Ok(Value::text(base(text(args, 0))));
        "clean" [Text] None => |_, args| Ok(Value::text(clean(text(args, 0))));
        "dir" [Text] None => |_, args| Ok(Value::text(dir(text(args, 0))));
        "ext" [Text] None => |_, args| Ok(Value::text(ext(text(args, 0))));
        "isAbs" [Text] None => |_, args| Ok(Value::Bool(text(args, 0).starts_with(b"/")));
        "osBase" [Text] None => |_, args| Ok(Value::text(base(text(args, 0))));
        "osClean" [Text] None => |_, args| Ok(Value::text(clean(text(args, 0))));
        "osDir" [Text] None => |_, args| Ok(Value::text(dir(text(args, 0))));
        "osExt" [Text] None => |_, args| Ok(Value::text(ext(text(args, 0))));
        "osIsAbs" [Text] None => |_, args| Ok(Value::Bool(text(args, 0).starts_with(b"/")));
        "semver" [Text] None => |_, args| semver::parse(&letters(args, 0));
        "semverCompare" [Text, Text] None => |_, args| {
            semver::satisfies(&letters(args, 0), &letters(args, 1)).map(Value::Bool)
        };
        "urlJoin" [Map] None => |_, args| url::join(args);
        "urlParse" [Text] None => |_, args| url::parse(text(args, 0));
    }
};

fn last_slash(path: &[u8]) -> Option<usize> {
    path.iter().rposition(|byte| *byte == b'/')
}

fn base(path: &[u8]) -> &[u8] {
    if path.is_empty() {
        return b".";
    }
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let path = path.get(..end).unwrap_or_default();
    let name = last_slash(path).and_then(|slash| path.get(slash + 1..)).unwrap_or(path);
    if name.is_empty() { b"/" } else { name }
}

fn dir(path: &[u8]) -> Vec<u8> {
    let end = last_slash(path).map_or(0, |slash| slash + 1);
    clean(path.get(..end).unwrap_or_default())
}

fn ext(path: &[u8]) -> &[u8] {
    let name = last_slash(path).and_then(|slash| path.get(slash..)).unwrap_or(path);
    let dot = name.iter().rposition(|byte| *byte == b'.');
    dot.and_then(|dot| name.get(dot..)).unwrap_or_default()
}

/// Go's `path.Clean`: no empty parts, no `.`, and `..` takes the part before away.
fn clean(path: &[u8]) -> Vec<u8> {
    let is_rooted = path.starts_with(b"/");
    let mut kept: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {},
            b".." if kept.last().is_some_and(|last| *last != b"..") => drop(kept.pop()),
            b".." if is_rooted => {},
            other => kept.push(other),
        }
    }
    let joined = kept.join(&b'/');
    match (is_rooted, joined.is_empty()) {
        (true, _) => [b"/".as_slice(), &joined].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}
