//! How bytes reach a client: one enum, so that TLS and relayed connections fit in later.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use nix::sys::socket::{Shutdown, shutdown};
use tokio::net::TcpStream;

/// A client's end.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Plain TCP.
    Plain(TcpStream),
}

impl Transport {
    /// Takes a connected, non-blocking socket over.
    pub(crate) fn adopt(socket: OwnedFd) -> io::Result<Self> {
        TcpStream::from_std(std::net::TcpStream::from(socket)).map(Self::Plain)
    }

    /// Gives the socket back, no longer watched by this thread.
    pub(crate) fn release(self) -> io::Result<OwnedFd> {
        match self {
            Self::Plain(stream) => Ok(stream.into_std()?.into()),
        }
    }

    pub(crate) fn local(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(stream) => stream.local_addr(),
        }
    }

    /// Ready when a read would not block. One task at a time may wait.
    pub(crate) fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => stream.poll_read_ready(context),
        }
    }

    /// Reads what is there into the room that `buffer` has; 0 is the end.
    pub(crate) fn try_read(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.try_read_buf(buffer),
        }
    }

    pub(crate) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, slices) {
            (Self::Plain(stream), [only]) => stream.try_write(only),
            (Self::Plain(stream), several) => stream.try_write_vectored(several),
        }
    }

    pub(crate) async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.writable().await,
        }
    }

    /// Says "no more from here" (FIN) while the other direction stays open.
    pub(crate) fn end_writing(&self) {
        match self {
            // A peer that is gone already needs no goodbye.
            Self::Plain(stream) => {
                drop(shutdown(std::os::fd::AsRawFd::as_raw_fd(&stream.as_fd()), Shutdown::Write));
            },
        }
    }

    /// Makes the coming close a reset, so that the client cannot take what came for complete.
    pub(crate) fn reset_on_close(&self) {
        match self {
            Self::Plain(stream) => drop(stream.set_zero_linger()),
        }
    }
}

/// Waits until `work` is done, at most `limit`.
pub(crate) async fn within<F: Future>(limit: Duration, work: F) -> io::Result<F::Output> {
    tokio::time::timeout(limit, work).await.map_err(|_elapsed| io::ErrorKind::TimedOut.into())
}
