//! Files below a folder, whatever a path says: never outside of it, never through a link that leads out.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sys::stat::Mode;

/// For reading; a pipe that nobody writes does not block.
const READ: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_CLOEXEC).union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY);
/// To look further below only.
const LOOK: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC).union(OFlag::O_DIRECTORY);

/// A folder, to open what is below it.
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `EACCES`.
pub fn folder(path: &Path) -> Result<OwnedFd, Errno> {
    open(path, LOOK, Mode::empty())
}

/// Opens `path` below `folder` for reading. Links are followed as long as they stay below it.
///
/// # Errors
/// `EXDEV` when the path leads out; what `open(2)` says otherwise.
pub fn file(folder: impl AsFd, path: &[u8]) -> Result<File, Errno> {
    let path = OsStr::from_bytes(if path.is_empty() { b"." } else { path });
    let resolve = ResolveFlag::RESOLVE_BENEATH.union(ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let how = OpenHow::new().flags(READ).resolve(resolve);
    match openat2(folder.as_fd(), path, how) {
        Ok(fd) => Ok(fd.into()),
        // A kernel before 5.6, or a sandbox that does not know the call.
        Err(Errno::ENOSYS) => step_by_step(folder.as_fd(), Path::new(path)).map(Into::into),
        Err(errno) => Err(errno),
    }
}

/// The same without help from the kernel, and without links.
fn step_by_step(folder: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    let mut here = folder.try_clone_to_owned().map_err(|_full| Errno::EMFILE)?;
    let mut steps = path.components().peekable();
    while let Some(step) = steps.next() {
        let std::path::Component::Normal(name) = step else { return Err(Errno::EXDEV) };
        let flags = if steps.peek().is_some() { LOOK } else { READ };
        here = openat(&here, name, flags.union(OFlag::O_NOFOLLOW), Mode::empty())?;
    }
    Ok(here)
}

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name, any bytes but `/` and NUL.
    pub name: Vec<u8>,
    /// Whether it is a folder itself; a link is not.
    pub is_folder: bool,
}

/// What is in an opened folder, sorted, at most so many entries.
///
/// # Errors
/// `ENOTDIR` when it is none.
pub fn entries(folder: File, most: usize) -> io::Result<Vec<Entry>> {
    let mut folder = Dir::from_fd(folder.into())?;
    let mut found = Vec::new();
    for entry in folder.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        if found.len() == most {
            break;
        }
        let is_folder = entry.file_type() == Some(Type::Directory);
        found.push(Entry { name: name.to_vec(), is_folder });
    }
    found.sort();
    Ok(found)
}

/// Opens a path as the kernel resolves it: for the roots that a configuration names.
///
/// # Errors
/// What `open(2)` says.
pub fn anywhere(path: &Path) -> Result<File, Errno> {
    openat(AT_FDCWD, path, READ, Mode::empty()).map(Into::into)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;

    struct Tree(std::path::PathBuf);

    impl Tree {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("baton-{name}-{}", std::process::id()));
            let inside = root.join("inside/sub");
            std::fs::create_dir_all(&inside).unwrap();
            std::fs::write(root.join("secret"), "secret").unwrap();
            std::fs::write(inside.join("file"), "content").unwrap();
            symlink("sub/file", root.join("inside/good")).unwrap();
            symlink("../secret", root.join("inside/bad")).unwrap();
            symlink("/etc/passwd", root.join("inside/worse")).unwrap();
            Self(root)
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn nothing_outside_of_the_folder_is_ever_opened() {
        let tree = Tree::new("beneath");
        let folder = folder(&tree.0.join("inside")).unwrap();
        let read = |path: &str| {
            let mut text = String::new();
            file(&folder, path.as_bytes())?.read_to_string(&mut text).unwrap();
            Ok::<_, Errno>(text)
        };
        assert_eq!(read("sub/file").unwrap(), "content");
        assert_eq!(read("good").unwrap(), "content");
        for path in ["../secret", "sub/../../secret", "bad", "worse", "/etc/passwd"] {
            assert!(matches!(read(path), Err(Errno::EXDEV)), "{path}: {:?}", read(path));
        }
        assert_eq!(read("nothing"), Err(Errno::ENOENT));
    }

    #[test]
    fn without_the_kernels_help_links_are_not_followed_at_all() {
        let tree = Tree::new("steps");
        let folder = folder(&tree.0.join("inside")).unwrap();
        let opened = |path: &str| step_by_step(folder.as_fd(), Path::new(path)).map(|_fd| ());
        assert_eq!(opened("sub/file"), Ok(()));
        for path in ["../secret", "sub/../../secret", "good", "bad", "/etc/passwd"] {
            assert!(opened(path).is_err(), "{path}");
        }
    }

    #[test]
    fn entries_are_sorted_and_bounded() {
        let tree = Tree::new("entries");
        let names = |most| {
            let folder = anywhere(&tree.0.join("inside")).unwrap();
            entries(folder, most).unwrap()
        };
        let all: Vec<_> = names(100).into_iter().map(|one| (one.name, one.is_folder)).collect();
        let shown: Vec<_> = all.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect();
        assert_eq!(shown, ["bad", "good", "sub", "worse"]);
        assert!(all.iter().all(|(name, is_folder)| *is_folder == (name == b"sub")));
        assert!(names(2).len() <= 2);
    }
}
