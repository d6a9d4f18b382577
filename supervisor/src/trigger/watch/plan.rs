//! Which folders to watch for which names, so that no change of a source is missed.
//!
//! The way to a file is walked name by name, through every link: each folder on it is watched for
//! the next name. Then it does not matter which step is swapped, and a folder that is missing now
//! is noticed when it appears.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::snapshot::source;

/// The kernel's own bound for links on one way.
const LINKS_MAX: usize = 40;
/// More folders than any sane configuration has; each costs kernel memory.
const FOLDERS_MAX: usize = 2048;
/// The clock of file times is a timer tick behind.
const CLOCK_STEP: Duration = Duration::from_millis(20);

/// What to watch. The empty plan minds nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    folders: BTreeMap<PathBuf, Folder>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Folder {
    identity: Identity,
    names: BTreeSet<OsString>,
    /// The folder itself is a source: every name in it counts.
    whole: bool,
    /// A source, or a link on the way to one, stands in it.
    matters: bool,
}

impl Folder {
    /// By its name, or by a pattern such as `*.json`.
    fn counts(&self, name: &OsStr) -> bool {
        let is_like = |known: &OsString| {
            known.as_bytes().strip_prefix(b"*").is_some_and(|end| name.as_bytes().ends_with(end))
        };
        self.names.contains(name) || self.names.iter().any(is_like)
    }
}

/// Device and inode: the same folder, whatever its name is now.
pub(super) type Identity = (u64, u64);

impl Plan {
    /// The plan for `sources` as the disk is now. Relative paths are not followed.
    pub(super) fn of(sources: &[PathBuf]) -> Self {
        let mut plan = Self::default();
        for source in sources.iter().filter(|source| source.is_absolute()) {
            plan.walk(source);
        }
        plan
    }

    pub(super) fn folders(&self) -> impl Iterator<Item = (&Path, Identity)> {
        self.folders.iter().map(|(path, folder)| (path.as_path(), folder.identity))
    }

    pub(super) fn identity(&self, folder: &Path) -> Option<Identity> {
        self.folders.get(folder).map(|folder| folder.identity)
    }

    /// Whether the files cannot be followed without this folder.
    pub(super) fn matters(&self, folder: &Path) -> bool {
        self.folders.get(folder).is_some_and(|folder| folder.matters)
    }

    /// Whether a change at `path` may change a source.
    pub(super) fn minds(&self, path: &Path) -> bool {
        if self.folders.contains_key(path) {
            return true;
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return false };
        let folder = self.folders.get(parent);
        folder.is_some_and(|folder| folder.whole || folder.counts(name))
    }

    fn walk(&mut self, source: &Path) {
        let mut at = PathBuf::from("/");
        let mut ahead = names(source);
        let mut links = 0;
        while let Some(name) = ahead.pop() {
            if name == ".." {
                at.pop();
                continue;
            }
            let Some(folder) = self.folder(&at) else { return };
            folder.names.insert(name.clone());
            let next = at.join(&name);
            let Ok(found) = fs::symlink_metadata(&next) else {
                folder.matters |= ahead.is_empty();
                return;
            };
            if found.is_symlink() {
                folder.matters = true;
                links += 1;
                let Ok(target) = fs::read_link(&next) else { return };
                if links > LINKS_MAX {
                    return;
                }
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                ahead.extend(names(&target));
            } else if found.is_dir() {
                at = next;
            } else {
                folder.matters = true;
                return;
            }
        }
        if let Some(folder) = self.folder(&at) {
            folder.whole = true;
            folder.matters = true;
        }
    }

    fn folder(&mut self, path: &Path) -> Option<&mut Folder> {
        if !self.folders.contains_key(path) {
            let found = fs::metadata(path).ok()?;
            if self.folders.len() >= FOLDERS_MAX {
                return None;
            }
            let identity = (found.dev(), found.ino());
            let (names, whole, matters) = (BTreeSet::new(), false, false);
            self.folders.insert(path.to_owned(), Folder { identity, names, whole, matters });
        }
        self.folders.get_mut(path)
    }
}

/// The names of `path`, the first one last.
fn names(path: &Path) -> Vec<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsStr::new("..").to_owned()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(name).collect()
}

/// What distinguishes one state of a file or folder from the next.
pub(super) type Signature = Option<(u64, u64, u64, i64, i64)>;

/// The state of each source, for looking where the kernel does not watch.
pub(super) fn signature(sources: &[PathBuf]) -> Vec<Signature> {
    let of = |found: Metadata| {
        (found.dev(), found.ino(), found.size(), found.ctime(), found.ctime_nsec())
    };
    sources.iter().map(|source| fs::metadata(seen(source)).ok().map(of)).collect()
}

