//! The supervisor's end of the control socket. Everything waits somewhere else than in the
//! supervisor's loop: a caller who is slow, silent or gone costs a task, never a reload.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::geteuid;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::protocol::{self, REQUEST_BYTES_MAX, Request, Response};
use crate::trigger::{Cause, Command, ReloadRequest};

/// Callers that are served at once; more wait in the kernel's queue.
const CALLERS_MAX: usize = 32;
/// How long a caller may take to say what they want.
const REQUEST_DEADLINE: Duration = Duration::from_secs(5);
/// How long a caller may take to read the answer.
const RESPONSE_DEADLINE: Duration = Duration::from_secs(10);
/// How long the supervisor's loop may take to take a command.
const COMMAND_DEADLINE: Duration = Duration::from_secs(5);
/// How long to wait after `accept` failed, usually for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens at `path`, in the place of whatever a predecessor left there. Nobody but this user can
/// connect at any moment after the socket has its name.
///
/// # Errors
/// What the kernel says; a path longer than 107 bytes is none for a socket.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    let mut new = path.to_owned().into_os_string();
    new.push(".new");
    let new = PathBuf::from(new);
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {},
    }
    let listener = UnixListener::bind(&new)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
    fs::rename(&new, path)?;
    Ok(listener)
}

/// Answers callers until the runtime ends.
#[expect(clippy::infinite_loop, reason = "it serves as long as the process lives")]
pub async fn serve(listener: UnixListener, commands: mpsc::Sender<Command>) {
    let places = Arc::new(Semaphore::new(CALLERS_MAX));
    let mut pause = tokio::time::interval(ACCEPT_PAUSE);
    loop {
        // The semaphore is never closed, so there is always a permit to wait for.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { continue };
        let Ok((stream, _)) = listener.accept().await else {
            pause.tick().await;
            continue;
        };
        let commands = commands.clone();
        drop(tokio::spawn(async move {
            // A caller who is gone learns nothing; there is nobody else to tell.
            let _told = answer(stream, &commands).await;
            drop(place);
        }));
    }
}

async fn answer(mut stream: UnixStream, commands: &mpsc::Sender<Command>) -> io::Result<()> {
    if let Err(text) = admit(&stream) {
        return say(&mut stream, &Response::Error { text }).await;
    }
    let request = match protocol::read(&mut stream, REQUEST_BYTES_MAX, REQUEST_DEADLINE).await {
        Ok(Some(request)) => request,
        Ok(None) => return Ok(()),
        Err(error) => {
            return say(&mut stream, &Response::Error { text: error.to_string() }).await;
        },
    };
    match request {
        Request::Reload { wait, force } => {
            let (answer, report) = oneshot::channel();
            let answer = Some(answer);
            let wish = ReloadRequest { cause: Cause::Caller, force, wait, answer };
            relay(&mut stream, commands, Command::Reload(wish), report, Response::Report).await
        },
        Request::Status => {
            let (answer, status) = oneshot::channel();
            relay(&mut stream, commands, Command::Status(answer), status, Response::Status).await
        },
        Request::Revocations { entries, wanted } => {
            let (answer, revoked) = oneshot::channel();
            let ask = Command::Revocations { entries, wanted, answer };
            let response = |revoked| Response::Revoked { revoked };
            relay(&mut stream, commands, ask, revoked, response).await
        },
        Request::Stop => {
            let (answer, stopped) = oneshot::channel();
            say(&mut stream, &Response::Stopping).await?;
            let stop = Command::Stop { answer: Some(answer) };
            relay(&mut stream, commands, stop, stopped, |()| Response::Stopped).await
        },
    }
}

/// Root and the supervisor's own user may command it, whatever the file's mode says.
fn admit(stream: &UnixStream) -> Result<(), String> {
    let own = geteuid().as_raw();
    match stream.peer_cred().map(|peer| peer.uid()) {
        Ok(uid) if uid == own || uid == 0 => Ok(()),
        Ok(uid) => Err(format!("user {uid} may not command this gateway; user {own} and root may")),
        Err(error) => Err(format!("who calls cannot be told: {error}")),
    }
}

