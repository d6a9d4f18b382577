//! The other commands find the running gateway they mean. A gateway runs when its control socket
//! accepts a connection; what crashed ones left behind does not count.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use baton_shared::log::escape;
use nix::unistd::Uid;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::places::{Places, WRITABLE_BY_ALL};
use super::{CONFIG, Key, SOCKET, lexical_absolute};

/// How long one gateway may take to accept a command.
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);
/// Folders that are looked at when no gateway is named.
const CANDIDATES_MAX: usize = 1000;

/// Which gateway is wanted.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// The one with this control socket.
    Control(&'a Path),
    /// The one that runs this file.
    Config(&'a Path),
    /// The only one.
    Only,
}

/// A gateway that runs, and a fresh connection to it.
#[derive(Debug)]
pub struct Running {
    /// Its configuration, as an absolute path; unknown with `--control`.
    pub config: Option<PathBuf>,
    /// Its control socket.
    pub control: PathBuf,
    /// That one was chosen with `--control`.
    pub is_elsewhere: bool,
    /// To it.
    pub stream: UnixStream,
}

/// Why no gateway was found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// Nothing runs where a command looks.
    #[error("no running Baton found{}", because(.forbidden.as_deref()))]
    None {
        /// A folder that this user may not look into.
        forbidden: Option<PathBuf>,
    },
    /// The file is not run by anybody; others may be.
    #[error(
        "no running Baton serves {}{}{}{}", .config.display(), because(.forbidden.as_deref()),
        if .others.is_empty() { "" } else { "; running:" }, list(.others)
    )]
    NotThis {
        /// The file that was meant.
        config: PathBuf,
        /// A folder that this user may not look into.
        forbidden: Option<PathBuf>,
        /// How to name the gateways that run.
        others: Vec<String>,
    },
    /// Several run and none was named.
    #[error("several gateways run; name one of them with{}", list(.0))]
    Several(Vec<String>),
    /// The control socket that was named does not answer.
    #[error("{}: {cause}", .control.display())]
    Unreachable {
        /// Its path.
        control: PathBuf,
        /// What the kernel says.
        cause: io::Error,
    },
}

fn because(forbidden: Option<&Path>) -> String {
    forbidden.map_or_else(String::new, |folder| {
        format!(" (this user may not look into {}: try as root)", folder.display())
    })
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("\n  {name}")).collect()
}

/// Finds the wanted gateway and connects to it.
///
/// # Errors
/// See [`FindError`].
pub async fn find(places: &Places, wanted: Wanted<'_>) -> Result<Running, FindError> {
    match wanted {
        Wanted::Control(control) => match connect(control).await {
            Ok(stream) => Ok(Running {
                config: None,
                control: control.to_owned(),
                is_elsewhere: true,
                stream,
            }),
            Err(cause) => Err(FindError::Unreachable { control: control.to_owned(), cause }),
        },
        Wanted::Config(file) => {
            let folder = std::env::current_dir().unwrap_or_default();
            by_config(places, lexical_absolute(file, &folder)).await
        },
        Wanted::Only => {
            let Search { running, forbidden } = search(places).await;
            the_one(running, || FindError::None { forbidden })
        },
    }
}

async fn by_config(places: &Places, config: PathBuf) -> Result<Running, FindError> {
    let key = Key::of(&config);
    for place in places.searched() {
        let control = place.join(&key).join(SOCKET);
        if let Ok(stream) = connect_within(&place, &control, places.user).await {
            return Ok(Running { config: Some(config), control, is_elsewhere: false, stream });
        }
    }
    // One with a control socket of its own.
    let Search { running, forbidden } = search(places).await;
    let is_it = |one: &Running| one.config.as_ref() == Some(&config);
    let (found, others): (Vec<Running>, Vec<Running>) = running.into_iter().partition(is_it);
    the_one(found, || FindError::NotThis { config, forbidden, others: names(&others) })
}

fn the_one(
    mut found: Vec<Running>,
    if_none: impl FnOnce() -> FindError,
) -> Result<Running, FindError> {
    if found.len() > 1 {
        return Err(FindError::Several(names(&found)));
    }
    found.pop().ok_or_else(if_none)
}

