//! The files of a configuration on disk, with Go's words for what goes wrong.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

use baton_shared::config::Sources;
use baton_shared::config::read::BYTES_MAX;

use crate::snapshot::kept;

/// Files as they are on disk; relative paths begin in the working directory, as in KrakenD.
pub(super) struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// In the working directory.
    pub(super) const fn here() -> Self {
        Self { folder: PathBuf::new() }
    }

    /// As if in another directory.
    #[cfg(test)]
    pub(super) fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Whether something is there and may be read.
    ///
    /// # Errors
    /// Why not, in Go's form.
    pub(super) fn look(&self, path: &str) -> Result<(), String> {
        match File::open(self.folder.join(path)) {
            Ok(_file) => Ok(()),
            Err(error) => Err(system_text("open", path, &error)),
        }
    }
}

impl Sources for Disk {
    fn file(&mut self, path: &str) -> Result<Vec<u8>, String> {
        let limit = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
        let file = File::open(self.folder.join(path))
            .map_err(|error| system_text("open", path, &error))?;
        let mut bytes = Vec::new();
        match file.take(limit).read_to_end(&mut bytes) {
            Ok(_length) => Ok(bytes),
            Err(error) => Err(system_text("read", path, &error)),
        }
    }

    fn folder(&mut self, path: &str, ending: &str) -> Result<Vec<String>, String> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotADirectory => system_text("readdirent", path, &error),
            _ => system_text("open", path, &error),
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.folder.join(path)).map_err(failed)? {
            names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
        }
        names.retain(|name| name.ends_with(ending));
        names.sort_unstable();
        Ok(names)
    }

    fn keep(&mut self, path: &str, text: &[u8]) -> Result<(), String> {
        let file = self.folder.join(path);
        kept::write(&file, text).map_err(|error| system_text("open", path, &error))
    }
}

/// Go's form: `open krakend.json: no such file or directory`.
pub(super) fn system_text(doing: &str, path: &str, error: &io::Error) -> String {
    let whole = error.to_string();
    let words = whole.split(" (os error").next().unwrap_or(&whole);
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    let words: String = first.into_iter().chain(letters).collect();
    format!("{doing} {path}: {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_the_system_have_gos_form() {
        let error = Disk::here().file("/nowhere/at/all").expect_err("nothing is there");
        assert_eq!(error, "open /nowhere/at/all: no such file or directory");
        assert_eq!(Disk::here().file("/").expect_err("a folder"), "read /: is a directory");
    }
}
