//! The name of an instance. Pure.

use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use baton_shared::words::hex;
use sha2::{Digest as _, Sha256};

/// Bytes of the hash that make the name: enough that two files of one machine never share it,
/// short enough for the 107 bytes of a socket's path.
const BYTES: usize = 8;

/// A folder name that stands for one configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The key of the file at `absolute` (see [`lexical_absolute`]).
    #[must_use]
    pub fn of(absolute: &Path) -> Self {
        let hash = Sha256::digest(absolute.as_os_str().as_bytes());
        Self(hex(hash.get(..BYTES).unwrap_or_default()))
    }
}

impl AsRef<Path> for Key {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `path` seen from `folder` (absolute), without `.` and `..`; no link is followed.
#[must_use]
pub fn lexical_absolute(path: &Path, folder: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for component in folder.join(path).components() {
        match component {
            Component::Normal(name) => clean.push(name),
            // `/..` is `/`.
            Component::ParentDir => drop(clean.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {},
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: &str) {
        assert_eq!(lexical_absolute(Path::new(path), Path::new("/srv/shop")), Path::new(expected));
    }

    #[test]
    fn a_path_becomes_absolute_without_looking_at_the_disk() {
        check("krakend.json", "/srv/shop/krakend.json");
        check("./a/.././krakend.json", "/srv/shop/krakend.json");
        check("../../../../x.json", "/x.json");
        check("/etc//krakend/./k.json", "/etc/krakend/k.json");
        check("", "/srv/shop");
    }

    #[test]
    fn two_spellings_of_one_file_have_one_key_and_two_files_two() {
        let key = |path: &str| Key::of(&lexical_absolute(Path::new(path), Path::new("/srv")));
        assert_eq!(key("a.json"), key("./b/../a.json"));
        assert_ne!(key("a.json"), key("b.json"));
        assert_eq!(key("a.json").to_string().len(), 16);
    }
}
