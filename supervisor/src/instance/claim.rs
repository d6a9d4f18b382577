//! `run` takes its instance: one supervisor per configuration, so that two never fight over one
//! control socket. The lock is the kernel's: it ends with the process, however that ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::places::{Places, private_folder, with_path};
use super::{CONFIG, Key, LOCK, SOCKET, lexical_absolute};

/// How long a predecessor may take to leave.
const RETRY_FOR: Duration = Duration::from_millis(2500);
const RETRY_EVERY: Duration = Duration::from_millis(50);
/// What crashed so long ago is tidied up; what is younger may just be starting.
const STALE_AFTER: Duration = Duration::from_secs(60);
/// Neighbours that one start looks at.
const SWEPT_MAX: usize = 1000;

/// Why there is no instance.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another supervisor has it.
    #[error(
        "another Baton{} runs this configuration already; talk to it with `baton status -c FILE`, \
         end it with `baton stop -c FILE`, or give this one its own --control PATH",
        process(*pid)
    )]
    Taken {
        /// Its process, when known.
        pid: Option<u32>,
    },
    /// Another supervisor has this control socket.
    #[error("another Baton{} has the control socket {}", process(*pid), control.display())]
    ControlTaken {
        /// Its process, when known.
        pid: Option<u32>,
        /// The socket.
        control: PathBuf,
    },
    /// No folder can be used. The gateway can serve all the same, without commands.
    #[error("no folder for the control socket can be used")]
    Unusable(#[source] io::Error),
}

fn process(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

/// An instance that belongs to this process.
#[derive(Debug)]
pub struct Instance {
    files: Files,
    lock: Option<File>,
    signpost: Option<Signpost>,
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
    let mut tick = tokio::time::interval(RETRY_EVERY);
    let mut holder = None;
    for _ in 0..RETRY_FOR.as_millis() / RETRY_EVERY.as_millis() {
        tick.tick().await;
        let files = match control {
            Some(control) => Files::at(control.to_owned()),
            None => Files::of(places, config).map_err(ClaimError::Unusable)?,
        };
        match files.lock() {
            Ok(Some(lock)) => {
                files.describe(&lock, config);
                files.sweep_neighbours();
                let signpost = control.and_then(|control| Signpost::put(places, config, control));
                return Ok(Instance { files, lock: Some(lock), signpost });
            },
            Ok(None) => holder = files.holder(),
            // Somebody who tidies up has just removed the folder.
            Err(error) if error.kind() == io::ErrorKind::NotFound && control.is_none() => {},
            Err(error) => return Err(ClaimError::Unusable(with_path(&error, &files.lock))),
        }
    }
    Err(match control.map(Path::to_owned) {
        Some(control) => ClaimError::ControlTaken { pid: holder, control },
        None => ClaimError::Taken { pid: holder },
    })
}

impl Instance {
    /// Where the control socket belongs.
    #[must_use]
    pub fn control(&self) -> &Path {
        &self.files.control
    }

    /// Lets a successor start: this process accepts no more connections and only drains.
    pub fn release(&mut self) {
        // First, so that the successor finds the place for its own free.
        self.signpost = None;
        self.lock = None;
    }
}

impl Drop for Instance {
    /// Tidies up, unless a successor has the place already.
    fn drop(&mut self) {
        let lock = self.lock.take().or_else(|| self.files.lock().ok().flatten());
        if let Some(lock) = lock {
            self.files.remove(lock);
        }
    }
}

/// A folder where commands look, with a link to a control socket that is elsewhere. Comfort only:
/// `--control` names the socket as well.
#[derive(Debug)]
struct Signpost {
    files: Files,
    lock: Option<File>,
}

impl Signpost {
    fn put(places: &Places, config: &Path, control: &Path) -> Option<Self> {
        let control = lexical_absolute(control, &std::env::current_dir().ok()?);
        let files = Files::of(places, &control).ok()?;
        let lock = files.lock().ok()??;
        let _of_a_dead_one = fs::remove_file(&files.control);
        symlink(&control, &files.control).ok()?;
        files.describe(&lock, config);
        Some(Self { files, lock: Some(lock) })
    }
}

impl Drop for Signpost {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            self.files.remove(lock);
        }
    }
}

/// The names of an instance's files.
#[derive(Debug)]
struct Files {
    control: PathBuf,
    lock: PathBuf,
    /// The folder that is the instance's own; none with `--control`.
    folder: Option<PathBuf>,
}

impl Files {
    /// In the folder of the instance that `named` stands for.
    fn of(places: &Places, named: &Path) -> io::Result<Self> {
        let key = Key::of(named);
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for place in places.runtime() {
            match private_folder(&place.join(&key), places.user) {
                Ok(folder) => return Ok(Self::within(folder)),
                Err(error) => last = with_path(&error, &place.join(&key)),
            }
        }
        Err(last)
    }

    fn within(folder: PathBuf) -> Self {
        let (control, lock) = (folder.join(SOCKET), folder.join(LOCK));
        Self { control, lock, folder: Some(folder) }
    }

    fn at(control: PathBuf) -> Self {
        let mut lock = control.clone().into_os_string();
        lock.push(".lock");
        Self { control, lock: lock.into(), folder: None }
    }

