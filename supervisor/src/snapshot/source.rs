//! One source, read once: a file into sealed memory with its hash, a folder's names, or nothing.
//!
//! Blocking, so never called from the loop; a pipe or device in place of a file is refused without
//! waiting for it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use baton_shared::control::message::Found;
use baton_shared::os::memfd;
use baton_shared::words::hex;
use nix::fcntl::OFlag;
use sha2::{Digest as _, Sha256};

/// The largest source.
pub const SOURCE_BYTES_MAX: u64 = 16 << 20;
/// Names of a folder travel in one message: so many bytes of them at most.
const FOLDER_BYTES_MAX: usize = 48 << 10;
/// A file that is being written is read again so often, in the hope of a quiet moment.
const ATTEMPTS: u32 = 3;
const CHUNK_BYTES: usize = 64 << 10;

/// What was at a path at one moment.
#[derive(Clone, Debug)]
pub struct Source {
    /// What the worker is told.
    pub found: Found,
    /// The bytes of a file.
    pub content: Option<Arc<OwnedFd>>,
    /// How many.
    pub bytes: u64,
    /// It looks like a private key or the secrets of a key set: not to be copied to disk.
    pub is_secret: bool,
}

impl Source {
    fn without_content(found: Found) -> Self {
        Self { found, content: None, bytes: 0, is_secret: false }
    }

    /// Nothing that can be used, and why.
    #[must_use]
    pub fn failed(reason: String) -> Self {
        Self::without_content(Found::Failed { reason })
    }

    /// Bytes that come from elsewhere than a file.
    ///
    /// # Errors
    /// Out of memory or descriptors.
    pub fn of_bytes(bytes: &[u8]) -> io::Result<Self> {
        copy(bytes)
    }
}

/// Reads what is at `path`. Never fails: that, too, is an answer.
#[must_use]
pub fn read(path: &Path) -> Source {
    match read_file_or_folder(path) {
        Ok(source) => source,
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Source::without_content(Found::Missing)
        },
        Err(error) => Source::failed(format!("open {}: {}", path.display(), words(&error))),
    }
}

fn read_file_or_folder(path: &Path) -> io::Result<Source> {
    if let Some((folder, ending)) = pattern(path) {
        return read_folder(folder, ending);
    }
    // Without `O_NONBLOCK` opening a pipe waits for its other end.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return read_folder(path, "");
    }
    if !kind.is_file() {
        return Err(io::Error::other("neither a file nor a folder"));
    }
    for _ in 1..ATTEMPTS {
        let before = stamp(&file)?;
        let source = copy(&file)?;
        if stamp(&file)? == before {
            return Ok(source);
        }
        file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    }
    copy(&file)
}

/// What changes when somebody writes.
fn stamp(file: &File) -> io::Result<(u64, i64, i64)> {
    let of = file.metadata()?;
    Ok((of.size(), of.mtime(), of.mtime_nsec()))
}

/// `settings/*.json`: the folder, and how the names that count end. So files that nobody reads, such
/// as those of an editor, make no other content.
#[must_use]
pub fn pattern(path: &Path) -> Option<(&Path, &str)> {
    let ending = path.file_name()?.to_str()?.strip_prefix('*')?;
    Some((path.parent()?, ending))
}

fn read_folder(path: &Path, ending: &str) -> io::Result<Source> {
    let mut names = Vec::new();
    let mut bytes = 0;
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.ends_with(ending) {
            continue;
        }
        bytes += name.len() + 4;
        if bytes > FOLDER_BYTES_MAX {
            return Err(io::Error::other("too many files in the folder"));
        }
        names.push(name);
    }
    names.sort_unstable();
    Ok(Source::without_content(Found::Folder { names }))
}

/// In pieces, so that a large file does not swell the supervisor.
fn copy(mut from: impl Read) -> io::Result<Source> {
    let mut memory = File::from(memfd::open("baton-source")?);
    let (mut hash, mut scan) = (Sha256::new(), SecretScan::default());
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes: u64 = 0;
    loop {
        let read = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => chunk.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        bytes += read.len() as u64;
        if bytes > SOURCE_BYTES_MAX {
            return Err(io::Error::other(format!("larger than {} MiB", SOURCE_BYTES_MAX >> 20)));
        }
        hash.update(read);
        scan.feed(read);
        memory.write_all(read)?;
    }
    memfd::seal(&memory)?;
    let found = Found::File { hash: hex(&hash.finalize()) };
    let content = Some(Arc::new(memory.into()));
    Ok(Source { found, content, bytes, is_secret: scan.is_secret() })
}

