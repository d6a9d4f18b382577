//! All sources of one generation, by the path under which they were asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use baton_shared::control::message::Found;
use baton_shared::words::hex;
use sha2::{Digest as _, Sha256};

use super::source::Source;

/// Sources that one generation may have.
pub const SOURCES_MAX: usize = 4_096;

/// Every source that was read for a generation. Cloning shares the content.
#[derive(Clone, Debug)]
pub struct SourceSet {
    config: String,
    sources: BTreeMap<String, Entry>,
    /// The worker has planned: nothing more is read for it.
    is_closed: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    source: Source,
    /// The worker asked for it; otherwise it was read in advance and may be of no use.
    is_asked: bool,
}

/// Enough of a set to recognise its content when it comes again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Every path that was asked for.
    pub paths: Vec<String>,
    /// Over all of them and what was there.
    pub hash: String,
}

impl SourceSet {
    /// A set that consists of the configuration so far.
    #[must_use]
    pub fn new(config: &str, source: Source) -> Self {
        let entry = Entry { source, is_asked: true };
        let sources = BTreeMap::from([(config.to_owned(), entry)]);
        Self { config: config.to_owned(), sources, is_closed: false }
    }

    /// Adds what was read in advance; what is known already stays.
    pub fn add(&mut self, path: &str, source: Source) {
        if self.sources.len() < SOURCES_MAX {
            self.sources.entry(path.to_owned()).or_insert(Entry { source, is_asked: false });
        }
    }

    /// The configuration itself.
    #[must_use]
    pub fn config(&self) -> Option<&Source> {
        self.sources.get(&self.config).map(|entry| &entry.source)
    }

    /// What a worker gets that asks for `path`, if it is decided.
    pub fn ask(&mut self, path: &str) -> Option<Source> {
        let entry = self.sources.get_mut(path)?;
        entry.is_asked |= !self.is_closed;
        Some(entry.source.clone())
    }

    /// Whether something may still be read for this set.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.is_closed && self.sources.len() < SOURCES_MAX
    }

    /// The worker has all it wanted: drops what it did not ask for, and gives the hash.
    pub fn close(&mut self) -> String {
        self.is_closed = true;
        self.sources.retain(|_, entry| entry.is_asked);
        self.fingerprint().hash
    }

    /// What is needed to recognise this content.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let asked = self.sources.iter().filter(|(_, entry)| entry.is_asked);
        let paths: Vec<String> = asked.map(|(path, _)| path.clone()).collect();
        let hash = self.hash_of(&paths).unwrap_or_default();
        Fingerprint { paths, hash }
    }

    /// Whether this set, as read, is that content. False when a path was not read.
    #[must_use]
    pub fn is(&self, other: &Fingerprint) -> bool {
        self.hash_of(&other.paths).is_some_and(|hash| hash == other.hash)
    }

    /// Paths that were asked for, made absolute from `folder`.
    #[must_use]
    pub fn paths(&self, folder: &Path) -> Vec<PathBuf> {
        let asked = self.sources.iter().filter(|(_, entry)| entry.is_asked);
        asked.map(|(path, _)| folder.join(path)).collect()
    }

    /// Each source that was asked for, with its path.
    pub fn asked(&self) -> impl Iterator<Item = (&str, &Source)> {
        let asked = self.sources.iter().filter(|(_, entry)| entry.is_asked);
        asked.map(|(path, entry)| (path.as_str(), &entry.source))
    }

    /// Lengths stand before what varies, so that no two lists of sources look alike.
    fn hash_of(&self, paths: &[String]) -> Option<String> {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        for path in paths {
            part(path.as_bytes());
            match &self.sources.get(path)?.source.found {
                Found::File { hash } => part(hash.as_bytes()),
                Found::Folder { names } => part(names.join("/").as_bytes()),
                Found::Missing => part(b"-"),
                Found::Failed { .. } => part(b"!"),
            }
        }
        Some(hex(&hash.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Source {
        Source::of_bytes(text.as_bytes()).unwrap()
    }

    fn missing() -> Source {
        super::super::source::read(Path::new("/does/not/exist"))
    }

    #[test]
    fn the_hash_is_of_what_was_asked_for_and_nothing_else() {
        let mut set = SourceSet::new("k.json", text("{}"));
        let mut more = set.clone();
        more.add("unused.tmpl", text("x"));
        assert_eq!(set.close(), more.close());
        assert_eq!(more.asked().count(), 1);
    }

    #[test]
    fn a_file_that_was_missing_and_appears_is_another_content() {
        let mut set = SourceSet::new("k.json", text("{}"));
        set.add("more.json", missing());
        assert!(set.ask("more.json").is_some());
        let print = set.fingerprint();
        let mut same = SourceSet::new("k.json", text("{}"));
        assert!(!same.is(&print), "a path that was not read");
        same.add("more.json", missing());
        assert!(same.is(&print));
        let mut other = SourceSet::new("k.json", text("{}"));
        other.add("more.json", text(""));
        assert!(!other.is(&print));
    }

    #[test]
    fn nothing_is_added_for_a_worker_that_has_planned() {
        let mut set = SourceSet::new("k.json", text("{}"));
        let hash = set.close();
        assert!(!set.is_open());
        assert!(set.ask("late.json").is_none());
        assert_eq!(set.fingerprint().hash, hash);
    }
}
