//! The last configuration that was in force, kept on disk: what a start can fall back to.
//!
//! A folder (0700) with a manifest and one file per content (0600), named by its hash. Private keys
//! and secrets of key sets are not copied: their path and hash stand for them, and when the file
//! has changed or gone the copy cannot be used and says so. Blocking: for a thread of its own.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use baton_shared::control::message::Found;
use baton_shared::os::memfd;
use serde::{Deserialize, Serialize};

use super::set::SourceSet;
use super::source::{self, SOURCE_BYTES_MAX, Source};

const MANIFEST: &str = "manifest.json";
const FORM: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    form: u32,
    config: String,
    sources: Vec<Kept>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    path: String,
    found: Found,
    /// Its content is not copied here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    secret: bool,
}

/// Why a copy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// There is none, or it cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Its manifest is damaged, or of another version.
    #[error("its manifest cannot be read: {0}")]
    Manifest(#[from] serde_json::Error),
    /// Of another version.
    #[error("it was written in form {found}, this Baton reads form {FORM}")]
    Form {
        /// What the manifest says.
        found: u32,
    },
    /// It belongs to another configuration.
    #[error("it is of {found}")]
    Other {
        /// The configuration that it is of.
        found: String,
    },
    /// A content does not have its hash.
    #[error("the copy of {path} is damaged")]
    Damaged {
        /// The source.
        path: String,
    },
    /// A secret, which is never copied, is not what it was.
    #[error("{path} holds secrets, of which no copy is kept, and has changed since or is gone")]
    Secret {
        /// The source.
        path: String,
    },
}

/// Writes the copy; what is there already is kept, what is needless goes.
///
/// # Errors
/// What the file system says; the copy before stays valid then.
pub fn save(folder: &Path, config: &str, set: &SourceSet) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut kept = Vec::new();
    let mut names = BTreeSet::from([MANIFEST.to_owned()]);
    for (path, source) in set.asked() {
        if let (Found::File { hash }, Some(content), false) =
            (&source.found, &source.content, source.is_secret)
        {
            if !folder.join(hash).exists() {
                let bytes = memfd::read(content.as_ref(), byte_bound())?;
                write(folder, hash, &bytes)?;
            }
            names.insert(hash.clone());
        }
        let (path, found, secret) = (path.to_owned(), source.found.clone(), source.is_secret);
        kept.push(Kept { path, found, secret });
    }
    let manifest = Manifest { form: FORM, config: config.to_owned(), sources: kept };
    write(folder, MANIFEST, &serde_json::to_vec_pretty(&manifest)?)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !names.contains(entry.file_name().to_string_lossy().as_ref()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whole or not at all: written beside, then renamed.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let beside = folder.join(format!("{name}.new"));
    let mut options = OpenOptions::new();
    let mut file: File =
        options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(beside, folder.join(name))
}

/// Reads the copy back.
///
/// # Errors
/// See [`HistoryError`].
pub fn load(folder: &Path, config: &str, working: &Path) -> Result<SourceSet, HistoryError> {
    let manifest: Manifest = serde_json::from_slice(&fs::read(folder.join(MANIFEST))?)?;
    if manifest.form != FORM {
        return Err(HistoryError::Form { found: manifest.form });
    }
    if manifest.config != config {
        return Err(HistoryError::Other { found: manifest.config });
    }
    let mut set: Option<SourceSet> = None;
    let (config_first, rest): (Vec<Kept>, Vec<Kept>) =
        manifest.sources.into_iter().partition(|kept| kept.path == config);
    for kept in config_first.into_iter().chain(rest) {
        let path = kept.path.clone();
        let source = restore(folder, working, kept)?;
        match &mut set {
            None => set = Some(SourceSet::new(config, source)),
            Some(set) => {
                set.add(&path, source);
                drop(set.ask(&path));
            },
        }
    }
    set.ok_or_else(|| io::Error::other("its manifest names no source").into())
}

fn restore(folder: &Path, working: &Path, kept: Kept) -> Result<Source, HistoryError> {
    let Found::File { hash } = &kept.found else {
        return Ok(Source { found: kept.found, content: None, bytes: 0, is_secret: false });
    };
    // A hash comes from a file: it must not lead anywhere else.
    let is_name = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let from = if kept.secret { working.join(&kept.path) } else { folder.join(hash) };
    let source = source::read(&from);
    if is_name && source.found == kept.found {
        return Ok(source);
    }
    let path = kept.path;
    Err(if kept.secret { HistoryError::Secret { path } } else { HistoryError::Damaged { path } })
}

fn byte_bound() -> usize {
    usize::try_from(SOURCE_BYTES_MAX).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----";

    fn place(name: &str) -> std::path::PathBuf {
        let at = std::env::temp_dir().join(format!("baton-history-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&at));
        fs::create_dir_all(&at).unwrap();
        fs::write(at.join("k.json"), "{\"version\":3}").unwrap();
        fs::write(at.join("key.pem"), KEY).unwrap();
        at
    }

    fn set(at: &Path) -> SourceSet {
        let mut set = SourceSet::new("k.json", source::read(&at.join("k.json")));
        for path in ["key.pem", "none.json"] {
            set.add(path, source::read(&at.join(path)));
            drop(set.ask(path));
        }
        drop(set.close());
        set
    }

    #[test]
    fn what_is_saved_comes_back_though_the_file_is_broken_now() {
        let at = place("back");
        let (kept, folder) = (set(&at), at.join("lkg"));
        save(&folder, "k.json", &kept).unwrap();
        save(&folder, "k.json", &kept).unwrap();
        fs::write(at.join("k.json"), "broken").unwrap();
        let back = load(&folder, "k.json", &at).unwrap();
        assert_eq!(back.fingerprint(), kept.fingerprint());
        fs::remove_dir_all(at).unwrap();
    }

    #[test]
    fn nobody_else_can_read_it_and_no_secret_is_in_it() {
        let at = place("secret");
        let folder = at.join("lkg");
        save(&folder, "k.json", &set(&at)).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            assert!(!fs::read_to_string(entry.path()).unwrap().contains(KEY));
        }
        fs::write(at.join("key.pem"), format!("{KEY} another")).unwrap();
        let error = load(&folder, "k.json", &at).unwrap_err();
        assert!(matches!(error, HistoryError::Secret { .. }), "{error}");
        fs::remove_dir_all(at).unwrap();
    }

    #[test]
    fn a_damaged_or_foreign_copy_is_refused() {
        let at = place("damaged");
        let folder = at.join("lkg");
        assert!(matches!(load(&folder, "k.json", &at), Err(HistoryError::Io(_))));
        save(&folder, "k.json", &set(&at)).unwrap();
        assert!(matches!(load(&folder, "o.json", &at), Err(HistoryError::Other { .. })));
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.ends_with(MANIFEST) {
                fs::write(path, "x").unwrap();
            }
        }
        assert!(matches!(load(&folder, "k.json", &at), Err(HistoryError::Damaged { .. })));
        fs::write(folder.join(MANIFEST), "{").unwrap();
        assert!(matches!(load(&folder, "k.json", &at), Err(HistoryError::Manifest(_))));
        fs::remove_dir_all(at).unwrap();
    }
}
