//! A connection to a backend whose bytes are heard as they come.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Stream;

/// Who hears.
pub(super) trait Hear {
    /// Whether more may come.
    fn may_read(&self) -> io::Result<()> {
        Ok(())
    }

    /// This came.
    fn hear(&mut self, came: &[u8]) -> io::Result<()>;
}

/// See the module.
#[derive(Debug)]
pub(super) struct Tap<H> {
    stream: Stream,
    hears: H,
}

impl<H> Tap<H> {
    pub(super) const fn new(stream: Stream, hears: H) -> Self {
        Self { stream, hears }
    }
}

impl<H: Hear + Unpin> AsyncRead for Tap<H> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.hears.may_read()?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        Poll::Ready(this.hears.hear(buffer.filled().get(before..).unwrap_or_default()))
    }
}

impl<H: Unpin> AsyncWrite for Tap<H> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.get_mut().stream);
        match slices {
            // The plain call is the cheaper one.
            [only] => stream.poll_write(context, only),
            several => stream.poll_write_vectored(context, several),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