/// Looks for what must not be copied to disk, in pieces: keys in PEM, and the secret members of
/// JSON Web Keys (RFC 7517). Errs on the side of calling too much a secret.
#[derive(Default)]
struct SecretScan {
    tail: Vec<u8>,
    has_private_key: bool,
    has_key_set: bool,
    has_secret_member: bool,
}

impl SecretScan {
    /// Longer than every mark, so that one across two pieces is seen.
    const TAIL_BYTES: usize = 32;

    fn feed(&mut self, piece: &[u8]) {
        self.tail.extend_from_slice(piece);
        let seen = |mark: &[u8]| self.tail.windows(mark.len()).any(|window| window == mark);
        self.has_private_key |= seen(b"PRIVATE KEY-----");
        self.has_key_set |= seen(b"\"kty\"");
        self.has_secret_member |= seen(b"\"k\"") || seen(b"\"d\"");
        let done = self.tail.len().saturating_sub(Self::TAIL_BYTES);
        self.tail.drain(..done);
    }

    const fn is_secret(&self) -> bool {
        self.has_private_key || (self.has_key_set && self.has_secret_member)
    }
}

/// The kernel's words in the lower case that Go programs use, without the number.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> std::path::PathBuf {
        let at = std::env::temp_dir().join(format!("baton-source-{}-{name}", std::process::id()));
        drop(std::fs::remove_dir_all(&at));
        std::fs::create_dir_all(&at).unwrap();
        at
    }

    #[test]
    fn a_pipe_in_place_of_a_file_is_refused_at_once() {
        let at = folder("pipe");
        let path = at.join("krakend.json");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        let source = read(&path);
        let Found::Failed { reason } = source.found else { panic!("{:?}", source.found) };
        assert!(reason.ends_with("neither a file nor a folder"), "{reason}");
        std::fs::remove_dir_all(at).unwrap();
    }

    #[test]
    fn missing_is_an_answer_and_a_folder_gives_its_names_in_order() {
        let at = folder("names");
        assert_eq!(read(&at.join("no")).found, Found::Missing);
        std::fs::write(at.join("b.json"), "{}").unwrap();
        std::fs::write(at.join("a.json"), "{}").unwrap();
        let names = vec!["a.json".to_owned(), "b.json".to_owned()];
        assert_eq!(read(&at).found, Found::Folder { names });
        assert_eq!(read(&at.join("a.json").join("x")).found, Found::Missing);
        std::fs::write(at.join(".a.json.swp"), "").unwrap();
        let names = vec!["a.json".to_owned(), "b.json".to_owned()];
        assert_eq!(read(&at.join("*.json")).found, Found::Folder { names });
        assert_eq!(read(&at.join("*.tmpl")).found, Found::Folder { names: Vec::new() });
        assert_eq!(read(&at.join("no/*.json")).found, Found::Missing);
        std::fs::remove_dir_all(at).unwrap();
    }

    #[test]
    fn a_file_larger_than_the_bound_is_refused_and_one_below_it_keeps_its_hash() {
        let at = folder("large");
        std::fs::write(at.join("small"), "{}").unwrap();
        let small = read(&at.join("small"));
        let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a".to_owned();
        assert_eq!(small.found, Found::File { hash });
        assert_eq!(memfd::read(small.content.unwrap().as_ref(), 10).unwrap(), b"{}");
        let large = File::create(at.join("large")).unwrap();
        large.set_len(SOURCE_BYTES_MAX + 1).unwrap();
        assert!(matches!(read(&at.join("large")).found, Found::Failed { .. }));
        std::fs::remove_dir_all(at).unwrap();
    }

    #[test]
    fn keys_are_secrets_wherever_a_piece_ends_and_public_key_sets_are_not() {
        let pem = b"xx-----BEGIN RSA PRIVATE KEY-----yy";
        for cut in 0..pem.len() {
            let mut scan = SecretScan::default();
            scan.feed(&pem[..cut]);
            scan.feed(&pem[cut..]);
            assert!(scan.is_secret(), "cut at {cut}");
        }
        let is_secret = |text: &str| Source::of_bytes(text.as_bytes()).unwrap().is_secret;
        assert!(is_secret(r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#));
        assert!(!is_secret(r#"{"keys":[{"kty":"RSA","n":"0vx7","e":"AQAB"}]}"#));
        assert!(!is_secret(r#"{"endpoints":[{"d":1}]}"#));
    }
}