    /// Takes the lock; `None` when somebody else has it.
    fn lock(&self) -> io::Result<Option<File>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.custom_flags(nix::libc::O_NOFOLLOW).open(&self.lock)?;
        match file.try_lock() {
            Ok(()) => {},
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // A predecessor may have removed the file between our opening and our locking it: then
        // this lock is on a file that nobody else will find.
        let there = fs::metadata(&self.lock);
        let same =
            there.is_ok_and(|there| file.metadata().is_ok_and(|own| own.ino() == there.ino()));
        Ok(same.then_some(file))
    }

    /// Leaves the process id and the configuration's path for whoever looks. Comfort only.
    fn describe(&self, mut lock: &File, config: &Path) {
        let pid = std::process::id().to_string();
        let _comfort = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| lock.write_all(pid.as_bytes()));
        if let Some(folder) = &self.folder {
            let _comfort = fs::write(folder.join(CONFIG), config.as_os_str().as_bytes());
        }
    }

    fn holder(&self) -> Option<u32> {
        let mut text = String::new();
        File::open(&self.lock).ok()?.take(16).read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }

    /// Removes everything; the lock is held until nothing is left.
    fn remove(&self, lock: File) {
        let config = self.folder.as_ref().map(|folder| folder.join(CONFIG));
        for file in [Some(&self.control), config.as_ref(), Some(&self.lock)].into_iter().flatten() {
            let _gone_already = fs::remove_file(file);
        }
        if let Some(folder) = &self.folder {
            let _not_empty = fs::remove_dir(folder);
        }
        drop(lock);
    }

    /// Removes what killed instances left behind: those whose lock nobody holds.
    fn sweep_neighbours(&self) {
        let Some(folder) = &self.folder else { return };
        let Some(Ok(neighbours)) = folder.parent().map(fs::read_dir) else { return };
        for neighbour in neighbours.flatten().take(SWEPT_MAX) {
            let neighbour = neighbour.path();
            let old = |time: SystemTime| time.elapsed().is_ok_and(|age| age > STALE_AFTER);
            let stale = fs::symlink_metadata(neighbour.join(LOCK))
                .and_then(|lock| lock.modified())
                .is_ok_and(old);
            if stale && neighbour != *folder {
                let files = Self::within(neighbour);
                if let Ok(Some(lock)) = files.lock() {
                    files.remove(lock);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Wanted, find};
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
    fn an_instance_with_a_socket_elsewhere_is_found_by_its_file_and_leaves_nothing() {
        let (folder, elsewhere) = (Folder::new(), Folder::new());
        in_runtime(async {
            let places = places(&folder);
            let control = elsewhere.path().join("c");
            let config = Path::new(CONFIG_PATH);
            let first = claim(&places, config, Some(&control)).await.unwrap();
            let _listener = tokio::net::UnixListener::bind(first.control()).unwrap();
            for wanted in [Wanted::Config(config), Wanted::Only] {
                let found = find(&places, wanted).await.unwrap();
                assert_eq!((found.control, found.config), (control.clone(), Some(config.into())));
            }
            let other = elsewhere.path().join("d");
            let second = claim(&places, config, Some(&other)).await.unwrap();
            let _listener = tokio::net::UnixListener::bind(second.control()).unwrap();
            let several = find(&places, Wanted::Config(config)).await.unwrap_err().to_string();
            for control in [&control, &other] {
                let line = format!("--control {} (runs {CONFIG_PATH})", control.display());
                assert!(several.contains(&line), "{several}");
            }
            let taken = claim(&places, config, Some(&control)).await.unwrap_err().to_string();
            assert!(taken.contains("has the control socket") && taken.contains("/c"), "{taken}");
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
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
    fn what_killed_ones_left_is_swept_and_what_runs_or_starts_is_not() {
        let folder = Folder::new();
        in_runtime(async {
            let places = places(&folder);
            let path = |name: &str| folder.path().join(name);
            let running = claim(&places, Path::new("/a.json"), None).await.unwrap();
            for name in ["dead", "starting"] {
                fs::create_dir(path(name)).unwrap();
                File::create(path(name).join(LOCK)).unwrap();
            }
            for old in [path("dead").join(LOCK), running.files.lock.clone()] {
                let before = SystemTime::now() - 2 * STALE_AFTER;
                File::open(old).unwrap().set_modified(before).unwrap();
            }
            let _second = claim(&places, Path::new("/b.json"), None).await.unwrap();
            assert!(!path("dead").exists());
            assert!(path("starting").exists() && running.files.lock.exists());
        });
    }

    #[test]
    fn a_lock_that_leads_elsewhere_is_not_followed() {
        let folder = Folder::new();
        let (control, target) = (folder.path().join("c"), folder.path().join("target"));
        symlink(&target, folder.path().join("c.lock")).unwrap();
        in_runtime(async {
            let refused = claim(&Places::read(), Path::new(CONFIG_PATH), Some(&control)).await;
            assert!(matches!(refused, Err(ClaimError::Unusable(_))));
        });
        assert!(!target.exists());
    }
}