/// Hands `command` to the supervisor and its answer to the caller. A caller who closes meanwhile
/// is let go; what they asked for goes on.
async fn relay<T>(
    stream: &mut UnixStream,
    commands: &mpsc::Sender<Command>,
    command: Command,
    answer: oneshot::Receiver<T>,
    response: impl FnOnce(T) -> Response,
) -> io::Result<()> {
    let busy = || Response::Error { text: "the supervisor does not take commands".to_owned() };
    let Ok(Ok(())) = timeout(COMMAND_DEADLINE, commands.send(command)).await else {
        return say(stream, &busy()).await;
    };
    tokio::select! {
        answer = answer => match answer {
            Ok(answer) => say(stream, &response(answer)).await,
            Err(_gone) => say(stream, &busy()).await,
        },
        () = closed(stream) => Ok(()),
    }
}

/// Comes back when the peer closes; what it says meanwhile is thrown away.
async fn closed(stream: &UnixStream) {
    let mut rest = [0; 256];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut rest) {
            Ok(0) => return,
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
            _ => {},
        }
    }
}

async fn say(stream: &mut UnixStream, response: &Response) -> io::Result<()> {
    protocol::write(stream, response, RESPONSE_DEADLINE).await
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::admin::Client;
    use crate::testing::{Folder, in_runtime};
    use crate::trigger::Wait;

    fn start(folder: &Folder) -> (PathBuf, mpsc::Receiver<Command>) {
        let path = folder.path().join("control.sock");
        let (sender, commands) = mpsc::channel(4);
        let listener = bind(&path).unwrap();
        drop(tokio::spawn(serve(listener, sender)));
        (path, commands)
    }

    #[test]
    fn the_socket_is_the_users_alone_and_replaces_a_stale_one() {
        let folder = Folder::new();
        in_runtime(async {
            drop(start(&folder));
            let (path, _commands) = start(&folder);
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
            UnixStream::connect(&path).await.unwrap();
        });
    }

    #[test]
    fn a_caller_who_goes_away_does_not_take_the_reload_with_them() {
        let folder = Folder::new();
        in_runtime(async {
            let (path, mut commands) = start(&folder);
            let mut caller = UnixStream::connect(&path).await.unwrap();
            let request = Request::Reload { wait: Wait::Drained, force: true };
            protocol::write(&mut caller, &request, RESPONSE_DEADLINE).await.unwrap();
            let Some(Command::Reload(wish)) = commands.recv().await else { panic!("no reload") };
            assert!(wish.force && wish.wait == Wait::Drained && wish.cause == Cause::Caller);
            let mut answer = wish.answer.unwrap();
            drop(caller);
            // The supervisor can see that nobody listens any more.
            timeout(RESPONSE_DEADLINE, answer.closed()).await.unwrap();
        });
    }

    #[test]
    fn nonsense_is_answered_and_the_next_caller_is_served() {
        let folder = Folder::new();
        in_runtime(async {
            let (path, mut commands) = start(&folder);
            let mut caller = UnixStream::connect(&path).await.unwrap();
            caller.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
            let mut text = String::new();
            caller.read_to_string(&mut text).await.unwrap();
            assert!(text.contains(r#""is":"error""#), "{text}");
            let caller = UnixStream::connect(&path).await.unwrap();
            let stop = tokio::spawn(async move {
                Client::new(caller).stop(RESPONSE_DEADLINE).await.unwrap();
            });
            let Some(Command::Stop { answer }) = commands.recv().await else { panic!("no stop") };
            answer.unwrap().send(()).unwrap();
            stop.await.unwrap();
        });
    }

    #[test]
    fn a_gateway_that_ends_while_somebody_waits_says_so() {
        let folder = Folder::new();
        in_runtime(async {
            let (path, commands) = start(&folder);
            drop(commands);
            let caller = UnixStream::connect(&path).await.unwrap();
            let error = Client::new(caller).status(RESPONSE_DEADLINE).await.unwrap_err();
            assert!(error.to_string().contains("does not take commands"), "{error}");
        });
    }
}
