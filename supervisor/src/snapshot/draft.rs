//! Reading for a transaction: the configuration and whatever known generations asked for, once,
//! and the question whether it is one of them. Blocking: for a thread of its own.

use std::collections::BTreeSet;
use std::path::Path;

use baton_shared::control::message::{Found, Invalid};
use baton_shared::words::GenerationId;

use super::set::{Fingerprint, SourceSet};
use super::source::{self, Source};
use crate::reload::event::Snapshotted;

/// Exit code of a refused configuration.
pub const EXIT_REFUSED: u8 = 255;

/// Reads the sources as they are now. `known`: contents to recognise, the earlier wins.
#[must_use]
pub fn read(
    config: &str,
    folder: &Path,
    known: &[(GenerationId, Fingerprint)],
) -> (Option<SourceSet>, Snapshotted) {
    let source = source::read(&folder.join(config));
    let config_bytes = source.bytes;
    if let Some(refusal) = refuse(config, &source) {
        return (None, Snapshotted::Failed(refusal));
    }
    let mut set = SourceSet::new(config, source);
    let paths: BTreeSet<&String> = known.iter().flat_map(|(_, print)| &print.paths).collect();
    for path in paths {
        if path != config {
            set.add(path, source::read(&folder.join(path)));
        }
    }
    let same_as = known.iter().find(|(_, print)| set.is(print)).map(|(generation, _)| *generation);
    (Some(set), Snapshotted::Read { same_as, config_bytes })
}

/// A configuration that is not there cannot even be given to a worker.
fn refuse(config: &str, source: &Source) -> Option<Invalid> {
    let reason = match &source.found {
        Found::File { .. } => return None,
        Found::Missing => format!("open {config}: no such file or directory"),
        Found::Folder { .. } => format!("read {config}: is a directory"),
        Found::Failed { reason } => reason.clone(),
    };
    let text = format!("'{config}': {reason}");
    Some(Invalid { text, findings: Vec::new(), exit_code: EXIT_REFUSED })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_recognised_whichever_files_it_is_made_of() {
        let folder = std::env::temp_dir().join(format!("baton-draft-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("k.json"), "1").unwrap();
        let (set, what) = read("k.json", &folder, &[]);
        assert_eq!(what, Snapshotted::Read { same_as: None, config_bytes: 1 });
        let mut set = set.unwrap();
        set.add("include", source::read(&folder.join("include")));
        drop(set.ask("include"));
        let known = [(GenerationId(1), set.fingerprint())];
        let (_, what) = read("k.json", &folder, &known);
        assert_eq!(what, Snapshotted::Read { same_as: Some(GenerationId(1)), config_bytes: 1 });
        std::fs::write(folder.join("include"), "new").unwrap();
        let (_, what) = read("k.json", &folder, &known);
        assert_eq!(what, Snapshotted::Read { same_as: None, config_bytes: 1 });
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_configuration_that_is_not_there_is_refused_in_krakends_words() {
        let (set, what) = read("no.json", Path::new("/nowhere"), &[]);
        let Snapshotted::Failed(refusal) = what else { panic!("{what:?}") };
        assert_eq!(refusal.text, "'no.json': open no.json: no such file or directory");
        assert!(set.is_none());
    }
}
