//! SIGHUP reloads; SIGTERM and SIGINT drain and end, a second one ends now.
//!
//! Each signal has a socket that its handler writes a byte to. Ten thousand signals are a readable
//! socket, not ten thousand wishes: while one reload by signal is under way, the next is merely
//! noted.

use std::io;
use std::os::unix::net::UnixStream as Pipe;
use std::time::Duration;

use baton_shared::log;
use nix::libc::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use super::{Cause, Command, ReloadRequest, Wait};

/// Signals so soon after the first are its echo: `timeout(1)` and some shells send each twice, to
/// the process and to its group.
const ECHO: Duration = Duration::from_millis(200);

/// The signals of this process, caught from now on.
#[derive(Debug)]
pub struct Signals {
    hangup: UnixStream,
    terminate: UnixStream,
    interrupt: UnixStream,
}

impl Signals {
    /// Catches the signals. Call it inside a runtime, before anything slow: until then a SIGHUP
    /// ends the process.
    ///
    /// # Errors
    /// When the kernel gives no descriptors.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            hangup: caught(SIGHUP)?,
            terminate: caught(SIGTERM)?,
            interrupt: caught(SIGINT)?,
        })
    }

    /// Turns signals into commands until the supervisor takes no more.
    pub async fn forward(self, commands: mpsc::Sender<Command>) {
        let ends = forward_ends(&self.terminate, &self.interrupt, &commands);
        tokio::join!(forward_hangups(&self.hangup, &commands), ends);
    }
}

fn caught(signal: i32) -> io::Result<UnixStream> {
    let (ours, handlers) = Pipe::pair()?;
    ours.set_nonblocking(true)?;
    pipe::register(signal, handlers)?;
    UnixStream::from_std(ours)
}

async fn forward_hangups(hangup: &UnixStream, commands: &mpsc::Sender<Command>) {
    while arrived(hangup).await.is_ok() {
        let (answer, report) = oneshot::channel();
        let (cause, wait) = (Cause::Signal, Wait::Committed);
        let wish = ReloadRequest { cause, force: false, wait, answer: Some(answer) };
        if commands.send(Command::Reload(wish)).await.is_err() {
            return;
        }
        // Only its end matters here; the supervisor logs how it went.
        let _ended = report.await;
    }
}

async fn forward_ends(
    terminate: &UnixStream,
    interrupt: &UnixStream,
    commands: &mpsc::Sender<Command>,
) {
    let Ok(name) = either(terminate, interrupt).await else { return };
    log::info("", format!("Signal intercepted: {name}"));
    if commands.send(Command::Stop { answer: None }).await.is_err() {
        return;
    }
    let echoes = async { while either(terminate, interrupt).await.is_ok() {} };
    let _over = tokio::time::timeout(ECHO, echoes).await;
    let Ok(name) = either(terminate, interrupt).await else { return };
    log::warning("", format!("Signal intercepted again: {name}, ending now"));
    let _gone = commands.send(Command::StopNow).await;
}

/// The name, as Go prints it, of the one that comes first.
async fn either(terminate: &UnixStream, interrupt: &UnixStream) -> io::Result<&'static str> {
    tokio::select! {
        came = arrived(terminate) => came.map(|()| "terminated"),
        came = arrived(interrupt) => came.map(|()| "interrupt"),
    }
}

/// Waits for at least one signal and forgets how many there were.
async fn arrived(signal: &UnixStream) -> io::Result<()> {
    let mut bytes = [0; 512];
    let mut any = false;
    loop {
        match signal.try_read(&mut bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => any = true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if any {
                    return Ok(());
                }
                signal.readable().await?;
            },
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::testing::in_runtime;

    const LONG: Duration = Duration::from_secs(5);

    fn pair() -> (Pipe, UnixStream) {
        let (handler, ours) = Pipe::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        handler.set_nonblocking(true).unwrap();
        (handler, UnixStream::from_std(ours).unwrap())
    }

    async fn next(commands: &mut mpsc::Receiver<Command>) -> Command {
        tokio::time::timeout(LONG, commands.recv()).await.unwrap().unwrap()
    }

    #[test]
    fn ten_thousand_hangups_during_a_reload_are_one_more_reload() {
        in_runtime(async {
            let ((mut handler, hangup), (sender, mut commands)) = (pair(), mpsc::channel(64));
            let task = tokio::spawn(async move { forward_hangups(&hangup, &sender).await });
            handler.write_all(b"X").unwrap();
            let Command::Reload(first) = next(&mut commands).await else { panic!("no reload") };
            for _ in 0..10_000 {
                // A full socket drops the byte, as the signal handler does.
                let _full = handler.write(b"X");
            }
            tokio::task::yield_now().await;
            assert!(commands.is_empty());
            drop(first);
            let Command::Reload(second) = next(&mut commands).await else { panic!("no reload") };
            drop((second, handler));
            task.await.unwrap();
            assert!(commands.recv().await.is_none());
        });
    }

    #[test]
    fn a_second_signal_ends_now_and_an_echo_of_the_first_does_not() {
        in_runtime(async {
            let ((mut term, terminate), (mut int, interrupt)) = (pair(), pair());
            let (sender, mut commands) = mpsc::channel(4);
            let task =
                tokio::spawn(async move { forward_ends(&terminate, &interrupt, &sender).await });
            term.write_all(b"X").unwrap();
            assert!(matches!(next(&mut commands).await, Command::Stop { answer: None }));
            term.write_all(b"XX").unwrap();
            let echo = tokio::time::timeout(2 * ECHO, commands.recv()).await;
            assert!(echo.is_err(), "{echo:?}");
            int.write_all(b"X").unwrap();
            assert!(matches!(next(&mut commands).await, Command::StopNow));
            task.await.unwrap();
        });
    }

    #[test]
    fn a_real_signal_arrives() {
        in_runtime(async {
            let signals = Signals::catch().unwrap();
            nix::sys::signal::raise(nix::sys::signal::Signal::SIGHUP).unwrap();
            tokio::time::timeout(LONG, arrived(&signals.hangup)).await.unwrap().unwrap();
        });
    }
}
