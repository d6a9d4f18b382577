//! The rendered configuration, kept where `FC_OUT` says. Blocking: for a thread of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Writes `text` to `path`, with mode 0600 as KrakenD. The same text is not written again: the file
/// may be the source itself, and a write would reload for ever.
///
/// # Errors
/// What the file system says.
pub fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    // A link stays a link, and what it leads to is replaced.
    let path = &fs::canonicalize(path).unwrap_or_else(|_missing| path.to_owned());
    let found = fs::metadata(path).ok();
    if found.as_ref().is_some_and(|found| !found.is_file()) {
        return OpenOptions::new().write(true).open(path)?.write_all(text); // a device, a pipe
    }
    if found.is_some_and(|found| found.len() == text.len() as u64) && fs::read(path)? == text {
        return Ok(());
    }
    // Who reads it sees the old text or the new one. A folder that nothing can be added to, and a
    // file that is a mount of its own, allow only the other way.
    if whole_or_not(path, text).is_ok() {
        return Ok(());
    }
    create(path)?.write_all(text)
}

fn whole_or_not(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let outcome = create(&beside)
        .and_then(|mut file| file.write_all(text))
        .and_then(|()| fs::rename(&beside, path));
    if outcome.is_err() {
        drop(fs::remove_file(&beside));
    }
    outcome
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;
    use crate::testing::Folder;

    #[test]
    fn it_is_private_and_the_same_text_is_not_written_again() {
        let folder = Folder::new();
        let path = folder.path().join("out.json");
        write(&path, b"one").unwrap();
        let first = fs::metadata(&path).unwrap();
        assert_eq!(first.permissions().mode() & 0o777, 0o600);
        write(&path, b"one").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().ino(), first.ino());
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_followed_and_a_device_is_written_to() {
        let folder = Folder::new();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("real"), "old").unwrap();
        symlink("real", at("link")).unwrap();
        write(&at("link"), b"new").unwrap();
        assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink());
        assert_eq!(fs::read(at("real")).unwrap(), b"new");
        write(Path::new("/dev/null"), b"x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(write(&at("nodir/out"), b"x").is_err());
    }
}
