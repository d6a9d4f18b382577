//! Where instances may keep their folders, in the order in which they are tried.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, Uid, access, geteuid};

/// What the environment says about folders. Plain data, read once.
#[derive(Clone, Debug)]
pub struct Places {
    /// The effective user.
    pub user: Uid,
    /// `$RUNTIME_DIRECTORY` of systemd.
    pub runtime_directory: Option<PathBuf>,
    /// `$XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<PathBuf>,
    /// `$STATE_DIRECTORY` of systemd.
    pub state_directory: Option<PathBuf>,
    /// `$XDG_STATE_HOME`.
    pub xdg_state_home: Option<PathBuf>,
    /// `$HOME`.
    pub home: Option<PathBuf>,
}

impl Places {
    /// Reads the environment.
    #[must_use]
    pub fn read() -> Self {
        Self {
            user: geteuid(),
            runtime_directory: folder("RUNTIME_DIRECTORY"),
            xdg_runtime_dir: folder("XDG_RUNTIME_DIR"),
            state_directory: folder("STATE_DIRECTORY"),
            xdg_state_home: folder("XDG_STATE_HOME"),
            home: folder("HOME"),
        }
    }

    /// Folders for what lives as long as the process; the first usable one is taken.
    pub(super) fn runtime(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        all.extend(self.runtime_directory.clone());
        if self.user.is_root() {
            all.push(PathBuf::from("/run/baton"));
        }
        all.extend(self.xdg_runtime_dir.as_ref().map(|dir| dir.join("baton")));
        all.push(Path::new(WRITABLE_BY_ALL).join(format!("baton-{}", self.user)));
        all
    }

    /// Folders in which a command looks: also that of system services, and the user's own where the
    /// environment does not name it (`cron`, `sudo`).
    pub(super) fn searched(&self) -> Vec<PathBuf> {
        let mut all = self.runtime();
        let session = PathBuf::from(format!("/run/user/{}/baton", self.user));
        for place in [PathBuf::from("/run/baton"), session] {
            if !all.contains(&place) {
                all.push(place);
            }
        }
        all
    }

    /// Folders for what should outlive the process.
    fn state(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        all.extend(self.state_directory.clone());
        if self.user.is_root() {
            all.push(PathBuf::from("/var/lib/baton"));
        }
        all.extend(self.xdg_state_home.as_ref().map(|dir| dir.join("baton")));
        all.extend(self.home.as_ref().map(|dir| dir.join(".local/state/baton")));
        all
    }

    /// A writable folder named `name` for what should outlive the process, under `wanted` or the
    /// first usable place.
    ///
    /// # Errors
    /// Why the last place that was tried cannot be used.
    pub fn state_folder(&self, wanted: Option<&Path>, name: &Path) -> io::Result<PathBuf> {
        let places = wanted.map_or_else(|| self.state(), |wanted| vec![wanted.to_owned()]);
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no HOME and no STATE_DIRECTORY");
        for place in places {
            match private_folder(&place.join(name), self.user) {
                Ok(folder) => return Ok(folder),
                Err(error) => last = with_path(&error, &place.join(name)),
            }
        }
        Err(last)
    }
}

/// An absolute folder from the environment; systemd may list several, the first counts.
fn folder(variable: &str) -> Option<PathBuf> {
    let value = std::env::var_os(variable)?;
    let first = value.to_str().and_then(|text| text.split(':').next()).map(PathBuf::from);
    first.or_else(|| Some(value.into())).filter(|path| path.is_absolute())
}

/// Makes `path` (0700, its parents as usual) if need be; fails unless it is a real folder of
/// `user` that others cannot enter and this process can write to.
pub(super) fn private_folder(path: &Path, user: Uid) -> io::Result<PathBuf> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        // In a folder that everybody may write to, somebody could have been faster.
        refuse_foreign(parent, user)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {},
    }
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is not a folder"));
    }
    if found.uid() != user.as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    }
    access(path, AccessFlags::W_OK)?;
    Ok(path.to_owned())
}

/// Who owns the parent can put another folder in our place: root or the user, nobody else.
fn refuse_foreign(parent: &Path, user: Uid) -> io::Result<()> {
    let found = fs::symlink_metadata(parent)?;
    if found.is_symlink() && parent.starts_with(WRITABLE_BY_ALL) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is a link"));
    }
    let owner = fs::metadata(parent)?.uid();
    if owner != user.as_raw() && owner != 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    Ok(())
}

/// Here anybody can make a folder with a name that we would use.
pub(super) const WRITABLE_BY_ALL: &str = "/tmp";

pub(super) fn with_path(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn places(user: u32) -> Places {
        Places {
            user: Uid::from_raw(user),
            runtime_directory: None,
            xdg_runtime_dir: Some(PathBuf::from("/run/user/7")),
            state_directory: None,
            xdg_state_home: None,
            home: Some(PathBuf::from("/home/ann")),
        }
    }

    #[test]
    fn root_and_users_keep_apart() {
        let user = ["/run/user/7/baton", "/tmp/baton-7"].map(PathBuf::from);
        assert_eq!(places(7).runtime(), user);
        let root = ["/run/baton", "/run/user/7/baton", "/tmp/baton-0"].map(PathBuf::from);
        assert_eq!(places(0).runtime(), root);
        assert!(places(7).searched().contains(&PathBuf::from("/run/baton")));
        let mut bare = places(8);
        bare.xdg_runtime_dir = None;
        assert!(bare.searched().contains(&PathBuf::from("/run/user/8/baton")));
    }

    #[test]
    fn what_systemd_gives_comes_first() {
        let mut places = places(7);
        places.runtime_directory = Some(PathBuf::from("/run/shop"));
        places.state_directory = Some(PathBuf::from("/var/lib/shop"));
        assert_eq!(places.runtime()[0], Path::new("/run/shop"));
        assert_eq!(places.state()[0], Path::new("/var/lib/shop"));
    }

    #[test]
    fn a_state_folder_that_cannot_be_made_says_where() {
        let folder = Folder::new();
        fs::write(folder.path().join("file"), "").unwrap();
        let wanted = folder.path().join("file/below");
        let error = places(0).state_folder(Some(&wanted), Path::new("k")).unwrap_err();
        assert!(error.to_string().contains("file/below/k"), "{error}");
    }

    #[test]
    fn a_folder_that_others_could_enter_is_closed_and_a_link_is_refused() {
        let (folder, me) = (Folder::new(), geteuid());
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        private_folder(&open, me).unwrap();
        assert_eq!(fs::metadata(&open).unwrap().mode() & 0o777, 0o700);
        std::os::unix::fs::symlink(&open, folder.path().join("link")).unwrap();
        assert!(private_folder(&folder.path().join("link"), me).is_err());
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused() {
        let folder = Folder::new();
        let other = Uid::from_raw(geteuid().as_raw() + 1);
        let error = private_folder(&folder.path().join("x"), other).unwrap_err();
        assert!(error.to_string().contains("another user"), "{error}");
    }
}
