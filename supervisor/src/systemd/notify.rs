//! `sd_notify(3)`: one datagram per message, in order, without ever making the supervisor wait.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use baton_shared::os::scm;
use nix::errno::Errno;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};

use super::Message;

/// Messages that may wait for a manager that is busy.
const QUEUE_MAX: usize = 512;
/// A message that finds no room for so long is given up.
const SEND_DEADLINE: Duration = Duration::from_secs(2);
const RETRY_EVERY: Duration = Duration::from_millis(10);

/// The way to the service manager; without one, every message is dropped.
#[derive(Debug, Default)]
pub struct Notifier {
    task: Option<(mpsc::Sender<Message>, JoinHandle<()>)>,
}

impl Notifier {
    /// To the manager that `$NOTIFY_SOCKET` names. Call it inside a runtime.
    ///
    /// # Errors
    /// When there is such a name and nobody behind it.
    pub fn from_environment() -> io::Result<Self> {
        std::env::var_os("NOTIFY_SOCKET")
            .map_or_else(|| Ok(Self::default()), |name| Self::to(&name))
    }

    /// To the socket with this name; `@` begins an abstract one.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn to(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes().split_first() {
            Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(OsString::from(name))?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        let (sender, messages) = mpsc::channel(QUEUE_MAX);
        Ok(Self { task: Some((sender, tokio::spawn(deliver(socket, messages)))) })
    }

    /// Whether somebody listens.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        self.task.is_some()
    }

    /// Sends `message` after all earlier ones. Does not wait.
    pub fn send(&self, message: Message) {
        if let Some((queue, _)) = &self.task {
            // A full queue is a manager that has been deaf for seconds.
            let _lost = queue.try_send(message);
        }
    }

    /// Waits until everything is sent, at most 2 s.
    pub async fn finish(self) {
        if let Some((queue, task)) = self.task {
            drop(queue);
            let _in_time = tokio::time::timeout(SEND_DEADLINE, task).await;
        }
    }
}

async fn deliver(socket: UnixDatagram, mut messages: mpsc::Receiver<Message>) {
    let mut tick = interval(RETRY_EVERY);
    while let Some(message) = messages.recv().await {
        let fds: Vec<BorrowedFd<'_>> = message.fds.iter().map(|fd| fd.as_fd()).collect();
        let give_up = Instant::now() + SEND_DEADLINE;
        // The manager's queue holds ten datagrams on some kernels.
        while let Err(Errno::EAGAIN | Errno::ENOBUFS) =
            scm::send(&socket, message.text.as_bytes(), &fds)
        {
            if Instant::now() >= give_up {
                break;
            }
            tick.tick().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::testing::{Folder, in_runtime};

    fn text(text: &str) -> Message {
        Message { text: text.to_owned(), fds: Vec::new() }
    }

    fn receive(manager: &UnixDatagram) -> (String, usize) {
        let mut buffer = [0; 4096];
        let (length, fds) = scm::receive(manager, &mut buffer).unwrap();
        (String::from_utf8_lossy(&buffer[..length]).into_owned(), fds.len())
    }

    #[test]
    fn messages_arrive_in_order_with_their_descriptors() {
        let folder = Folder::new();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let fd = Arc::new(manager.try_clone().unwrap().into());
        in_runtime(async {
            let notifier = Notifier::to(path.as_os_str()).unwrap();
            notifier.send(Message { text: "FDSTORE=1".to_owned(), fds: vec![Arc::clone(&fd), fd] });
            notifier.send(text("READY=1"));
            notifier.finish().await;
        });
        assert_eq!(receive(&manager), ("FDSTORE=1".to_owned(), 2));
        assert_eq!(receive(&manager), ("READY=1".to_owned(), 0));
    }

    #[test]
    fn an_abstract_name_is_understood() {
        let name = format!("baton-unit-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        in_runtime(async {
            let notifier = Notifier::to(OsStr::new(&format!("@{name}"))).unwrap();
            notifier.send(text("READY=1"));
            notifier.finish().await;
        });
        assert_eq!(receive(&manager).0, "READY=1");
    }

    #[test]
    fn a_busy_manager_gets_every_message_later_and_holds_nobody_up() {
        let folder = Folder::new();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        in_runtime(async {
            let notifier = Notifier::to(path.as_os_str()).unwrap();
            for number in 0..400 {
                notifier.send(text(&number.to_string()));
            }
            let reader = tokio::task::spawn_blocking(move || {
                manager.set_read_timeout(Some(SEND_DEADLINE)).unwrap();
                let mut buffer = [0; 16];
                (0..400).all(|number: i32| {
                    let length = manager.recv(&mut buffer).unwrap();
                    buffer[..length] == *number.to_string().as_bytes()
                })
            });
            notifier.finish().await;
            assert!(reader.await.unwrap());
        });
    }

    #[test]
    fn a_name_with_nobody_behind_it_is_an_error_and_no_name_is_silence() {
        in_runtime(async {
            assert!(Notifier::to(OsStr::new("/nonexistent/notify")).is_err());
            assert!(Notifier::to(OsStr::new("")).is_err());
            let silent = Notifier::default();
            silent.send(text("READY=1"));
            silent.finish().await;
        });
    }
}
