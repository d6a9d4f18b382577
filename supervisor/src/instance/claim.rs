//! `run` takes its instance: one supervisor per configuration, so that two never fight over one
//! control socket. The lock is the kernel's: it ends with the process, however that ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::places::{Places, private_folder, with_path};
use super::{CONFIG, Key, LOCK, SOCKET};

/// How long a predecessor may take to leave.
const RETRY_FOR: Duration = Duration::from_millis(2500);
const RETRY_EVERY: Duration = Duration::from_millis(50);

/// An instance that belongs to this process.
#[derive(Debug)]
pub struct Instance {
    control: PathBuf,
    lock_path: PathBuf,
    lock: Option<File>,
    /// Removed at the end, if it is empty then.
    folder: Option<PathBuf>,
}

/// Why there is no instance.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another supervisor has it.
    #[error(
        "another Baton{} runs this configuration already; talk to it with `baton status -c FILE`, \
         end it with `baton stop -c FILE`, or give this one its own --control PATH",
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Taken {
        /// Its process, when known.
        pid: Option<u32>,
    },
    /// No folder can be used. The gateway can serve all the same, without commands.
    #[error("no folder for the control socket can be used")]
    Unusable(#[source] io::Error),
}

/// Takes the instance of the configuration at `config` (lexical absolute), or the one whose
/// control socket is `control`. Waits at most 2.5 s for a predecessor that is leaving.
///
/// # Errors
/// See [`ClaimError`].
pub async fn claim(
    places: &Places,
    config: &Path,
    control: Option<&Path>,
) -> Result<Instance, ClaimError> {
    let mut instance = match control {
        Some(control) => Instance::at(control.to_owned()),
        None => Instance::in_folder(&folder(places, config)?),
    };
    let mut tick = tokio::time::interval(RETRY_EVERY);
    let tries = RETRY_FOR.as_millis() / RETRY_EVERY.as_millis();
    for _ in 0..tries {
        tick.tick().await;
        match instance.try_lock() {
            Ok(Locked::Yes) => {
                instance.describe(config);
                return Ok(instance);
            },
            Ok(Locked::No) => {},
            Err(error) => {
                return Err(ClaimError::Unusable(with_path(&error, &instance.lock_path)));
            },
        }
    }
    Err(ClaimError::Taken { pid: instance.holder() })
}

fn folder(places: &Places, config: &Path) -> Result<PathBuf, ClaimError> {
    let key = Key::of(config);
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for place in places.runtime() {
        match private_folder(&place.join(&key), places.user) {
            Ok(folder) => return Ok(folder),
            Err(error) => last = with_path(&error, &place.join(&key)),
        }
    }
    Err(ClaimError::Unusable(last))
}

enum Locked {
    Yes,
    No,
}

impl Instance {
    fn in_folder(folder: &Path) -> Self {
        Self {
            control: folder.join(SOCKET),
            lock_path: folder.join(LOCK),
            lock: None,
            folder: Some(folder.to_owned()),
        }
    }

    fn at(control: PathBuf) -> Self {
        let mut lock_path = control.clone().into_os_string();
        lock_path.push(".lock");
        Self { control, lock_path: lock_path.into(), lock: None, folder: None }
    }

    /// Where the control socket belongs.
    #[must_use]
    pub fn control(&self) -> &Path {
        &self.control
    }

    fn try_lock(&mut self) -> io::Result<Locked> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.custom_flags(nix::libc::O_NOFOLLOW).open(&self.lock_path)?;
        match file.try_lock() {
            Ok(()) => {},
            Err(TryLockError::WouldBlock) => return Ok(Locked::No),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // A predecessor may have removed the file between our opening and our locking it: then
        // this lock is on a file that nobody else will find.
        let Ok(there) = fs::metadata(&self.lock_path) else { return Ok(Locked::No) };
        if there.ino() != file.metadata()?.ino() {
            return Ok(Locked::No);
        }
        self.lock = Some(file);
        Ok(Locked::Yes)
    }

