//! From a listening socket to a connection.
//!
//! Each serving thread accepts on its own shard of an address. Out of descriptors, a thread waits a
//! little instead of spinning; the listener lives on, its queue stays.

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

use crate::connection::thread::Thread;
use crate::connection::transport::Transport;
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
}

impl Listener {
    /// Takes a listening socket over. Accepted sockets inherit `TCP_NODELAY` from it.
    pub(crate) fn adopt(id: ListenerId, address: SocketAddr, fd: OwnedFd) -> io::Result<Self> {
        setsockopt(&fd.as_fd(), sockopt::TcpNoDelay, &true)?;
        let socket = std::net::TcpListener::from(fd);
        socket.set_nonblocking(true)?;
        Ok(Self { id, address, socket: Rc::new(TcpListener::from_std(socket)?) })
    }

    /// Accepts until the task is aborted.
    pub(crate) fn accept(&self, thread: &Rc<Thread>) -> JoinHandle<()> {
        let (id, address) = (self.id, self.address);
        let (socket, thread) = (Rc::clone(&self.socket), Rc::clone(thread));
        tokio::task::spawn_local(async move {
            let mut in_a_row = 0;
            loop {
                while thread.census.is_full() {
                    tokio::time::sleep(REST).await;
                }
                match socket.accept().await {
                    Ok((stream, peer)) => welcome(&thread, stream, peer, id, address),
                    Err(error) if is_exhausted(&error) => {
                        tokio::time::sleep(REST).await;
                    },
                    // The peer left before it was accepted.
                    Err(_) => {},
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
    let transport = Transport::plain(stream);
    let local =
        if address.ip().is_unspecified() { transport.local().unwrap_or(address) } else { address };
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let peer = Peer { socket: peer, asserted: peer.ip(), local };
    thread.welcome(transport, peer, id);
}

fn is_exhausted(error: &io::Error) -> bool {
    let exhausted = [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM];
    exhausted.iter().any(|errno| error.raw_os_error() == Some(*errno as i32))
}
