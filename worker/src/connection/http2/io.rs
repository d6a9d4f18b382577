//! The transport as the protocol sees it, and what it must not see: floods, and a client that is silent.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::meter::{Meter, Verdict};
use crate::connection::transport::Transport;

/// The acknowledgement of the ping by which the protocol learns that a client knows of the first GOAWAY.
const SHUTDOWN_PONG: &[u8] =
    &[0, 0, 8, 6, 1, 0, 0, 0, 0, 0x0b, 0x7b, 0xa2, 0xf0, 0x8b, 0x9b, 0xfe, 0x54];

/// What the protocol's end and its driver both look at.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) transport: Transport,
    pub(super) meter: RefCell<Meter>,
    pub(super) verdict: Cell<Option<Verdict>>,
    /// Since when the client has taken nothing of what is to be written.
    pub(super) blocked: Cell<Option<Instant>>,
    /// The client does not say that it knows of the first GOAWAY: it is said in its place.
    pub(super) owes_pong: Cell<bool>,
}

impl Line {
    pub(super) const fn new(transport: Transport, meter: Meter) -> Self {
        let (meter, verdict) = (RefCell::new(meter), Cell::new(None));
        let (blocked, owes_pong) = (Cell::new(None), Cell::new(false));
        Self { transport, meter, verdict, blocked, owes_pong }
    }

    /// Notes how a write went; waits for the client if it takes nothing.
    fn poll_written(
        &self,
        context: &mut Context<'_>,
        write: impl Fn() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match write() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.blocked.get().is_none() {
                        self.blocked.set(Some(Instant::now()));
                    }
                    ready!(self.transport.poll_writable(context))?;
                },
                done => {
                    self.blocked.set(None);
                    return Poll::Ready(done);
                },
            }
        }
    }
}

/// What the protocol reads from and writes to.
#[derive(Debug)]
pub(super) struct Io {
    line: Rc<Line>,
    /// Read before it was known that this is HTTP/2.
    unread: BytesMut,
}

impl Io {
    pub(super) const fn new(line: Rc<Line>, unread: BytesMut) -> Self {
        Self { line, unread }
    }

    /// What does not come from the transport: the beginning, and what is said in the client's place.
    fn take_own(&mut self, room: &mut ReadBuf<'_>) -> bool {
        if !self.unread.is_empty() {
            let here = self.unread.len().min(room.remaining());
            room.put_slice(self.unread.get(..here).unwrap_or_default());
            self.unread.advance(here);
            if self.unread.is_empty() {
                self.unread = BytesMut::new();
            }
            return true;
        }
        let speaks = self.line.owes_pong.get()
            && room.remaining() >= SHUTDOWN_PONG.len()
            && self.line.meter.borrow().is_between_frames();
        if speaks {
            self.line.owes_pong.set(false);
            room.put_slice(SHUTDOWN_PONG);
        }
        speaks
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.line.verdict.get().is_some() {
            // Nothing more of this client is looked at.
            return Poll::Pending;
        }
        let before = room.filled().len();
        if !this.take_own(room) {
            ready!(this.line.transport.poll_read_into(context, room))?;
        }
        let came = room.filled().get(before..).unwrap_or_default();
        match this.line.meter.borrow_mut().read(came) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(verdict) => {
                this.line.verdict.set(Some(verdict));
                room.set_filled(before);
                Poll::Pending
            },
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.line.poll_written(context, || self.line.transport.try_write(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.transport.end_writing();
        Poll::Ready(Ok(()))
    }
}