    /// Leaves the process id and the configuration's path for whoever looks. Comfort only.
    fn describe(&mut self, config: &Path) {
        if let Some(lock) = &mut self.lock {
            let pid = std::process::id().to_string();
            let _comfort = lock
                .set_len(0)
                .and_then(|()| lock.rewind())
                .and_then(|()| lock.write_all(pid.as_bytes()));
        }
        if let Some(folder) = &self.folder {
            let _comfort = fs::write(folder.join(CONFIG), config.as_os_str().as_bytes());
        }
    }

    fn holder(&self) -> Option<u32> {
        let mut text = String::new();
        let file = File::open(&self.lock_path).ok()?;
        file.take(16).read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }

    /// Lets a successor start: this process accepts no more connections and only drains.
    pub fn release(&mut self) {
        self.lock = None;
    }
}

impl Drop for Instance {
    /// Tidies up, unless a successor has the place already.
    fn drop(&mut self) {
        if self.lock.is_none() && !matches!(self.try_lock(), Ok(Locked::Yes)) {
            return;
        }
        let mut files = vec![self.control.clone()];
        files.extend(self.folder.as_ref().map(|folder| folder.join(CONFIG)));
        // The lock goes last, while it is still held.
        files.push(self.lock_path.clone());
        for file in files {
            let _gone_already = fs::remove_file(file);
        }
        if let Some(folder) = &self.folder {
            let _not_empty = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Folder, in_runtime};

    fn places(folder: &Folder) -> Places {
        let mut places = Places::read();
        places.runtime_directory = Some(folder.path().to_owned());
        places
    }

    const CONFIG_PATH: &str = "/srv/krakend.json";

    #[test]
    fn a_second_supervisor_of_the_same_file_is_told_who_has_it() {
        let folder = Folder::new();
        in_runtime(async {
            let places = places(&folder);
            let first = claim(&places, Path::new(CONFIG_PATH), None).await.unwrap();
            let taken = claim(&places, Path::new(CONFIG_PATH), None).await.unwrap_err();
            let text = taken.to_string();
            assert!(text.contains(&format!("(process {})", std::process::id())), "{text}");
            drop(first);
            claim(&places, Path::new(CONFIG_PATH), None).await.unwrap();
        });
    }

    #[test]
    fn two_files_are_two_instances() {
        let folder = Folder::new();
        in_runtime(async {
            let places = places(&folder);
            let first = claim(&places, Path::new("/a.json"), None).await.unwrap();
            let second = claim(&places, Path::new("/b.json"), None).await.unwrap();
            assert_ne!(first.control(), second.control());
        });
    }

    #[test]
    fn a_successor_starts_while_the_predecessor_drains_and_keeps_its_files() {
        let folder = Folder::new();
        in_runtime(async {
            let places = places(&folder);
            let mut first = claim(&places, Path::new(CONFIG_PATH), None).await.unwrap();
            first.release();
            let second = claim(&places, Path::new(CONFIG_PATH), None).await.unwrap();
            fs::write(second.control(), "").unwrap();
            drop(first);
            assert!(second.control().exists());
        });
    }

    #[test]
    fn nothing_is_left_after_the_end() {
        let folder = Folder::new();
        in_runtime(async {
            let instance = claim(&places(&folder), Path::new(CONFIG_PATH), None).await.unwrap();
            fs::write(instance.control(), "").unwrap();
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_lock_that_leads_elsewhere_is_not_followed() {
        let folder = Folder::new();
        let (control, target) = (folder.path().join("c"), folder.path().join("target"));
        std::os::unix::fs::symlink(&target, folder.path().join("c.lock")).unwrap();
        in_runtime(async {
            let refused = claim(&Places::read(), Path::new(CONFIG_PATH), Some(&control)).await;
            assert!(matches!(refused, Err(ClaimError::Unusable(_))));
        });
        assert!(!target.exists());
    }
}