/// What to type for each of them.
fn names(running: &[Running]) -> Vec<String> {
    // What a folder's file says is not ours: no control characters on the terminal.
    let safe = |path: &Path| escape(&path.to_string_lossy()).into_owned();
    let name = |one: &Running| match &one.config {
        None => format!("--control {}", safe(&one.control)),
        Some(config) if one.is_elsewhere => {
            format!("--control {} (runs {})", safe(&one.control), safe(config))
        },
        Some(config) => format!("-c {}", safe(config)),
    };
    running.iter().map(name).collect()
}

struct Search {
    running: Vec<Running>,
    forbidden: Option<PathBuf>,
}

async fn search(places: &Places) -> Search {
    let mut found = Search { running: Vec::new(), forbidden: None };
    for place in places.searched() {
        let folders = match fs::read_dir(&place) {
            Ok(folders) => folders,
            Err(error) => {
                if error.kind() == io::ErrorKind::PermissionDenied {
                    found.forbidden = Some(place);
                }
                continue;
            },
        };
        for folder in folders.flatten().take(CANDIDATES_MAX) {
            let (folder, control) = (folder.path(), folder.path().join(SOCKET));
            match connect_within(&place, &control, places.user).await {
                Ok(stream) => {
                    let config = fs::read(folder.join(CONFIG)).ok();
                    let config =
                        config.map(|bytes| PathBuf::from(std::ffi::OsString::from_vec(bytes)));
                    let elsewhere = fs::read_link(&control).ok();
                    let is_elsewhere = elsewhere.is_some();
                    let control = elsewhere.unwrap_or(control);
                    found.running.push(Running { config, control, is_elsewhere, stream });
                },
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    found.forbidden = Some(folder);
                },
                Err(_nobody_listens) => {},
            }
        }
    }
    found.running.sort_by(|a, b| a.config.cmp(&b.config));
    found
}

/// As [`connect`], for a socket that was found and not named: where anybody can put one, only a
/// gateway of `user` counts, or a stranger's would be taken for ours.
async fn connect_within(place: &Path, control: &Path, user: Uid) -> io::Result<UnixStream> {
    let stream = connect(control).await?;
    if place.starts_with(WRITABLE_BY_ALL) && stream.peer_cred()?.uid() != user.as_raw() {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

async fn connect(control: &Path) -> io::Result<UnixStream> {
    match timeout(CONNECT_DEADLINE, UnixStream::connect(control)).await {
        Ok(connected) => connected,
        Err(_elapsed) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;
    use crate::testing::{Folder, in_runtime};

    fn places(folder: &Folder) -> Places {
        let mut places = Places::read();
        places.runtime_directory = Some(folder.path().to_owned());
        places.xdg_runtime_dir = None;
        places
    }

    fn instance(folder: &Folder, config: &str) -> (PathBuf, UnixListener) {
        let own = folder.path().join(Key::of(Path::new(config)));
        fs::create_dir(&own).unwrap();
        fs::write(own.join(CONFIG), config).unwrap();
        let listener = UnixListener::bind(own.join(SOCKET)).unwrap();
        (own, listener)
    }

    #[test]
    fn what_a_crash_left_behind_is_not_running() {
        let folder = Folder::new();
        in_runtime(async {
            drop(instance(&folder, "/a.json"));
            let (_own, _listener) = instance(&folder, "/b.json");
            let wanted = Wanted::Config(Path::new("/a.json"));
            let error = find(&places(&folder), wanted).await.unwrap_err();
            assert!(error.to_string().contains("no running Baton serves /a.json"), "{error}");
            assert!(error.to_string().contains("-c /b.json"), "{error}");
            let found = find(&places(&folder), Wanted::Config(Path::new("/b.json"))).await;
            assert_eq!(found.unwrap().config, Some(PathBuf::from("/b.json")));
        });
    }

    #[test]
    fn several_are_listed_without_what_could_harm_a_terminal() {
        let folder = Folder::new();
        in_runtime(async {
            let _one = instance(&folder, "/a.json");
            let _two = instance(&folder, "/b\u{1b}[2J.json");
            let text = find(&places(&folder), Wanted::Only).await.unwrap_err().to_string();
            assert!(text.contains("-c /a.json") && text.contains(r"-c /b\u{1b}[2J.json"), "{text}");
            assert!(!text.contains('\u{1b}'));
        });
    }

    #[test]
    fn a_named_socket_that_is_not_there_says_so() {
        in_runtime(async {
            let wanted = Wanted::Control(Path::new("/nonexistent/x.sock"));
            let error = find(&Places::read(), wanted).await.unwrap_err();
            assert!(error.to_string().contains("/nonexistent/x.sock: "), "{error}");
        });
    }
}
