//! TLS within TLS: a backend by `https` behind a proxy by `https`.
//!
//! A session sits on a socket. So the inner one gets one end of a pair of local sockets, and a task carries bytes between
//! the other end and the outer session; few deployments have such a proxy, and all others pay nothing for it.

use std::io;
use std::net;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Pair;

use tokio::io::{copy, split};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::spawn_local;

use super::stream::Stream;

/// A socket whose bytes go through `outer`, until either end is closed.
pub(super) fn socket(outer: Stream) -> io::Result<TcpStream> {
    let (near, far) = Pair::pair()?;
    near.set_nonblocking(true)?;
    far.set_nonblocking(true)?;
    let far = UnixStream::from_std(far)?;
    // For reading and writing one stream socket is as good as another.
    let near = TcpStream::from_std(net::TcpStream::from(OwnedFd::from(near)))?;
    drop(spawn_local(carry(far, outer)));
    Ok(near)
}

/// Whichever end closes first ends both ways: what the other would still say has no reader.
async fn carry(far: UnixStream, outer: Stream) {
    let (mut far_in, mut far_out) = split(far);
    let (mut outer_in, mut outer_out) = split(outer);
    tokio::select! {
        _ = copy(&mut far_in, &mut outer_out) => {},
        _ = copy(&mut outer_in, &mut far_out) => {},
    }
}
