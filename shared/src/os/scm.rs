#![expect(unsafe_code, reason = "received descriptors are numbers until they are wrapped")]
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "the edge itself")]
//! Descriptors over Unix sockets (`SCM_RIGHTS`), one datagram at a time.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};
use tokio::io::unix::AsyncFd;

/// Descriptors that one datagram may carry (the kernel's `SCM_MAX_FD`).
pub const FDS_MAX: usize = 253;

/// A connected pair of `SOCK_SEQPACKET` sockets: message boundaries and order are kept.
///
/// # Errors
/// What `socketpair(2)` says, usually a full descriptor table.
pub fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
    )
}

/// A connected pair of stream sockets: the two ends of a link.
///
/// # Errors
/// As [`pair`].
pub fn stream_pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(
        AddressFamily::Unix,
        SockType::Stream,
        None,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
    )
}

/// Puts a socket under the eye of the tokio runtime that this is called in.
///
/// # Errors
/// When the runtime cannot watch it.
pub fn register(socket: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` gives the same descriptor every time, and the `AsyncFd` owns it.
    unsafe { AsyncFd::register(socket) }.map_err(Into::into)
}

/// Sends one datagram with descriptors. The caller keeps its copies until the peer's ack.
///
/// # Errors
/// `EAGAIN` when the socket is full; `ETOOMANYREFS` when too many descriptors are under way.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let numbers: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let control = if numbers.is_empty() { &[][..] } else { &rights[..] };
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    let sent =
        sendmsg::<()>(socket.as_fd().as_raw_fd(), &[IoSlice::new(bytes)], control, flags, None)?;
    if sent == bytes.len() { Ok(()) } else { Err(Errno::EMSGSIZE) }
}

/// Receives one datagram: its length in `buffer`, and the descriptors, owned and close-on-exec.
/// A length of zero is the end: the peer is gone.
///
/// # Errors
/// `EAGAIN` when nothing waits; `EMSGSIZE` when bytes or descriptors were cut off by the kernel
/// (what did arrive is closed: a truncated message is no message).
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> Result<(usize, Vec<OwnedFd>), Errno> {
    let mut space = nix::cmsg_space!([RawFd; FDS_MAX]);
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(socket.as_fd().as_raw_fd(), &mut parts, Some(&mut space), flags)?;
    // Wrapped before anything can fail, so that no path leaks a descriptor.
    let fds = message.cmsgs().map_or_else(|_| Vec::new(), |all| all.flat_map(owned).collect());
    if message.flags.intersects(MsgFlags::MSG_CTRUNC | MsgFlags::MSG_TRUNC) {
        return Err(Errno::EMSGSIZE);
    }
    Ok((message.bytes, fds))
}

fn owned(message: ControlMessageOwned) -> Vec<OwnedFd> {
    let ControlMessageOwned::ScmRights(numbers) = message else { return Vec::new() };
    // SAFETY: the kernel has just installed these numbers for this process; nobody else knows them.
    numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Seek as _, Write as _};

    use super::*;
    use crate::os::memfd;

    #[test]
    fn a_descriptor_arrives_with_its_bytes() {
        let (left, right) = pair().unwrap();
        let file = memfd::sealed("x", b"hello").unwrap();
        send(&left, b"one", &[file.as_fd()]).unwrap();
        let mut buffer = [0; 16];
        let (length, fds) = receive(&right, &mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"one");
        assert_eq!(memfd::read(&fds[0], 100).unwrap(), b"hello");
    }

    #[test]
    fn a_truncated_datagram_is_an_error_and_leaks_nothing() {
        let (left, right) = pair().unwrap();
        let before = std::fs::read_dir("/proc/self/fd").unwrap().count();
        let (mut kept, passed) = (tempfile(), tempfile());
        send(&left, &[7; 64], &[passed.as_fd()]).unwrap();
        drop(passed);
        assert_eq!(receive(&right, &mut [0; 8]).unwrap_err(), Errno::EMSGSIZE);
        kept.write_all(b"still mine").unwrap();
        kept.rewind().unwrap();
        assert_eq!(memfd::read(&kept, 100).unwrap(), b"still mine");
        drop(kept);
        assert!(std::fs::read_dir("/proc/self/fd").unwrap().count() <= before + 2);
    }

    #[test]
    fn the_end_of_the_peer_is_a_length_of_zero() {
        let (left, right) = pair().unwrap();
        assert_eq!(receive(&right, &mut [0; 8]).unwrap_err(), Errno::EAGAIN);
        drop(left);
        assert_eq!(receive(&right, &mut [0; 8]).unwrap().0, 0);
    }

    fn tempfile() -> File {
        File::from(memfd::open("t").unwrap())
    }
}
