//! The bytes of a connection: counted, and looked at as long as it is not clear that they are HTTP/2.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::backend::stream::Stream;

const SETTINGS: u8 = 4;
const ACK: u8 = 1;
/// Length, kind and flags of a frame.
const LOOK_BYTES: usize = 5;

/// What is known of a connection's bytes.
#[derive(Debug, Default)]
pub(super) struct Heard {
    bytes: Cell<u64>,
    begun: Cell<Option<Begun>>,
}

/// How the backend began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// By SETTINGS (RFC 9113 §3.4).
    Http2,
    /// In some other way.
    Otherwise,
}

impl Heard {
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    pub(super) const fn begun(&self) -> Option<Begun> {
        self.begun.get()
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Line {
    stream: Stream,
    heard: Rc<Heard>,
    first: [u8; LOOK_BYTES],
    first_bytes: usize,
}

impl Line {
    pub(super) const fn new(stream: Stream, heard: Rc<Heard>) -> Self {
        Self { stream, heard, first: [0; LOOK_BYTES], first_bytes: 0 }
    }

    fn hear(&mut self, came: &[u8]) -> io::Result<()> {
        self.heard.bytes.set(self.heard.bytes.get() + came.len() as u64);
        if self.heard.begun.get().is_some() {
            return Ok(());
        }
        for (to, from) in self.first.iter_mut().skip(self.first_bytes).zip(came) {
            *to = *from;
        }
        self.first_bytes = LOOK_BYTES.min(self.first_bytes + came.len());
        if self.first_bytes < LOOK_BYTES {
            return Ok(());
        }
        let [_, _, _, kind, flags] = self.first;
        let begun = match kind == SETTINGS && flags & ACK == 0 {
            true => Begun::Http2,
            false => Begun::Otherwise,
        };
        self.heard.begun.set(Some(begun));
        match begun {
            Begun::Http2 => Ok(()),
            Begun::Otherwise => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        Poll::Ready(this.hear(buffer.filled().get(before..).unwrap_or_default()))
    }
}

impl AsyncWrite for Line {
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
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
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
