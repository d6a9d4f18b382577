//! From a listening socket to a connection.
//!
//! Each serving thread accepts on its own shard of an address. Out of descriptors, a thread waits a
//! little instead of spinning; the listener lives on, its queue stays.

mod want;

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use baton_shared::words::ListenerId;
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use self::want::Want;
use crate::connection::thread::Thread;
use crate::message::Peer;

/// How long accepting rests when the process or the system is out of descriptors or memory.
const REST: Duration = Duration::from_millis(20);
/// Connections that are accepted in a row before others on the thread get their turn.
const IN_A_ROW: usize = 64;

/// A listening socket of this thread.
#[derive(Debug)]
pub(crate) struct Listener {
    id: ListenerId,
    address: SocketAddr,
    socket: Rc<TcpListener>,
    want: Rc<Want>,
}

impl Listener {
    /// Takes a listening socket over. Accepted sockets inherit `TCP_NODELAY` from it.
    pub(crate) fn adopt(id: ListenerId, address: SocketAddr, fd: OwnedFd) -> io::Result<Self> {
        setsockopt(&fd.as_fd(), sockopt::TcpNoDelay, &true)?;
        let socket = std::net::TcpListener::from(fd);
        socket.set_nonblocking(true)?;
        let socket = Rc::new(TcpListener::from_std(socket)?);
        Ok(Self { id, address, socket, want: Rc::default() })
    }

    /// For how long this process has had no descriptors left for clients that wait.
    pub(crate) fn cannot_accept_for(&self) -> Duration {
        self.want.of_own(Instant::now())
    }

    /// Accepts until the task is aborted.
    pub(crate) fn accept(&self, thread: &Rc<Thread>) -> JoinHandle<()> {
        let (id, address) = (self.id, self.address);
        let (socket, want, thread) =
            (Rc::clone(&self.socket), Rc::clone(&self.want), Rc::clone(thread));
        tokio::task::spawn_local(async move {
            let mut in_a_row = 0;
            loop {
                while thread.census.is_full() {
                    want.is_over(address);
                    sleep(REST).await;
                }
                let accepted = poll_fn(|context| {
                    let polled = socket.poll_accept(context);
                    if polled.is_pending() {
                        want.is_over(address);
                    }
                    polled
                });
                match accepted.await {
                    Ok((stream, peer)) => {
                        want.is_over(address);
                        welcome(&thread, stream, peer, id, address);
                    },
                    Err(error) => {
                        // Else the peer left before it was accepted.
                        if let Some(errno) = exhausted(&error) {
                            want.goes_on(errno, address, Instant::now());
                            sleep(REST).await;
                        }
                    },
                }
                in_a_row += 1;
                if in_a_row % IN_A_ROW == 0 {
                    tokio::task::yield_now().await;
                }
            }
        })
    }
}

fn welcome(
    thread: &Rc<Thread>,
    stream: TcpStream,
    peer: SocketAddr,
    id: ListenerId,
    address: SocketAddr,
) {
    let local = if address.ip().is_unspecified() {
        stream.local_addr().unwrap_or(address)
    } else {
        address
    };
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let peer = Peer { socket: peer, asserted: peer.ip(), local };
    thread.welcome(stream, peer, id);
}

/// What the process or the machine has run out of.
fn exhausted(error: &io::Error) -> Option<Errno> {
    let found = error.raw_os_error().map(Errno::from_raw)?;
    let exhausted = [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM];
    exhausted.contains(&found).then_some(found)
}
