//! How bytes reach a client: one enum, so that TLS and relayed connections fit in later.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use baton_shared::os::socket;
use bytes::BytesMut;
use tokio::net::TcpStream;
use tokio_util::io::poll_read_buf;

/// A client's end.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Plain TCP.
    Plain(RefCell<TcpStream>),
}

impl Transport {
    /// A stream of this thread's runtime.
    pub(crate) const fn plain(stream: TcpStream) -> Self {
        Self::Plain(RefCell::new(stream))
    }

    /// Takes a connected, non-blocking socket over.
    pub(crate) fn adopt(socket: OwnedFd) -> io::Result<Self> {
        TcpStream::from_std(std::net::TcpStream::from(socket)).map(Self::plain)
    }

    /// Gives the socket back, no longer watched by this thread.
    pub(crate) fn release(self) -> io::Result<OwnedFd> {
        match self {
            Self::Plain(stream) => Ok(stream.into_inner().into_std()?.into()),
        }
    }

    pub(crate) fn local(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(stream) => stream.borrow().local_addr(),
        }
    }

    /// Reads what is there into the room that `buffer` has; 0 is the end. One task at a time may
    /// wait. A short read tells that nothing more is there: no second read has to find that out.
    pub(crate) fn poll_read(
        &self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => {
                poll_read_buf(Pin::new(&mut *stream.borrow_mut()), context, buffer)
            },
        }
    }

    pub(crate) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, slices) {
            (Self::Plain(stream), [only]) => stream.borrow().try_write(only),
            (Self::Plain(stream), several) => stream.borrow().try_write_vectored(several),
        }
    }

    /// Waits until a write may do something.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => {
                poll_fn(|context| stream.borrow().poll_write_ready(context)).await
            },
        }
    }

    /// Says "no more from here" (FIN) while the other direction stays open.
    pub(crate) fn end_writing(&self) {
        match self {
            // A peer that is gone already needs no goodbye.
            Self::Plain(stream) => drop(socket::end_writing(&*stream.borrow())),
        }
    }

    /// Makes the coming close a reset, so that the client cannot take what came for complete.
    pub(crate) fn reset_on_close(&self) {
        match self {
            Self::Plain(stream) => drop(stream.borrow().set_zero_linger()),
        }
    }
}

/// Waits until `work` is done, at most `limit`.
pub(crate) async fn within<F: Future>(limit: Duration, work: F) -> io::Result<F::Output> {
    tokio::time::timeout(limit, work).await.map_err(|_elapsed| io::ErrorKind::TimedOut.into())
}
