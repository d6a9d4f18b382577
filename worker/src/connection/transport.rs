//! How bytes reach a client: one enum, so that the loops above need not know.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use baton_shared::os::socket;
use bytes::{BufMut as _, BytesMut};
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_util::io::poll_read_buf;

use crate::tls::session::Session;

/// A client's end.
#[derive(Debug)]
pub(crate) enum Transport {
    /// Plain TCP.
    Plain(RefCell<TcpStream>),
    /// A link: the client's own transport stays in an older worker.
    Relayed(RefCell<UnixStream>),
    /// TLS over TCP: what is written may wait here, see [`Transport::poll_flush`].
    Tls(RefCell<Box<Session>>),
}

impl Transport {
    /// A stream of this thread's runtime.
    pub(crate) const fn plain(stream: TcpStream) -> Self {
        Self::Plain(RefCell::new(stream))
    }

    /// After its handshake.
    pub(crate) const fn tls(session: Box<Session>) -> Self {
        Self::Tls(RefCell::new(session))
    }

    /// Takes a connected, non-blocking socket over.
    pub(crate) fn adopt(socket: OwnedFd) -> io::Result<Self> {
        TcpStream::from_std(std::net::TcpStream::from(socket)).map(Self::plain)
    }

    /// Takes one end of a link over.
    pub(crate) fn adopt_link(socket: OwnedFd) -> io::Result<Self> {
        let stream = UnixStream::from_std(std::os::unix::net::UnixStream::from(socket))?;
        Ok(Self::link(stream))
    }

    /// One end of a link.
    pub(crate) const fn link(stream: UnixStream) -> Self {
        Self::Relayed(RefCell::new(stream))
    }

    /// Whether it can be moved to another process.
    pub(crate) const fn moves(&self) -> bool {
        match self {
            Self::Plain(_) | Self::Relayed(_) => true,
            Self::Tls(_) => false,
        }
    }

    /// Gives the socket back, no longer watched by this thread; TLS cannot ([`Self::moves`]).
    pub(crate) fn release(self) -> io::Result<OwnedFd> {
        match self {
            Self::Plain(stream) => Ok(stream.into_inner().into_std()?.into()),
            Self::Relayed(stream) => Ok(stream.into_inner().into_std()?.into()),
            Self::Tls(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Whether something has come that nobody has read yet, as far as this thread was told.
    pub(crate) fn has_news(&self) -> bool {
        let mut nobody = Context::from_waker(Waker::noop());
        match self {
            Self::Plain(_) | Self::Relayed(_) => self.poll_readable(&mut nobody).is_ready(),
            Self::Tls(session) => session.borrow_mut().has_news(),
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
            Self::Relayed(stream) => {
                poll_read_buf(Pin::new(&mut *stream.borrow_mut()), context, buffer)
            },
            Self::Tls(session) => session.borrow_mut().poll_read(context, buffer),
        }
    }

    /// The same, into somebody else's buffer.
    pub(crate) fn poll_read_into(
        &self,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(&mut *stream.borrow_mut()).poll_read(context, room),
            Self::Relayed(stream) => Pin::new(&mut *stream.borrow_mut()).poll_read(context, room),
            Self::Tls(session) => session.borrow_mut().poll_read_into(context, room),
        }
    }

    /// Ready when a read may do something.
    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => stream.borrow().poll_read_ready(context),
            Self::Relayed(stream) => stream.borrow().poll_read_ready(context),
            Self::Tls(session) => session.borrow_mut().poll_readable(context),
        }
    }

    /// Ready when a write may do something.
    pub(crate) fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => stream.borrow().poll_write_ready(context),
            Self::Relayed(stream) => stream.borrow().poll_write_ready(context),
            Self::Tls(session) => session.borrow_mut().poll_writable(context),
        }
    }

    /// Reads what is there, at most `bytes_max`, behind what `buffer` has; 0 is the end.
    pub(crate) fn try_read(&self, buffer: &mut BytesMut, bytes_max: usize) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.borrow().try_read_buf(&mut buffer.limit(bytes_max)),
            Self::Relayed(stream) => stream.borrow().try_read_buf(&mut buffer.limit(bytes_max)),
            Self::Tls(session) => session.borrow_mut().try_read(buffer, bytes_max),
        }
    }

    pub(crate) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, slices) {
            (Self::Plain(stream), [only]) => stream.borrow().try_write(only),
            (Self::Plain(stream), several) => stream.borrow().try_write_vectored(several),
            (Self::Relayed(stream), slices) => stream.borrow().try_write_vectored(slices),
            (Self::Tls(session), slices) => session.borrow_mut().try_write(slices),
        }
    }

    /// Whether written bytes may still wait here.
    pub(crate) const fn holds_back(&self) -> bool {
        match self {
            Self::Plain(_) | Self::Relayed(_) => false,
            Self::Tls(_) => true,
        }
    }

    /// Ready when everything that was written has left.
    pub(crate) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) | Self::Relayed(_) => Poll::Ready(Ok(())),
            Self::Tls(session) => session.borrow_mut().poll_flush(context),
        }
    }

    /// Waits until a write may do something.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        poll_fn(|context| self.poll_writable(context)).await
    }

    /// Lets the kernel look now and then whether the peer is still there.
    pub(crate) fn keep_alive(&self, after: Duration) {
        match self {
            // A peer that is gone already is noticed anyway.
            Self::Plain(stream) => drop(socket::keep_alive(&*stream.borrow(), after)),
            // The other end is a process of this machine: its death is told.
            Self::Relayed(_) => {},
            Self::Tls(session) => drop(socket::keep_alive(session.borrow().stream(), after)),
        }
    }

    /// Says "no more from here" (FIN) while the other direction stays open.
    pub(crate) fn end_writing(&self) {
        match self {
            // A peer that is gone already needs no goodbye.
            Self::Plain(stream) => drop(socket::end_writing(&*stream.borrow())),
            Self::Relayed(stream) => drop(socket::end_writing(&*stream.borrow())),
            Self::Tls(session) => {
                let mut session = session.borrow_mut();
                session.end_writing();
                let _gone = socket::end_writing(session.stream());
            },
        }
    }

    /// Makes the coming close a reset, so that the client cannot take what came for complete.
    pub(crate) fn reset_on_close(&self) {
        match self {
            Self::Plain(stream) => drop(stream.borrow().set_zero_linger()),
            // Local sockets know no reset: whoever passes the bytes on cannot tell.
            Self::Relayed(_) => {},
            Self::Tls(session) => drop(session.borrow().stream().set_zero_linger()),
        }
    }
}

/// Waits until `work` is done, at most `limit`.
pub(crate) async fn within<F: Future>(limit: Duration, work: F) -> io::Result<F::Output> {
    tokio::time::timeout(limit, work).await.map_err(|_elapsed| io::ErrorKind::TimedOut.into())
}
