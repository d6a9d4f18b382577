//! What a name stands for on the disk. Runs beside the serving thread, since a disk may take its time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use baton_shared::os::beneath::{self, Entry};
use bytes::Bytes;
use nix::errno::Errno;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Folder, Listing, Names};

/// So much of a file is read at once: most are no larger.
pub(super) const FIRST_BYTES_MAX: u64 = 64 * 1024;
/// How long a disk may take for one look or one piece.
pub(super) const DISK_WAIT: Duration = Duration::from_secs(30);
/// Entries of a folder that are shown.
const ENTRIES_MAX: usize = 10_000;

/// What is there.
#[derive(Debug)]
pub(super) enum Seen {
    File(Opened),
    Folder {
        entries: Vec<Entry>,
        modified: Option<SystemTime>,
    },
    /// It is asked for by this name, relative to the one that was used.
    Elsewhere(Vec<u8>),
    Missing,
    Forbidden,
    Failed,
}

/// A file, and its beginning.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: Arc<File>,
    pub(super) bytes: u64,
    pub(super) modified: Option<SystemTime>,
    pub(super) first: Bytes,
    /// Where it is another one than was asked for: `index.html`.
    pub(super) name: Option<Vec<u8>>,
}

pub(super) async fn look(folder: &Folder, name: &[u8], names: Names) -> Seen {
    let (folder, name) = (folder.clone(), name.to_vec());
    let looked = timeout(DISK_WAIT, spawn_blocking(move || find(&folder, &name, names))).await;
    match looked {
        Ok(Ok(Ok(seen))) => seen,
        Ok(Ok(Err(error))) => judge(&error),
        Ok(Err(_)) | Err(_) => Seen::Failed,
    }
}

fn judge(error: &io::Error) -> Seen {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(
            Errno::ENOENT
            | Errno::ENOTDIR
            | Errno::EXDEV
            | Errno::ELOOP
            | Errno::ENAMETOOLONG
            | Errno::EINVAL
            | Errno::ENXIO,
        ) => Seen::Missing,
        Some(Errno::EACCES | Errno::EPERM) => Seen::Forbidden,
        _ => Seen::Failed,
    }
}

fn find(folder: &Folder, name: &[u8], names: Names) -> io::Result<Seen> {
    let root = beneath::folder(&folder.path)?;
    let ends_with_slash = name.ends_with(b"/");
    let path = strip_slashes(name);
    let file = beneath::file(&root, path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        if ends_with_slash && names == Names::Redirect {
            return Ok(Seen::Elsewhere([b"../", last(path)].concat()));
        }
        return open(file, &metadata, None).map(Seen::File);
    }
    if !metadata.is_dir() {
        return Ok(Seen::Missing);
    }
    if !ends_with_slash && names == Names::Redirect {
        return Ok(Seen::Elsewhere([&escaped(last(path))[..], b"/"].concat()));
    }
    let index = [path, b"/index.html"].concat();
    if let Ok(found) = beneath::file(&root, strip_slashes(&index))
        && let Ok(found_metadata) = found.metadata()
        && found_metadata.is_file()
    {
        return open(found, &found_metadata, Some(index)).map(Seen::File);
    }
    match folder.listing {
        Listing::Hidden => Ok(Seen::Missing),
        Listing::Shown => {
            let modified = time(&metadata);
            let entries = beneath::entries(file, ENTRIES_MAX)?;
            Ok(Seen::Folder { entries, modified })
        },
    }
}

fn open(file: File, metadata: &std::fs::Metadata, name: Option<Vec<u8>>) -> io::Result<Opened> {
    let bytes = metadata.len();
    let here = usize::try_from(bytes.min(FIRST_BYTES_MAX)).unwrap_or(0);
    let first = read(&file, 0, here)?;
    Ok(Opened { file: Arc::new(file), bytes, modified: time(metadata), first, name })
}

/// Exactly so many bytes; a file that has become shorter is an error.
pub(super) fn read(file: &File, at: u64, bytes: usize) -> io::Result<Bytes> {
    let mut buffer = vec![0; bytes];
    file.read_exact_at(&mut buffer, at)?;
    Ok(buffer.into())
}

/// Go knows no modification time of 1970.
fn time(metadata: &std::fs::Metadata) -> Option<SystemTime> {
    metadata.modified().ok().filter(|time| *time > SystemTime::UNIX_EPOCH)
}

fn strip_slashes(path: &[u8]) -> &[u8] {
    let start = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
    let path = path.get(start..).unwrap_or_default();
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    path.get(..end).unwrap_or_default()
}

fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

fn escaped(segment: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(segment.len());
    crate::route::percent::escape_path(segment, &mut out);
    out
}