/// What there is to be looked at: of `settings/*.json` the folder.
fn seen(source: &Path) -> &Path {
    source::pattern(source).map_or(source, |(folder, _)| folder)
}

/// A source that was changed, replaced or linked anew after `since`.
pub(super) fn changed_since(sources: &[PathBuf], since: SystemTime) -> Option<&Path> {
    let since = since.checked_sub(CLOCK_STEP)?.duration_since(UNIX_EPOCH).ok()?;
    let later = |found: Metadata| {
        let seconds = u64::try_from(found.ctime()).unwrap_or(0);
        let nanos = u32::try_from(found.ctime_nsec()).unwrap_or(0);
        Duration::new(seconds, nanos) >= since
    };
    let changed = |path: &&PathBuf| {
        let path = seen(path);
        fs::symlink_metadata(path).is_ok_and(later) || fs::metadata(path).is_ok_and(later)
    };
    sources.iter().find(changed).map(PathBuf::as_path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testing::Folder as Temporary;

    #[test]
    fn every_link_on_the_way_is_watched() {
        let folder = Temporary::new();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("..2026_1")).unwrap();
        fs::write(at("..2026_1/krakend.json"), "{}").unwrap();
        symlink("..2026_1", at("..data")).unwrap();
        symlink("..data/krakend.json", at("krakend.json")).unwrap();
        let plan = Plan::of(&[at("krakend.json")]);
        for name in ["krakend.json", "..data", "..2026_1", "..2026_1/krakend.json"] {
            assert!(plan.minds(&at(name)), "{name}");
        }
        for name in ["other.json", "..2026_1/other.json", ".krakend.json.swp"] {
            assert!(!plan.minds(&at(name)), "{name}");
        }
        assert!(plan.matters(folder.path()) && plan.matters(&at("..2026_1")));
        assert!(!plan.matters(Path::new("/")));
    }

    #[test]
    fn a_missing_folder_is_waited_for_where_it_will_appear() {
        let folder = Temporary::new();
        let plan = Plan::of(&[folder.path().join("a/b/krakend.json")]);
        assert!(plan.minds(&folder.path().join("a")));
        assert!(!plan.minds(&folder.path().join("b")));
    }

    #[test]
    fn in_a_folder_that_is_a_source_every_name_counts() {
        let folder = Temporary::new();
        fs::create_dir(folder.path().join("settings")).unwrap();
        let plan = Plan::of(&[folder.path().join("settings")]);
        assert!(plan.minds(&folder.path().join("settings/new.json")));
        assert!(!plan.minds(&folder.path().join("other")));
    }

    #[test]
    fn of_a_pattern_only_names_like_it_count() {
        let folder = Temporary::new();
        fs::create_dir(folder.path().join("settings")).unwrap();
        let plan = Plan::of(&[folder.path().join("settings/*.json")]);
        assert!(plan.minds(&folder.path().join("settings/new.json")));
        assert!(!plan.minds(&folder.path().join("settings/.new.json.swp")));
        assert!(plan.matters(&folder.path().join("settings")));
    }

    #[test]
    fn links_in_a_ring_and_a_file_in_the_place_of_a_folder_end_the_walk() {
        let folder = Temporary::new();
        let at = |name: &str| folder.path().join(name);
        symlink("b", at("a")).unwrap();
        symlink("a", at("b")).unwrap();
        fs::write(at("file"), "").unwrap();
        let plan = Plan::of(&[at("a"), at("file/below.json"), PathBuf::from("relative")]);
        assert!(plan.minds(&at("a")) && plan.minds(&at("b")) && plan.minds(&at("file")));
    }

    #[test]
    fn a_way_up_through_a_link_leads_where_the_kernel_goes() {
        let folder = Temporary::new();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("real/deep")).unwrap();
        fs::write(at("real/k.json"), "").unwrap();
        symlink("real/deep", at("link")).unwrap();
        assert!(Plan::of(&[at("link/../k.json")]).minds(&at("real/k.json")));
    }

    #[test]
    fn only_what_changed_after_the_moment_is_fresh() {
        let folder = Temporary::new();
        let file = folder.path().join("a");
        let before = SystemTime::now();
        fs::write(&file, "").unwrap();
        let files = [folder.path().join("missing"), file.clone()];
        assert_eq!(changed_since(&files, before), Some(file.as_path()));
        assert_eq!(changed_since(&files, before + Duration::from_secs(60)), None);
    }
}
