#![expect(clippy::disallowed_methods, reason = "nix takes numbers here: the edge itself")]
//! Listening sockets.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, Shutdown, SockFlag, SockType, SockaddrStorage, bind, getsockname,
    listen, setsockopt, shutdown, socket, sockopt,
};

/// Whether other sockets of this user may share the address (`SO_REUSEPORT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// The address is this socket's alone: a second binder is told so.
    Alone,
    /// One of several shards.
    Shard,
}

/// A bound, not yet listening TCP socket: non-blocking, close-on-exec, `SO_REUSEADDR`.
/// An IPv6 wildcard takes IPv4 as well, as Go's listener does.
///
/// # Errors
/// `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `EAFNOSUPPORT` and what else the kernel says.
pub fn bound(address: SocketAddr, sharing: Sharing) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(family, SockType::Stream, flags, None)?;
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    if sharing == Sharing::Shard {
        setsockopt(&fd, sockopt::ReusePort, &true)?;
    }
    if address.is_ipv6() {
        setsockopt(&fd, sockopt::Ipv6V6Only, &!address.ip().is_unspecified())?;
    }
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(fd)
}

/// Starts to listen, or changes the backlog of a socket that does.
///
/// # Errors
/// `EADDRINUSE` when a socket with the same address listens already.
pub fn start_listening(fd: impl AsFd, backlog: i32) -> Result<(), Errno> {
    let backlog = Backlog::new(backlog).unwrap_or(Backlog::MAXCONN);
    listen(&fd, backlog)
}

/// Says that nothing more will be written (FIN); reading goes on.
///
/// # Errors
/// `ENOTCONN` when the peer is gone.
pub fn end_writing(fd: impl AsFd) -> Result<(), Errno> {
    shutdown(fd.as_fd().as_raw_fd(), Shutdown::Write)
}

/// Lets the kernel ask a silent peer whether it is still there, each `after`; nine answers that do not
/// come end the connection.
///
/// # Errors
/// What `setsockopt(2)` says.
pub fn keep_alive(fd: impl AsFd, after: Duration) -> Result<(), Errno> {
    let seconds = u32::try_from(after.as_secs()).unwrap_or(u32::MAX).max(1);
    let fd = fd.as_fd();
    setsockopt(&fd, sockopt::KeepAlive, &true)?;
    setsockopt(&fd, sockopt::TcpKeepIdle, &seconds)?;
    setsockopt(&fd, sockopt::TcpKeepInterval, &seconds)?;
    setsockopt(&fd, sockopt::TcpKeepCount, &9)
}

/// Stops a listening socket for everybody who holds it: connections are refused from now on, those
/// that nobody has accepted yet are reset.
///
/// # Errors
/// `ENOTCONN` when it does not listen.
pub fn stop_listening(fd: impl AsFd) -> Result<(), Errno> {
    shutdown(fd.as_fd().as_raw_fd(), Shutdown::Both)
}

/// Where a socket is bound: the port that the kernel chose, if it was to.
///
/// # Errors
/// When it is no socket of the internet.
pub fn bound_address(fd: impl AsFd) -> Result<SocketAddr, Errno> {
    let address: SockaddrStorage = getsockname(fd.as_fd().as_raw_fd())?;
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
        .ok_or(Errno::EAFNOSUPPORT)
}

/// Whether `fd` is a listening TCP socket, and on which address.
///
/// # Errors
/// When it is not.
pub fn listening_address(fd: impl AsFd) -> io::Result<SocketAddr> {
    let copy = fd.as_fd().try_clone_to_owned()?;
    if !nix::sys::socket::getsockopt(&copy, sockopt::AcceptConn)? {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the socket does not listen"));
    }
    TcpListener::from(copy).local_addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_an_address_and_a_lone_binder_is_told() {
        let first = bound("127.0.0.1:0".parse().unwrap(), Sharing::Shard).unwrap();
        start_listening(&first, 128).unwrap();
        let address = listening_address(&first).unwrap();
        let second = bound(address, Sharing::Shard).unwrap();
        start_listening(&second, 128).unwrap();
        assert_eq!(bound(address, Sharing::Alone).unwrap_err(), Errno::EADDRINUSE);
    }
}
